"""Past versions of resources (`_history`): what was deleted, and when an appointment was cancelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from pacekeeper.errors import DataError, FatalError
from pacekeeper.fhir.bundle import next_link
from pacekeeper.fhir.outcome import outcome_text
from pacekeeper.fhir.stamps import instant

if TYPE_CHECKING:
    from pacekeeper.http import SourceClient

#: R5 Appointment.cancellationDate, sent back to R4, which has no such element.
CANCELLATION_DATE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.cancellationDate"
_CANCELLED = "cancelled"
#: Answers by which a server says that it has no such history after all.
_NONE = (400, 403, 404, 405, 410, 501)


@dataclass(frozen=True, slots=True)
class PastVersion:
    """One version of a resource. resource: null for a deletion. at: null where the server does not say."""

    id: str
    at: datetime | None
    resource: Mapping[str, Any] | None


@dataclass
class HistoryReader:
    """Reads `_history` of one server.

    most_calls: histories of single resources read at most; each is a call of its own. skipped: how many more there
    were, under `history not read`.
    """

    http: SourceClient
    source: str
    most_calls: int = 1000
    calls: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def versions(
        self, kind: str, identity: str | None = None, *, since: datetime | None = None
    ) -> Iterator[PastVersion]:
        """Versions of a type's resources, or of one, newest first as the server sends them; none where it has none."""
        path = f"{kind}/_history" if identity is None else f"{kind}/{identity}/_history"
        asked = {} if since is None else {"_since": since.astimezone(UTC).isoformat().replace("+00:00", "Z")}
        response = self.http.exchange(path, asked or None, allow=_NONE)
        read: set[str] = set()
        while response.is_success:
            bundle = self._bundle(kind, response)
            for entry in bundle.get("entry") or ():
                if isinstance(entry, Mapping):
                    yield from _version(entry)
            link = next_link(bundle)
            if link is None:
                return
            if str(response.url.join(link)) in read:
                raise DataError(f"source {self.source}: the history of {kind} leads to a page already read")
            read.add(str(response.url.join(link)))
            response = self.http.exchange(link, relative_to=response.url, allow=_NONE)
        if read:
            raise FatalError(f"source {self.source}: the history of {kind} ended with status {response.status_code}")

    def deleted_since(self, kind: str, since: datetime) -> list[str]:
        """Ids of a type that were deleted since, and have not come back."""
        newest: dict[str, PastVersion] = {}
        for version in self.versions(kind, since=since):
            known = newest.get(version.id)
            if known is None or (known.at and version.at and version.at > known.at):
                newest[version.id] = version
        return sorted(identity for identity, version in newest.items() if version.resource is None)

    def dated(self, document: str) -> str:
        """A cancelled Appointment with the time it was cancelled, as an extension, where only its history tells it.

        The time of the first version of the last unbroken run of cancelled ones.
        """
        resource = orjson.loads(document)
        extensions = resource.get("extension") or []
        if resource.get("status") != _CANCELLED or any(_is_date(extension) for extension in extensions):
            return document
        if self.calls >= self.most_calls:
            self.skipped["history not read"] = self.skipped.get("history not read", 0) + 1
            return document
        self.calls += 1
        moment = _cancelled_at(list(self.versions("Appointment", str(resource.get("id")))))
        if moment is None:
            return document
        dated = {"url": CANCELLATION_DATE, "valueDateTime": moment.isoformat()}
        return orjson.dumps({**resource, "extension": [*extensions, dated]}).decode()

    def _bundle(self, kind: str, response: httpx.Response) -> Mapping[str, Any]:
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        found = answer.get("resourceType") if isinstance(answer, Mapping) else None
        if found == "OperationOutcome":
            raise FatalError(f"source {self.source}: the history of {kind} answered {outcome_text(answer)}")
        if found != "Bundle" or not isinstance(answer, Mapping):
            raise DataError(f"source {self.source}: the history of {kind} is no FHIR Bundle")
        return answer


def _version(entry: Mapping[str, Any]) -> Iterator[PastVersion]:
    resource = entry.get("resource")
    request = entry.get("request") or {}
    response = entry.get("response") or {}
    if isinstance(resource, Mapping) and resource.get("id"):
        meta = resource.get("meta") or {}
        moment = instant(meta.get("lastUpdated") or response.get("lastModified"))
        yield PastVersion(str(resource["id"]), moment, None if request.get("method") == "DELETE" else resource)
    elif request.get("method") == "DELETE":
        parts = str(request.get("url") or entry.get("fullUrl") or "").split("/_history")[0].rstrip("/").split("/")
        if len(parts) >= 2 and parts[-1]:
            yield PastVersion(parts[-1], instant(response.get("lastModified")), None)


def _cancelled_at(versions: list[PastVersion]) -> datetime | None:
    """When the last run of cancelled versions began; null where the history does not show it."""
    if any(version.at is None for version in versions):
        return None
    found = None
    for version in sorted(versions, key=lambda v: v.at or datetime.max.replace(tzinfo=UTC), reverse=True):
        status = (version.resource or {}).get("status")
        if status != _CANCELLED:
            break
        found = version.at
    return found


def _is_date(extension: object) -> bool:
    return isinstance(extension, Mapping) and extension.get("url") == CANCELLATION_DATE
