"""Tests of what a connector's mappings make of its raw rows."""

# ruff: noqa: S101  these are tests, wherever they lie
from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import pyarrow as pa
import pytest

from pacekeeper.columns import Code, Key, MatchKey, Ref
from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import columns as contract_columns
from pacekeeper.contract.schema import primary_key
from pacekeeper.privacy import keyed_hash
from pacekeeper.stream import Stream
from pacekeeper.testing.conformance.canaries import new_code
from pacekeeper.testing.conformance.declarations import Declarations, Lab
from pacekeeper.testing.conformance.declared import Row, Trap, as_stored
from pacekeeper.testing.conformance.record_path import Record, elements, path_of, put, take
from pacekeeper.testing.conformance.site import SOURCE, Site

_SPANS = (("started_at", "ended_at"), ("start_at", "end_at"))


class MappingTests(Declarations):
    """Canonical rows are valid, complete and mean what the vendor meant."""

    def test_mappings_yield_valid_canonical_rows(self, lab: Lab) -> None:
        """Every entity gets rows, none of them is quarantined, the ledger balances."""
        for entity, result in lab.base.mapped.items():
            assert result.state == "swapped", f"{entity} cannot be mapped: {result.message}"
            assert not result.quarantined, (
                f"{entity}: rows break the contract (reason: rows): {dict(result.quarantined)}"
            )
            assert result.balances, f"{entity}: {result.in_scope} rows in scope are not all accounted for"
            assert result.mapped or entity in self.unfilled, (
                f"{entity}: the corpus gives no row ({_left_out(lab, entity)}); add a record, or say why in `unfilled`"
            )

    def test_value_maps_cover_the_corpus_or_say_what_they_do_not(self, lab: Lab) -> None:
        """Codes that no map knows are those that `unmapped` lists."""
        found: dict[str, set[str]] = {}
        for entity, result in lab.base.mapped.items():
            for column, code, _ in result.unmapped:
                found.setdefault(f"{entity}.{column}", set()).add(code)
        declared = {name: set(codes) for name, codes in self.unmapped.items()}
        assert found == declared, f"codes without a canonical value are {found}; `unmapped` lists {declared}"

    def test_a_new_code_is_reported_and_not_guessed_at(self, lab: Lab) -> None:
        """A code that the vendor adds tomorrow becomes `unknown`, is kept beside it, and is listed."""
        corpus, planted = self._with_new_codes(lab)
        with lab.serving(corpus) as server:
            site = lab.landed(server)
            site.read_whole_next()
            night = site.land()
            assert night.is_ok, f"a new code ends the read: {night.error}"
            assert not planted or _has_landed(site, lab.streams, planted), "no new code has landed: is it written?"
            mapped = {result.entity: result for result in site.map()}
        for entity, result in mapped.items():
            assert result.state == "swapped", f"{entity} cannot be mapped with a new code: {result.message}"
            listed = {(column, code) for column, code, _ in result.unmapped}
            for column, code, value in _coded_rows(site, entity, planted):
                if f"{entity}.{column}" in self.inferred:
                    continue
                assert value == "unknown", f"{entity}.{column}: a code nobody knows became {value!r}"
                assert (column, code) in listed, f"{entity}.{column}: a code nobody knows is not reported"
            silent = [name for name in _without_codes(site, entity) if f"{entity}.{name}" not in self.inferred]
            assert not silent, (
                f"{entity}: {', '.join(silent)} is made of codes, and {', '.join(c + '_source_code' for c in silent)} "
                "is empty: what is not known could not be told"
            )

    def test_expected_rows_are_there(self, lab: Lab) -> None:
        """Every row in `expected` that proves no trap."""
        assert self.expected, "declare in `expected` what a few records of the corpus must become"
        for row in self.expected:
            if row.proves is None:
                self._assert_row(lab, row)

    def test_a_late_cancel_is_not_mapped_to_kept(self, lab: Lab) -> None:
        self._prove(lab, "late_cancel", applies=self._maps(lab, "appointment"))

    def test_minutes_are_not_read_as_hours(self, lab: Lab) -> None:
        self._prove(lab, "minutes", applies=self._maps(lab, "session", "time_entry"))

    def test_local_time_is_not_read_as_utc(self, lab: Lab) -> None:
        has_instants = any(_has_instants(entity) for entity in lab.base.mapped)
        self._prove(lab, "local_time", applies=has_instants)

    def test_a_cancelled_session_is_not_counted(self, lab: Lab) -> None:
        self._prove(lab, "cancelled_session", applies=self._maps(lab, "session"))

    def _maps(self, lab: Lab, *entities: str) -> bool:
        return any(entity in lab.base.mapped for entity in entities)

    def _prove(self, lab: Lab, trap: Trap, *, applies: bool) -> None:
        assert trap in get_args(Trap)
        rows = [row for row in self.expected if row.proves == trap]
        if not rows and not applies:
            pytest.skip(f"not applicable: it maps nothing that {trap} could be wrong in")
        assert rows, f'`expected` has no row with proves="{trap}": declare one, or say in conformance_skips why not'
        for row in rows:
            weakness = row.weakness()
            assert weakness is None, f"{row}: {weakness}"
            self._assert_row(lab, row)

    def _assert_row(self, lab: Lab, row: Row) -> None:
        assert row.entity in lab.base.mapped, f"{row}: the connector maps to no {row.entity}"
        found = list(_matching(lab, row))
        if row.is_absent:
            assert not found, f"{row}: is there, and must not be"
            return
        assert found, f"{row}: is not there ({_left_out(lab, row.entity)})"
        wrong = [_differences(lab, row, one) for one in found]
        best = min(wrong, key=len)
        assert not best, f"{row}: {'; '.join(best)}"

    def _with_new_codes(self, lab: Lab) -> tuple[dict[str, list[Record]], set[str]]:
        """The corpus, and for each Code column a copy of a record with an id of its own and a code nobody knows."""
        corpus = {name: [copy.deepcopy(dict(record)) for record in records] for name, records in self.corpus.items()}
        by_name = {stream.name: stream for stream in lab.streams}
        planted: set[str] = set()
        for stream in lab.streams:
            root = stream
            while root.child_of is not None:
                root = by_name[root.child_of]
            records = corpus.get(self.list_of(root), [])
            for name, column in stream.columns.items():
                code = new_code(column, len(planted) + 1) if isinstance(column, Code) else None
                record = next(
                    (r for r in self.corpus.get(self.list_of(root), ()) if _has(r, stream, by_name, name)), None
                )
                if code is None or record is None:
                    continue
                copied = copy.deepcopy(dict(record))
                for element in elements(copied, stream, by_name):
                    put(element, path_of(name, column), code)
                put(copied, path_of(root.key or "", root.columns[root.key or ""]), f"new-code-{len(planted) + 1}")
                records.append(copied)
                planted.add(code)
        return corpus, planted


def _left_out(lab: Lab, entity: str) -> str:
    """What became of the corpus besides rows of an entity."""
    rejected = lab.base.site.reasons("rejected")
    told = [f"rejected at the boundary: {rejected}"] if rejected else []
    if any("naive_time" in reason for reasons in rejected.values() for reason in reasons):
        told.append("times have no offset, so set `default_tz` in the suite")
    return "; ".join([*told, f"out of scope: {dict(lab.base.mapped[entity].out_of_scope)}"])


def _has(record: Any, stream: Any, by_name: Any, name: str) -> bool:
    path = path_of(name, stream.columns[name])
    return any(take(element, path) is not None for element in elements(record, stream, by_name))


def _has_landed(site: Site, streams: Sequence[Stream], codes: set[str]) -> bool:
    """Whether any of these codes is in a raw table."""
    return any(
        site.query(f'SELECT 1 FROM raw_{SOURCE}."{stream.name}" WHERE list_contains(?, "{name}") LIMIT 1', [[*codes]])
        for stream in streams
        for name, column in stream.columns.items()
        if isinstance(column, Code)
    )


def _coded_rows(site: Site, entity: str, planted: set[str]) -> Iterator[tuple[str, str, str | None]]:
    """Column, source code and canonical value of rows that carry one of the planted codes."""
    names = {column.name for column in contract_columns(ENTITIES[entity])}
    for name in sorted(names):
        if f"{name}_source_code" not in names:
            continue
        rows = site.query(
            f'SELECT DISTINCT "{name}_source_code" AS code, "{name}" AS value FROM canonical.{entity} '
            f'WHERE list_contains(?, "{name}_source_code")',
            [sorted(planted)],
        )
        yield from ((name, row["code"], row["value"]) for row in rows)


def _without_codes(site: Site, entity: str) -> list[str]:
    """Enumerations that differ from row to row, while the code they come from is never kept."""
    names = {column.name for column in contract_columns(ENTITIES[entity])}
    found = []
    for name in sorted(name for name in names if f"{name}_source_code" in names):
        (row,) = site.query(
            f'SELECT count(DISTINCT "{name}") AS n, count("{name}_source_code") AS codes FROM canonical.{entity}'
        )
        if row["n"] > 1 and not row["codes"]:
            found.append(name)
    return found


def _has_instants(entity: str) -> bool:
    return any(pa.types.is_timestamp(column.type) for column in contract_columns(ENTITIES[entity]))


def _keys_of(lab: Lab, identity: str) -> list[str]:
    """What an id of the source may have become: its hash in every namespace and match domain that is declared."""
    key = lab.base.site.key
    found = []
    for stream in lab.streams:
        for column in stream.columns.values():
            if isinstance(column, Key):
                found.append(keyed_hash(key, SOURCE, column.entity, identity))
            elif isinstance(column, Ref):
                entities = {column.entity, *(column.by_type or {}).values()}
                found += [keyed_hash(key, SOURCE, entity, identity) for entity in entities]
                found += [keyed_hash(key, domain, identity) for domain in (column.match or {}).values()]
            elif isinstance(column, MatchKey):
                found.append(keyed_hash(key, column.domain, "".join(identity.lower().split())))
    return sorted(set(found))


def _matching(lab: Lab, row: Row) -> Iterator[dict[str, Any]]:
    """Canonical rows with the key of a declared one; without a key, all rows."""
    entity = ENTITIES[row.entity]
    keys = [name for name in primary_key(entity) if name != "source" and name.endswith(("_key", "_token"))]
    conditions = ["source = ?"]
    parameters: list[Any] = [SOURCE]
    for name, identity in zip(keys, row.key, strict=False):
        conditions.append(f'list_contains(?, "{name}")')
        parameters.append(_keys_of(lab, identity))
    yield from lab.base.site.query(f"SELECT * FROM canonical.{row.entity} WHERE {' AND '.join(conditions)}", parameters)


def _differences(lab: Lab, row: Row, found: dict[str, Any]) -> list[str]:
    """What of a canonical row is not as declared."""
    wrong = []
    for name, wanted in row.values.items():
        value = _minutes(found) if name == "minutes" and "minutes" not in found else found.get(name)
        if name not in found and name != "minutes":
            wrong.append(f"{row.entity} has no column {name}")
        elif name.endswith("_key") and isinstance(wanted, str):
            if value not in _keys_of(lab, wanted):
                wrong.append(f"{name} is {'null' if value is None else 'another record'}")
        elif _plain(value) != as_stored(wanted):
            wrong.append(f"{name} is {_plain(value)}, should be {as_stored(wanted)}")
    return wrong


def _plain(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _minutes(found: dict[str, Any]) -> float | None:
    for start, end in _SPANS:
        if start in found:
            both: Sequence[datetime | None] = (found[start], found[end])
            if both[0] is None or both[1] is None:
                return None
            return (both[1] - both[0]).total_seconds() / 60
    return None
