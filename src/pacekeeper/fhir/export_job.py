"""One Bulk Data export of a server, from kick-off to manifest.

Source: https://hl7.org/fhir/uv/bulkdata/export.html
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NoReturn

import httpx
import orjson

from pacekeeper.errors import ConfigError, DataError, FatalError, PacekeeperError, RetryableError
from pacekeeper.fhir.kept_job import KeptJob
from pacekeeper.fhir.manifest import Manifest
from pacekeeper.fhir.outcome import answered_outcome, has_code, outcome_text

if TYPE_CHECKING:
    from pacekeeper.http import SourceClient

_REFUSALS = (400, 403, 404, 405, 422, 501)
_BROKEN = (500, 502, 503, 504)
#: Issues of an error that may be gone next time (http://hl7.org/fhir/ValueSet/issue-type).
_PASSING = ("transient", "lock-error", "no-store", "timeout", "incomplete", "throttled")
#: Seconds between two questions where the server does not say: the first, doubled up to the last.
_FIRST_WAIT, _LAST_WAIT = 1.0, 30.0
_PERCENT = re.compile(r"\b(\d{1,3})\s*%")


@dataclass(frozen=True, slots=True)
class Progress:
    """The server is still at work. percent: as far as it says; null where it does not."""

    percent: int | None


class ExportSpentError(RetryableError):
    """The export failed in a way that asking for it again cannot mend; a new one may work. Never leaves the SDK."""


@dataclass
class ExportJob:
    """Kick-off, questions and end of one export; `cancel` it once it is read or of no use.

    wait_seconds: how long the server may be at work. kept: the job, once there is one; before that, one to take up,
    which is left alone where the server has forgotten it. is_taken_up: whether it was not.
    """

    http: SourceClient
    source: str
    wait_seconds: float
    kept: KeptJob | None = None
    is_taken_up: bool = field(default=False, init=False)
    _addresses: list[tuple[str, httpx.URL]] = field(default_factory=list, init=False, repr=False)

    def manifests(
        self, path: str, types: Sequence[str], since: datetime | None
    ) -> Iterator[KeptJob | Manifest | Progress]:
        """The job as soon as it is there, then progress and manifest, page after page.

        Raises ConfigError where the server refuses the export, RetryableError where it may work later, FatalError
        where the server says it failed, DataError where an answer is not what the standard promises.
        """
        started = self.http.seconds
        self.is_taken_up = self.kept is not None and self._is_known(self.kept.url)
        if self.kept is None or not self.is_taken_up:
            self.kept = self._kick_off(path, types, since)
        address, asked_at = str(self.kept.url), self.kept.url
        yield self.kept
        while True:
            if any(str(asked_at.join(address)) == str(before.join(known)) for known, before in self._addresses):
                raise DataError(f"source {self.source}: the export's manifests lead in a circle")
            self._addresses.append((address, asked_at))
            manifest, asked_at = yield from self._polled(address, asked_at, started)
            yield manifest
            if manifest.next_link is None:
                return
            address = manifest.next_link

    def again(self, page: int) -> Manifest:
        """A manifest page once more, with links that are new where the server makes new ones."""
        address, asked_at = self._addresses[page]
        polling = self._polled(address, asked_at, self.http.seconds)
        while True:
            try:
                next(polling)
            except StopIteration as end:
                found: tuple[Manifest, httpx.URL] = end.value
                return found[0]

    def cancel(self) -> None:
        """Tell the server that its files are not needed any more; that it does not understand this does no harm."""
        if self.kept is None:
            return
        try:
            self.http.exchange(str(self.kept.url), method="DELETE", allow=range(300, 600))
        except PacekeeperError:
            return

    @property
    def started_at(self) -> datetime | None:
        """The server's own time at the kick-off; null before it, and where it does not say."""
        return None if self.kept is None else self.kept.started_at

    def _is_known(self, url: httpx.URL) -> bool:
        asked = self.http.exchange(
            str(url), headers={"Accept": "application/json"}, allow=(400, 403, 404, 410, *_BROKEN)
        )
        return asked.status_code not in {400, 403, 404, 410}

    def _kick_off(self, path: str, types: Sequence[str], since: datetime | None) -> KeptJob:
        params = {"_type": ",".join(types)}
        if since is not None:
            params["_since"] = since.astimezone(UTC).isoformat().replace("+00:00", "Z")
        headers = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
        response = self.http.exchange(path, params, headers=headers, allow=(*_REFUSALS, *_BROKEN))
        if response.status_code in _BROKEN:
            self._fail(response, "the start of the export")
        if response.status_code in _REFUSALS:
            raise ConfigError(
                f"source {self.source}: the server refuses the export with {response.status_code} and "
                f"{outcome_text(answered_outcome(response))}. Asked for {', '.join(types)}: put the types it does not "
                "export into search_types, check export_level and export_group, or set read_by to search"
            )
        address = response.headers.get("Content-Location")
        if not address:
            raise DataError(
                f"source {self.source}: the export was answered {response.status_code} without Content-Location; "
                "does the server know Bulk Data? Else set read_by to search"
            )
        try:
            return KeptJob(response.url.join(address), _date(response))
        except httpx.InvalidURL:
            raise DataError(f"source {self.source}: the export's Content-Location is no valid address") from None

    def _polled(
        self, address: str, asked_at: httpx.URL, started: float
    ) -> Generator[Progress, None, tuple[Manifest, httpx.URL]]:
        wait = _FIRST_WAIT
        while True:
            response = self.http.exchange(
                address, relative_to=asked_at, headers={"Accept": "application/json"}, allow=(404, 410, *_BROKEN)
            )
            if response.status_code in _BROKEN:
                self._fail(response, "the export")
            if response.status_code in {404, 410}:
                raise ExportSpentError(f"source {self.source}: the server has forgotten the export; run again later")
            if response.status_code != httpx.codes.ACCEPTED:
                return self._manifest(response), response.url
            yield Progress(_percent(response))
            pause = _asked_wait(response)
            if pause is None:
                pause, wait = wait, min(wait * 2, _LAST_WAIT)
            if self.http.seconds - started + pause > self.wait_seconds:
                raise RetryableError(
                    f"source {self.source}: the export was not ready after {self.wait_seconds / 60:g} minutes; the "
                    "next run asks for it again. Raise export_wait_minutes and deadline_minutes, or export less"
                )
            self.http.pause(pause)

    def _manifest(self, response: httpx.Response) -> Manifest:
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        return Manifest.of(answer, source=self.source)

    def _fail(self, response: httpx.Response, what: str) -> NoReturn:
        outcome = answered_outcome(response)
        text = f"source {self.source}: {what} failed with {response.status_code} and {outcome_text(outcome)}"
        if response.status_code != httpx.codes.INTERNAL_SERVER_ERROR or not outcome or has_code(outcome, *_PASSING):
            raise ExportSpentError(f"{text}; run again later")
        raise FatalError(f"{text}; ask whoever runs the EHR, or set read_by to search")


def _percent(response: httpx.Response) -> int | None:
    found = _PERCENT.search(response.headers.get("X-Progress", ""))
    return min(int(found[1]), 100) if found else None


def _asked_wait(response: httpx.Response) -> float | None:
    """Seconds of `Retry-After`, which holds a number or a date; null where it is missing or unreadable."""
    text = response.headers.get("Retry-After", "")
    if text.strip().isdigit():
        return max(0.0, min(float(text), 3600.0))
    now = _date(response)
    try:
        then = parsedate_to_datetime(text) if text else None
    except ValueError:
        then = None
    if now is None or then is None or then.tzinfo is None:
        return None
    return max(0.0, (then - now).total_seconds())


def _date(response: httpx.Response) -> datetime | None:
    try:
        found = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else None
