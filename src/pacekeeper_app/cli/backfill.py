"""`pacekeeper run --source X --from D --to D`: one source once more, for a window."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.options import named_source

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper.connector import Reach
    from pacekeeper.home import PracticeHome
    from pacekeeper.landing.backfill import Backfill, Estimate
    from pacekeeper_app.night import NightResult

_READ: dict[Reach, str] = {
    "window": "what was made or changed in it is read",
    "since": "the source can only be asked for what changed since a day: all from the first day until now is read",
    "all": "the source cannot be asked for a window: everything that it has is read",
}


def parse_backfill(home: PracticeHome, source: str, first: str | None, last: str | None) -> Backfill:
    """The backfill that the options ask for: local days of the practice's zone, the last one included; default: today.

    Raises ConfigError.
    """
    from zoneinfo import ZoneInfo

    from pacekeeper.landing.backfill import Backfill

    if named_source(home, source) not in home.sources:
        raise ConfigError(f"source {source!r} is switched off: set enabled = true in [sources.{source}]")
    zone, now = ZoneInfo(home.settings.practice.home_tz), datetime.now(UTC)
    if first is None:
        raise ConfigError("--source needs --from, the first day to read: 2026-01-01")
    days = []
    for option, text in (("--from", first), ("--to", last)):
        try:
            day = now.astimezone(zone).date() if text is None else datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day
        except ValueError:
            raise ConfigError(f"{option} {text!r} is no day; write 2026-01-31") from None
        days.append(day)
    begin, end = (datetime.combine(day, datetime.min.time(), zone) for day in (days[0], days[1] + timedelta(days=1)))
    if not begin < end or begin > now:
        raise ConfigError(f"--from {days[0]} --to {days[1]} is no window: give days up to today, the first one first")
    return Backfill(source, begin.astimezone(UTC), end.astimezone(UTC))


def run_backfill(home: PracticeHome, console: Console, wanted: Backfill, *, is_agreed: bool) -> NightResult:
    """Say what it will cost, have it confirmed, and run it with progress. Raises ConfigError where nobody agrees."""
    from pacekeeper.landing.backfill import estimate, left_to_do, reach_of, slices
    from pacekeeper_app.night import run_night

    cost = estimate(home, wanted, now=datetime.now(UTC))
    every, left = slices(home, wanted), left_to_do(home, wanted)
    zone = home.settings.practice.home_tz
    days = f"from {_local(wanted.since, zone)} to before {_local(wanted.before, zone)}"
    console.print(f"[bold]{wanted.source}[/] {days}:")
    console.print(f"  {_READ[reach_of(home, wanted.source)]}, in {len(every)} parts.", soft_wrap=True)
    if len(left) < len(every):
        console.print(f"  {len(every) - len(left)} of them have landed already; it goes on from there.")
    console.print(f"  {told(cost)}", soft_wrap=True)
    console.print("  Cursors stay where they are, and nothing counts as deleted.")
    if not is_agreed:
        if not sys.stdin.isatty():
            raise ConfigError("nobody is there to confirm it: give --yes")
        typer.confirm("Read it?", abort=True)
    listener = _progress(console, already=len(every) - len(left), seconds=cost.seconds)
    return run_night(home, as_of=None, backfill=wanted, listener=listener)


def told(cost: Estimate) -> str:
    """An estimate in words."""
    if cost.calls is None or cost.seconds is None:
        return f"How long that takes nobody knows: {cost.basis}."
    calls = f"{cost.calls:,} calls and " if cost.calls else ""
    return f"About {calls}{_span(cost.seconds)} of reading, by {cost.basis}."


def _progress(console: Console, *, already: int, seconds: float | None) -> Callable[[str, str, int], None]:
    """Prints a line per part, with the time left by the pace so far. already: parts landed before."""
    began = time.monotonic()

    def listen(step: str, what: str, rows: int) -> None:
        if step == "part":
            done, every = (int(number) for number in what.split("/"))
            spent = time.monotonic() - began
            left = spent / max(done - already, 1) * (every - done)
            console.print(f"  {done} of {every} parts landed, about {_span(left)} left", style="dim")
        elif step == "land" and rows:
            console.print(f"  landed {what}  {rows:,} rows", style="dim")

    if seconds is not None:
        console.print(f"  reading, about {_span(seconds)} left", style="dim")
    return listen


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def _local(moment: datetime, zone: str) -> str:
    from zoneinfo import ZoneInfo

    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
