"""Which period each file covers: the newer of two that cover the same, gaps between them, files that were cut."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePosixPath

import pyarrow as pa

from pacekeeper.errors import ConfigError, DataError
from pacekeeper.stream import Incomplete
from pacekeeper_connectors.tabular.files import FoundFile
from pacekeeper_connectors.tabular.mapping_file import PeriodSpec

_DAY = timedelta(days=1)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Period:
    """First and last local day."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        return f"{self.first.isoformat()} to {self.last.isoformat()}"


def period_of_name(name: str, spec: PeriodSpec, *, label: str) -> Period:
    """The period a file's name tells. Raises ConfigError where it tells none."""
    found = re.search(spec.file_name or "", PurePosixPath(name).name)
    try:
        period = _of_groups({} if found is None else found.groupdict(), spec.format)
    except (KeyError, ValueError, TypeError):
        raise ConfigError(
            f"{label}: its name does not tell its period by `file_name` and format {spec.format!r}; correct the name, "
            "or [streams.<name>.period] in the mapping file"
        ) from None
    if period.last < period.first:
        raise ConfigError(f"{label}: by its name it ends on {period.last}, before it begins on {period.first}")
    return period


def period_of_column(texts: pa.ChunkedArray[pa.StringScalar]) -> Period | None:
    """From the first to the last day of a column of ISO texts, in the zone they are written in; null without any."""
    days = set()
    for text in set(texts.to_pylist()):
        try:
            days.add(datetime.fromisoformat((text or "").strip()).date())
        except ValueError:
            continue
    return Period(min(days), max(days)) if days else None


def newest_last(files: Iterable[tuple[FoundFile, Period]]) -> list[tuple[FoundFile, Period]]:
    """By period, and within one the newest last: by the time it was written, then by name."""
    return sorted(files, key=lambda pair: (pair[1], pair[0].modified or _LONG_AGO, pair[0].name))


def findings(periods: Sequence[Period], spec: PeriodSpec, *, until: date | None) -> Iterator[Incomplete]:
    """What is missing: days that no file covers, and files longer than their system writes whole.

    until: day of the run; with fresh_days, what no file covers up to it counts, too.
    """
    known = sorted(set(periods))
    if spec.longest_days is not None:
        long = f"its system writes at most {spec.longest_days} days: export these days again, in shorter files"
        yield from (Incomplete("period_too_long", long, p.first, p.last) for p in known if p.days > spec.longest_days)
    absent = "no file covers these days: export them and put the file beside the others"
    yield from (Incomplete("period_missing", absent, gap.first, gap.last) for gap in _gaps(known, spec, until))


def told(found: Incomplete) -> str:
    """In words: `period_missing 2026-02-01 to 2026-02-28`."""
    return f"{found.reason} {found.first_day} to {found.last_day}"


def refuse_gaps(stream: str, found: Sequence[Incomplete]) -> None:
    """Raise DataError that names what is missing."""
    if found:
        named = "; ".join(map(told, found))
        raise DataError(f"stream {stream}: its files leave something out: {named}. Add what is missing, then run again")


def _gaps(known: Sequence[Period], spec: PeriodSpec, until: date | None) -> Iterator[Period]:
    if spec.gaps == "allow" or not known:
        return
    covered = known[0].last
    for period in known[1:]:
        if (period.first - covered).days > 1 + spec.slack_days:
            yield Period(covered + _DAY, period.first - _DAY)
        covered = max(covered, period.last)
    if until is not None and spec.fresh_days is not None and (until - covered).days > spec.fresh_days:
        yield Period(covered + _DAY, until)


def _of_groups(groups: dict[str, str], written: str) -> Period:
    if "month" not in groups:
        return Period(_day(groups["from"], written), _day(groups["to"], written))
    first = _day(groups["month"], written).replace(day=1)
    return Period(first, first.replace(day=monthrange(first.year, first.month)[1]))


def _day(text: str, written: str) -> date:
    return datetime.strptime(text, written).date()  # noqa: DTZ007  a day
