"""HL7 timestamps: `YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_TIMESTAMP = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?)?)?(?:([+-])(\d\d)(\d\d))?", re.ASCII
)
_LARGEST_OFFSET = timedelta(hours=18)


@dataclass(frozen=True, slots=True)
class Moment:
    """A timestamp as sent. local: wall-clock time without zone; offset: of UTC, null where none is sent.

    has_day, has_time: whether it says a day, and an hour.
    """

    local: datetime
    offset: timedelta | None
    has_day: bool
    has_time: bool


def moment(text: str) -> Moment | None:
    """The moment a text tells; null where it is no valid timestamp."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    try:
        local = datetime(  # noqa: DTZ001  the offset is kept beside it
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "0").ljust(6, "0")),
        )
    except ValueError:
        return None
    offset = None
    if sign is not None:
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        if int(minutes) > 59 or abs(offset) > _LARGEST_OFFSET:
            return None
    return Moment(local, offset, has_day=day is not None, has_time=hour is not None)
