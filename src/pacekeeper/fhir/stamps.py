"""`meta.lastUpdated` of servers that make it up: OpenEMR 7.0.2 gives an Appointment the time of the request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

_STAMP = re.compile(r'"lastUpdated"\s*:\s*"([^"]{10,40})"')
#: Stamps looked at.
_SAMPLE = 200


def stamps_in(text: str) -> list[datetime]:
    """The first stamps in a text that holds resources; naive ones are taken as UTC, unreadable ones left out."""
    found = []
    for match in _STAMP.finditer(text):
        moment = instant(match[1])
        if moment is not None:
            found.append(moment)
        if len(found) == _SAMPLE:
            break
    return found


def all_since(stamps: Iterable[datetime], moment: datetime) -> bool:
    """Whether there are stamps, and none is before a moment."""
    listed = list(stamps)
    return bool(listed) and min(listed) >= moment


def instant(text: object) -> datetime | None:
    """An instant in UTC, naive text taken as UTC; null where it is none."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)


def without_stamp(document: str) -> str:
    """A resource without `meta.lastUpdated`; what is no JSON object stays as it is."""
    try:
        resource: Any = orjson.loads(document)  # Any: JSON is open until it is looked at
    except orjson.JSONDecodeError:
        return document
    meta = resource.get("meta") if isinstance(resource, dict) else None
    if not isinstance(meta, Mapping) or "lastUpdated" not in meta:
        return document
    return orjson.dumps({**resource, "meta": {k: v for k, v in meta.items() if k != "lastUpdated"}}).decode()
