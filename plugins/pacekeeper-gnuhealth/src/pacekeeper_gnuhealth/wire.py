"""Values as Tryton writes them in JSON, and records as the streams read them.

Tryton marks what JSON does not know: `{"__class__": "datetime", "year": ...}`. Its instants have no zone and are UTC,
whatever zone server and database are set to (tried with PostgreSQL set to America/Denver).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

Record = Mapping[str, Any]
_MOMENT = ("year", "month", "day", "hour", "minute", "second", "microsecond")
_NPI = re.compile(r"[12]\d{9}")
#: What an NPI's check digit is computed with in front (ISO/IEC 7812 issuer 80 for health, 840 for the USA).
_NPI_PREFIX = "80840"
_TEN = 10


def plain(value: Any) -> Any:  # Any: JSON
    """The value with Tryton's marks taken off; one whose mark is unknown or damaged stays, for the boundary to reject.

    Instants become ISO texts of equal length that end in Z, so that they sort as they follow each other.
    """
    if isinstance(value, Mapping):
        kind = value.get("__class__")
        return {name: plain(inner) for name, inner in value.items()} if kind is None else _unmarked(kind, value)
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def _unmarked(kind: Any, value: Mapping[str, Any]) -> Any:
    try:
        match kind:
            case "datetime":
                return datetime(*(value[part] for part in _MOMENT)).isoformat(timespec="microseconds") + "Z"  # noqa: DTZ001  UTC
            case "date":
                return date(*(value[part] for part in _MOMENT[:3])).isoformat()
            case "time":
                return time(*(value[part] for part in _MOMENT[3:])).isoformat()
            case "Decimal":
                return str(value["decimal"])
            case "timedelta":
                return float(value["seconds"])
    except (KeyError, TypeError, ValueError):
        pass
    return value


def marked(moment: datetime) -> dict[str, Any]:
    """An instant as Tryton wants it in a domain."""
    at = moment.astimezone(UTC)
    return {"__class__": "datetime", **{part: getattr(at, part) for part in _MOMENT}}


def record(row: Record, *, stamps: Sequence[str]) -> dict[str, Any]:
    """A row of search_read as the columns' paths find it.

    What was asked for through a reference (`party.dob`) comes under the name with a dot (`party.`), beside the
    reference itself; here it takes its place. write_date becomes the latest of `stamps`: Tryton leaves it null until
    the first change, and does not touch it where only the person behind the record changes.
    """
    made = {name: plain(value) for name, value in row.items() if not name.endswith(".")}
    made |= {name[:-1]: _nested(value) for name, value in row.items() if name.endswith(".") and value is not None}
    told = [found for stamp in stamps if isinstance(found := _at(made, stamp), str)]
    if told:
        made["write_date"] = max(told)
        made.pop("create_date", None)
    return made


def npi(code: object) -> str | None:
    """A licence number that is a US National Provider Identifier by its form and check digit; null where it is none.

    Source: 45 CFR 162.406; the check digit is ISO/IEC 7812's (Luhn), over the number with 80840 in front.
    """
    text = code.strip() if isinstance(code, str) else ""
    if not _NPI.fullmatch(text):
        return None
    digits = [int(digit) for digit in reversed(_NPI_PREFIX + text)]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, _TEN)) for place, digit in enumerate(digits)]
    return text if sum(doubled) % _TEN == 0 else None


def _nested(value: Any) -> Any:  # Any: JSON
    if not isinstance(value, Mapping):
        return plain(value)
    return record(value, stamps=())


def _at(found: Any, path: str) -> Any:  # Any: JSON
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
