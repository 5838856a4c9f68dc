"""What an export made: the manifest of files, and the time it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pacekeeper.errors import DataError
from pacekeeper.fhir.parts import parts

_OFFSET = re.compile(r"[+-]\d{2}:?\d{2}")


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One NDJSON file. count: resources in it; null where the server does not say."""

    kind: str
    url: str
    count: int | None = None


@dataclass(frozen=True)
class Manifest:
    """One manifest, or one page of it.

    transaction_time: the server's own time of which the files are the state; null where it is unreadable.
    next_link: address of the following page; null on the last.
    """

    transaction_time: datetime | None
    needs_token: bool
    output: tuple[ExportFile, ...]
    deleted: tuple[ExportFile, ...]
    error: tuple[ExportFile, ...]
    next_link: str | None

    @classmethod
    def of(cls, answer: object, *, source: str) -> Manifest:
        """Raises DataError where it is no manifest, so that an answer of another kind never counts as an empty one."""
        if not isinstance(answer, Mapping) or not isinstance(answer.get("output"), list):
            raise DataError(
                f"source {source}: the export ended with JSON that is no manifest (it has no list `output`)"
            )
        links = [link for link in parts(answer, "link") if link.get("relation") == "next" and link.get("url")]
        return cls(
            transaction_time(answer.get("transactionTime")),
            answer.get("requiresAccessToken") is not False,
            _files(answer, "output", source),
            _files(answer, "deleted", source),
            _files(answer, "error", source),
            str(links[0]["url"]) if links else None,
        )


def transaction_time(value: object) -> datetime | None:
    """An instant, from text or from PHP's `{date, timezone_type, timezone}` (OpenEMR 7.0.2); null without a zone."""
    zone = ""
    if isinstance(value, Mapping):
        zone = str(value.get("timezone", ""))
        value = value.get("date")
    try:
        found = datetime.fromisoformat(str(value).strip().replace("Z", "+00:00"))
        if found.tzinfo is None and zone:
            found = (
                datetime.fromisoformat(found.isoformat() + zone)
                if _OFFSET.fullmatch(zone)
                else found.replace(tzinfo=ZoneInfo("UTC" if zone == "Z" else zone))
            )
    except (ValueError, KeyError, OSError):  # KeyError: ZoneInfo knows no such zone
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else None


def _files(answer: Mapping[str, Any], name: str, source: str) -> tuple[ExportFile, ...]:
    listed = parts(answer, name)
    if any(not isinstance(item.get("url"), str) for item in listed):
        raise DataError(f"source {source}: the export's manifest lists a file without an address under `{name}`")
    return tuple(
        ExportFile(
            str(item.get("type", "")), item["url"], count if isinstance(count := item.get("count"), int) else None
        )
        for item in listed
    )
