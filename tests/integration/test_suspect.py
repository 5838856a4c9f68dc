"""An edit that is rejected leaves the older version in the tables; what rests on it is unknown until it is mended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.ops import StreamRun
from pacekeeper.privacy import keyed_hash
from pacekeeper.testing import FhirServer, build_practice
from tests.integration.practice_run import night_without_dagster, write_small_home

pytestmark = pytest.mark.timeout(300)
Verdicts = dict[tuple[str, str, str], tuple[str, str | None]]


@dataclass(frozen=True)
class Nights:
    """Verdicts of a sound night, of one whose edit of a session is rejected, and of one on which it is mended."""

    before: Verdicts
    edited: Verdicts
    mended: Verdicts
    persons: set[str]
    week: str
    suspect: dict[str, int]
    listed: list[tuple[str, str]]


def verdicts(home: PracticeHome) -> Verdicts:
    with home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(
            "SELECT guardrail_id, subject_key, period, state, reason FROM marts.guardrail_result WHERE is_current"
        ).fetchall()
    return {(guardrail, key, week): (state, reason) for guardrail, key, week, state, reason in rows}


def session_of(home: PracticeHome, key: str) -> tuple[set[str], str]:
    """The persons who held a session, and the week it lies in."""
    with home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(
            "SELECT m.person_key, CAST(date_trunc('week', s.started_at - INTERVAL 5 HOUR) AS DATE) "
            "FROM canonical.session AS s JOIN canonical.session_clinician AS c USING (session_key) "
            "JOIN canonical.person_match AS m ON m.clinician_key = c.clinician_key WHERE s.session_key = ?",
            [key],
        ).fetchall()
    return {person for person, _ in rows}, str(rows[0][1])


@pytest.fixture(scope="module", params=["a session", "a client's part of a group session"])
def nights(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Nights:
    folder = tmp_path_factory.mktemp("suspect")
    practice = build_practice(clinicians=3, weeks=7)
    is_part = request.param != "a session"
    held: list[dict[str, Any]] = [
        e for e in practice.resources["Encounter"] if ("partOf" in e) is is_part and e["status"] == "finished"
    ]
    encounter = sorted(held, key=lambda e: e["period"]["start"])[len(held) // 2]
    with FhirServer(practice.resources, page_size=500) as server:
        home = write_small_home(folder, practice, server)
        night_without_dagster(home, practice.as_of, run_id="one")
        before = verdicts(home)
        whole = encounter["partOf"]["reference"].removeprefix("Encounter/") if is_part else encounter["id"]
        persons, week = session_of(home, keyed_hash(home.hash_key(), "ehr", "session", whole))
        unreadable = {**encounter, "period": {**encounter["period"], "start": "yesterday, I think"}}
        server.update("Encounter", unreadable, at=practice.as_of + timedelta(hours=1))
        night_without_dagster(home, practice.as_of + timedelta(hours=2), run_id="two")
        edited = verdicts(home)
        with home.published.connect(read_only=True) as connection:
            listed = connection.raw.execute(
                "SELECT DISTINCT source, entity FROM quarantine.suspect_record ORDER BY ALL"
            ).fetchall()
        server.update("Encounter", encounter, at=practice.as_of + timedelta(hours=3))
        night_without_dagster(home, practice.as_of + timedelta(hours=4), run_id="three")
    counts = {row.run_id: row.suspect for row in home.ops.rows(StreamRun, source="ehr", stream="encounter")}
    return Nights(before, edited, verdicts(home), persons, week, counts, listed)


def test_the_suspect_record_is_counted_per_stream_while_it_is_suspect(nights: Nights) -> None:
    assert nights.suspect == {"one": 0, "two": 1, "three": 0}
    assert ("ehr", "session") in nights.listed


def test_the_hours_of_its_week_are_unknown_for_its_persons_and_known_for_all_else(nights: Nights) -> None:
    hours = {key: found for key, found in nights.edited.items() if key[0] == "direct_hours"}
    touched = {key for key in hours if key[1] in nights.persons and key[2] == nights.week}
    assert touched
    assert {hours[key] for key in touched} == {("unknown", "partial")}
    assert {key: hours[key] for key in hours.keys() - touched} == {
        key: found for key, found in nights.before.items() if key[0] == "direct_hours" and key not in touched
    }
    no_shows = {key: found for key, found in nights.edited.items() if key[0] == "no_show"}
    assert no_shows == {key: found for key, found in nights.before.items() if key[0] == "no_show"}


def test_a_mended_record_gives_the_verdicts_back(nights: Nights) -> None:
    assert nights.edited != nights.before
    assert nights.mended == nights.before
