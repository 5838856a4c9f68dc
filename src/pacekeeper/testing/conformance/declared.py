"""What the author of a connector declares to the suite: canonical rows that a few records of the corpus must become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, runtime_checkable
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from pathlib import Path

    from pacekeeper.testing._faults import Faults

#: What a declared row proves. late_cancel: a cancellation shortly before the start is no kept appointment. minutes: a
#: length is read in its unit. local_time: wall-clock time is read in its zone. cancelled_session: a contact that did
#: not take place is no session.
Trap = Literal["late_cancel", "minutes", "local_time", "cancelled_session"]
Corpus = Mapping[str, Sequence[Mapping[str, Any]]]


def local(wall_clock: str, zone: str) -> datetime:
    """`local("2026-01-05 14:00", "America/Denver")`: an instant as people there read it on the wall."""
    return datetime.fromisoformat(wall_clock).replace(tzinfo=ZoneInfo(zone))


class Row:
    """A canonical row that must be there.

    key: the source's id of the record, or the ids of a composite key in its order; null = found by its values.
    values: by column. `minutes` is the length of what has a start and an end. A column that ends in `_key` is compared
    with the source's id of the other record, null for none. Instants are aware datetimes, such as `local` makes.
    """

    is_absent = False

    def __init__(
        self, entity: str, key: str | tuple[str, ...] | None = None, /, *, proves: Trap | None = None, **values: Any
    ) -> None:
        self.entity = entity
        self.key = (key,) if isinstance(key, str) else key or ()
        self.proves = proves
        self.values = values

    def weakness(self) -> str | None:
        """Why the row cannot prove what it says it proves; null where it can."""
        if self.proves == "late_cancel" and self.values.get("status") not in {"cancelled", "rescheduled"}:
            return 'proves="late_cancel" needs status="cancelled"'
        if self.proves == "minutes" and not self.values.get("minutes"):
            return 'proves="minutes" needs minutes='
        if self.proves == "local_time" and not any(_is_off_utc(value) for value in self.values.values()):
            return 'proves="local_time" needs an instant by local(), in a zone that is not UTC then'
        if self.proves == "cancelled_session" and self.values.get("status") != "voided":
            return 'proves="cancelled_session" needs NoRow("session", ...), or status="voided"'
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.entity!r}, record {'/'.join(self.key) or 'by its values'})"


class NoRow(Row):
    """A canonical row that must not be there."""

    is_absent = True

    def __init__(self, entity: str, key: str | tuple[str, ...], /, *, proves: Trap | None = None) -> None:
        super().__init__(entity, key, proves=proves)

    def weakness(self) -> str | None:
        if self.proves not in {None, "cancelled_session"}:
            return f'NoRow cannot prove "{self.proves}": declare the Row that must be there instead'
        return None


def as_stored(value: Any) -> Any:  # Any: a canonical value
    """A declared value in the form a query gives it in."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return date.fromisoformat(value) if isinstance(value, str) and _is_date(value) else value


@runtime_checkable
class Server(Protocol):
    """What a corpus is served by: `Simulator`, `FhirServer`, or one of the author's own.

    data_calls: calls let in since the last reset.
    """

    data_calls: int

    @property
    def url(self) -> str: ...

    def reset(self, faults: Faults | None = None) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Folder:
    """Stands for a server where a connector reads files: `path` holds what the suite's `write_files` wrote there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data_calls = 0

    @property
    def url(self) -> str:
        return self.path.as_uri()

    def reset(self, faults: Faults | None = None) -> None:
        """Files show no faults."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


def _is_off_utc(value: object) -> bool:
    return isinstance(value, datetime) and bool(value.utcoffset())


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == len("2026-01-01")
