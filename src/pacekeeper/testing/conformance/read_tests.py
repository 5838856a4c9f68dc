"""Tests of reading again: after nothing, after an interruption, after changes, and of nothing at all."""

# ruff: noqa: S101  these are tests, wherever they lie
from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest

from pacekeeper.columns import Code, Key, MatchKey
from pacekeeper.privacy import keyed_hash
from pacekeeper.stream import Stream
from pacekeeper.testing._faults import Faults
from pacekeeper.testing.conformance.declarations import Declarations, Lab
from pacekeeper.testing.conformance.record_path import Record, path_of, places, put, take
from pacekeeper.testing.conformance.site import SOURCE, Site

#: Calls at which a read is interrupted, at most; of a longer read they are spread evenly.
_MOST_INTERRUPTIONS = 6
#: More calls than any read of a suite makes.
_FOR_EVER = 5_000


class ReadTests(Declarations):
    """Reads end, converge, and lose and double nothing."""

    def test_a_read_ends(self, lab: Lab) -> None:
        """With the server as it should be, and with one whose next page is always the same."""
        assert lab.sound.read.is_ok
        if self.reads_files:
            return
        with lab.serving(faults=Faults(repeat_next=lab.lists())) as server:
            night = lab.fresh(server).read()
        assert "the read was stopped after" not in night.error, (
            "where the server's next page is always the same, the read does not end"
        )

    def test_every_call_goes_through_the_client_it_is_given(self, lab: Lab) -> None:
        """So that rate budget, retries, deadlines and scrubbed logs hold."""
        lab.needs_network()
        sound = lab.sound
        assert sound.calls, "the server saw no call; does the connector read from what `settings` names?"
        assert sound.read.calls >= sound.calls, (
            f"the server saw {sound.calls} calls, self.http made {sound.read.calls}: use self.http for all of them"
        )

    def test_a_second_read_changes_nothing(self, lab: Lab) -> None:
        """Two reads one after the other give the same raw and canonical tables."""
        with lab.serving() as server:
            assert lab.base.mapped
            site = lab.landed(server)
            before = site.content(f"raw_{SOURCE}", "canonical")
            night = site.land()
            assert night.is_ok, f"the second read failed: {night.error}"
            changed = {
                name: (row.inserted, row.updated, row.tombstones)
                for name, row in site.ledger().items()
                if row.inserted or row.updated or row.tombstones
            }
            assert not changed, f"the second read brought (inserted, updated, deleted) rows: {changed}"
            site.map()
            different = [
                name for name, found in site.content(f"raw_{SOURCE}", "canonical").items() if before[name] != found
            ]
        assert not different, f"the second night changed {', '.join(different)}"

    def test_an_interrupted_read_loses_and_doubles_nothing(self, lab: Lab) -> None:
        """Cut off at every call, the read fails and nothing lands; the next one gives what an unbroken one gives."""
        lab.needs_network()
        for call in _spread(range(1, lab.sound.calls + 1), _MOST_INTERRUPTIONS):
            with lab.serving(faults=Faults(reset_on=frozenset(range(call, call + _FOR_EVER)))) as server:
                site = lab.fresh(server)
                cut = site.read()
                assert not cut.is_ok, (
                    f"the server went away at call {call} of {lab.sound.calls}, and the read passes for complete with "
                    f"{sum(cut.rows.values())} of {sum(lab.sound.read.rows.values())} rows: let the error out"
                )
                server.reset()
                again = site.read()
            assert again.is_ok, f"after an interruption at call {call} the next read failed: {again.error}"
            _assert_same_rows(again.spooled, lab.sound.read.spooled, f"after an interruption at call {call}")
        self._lands_after_an_interruption(lab)

    def _lands_after_an_interruption(self, lab: Lab) -> None:
        middle = lab.sound.calls // 2 + 1
        with lab.serving(faults=Faults(reset_on=frozenset(range(middle, middle + _FOR_EVER)))) as server:
            site = lab.fresh(server)
            assert not site.land().is_ok
            assert not any(state.watermark for state in site.states().values()), "an interrupted read moved the cursor"
            server.reset()
            assert site.land().is_ok
            different = _versions(site) ^ _versions(lab.base.site)
        assert not different, f"interrupted and resumed, {len(different)} rows differ from an unbroken read"

    def test_overlapping_pages_are_deduplicated(self, lab: Lab) -> None:
        """Each page begins with the last row of the one before; every record lands once."""
        lab.needs_network()
        with lab.serving(faults=Faults(overlap=lab.lists())) as server:
            site = lab.fresh(server)
            night = site.land()
            assert night.is_ok, f"the read failed where pages overlap: {night.error}"
            read = sum(row.read for row in site.ledger().values())
            sound = sum(row.read for row in lab.base.site.ledger().values())
            different = _versions(site) ^ _versions(lab.base.site)
        assert not different, f"{len(different)} rows differ from those of pages that do not overlap"
        if read == sound:
            pytest.skip(
                "not applicable: no page of the corpus overlaps another; give it more records than a page holds"
            )

    def test_a_late_edit_inside_the_lag_is_caught(self, lab: Lab) -> None:
        """A change that the server shows late, with a time up to `lag` before the last one seen, is read."""
        with_cursor = [stream for stream in lab.top_streams if stream.cursor is not None]
        if not with_cursor:
            pytest.skip("not applicable: no stream has a cursor, every read is a full one")
        streams = [stream for stream in with_cursor if _landed(lab, self.list_of(stream), [stream])]
        assert streams, "no record of a stream with a cursor has landed: the corpus needs one"
        corpus, edited = _copied(self.corpus), {}
        marks = lab.base.site.states()
        for stream in streams:
            assert stream.lag, f"stream {stream.name} has a cursor and no lag: what the server shows late is lost"
            mark = marks[stream.name].watermark
            assert mark is not None, (
                f"stream {stream.name}: no watermark after a read; does a row have a {stream.cursor}?"
            )
            edited[stream.name] = self._edit(lab, corpus, stream, mark - stream.lag / 2)
        with lab.serving(corpus) as server:
            site = lab.landed(server)
            night = site.land()
            assert night.is_ok, f"the read after an edit failed: {night.error}"
            for stream in streams:
                before = _version_count(lab.base.site, stream, edited[stream.name])
                assert before, f"edits[{self.list_of(stream)!r}] names a record that does not land as {stream.name}"
                assert _version_count(site, stream, edited[stream.name]) > before, (
                    f"stream {stream.name}: a record changed {stream.lag / 2} before the last change seen was not read "
                    "again; does the read ask from window.since_of(stream)?"
                )

    def _edit(self, lab: Lab, corpus: dict[str, list[Record]], stream: Stream, at: datetime) -> str:
        """Change a record of the stream's list as of that time; its id."""
        name = self.list_of(stream)
        last = _landed(lab, name, [stream])[-1]
        identity, changes = self.edits.get(name) or _borrowed(_record(corpus[name], stream, last), corpus[name], stream)
        assert changes, f"declare edits[{name!r}] = (id of a record, fields that change)"
        record = _record(corpus[name], stream, identity)
        path = path_of(stream.cursor or "", stream.columns[stream.cursor or ""])
        put(record, path, self.late_time(at, take(record, path)))
        for field, value in changes.items():
            assert put(record, field, value), f"edits[{name!r}]: the record has no place for {field}"
        return identity

    def test_deletes_follow_the_declaration(self, lab: Lab) -> None:
        """A record is taken away: `reported` learns it at once, `key_diff` from a full read, `none` never."""
        corpus, gone, deleted = _copied(self.corpus), {}, {}
        for stream in lab.top_streams:
            name = self.list_of(stream)
            # A list that becomes empty says nothing: a server that fails may answer so too.
            if name not in deleted and len(corpus.get(name, ())) > 1:
                readers = [other for other in lab.top_streams if self.list_of(other) == name]
                last = str(take(corpus[name][-1], _key_path(stream)))
                identity = self.deletions.get(name) or next(reversed(_landed(lab, name, readers)), last)
                deleted[name] = [identity]
                corpus[name].remove(_record(corpus[name], stream, identity))
            gone[stream.name] = deleted.get(name, [""])[0]
        with lab.serving(corpus, deleted=deleted) as server:
            site = lab.landed(server)
            kept_since = {s.name for s in lab.top_streams if lab.base.site.states()[s.name].watermark is not None}
            first = site.land()
            assert first.is_ok, f"the read after a deletion failed: {first.error}"
            for stream in lab.top_streams:
                soon = stream.deletes == "reported" or (stream.deletes == "key_diff" and stream.name not in kept_since)
                self._assert_deleted(site, stream, gone[stream.name], expected=soon, after="the next read")
            site.read_whole_next()
            assert site.land().is_ok
            for stream in lab.top_streams:
                self._assert_deleted(
                    site, stream, gone[stream.name], expected=stream.deletes != "none", after="a full read"
                )

    def _assert_deleted(self, site: Site, stream: Stream, identity: str, *, expected: bool, after: str) -> None:
        rows = site.query(f'SELECT DISTINCT row_key FROM raw_{SOURCE}."{stream.name}" WHERE is_deleted')
        found = {row["row_key"] for row in rows}
        landed = _version_count(site, stream, identity)
        wanted = {_row_key(site, stream, identity)} if expected and landed else set()
        assert found == wanted, (
            f'stream {stream.name} (deletes="{stream.deletes}"): one record was deleted; after {after} {len(found)} '
            f"are gone, {len(wanted)} should be" + ("" if len(found) != len(wanted) else ", and it is another one")
        )

    def test_an_empty_source_is_neither_error_nor_pass(self, lab: Lab) -> None:
        """Nothing to read ends well, with empty tables: no row is made up, so that no guardrail can pass on it."""
        with lab.serving({name: [] for name in self.corpus}) as server:
            site = lab.fresh(server)
            night = site.land()
            assert night.is_ok, f"an empty source is an error: {night.error}"
            read = {name: row.read for name, row in site.ledger().items() if row.read}
            assert not read, f"of an empty source rows were read: {read}"
            for result in site.map():
                assert result.state == "swapped", f"{result.entity} cannot be mapped from nothing: {result.message}"
                assert not result.mapped, f"{result.entity}: {result.mapped} rows were made of nothing"


def _spread(numbers: Iterable[int], most: int) -> list[int]:
    every = list(numbers)
    if len(every) <= most:
        return every
    return sorted({every[round(n * (len(every) - 1) / (most - 1))] for n in range(most)})


def _copied(corpus: Any) -> dict[str, list[Record]]:
    return {name: [copy.deepcopy(dict(record)) for record in records] for name, records in corpus.items()}


def _key_path(stream: Stream) -> str:
    key = stream.key or ""
    return path_of(key, stream.columns[key])


def _record(records: list[Record], stream: Stream, identity: str) -> Record:
    found = next((record for record in records if str(take(record, _key_path(stream))) == identity), None)
    assert found is not None, f"the corpus has no record {identity!r} for stream {stream.name}"
    return found


def _row_key(site: Site, stream: Stream, identity: str) -> str:
    key = stream.columns[stream.key or ""]
    assert isinstance(key, Key)
    return keyed_hash(site.key, SOURCE, key.entity, identity)


def _landed(lab: Lab, name: str, streams: Iterable[Stream]) -> list[str]:
    """Ids in a list of the corpus that have landed in one of the streams, in their order."""
    found = []
    for stream in streams:
        keys = {row["row_key"] for row in lab.base.site.query(f'SELECT row_key FROM raw_{SOURCE}."{stream.name}"')}
        ids = [str(take(dict(record), _key_path(stream))) for record in lab.suite.corpus.get(name, ())]
        found += [identity for identity in ids if _row_key(lab.base.site, stream, identity) in keys]
    return found


def _borrowed(last: Record, records: list[Record], stream: Stream) -> tuple[str, dict[str, Any]]:
    """A record's id, and a field of it with the value that another record has there; none where all are equal.

    The cursor alone makes no new version.
    """
    columns = sorted(stream.columns.items(), key=lambda named: not isinstance(named[1], Code))
    for name, column in columns:
        path = path_of(name, column)
        if name == stream.cursor or isinstance(column, Key | MatchKey) or not places(last, path):
            continue
        others = (take(record, path) for record in records)
        other = next((value for value in others if value is not None and value != take(last, path)), None)
        if other is not None:
            return str(take(last, _key_path(stream))), {path: other}
    return str(take(last, _key_path(stream))), {}


def _version_count(site: Site, stream: Stream, identity: str) -> int:
    """How many versions of a record have landed; 0 where the stream does not want it."""
    row_key = _row_key(site, stream, identity)
    return int(
        site.query(f'SELECT count(*) AS n FROM raw_{SOURCE}."{stream.name}" WHERE row_key = ?', [row_key])[0]["n"]
    )


def _assert_same_rows(found: Any, wanted: Any, when: str) -> None:
    for stream, rows in wanted.items():
        lost, more = set(rows) - set(found.get(stream, ())), set(found.get(stream, ())) - set(rows)
        assert not lost, f"{when} stream {stream} lacks {len(lost)} of {len(rows)} rows"
        assert not more, f"{when} stream {stream} has {len(more)} rows too many"


def _versions(site: Site) -> set[tuple[str, str, int, str]]:
    """Every version in the raw tables: stream, key, number, content."""
    return {
        (stream.name, row["row_key"], row["version_no"], row["content_hash"])
        for stream in site.connector().streams
        for row in site.query(f'SELECT row_key, version_no, content_hash FROM raw_{SOURCE}."{stream.name}"')
    }
