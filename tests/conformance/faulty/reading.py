"""Connectors with a fault in how they read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx

from pacekeeper import FatalError, HttpConfig, Page, Stream, Window
from pacekeeper.errors import PacekeeperError
from tests.conformance.faulty.birch import CLIENT, GUEST, STAFF, VISIT, Birch, BirchSettings
from tests.conformance.faulty.planted import caught_by


@caught_by("test_a_read_ends", "the read does not end")
class FollowsForEver(Birch):
    """Follows links by itself, and does not notice that one leads to itself."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        del window
        address = f"/api/{stream.name}"
        while address:
            body = self.http.get_json(address)
            yield Page(stream.name, body["data"])
            address = body["next"]


class OwnClient(Birch):
    """Calls the server with a client of its own, which tries once."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        del window
        base, form = self.settings.base_url, {"grant_type": "client_credentials"}
        own = (self.settings.client_id, self.settings.client_secret.get_secret_value())
        with httpx.Client(timeout=5) as client:
            token = client.post(f"{base}/oauth/token", data=form, auth=own).json()["access_token"]
            address = f"{base}/api/{stream.name}"
            while address:
                answer = client.get(address, headers={"Authorization": f"Bearer {token}"})
                answer.raise_for_status()
                yield Page(stream.name, answer.json()["data"])
                address = answer.json()["next"]


for _test, _says in (
    ("test_every_call_goes_through_the_client_it_is_given", "use self.http for all of them"),
    ("test_429_is_survived_after_the_wait_it_asks_for", "a 429 ends the read"),
    ("test_a_passing_5xx_is_survived", "a passing 500 ends the read"),
    ("test_a_truncated_body_is_survived", "an answer cut in half ends the read"),
    ("test_a_broken_connection_is_survived", "a connection that broke once ends the read"),
):
    caught_by(_test, _says)(OwnClient)


@caught_by("test_a_timeout_is_survived", "a call without an answer ends the read")
class Impatient(OwnClient):
    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        with suppress(RuntimeError):
            yield from super().read_stream(stream, window)


_reads = itertools.count()


@caught_by("test_a_second_read_changes_nothing", "the second read brought")
class NeverTheSame(Birch):
    """Lands something that differs from read to read."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        for page in super().read_stream(stream, window):
            rows: Any = page.rows
            yield replace(page, rows=[{**row, "duration": 40 + next(_reads)} for row in rows])


class GivesUpQuietly(Birch):
    """Takes an error for the end of the data."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        with suppress(PacekeeperError):
            yield from super().read_stream(stream, window)


caught_by("test_an_interrupted_read_loses_and_doubles_nothing", "passes for complete")(GivesUpQuietly)
caught_by("test_a_lasting_fault_ends_in_the_right_error_class", "passes for complete")(GivesUpQuietly)


@caught_by("test_a_lasting_fault_ends_in_the_right_error_class", "should be RetryableError")
class GivesUpForGood(Birch):
    """Says of a fault that will pass that it never will."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        try:
            yield from super().read_stream(stream, window)
        except PacekeeperError:
            raise FatalError("Birch does not answer") from None


@caught_by("test_overlapping_pages_are_deduplicated", "rows differ")
class StopsAtWhatItKnows(Birch):
    """Takes a record it has seen for the end of the data."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        seen: set[str] = set()
        for page in super().read_stream(stream, window):
            rows: Any = page.rows
            if any(row["id"] in seen for row in rows):
                return
            seen |= {row["id"] for row in rows}
            yield page


@caught_by("test_a_late_edit_inside_the_lag_is_caught", "a cursor and no lag")
class NoLag(Birch):
    streams = (STAFF, CLIENT, replace(VISIT, lag=VISIT.lag * 0), GUEST)


@caught_by("test_a_late_edit_inside_the_lag_is_caught", "was not read again")
class TakesTheLagBack(Birch):
    """Asks from the last change it has seen."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        since = {name: at + VISIT.lag for name, at in window.per_stream.items()}
        yield from super().read_stream(stream, replace(window, per_stream=since))


class ForgetsDeletions(Birch):
    """Never asks for deletions."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        yield from (page for page in super().read_stream(stream, window) if not page.deleted)


caught_by("test_deletes_follow_the_declaration", "after the next read 0 are gone, 1 should be")(ForgetsDeletions)


@caught_by("test_deletes_follow_the_declaration", "staff .*after the next read 0 are gone, 1 should be")
class KeepsWhatIsGone(ForgetsDeletions):
    """Reads everything, and brings back what it once saw."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        yield from super().read_stream(stream, window)
        if stream.name == "staff":
            yield Page("staff", [{"id": "s3", "kind": "TH"}])


@caught_by("test_an_empty_source_is_neither_error_nor_pass", "an empty source is an error")
class NeedsAFirstRow(Birch):
    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        for page in super().read_stream(stream, window):
            rows: Any = page.rows
            if not page.deleted:
                yield replace(page, rows=[rows[0], *rows[1:]])


@caught_by("test_an_empty_source_is_neither_error_nor_pass", "rows were read")
class MakesOneUp(Birch):
    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        yield from super().read_stream(stream, window)
        if stream.name == "staff":
            yield Page("staff", [{"id": "nobody", "kind": "TH"}])


@caught_by("test_an_expired_token_is_renewed_or_ends_in_a_config_error", "lacks rows, and passes for complete")
class StopsAtTheTokensEnd(Birch):
    """Takes a refusal for the end of the data."""

    @classmethod
    def http_config(cls, settings: BirchSettings) -> HttpConfig:
        return HttpConfig(base_url=settings.base_url)

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        del window
        form = {
            "grant_type": "client_credentials",
            "client_id": self.settings.client_id,
            "client_secret": self.settings.client_secret.get_secret_value(),
        }
        token = self.http.post_json("/oauth/token", form=form)["access_token"]
        for stream in streams:
            address = f"/api/{stream.name}" if stream.child_of is None else None
            while address:
                answer = self.http.exchange(address, allow={401}, headers={"Authorization": f"Bearer {token}"})
                if answer.status_code == httpx.codes.UNAUTHORIZED:
                    return
                yield Page(stream.name, answer.json()["data"])
                address = answer.json()["next"]


@caught_by("test_undeclared_fields_do_not_land", "a new field in every record is not reported")
class PicksFields(Birch):
    """Hands over the fields it knows, so that nobody learns of a new one."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        known = {"id", "kind", "person", "client_id", "staff_id", "start", "duration", "state", "changed", "guests"}
        for page in super().read_stream(stream, window):
            rows: Any = page.rows
            yield replace(page, rows=[{name: value for name, value in row.items() if name in known} for row in rows])
