"""Bulk Data exports of the loopback FHIR server: jobs, manifests and files."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pacekeeper.testing._faults import ExportFaults
    from pacekeeper.testing._fhir_store import ResourceStore

KICK_OFF = re.compile(r"/fhir/(?:(Patient)/|Group/([^/]+)/)?\$export")
STATUS = "/fhir/$export-status/"
FILES = "/files/"
#: Types that no patient has: only an export of the whole system holds them.
NOT_OF_PATIENTS = frozenset({"Practitioner", "PractitionerRole", "Location", "Schedule", "Slot", "Group"})
_FATAL = {"severity": "error", "code": "exception"}
_WARNING = {"severity": "warning", "code": "informational"}


class UnknownType(Exception):  # noqa: N818 - becomes a 400, never leaves the server
    """`_type` names a type this server does not have."""


class UnknownGroup(Exception):  # noqa: N818 - becomes a 404, never leaves the server
    """There is no such group."""


@dataclass
class File:
    """One file of a job. part: where the manifest lists it. kind_is_back: one that was gone can be had again."""

    part: str
    kind: str
    lines: Sequence[bytes]
    asked: int = 0
    kind_is_back: bool = False


@dataclass
class Job:
    """One export. polls: status calls so far; a manifest page that is answered 202 first is counted by its number."""

    transaction_time: datetime
    files: list[File]
    polls: int = 0
    shown: Counter[int] = field(default_factory=Counter)
    is_cancelled: bool = False


class Exports:
    """Jobs of one server."""

    def __init__(self, store: ResourceStore) -> None:
        self.jobs: list[Job] = []
        self.polls = 0
        self._store = store
        self._lock = threading.Lock()

    def start(
        self,
        *,
        only_patients: bool,
        group: str | None,
        types: Sequence[str],
        since: datetime | None,
        faults: ExportFaults,
    ) -> int:
        """Begin a job; returns its number. Raises UnknownType, UnknownGroup."""
        known = [kind for kind in self._store.types if not (NOT_OF_PATIENTS & {kind} and (only_patients or group))]
        if set(types) - set(self._store.types):
            raise UnknownType
        wanted = [kind for kind in known if kind in types or not types or faults.all_types]
        members = self._members(group) if group else None
        files: list[File] = []
        for kind in wanted:
            rows = [row for row in self._store.rows_since(kind, since) if members is None or _is_of(row, members)]
            files += _files_of(kind, rows, faults)
        if since is not None and not faults.no_deleted:
            gone = [name for name in self._store.gone_since(since) if name[0] in wanted]
            files += [File("deleted", "Bundle", [_deletions(gone)])] if gone else []
        if faults.warnings:
            files.append(File("error", "OperationOutcome", [_outcome(_WARNING)]))
        if faults.only_errors:
            files = [File("error", "OperationOutcome", [_outcome(_FATAL)])]
        with self._lock:
            self.jobs.append(Job(self._store.clock, files))
            return len(self.jobs) - 1

    def poll(self, number: int, page: int, faults: ExportFaults) -> tuple[int, int]:
        """HTTP status of one status call, and how many calls have been made."""
        job = self.jobs[number]
        with self._lock:
            self.polls += 1
            job.polls += 1
            job.shown[page] += 1
            if job.is_cancelled:
                return 404, self.polls
            if self.polls in faults.poll_500_on:
                return 500, self.polls
            if page:
                return (202 if job.shown[page] == 1 else 200), self.polls
            if job.polls <= faults.polls:
                return 202, self.polls
            return (500 if faults.fails else 200), self.polls

    def manifest(self, number: int, page: int, faults: ExportFaults, *, root: str) -> Mapping[str, Any]:
        """The manifest of a job, or one page of it."""
        job = self.jobs[number]
        outputs = [n for n, file in enumerate(job.files) if file.part == "output"]
        listed = range(len(job.files))
        if faults.manifest_pages:
            own = outputs[page : page + 1]
            listed = [*own, *(n for n in listed if n not in outputs)] if page == 0 else own  # type: ignore[assignment]
        parts: dict[str, list[dict[str, object]]] = {"output": [], "deleted": [], "error": []}
        for n in listed:
            file = job.files[n]
            signature = "?signature=canary-signature" if faults.signed else ""
            entry: dict[str, object] = {"type": file.kind, "url": f"{root}{FILES}{number}/{n}.ndjson{signature}"}
            if file.part == "output" and file.kind not in faults.failed:
                entry["count"] = len(file.lines)
            parts[file.part].append(entry)
        if faults.no_deleted:
            del parts["deleted"]
        moment = job.transaction_time
        stated: object = moment.isoformat().replace("+00:00", "Z")
        if faults.time_as_object:
            stated = {"date": moment.strftime("%Y-%m-%d %H:%M:%S.%f"), "timezone_type": 3, "timezone": "UTC"}
        has_next = faults.manifest_pages and page + 1 < len(outputs)
        following = [{"relation": "next", "url": f"{root}{STATUS}{number}?page={page + 1}"}] if has_next else []
        return {
            "transactionTime": stated,
            "request": "/fhir/$export",
            "requiresAccessToken": not faults.signed,
            **parts,
            **({"link": following} if following else {}),
        }

    def file(self, number: int, place: int) -> File | None:
        """A file of a job; null where there is none, or the job was cancelled."""
        with self._lock:
            if number >= len(self.jobs) or self.jobs[number].is_cancelled or place >= len(self.jobs[number].files):
                return None
            self.jobs[number].files[place].asked += 1
            return self.jobs[number].files[place]

    def cancel(self, number: int) -> None:
        self.jobs[number].is_cancelled = True

    def _members(self, group: str) -> list[bytes]:
        for row in self._store.rows_since("Group", None):
            found = orjson.loads(row)
            if found["id"] == group:
                return [member["entity"]["reference"].encode() for member in found.get("member", ())]
        raise UnknownGroup


def _is_of(row: bytes, members: Sequence[bytes]) -> bool:
    """Whether a resource is a member, or refers to one."""
    resource = orjson.loads(row)
    name = f"{resource['resourceType']}/{resource['id']}".encode()
    return name in members or any(b'"' + member + b'"' in row for member in members)


def _files_of(kind: str, rows: Sequence[bytes], faults: ExportFaults) -> list[File]:
    if kind in faults.failed:
        return [File("error", "OperationOutcome", [_outcome(_FATAL)])]
    size = faults.rows_per_file
    return [File("output", kind, rows[start : start + size]) for start in range(0, len(rows), size)]


def _deletions(gone: Sequence[tuple[str, str]]) -> bytes:
    entries = [{"request": {"method": "DELETE", "url": f"{kind}/{identity}"}} for kind, identity in gone]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _outcome(issue: Mapping[str, str]) -> bytes:
    named = {**issue, "diagnostics": "Canary Person could not be exported"}
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [named]})
