"""Options and exit codes that several commands share."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper.errors import ConfigError

if TYPE_CHECKING:
    from pacekeeper.home import PracticeHome

#: 0: all went well. 1: the command failed. 3: it ended, but something a person must see to did not work.
EXIT_FAILED = 1
EXIT_INCOMPLETE = 3

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file; default: pacekeeper.toml here or above.", show_default=False),
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def print_json(value: object) -> None:
    """To standard output, on one line, instants in ISO form."""
    import json

    typer.echo(json.dumps(value, default=lambda moment: moment.isoformat()))


def open_home(config: Path | None) -> PracticeHome:
    """The practice's home by its settings. Raises ConfigError that names every place looked at."""
    from pacekeeper.home import PracticeHome
    from pacekeeper.settings import load_settings

    return PracticeHome(load_settings(config))


def login() -> str:
    """Who runs the command, as far as the system knows."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def named_source(home: PracticeHome, source: str) -> str:
    """The name of a source that is in the settings. Raises ConfigError that lists them otherwise."""
    if source not in home.settings.sources:
        names = ", ".join(sorted(home.settings.sources)) or "none"
        raise ConfigError(f"there is no source {source!r} in the settings; there are: {names}")
    return source


def parse_as_of(text: str | None, zone: str) -> datetime | None:
    """An instant from ISO text; a date is the end of that day, a time without offset is local in `zone`."""
    from zoneinfo import ZoneInfo

    if text is None:
        return None
    try:
        moment = _end_of_day(text) or datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"--as-of {text!r} is no date or time; write 2026-03-29, or 2026-03-29T23:00:00-04:00"
        ) from None
    if moment > datetime.now(UTC):
        raise ConfigError(
            f"--as-of {text!r} lies ahead: a week that has not ended cannot be judged. Leave --as-of out for now"
        )
    return moment


def _end_of_day(text: str) -> datetime | None:
    """The first moment after a date; null where the text is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day + timedelta(days=1), time())
