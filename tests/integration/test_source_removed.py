"""A practice without one of its sources: what needed it is unknown, nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pacekeeper.contract import ENTITIES
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.crosswalk_file import Crosswalk
from pacekeeper.mapping.identity import match_identities
from pacekeeper.measures import SourceCompleteness
from pacekeeper.policy import load_policy
from pacekeeper.testing.canonical_practice import SOURCES, generate_canonical
from pacekeeper_assets import NEEDS, materialise

CLINICIANS, WEEKS = 12, 13
STALE_DAYS = 10

#: A guardrail, a subject and a period.
Key = tuple[str, str, str]
Verdict = tuple[str, str | None, float | None]


@dataclass(frozen=True)
class Judged:
    """verdicts: state, reason and value. known: what sources map. records: keys of records by person."""

    verdicts: Mapping[Key, Verdict]
    known: tuple[SourceCompleteness, ...]
    records: Mapping[str, frozenset[str]]

    def by_records(self, among: frozenset[str]) -> dict[tuple[str, frozenset[str], str], Verdict]:
        """The verdicts by the records of their subjects, of those records that are asked for; persons are matched
        anew without a source, and get another key.
        """
        return {
            (guardrail, records, period): verdict
            for (guardrail, subject, period), verdict in self.verdicts.items()
            if (records := self.records.get(subject, frozenset({subject})) & among)
        }


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plans")


@pytest.fixture(scope="module")
def whole(plans: Path) -> Judged:
    """The practice with all of its sources."""
    return _judged(plans)


def _judged(plans: Path, *, removed: str = "", stale: str = "") -> Judged:
    raw = duckdb.connect()
    connection = Connection(raw)
    made = generate_canonical(connection, seed=1, clinicians=CLINICIANS, weeks=WEEKS)
    known = tuple(read for read in made.completeness if read.source != removed)
    if stale:
        until = made.as_of - timedelta(days=STALE_DAYS)
        known = tuple(replace(r, complete_through=until) if r.source == stale else r for r in known)
    if removed:
        _remove(connection, removed)
    materialise(connection, as_of=made.as_of, policy=load_policy(), completeness=known, plans=plans)
    rows = raw.execute(
        "SELECT guardrail_id, subject_key, period, state, reason, value FROM marts.guardrail_result WHERE is_current"
    ).fetchall()
    records: dict[str, frozenset[str]] = {}
    for person, record in raw.execute(
        "SELECT person_key, clinician_key FROM canonical.person_match UNION ALL "
        "SELECT person_key, client_key FROM canonical.client_match"
    ).fetchall():
        records[person] = records.get(person, frozenset()) | {record}
    raw.close()
    return Judged({(row[0], row[1], row[2]): (row[3], row[4], row[5]) for row in rows}, known, records)


def _remove(connection: Connection, source: str) -> None:
    """Take out what a source wrote, and what was derived from it."""
    for name in ENTITIES:
        connection.raw.execute(f"DELETE FROM canonical.{name} WHERE source = ?", [source])
    connection.raw.execute(
        "DELETE FROM canonical.ehr_interval WHERE clinician_key NOT IN (SELECT clinician_key FROM canonical.ehr_event)"
    )
    match_identities(connection, Crosswalk())


def _mapped_by(known: tuple[SourceCompleteness, ...]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for read in known:
        found.setdefault(read.entity, set()).add(read.source)
    return found


def _rests_on(guardrail: str, source: str, mapped: Mapping[str, set[str]]) -> bool:
    """Whether nothing but that source has what one of the guardrail's groups asks for."""
    return any(
        set().union(*(mapped.get(entity, set()) for entity in group)) == {source}
        for group in NEEDS[guardrail].required_entities
    )


def _touches(guardrail: str, source: str, mapped: Mapping[str, set[str]]) -> bool:
    needs = NEEDS[guardrail]
    entities = {*needs.entities, *(one.entity for one in needs.subjects)}
    return any(source in mapped.get(entity, ()) for entity in entities)


@pytest.mark.parametrize("source", SOURCES)
def test_without_a_source_what_rests_on_it_is_unknown_and_nothing_else_changes(
    whole: Judged, plans: Path, source: str
) -> None:
    mapped = _mapped_by(whole.known)
    without = _judged(plans, removed=source)
    rests = {key for key in without.verdicts if _rests_on(key[0], source, mapped)}
    assert {key: without.verdicts[key] for key in rests if without.verdicts[key][0] != "unknown"} == {}
    left = frozenset().union(*without.records.values(), {key[1] for key in without.verdicts} - set(without.records))
    before, after = whole.by_records(left), without.by_records(left)
    changed = {
        key: (before[key], after[key])
        for key in before.keys() & after.keys()
        if before[key] != after[key] and not _touches(key[0], source, mapped)
    }
    assert changed == {}
    assert len(before.keys() & after.keys()) > 100


@pytest.mark.parametrize("source", SOURCES)
def test_what_needs_a_source_that_is_late_is_unknown_and_nothing_else_changes(
    whole: Judged, plans: Path, source: str
) -> None:
    mapped = _mapped_by(whole.known)
    before, after = whole.verdicts, _judged(plans, stale=source).verdicts
    assert before.keys() == after.keys()
    changed = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    assert {key[0] for key in changed if not _touches(key[0], source, mapped)} == set()
    assert {key: pair for key, pair in changed.items() if pair[1][0] != "unknown"} == {}
    last = max(period for guardrail, _, period in before if guardrail == "direct_hours")
    rests = {key for key in after if key[2] == last and _rests_on(key[0], source, mapped)}
    assert {key: after[key] for key in rests if after[key][0] != "unknown"} == {}
    # Answers of clients also come from the EHR, and the staff's are judged by the wave.
    assert changed or source == "survey"
