"""Which appointment an encounter belongs to, and how long it lasted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pacekeeper.privacy import keyed_hash
from pacekeeper.testing import SOURCE, Site

from openemr_practice import landed, openemr, practice
from openemr_records import appointment, corpus, encounter, performer

DAY = "2026-01-12"
AFTERNOON = {"pc_startTime": "15:00:00", "pc_endTime": "15:30:00"}
EVENING = {"pc_startTime": "22:00:00", "pc_endTime": "22:50:00"}
#: Appointments and encounters by client; their numbers are unique over all.
Cases = Mapping[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]]
CASES: Cases = {
    "two-of-each": (
        [appointment(11, DAY, ">"), appointment(12, DAY, "@", **AFTERNOON)],
        [encounter(11, DAY), encounter(12, DAY)],
    ),
    "one-called-off": ([appointment(21, DAY, "x"), appointment(22, DAY, "@", **AFTERNOON)], [encounter(21, DAY)]),
    "all-called-off": ([appointment(31, DAY, "?")], [encounter(31, DAY)]),
    "documented-twice": ([appointment(41, DAY, ">")], [encounter(41, DAY), encounter(42, DAY)]),
    "spring": (
        [appointment(51, "2026-03-08", ">", **EVENING)],
        [encounter(51, DAY, period={"start": "2026-03-08T07:00:00+00:00"})],
    ),
    "summer": (
        [appointment(61, "2026-07-01", ">", **EVENING)],
        [encounter(61, DAY, period={"start": "2026-07-01T06:00:00+00:00"})],
    ),
    "own-end": (
        [appointment(71, DAY, ">")],
        [encounter(71, DAY, period={"start": f"{DAY}T16:05:00+00:00", "end": f"{DAY}T17:00:00+00:00"})],
    ),
}


def mapped(folder: Path, cases: Cases) -> tuple[Site, Any]:
    """A practice with these cases, and what the mapping of sessions counted."""
    booked = [{**row, "puuid": client} for client, (rows, _) in cases.items() for row in rows]
    seen = [
        {**row, "subject": {"reference": f"Patient/{client}"}} for client, (_, rows) in cases.items() for row in rows
    ]
    with openemr({**corpus(), "appointment": booked, "Encounter": seen}) as server:
        site = practice(folder / "p", server)
        landed(site)
        (result,) = [result for result in site.map() if result.entity == "session"]
    return site, result


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """Minutes of the sessions of each case, in the order of their start."""
    site, result = mapped(tmp_path_factory.mktemp("sessions"), CASES)
    assert dict(result.out_of_scope) == {"appointment_not_kept": 1}
    found: dict[str, list[int]] = {}
    for client, (_, encounters) in CASES.items():
        keys = [keyed_hash(site.key, SOURCE, "session", row["id"]) for row in encounters]
        mine = "SELECT * FROM canonical.session WHERE list_contains(?, session_key) ORDER BY started_at"
        rows = site.query(mine, [keys])
        found[client] = [round((row["ended_at"] - row["started_at"]).total_seconds() / 60) for row in rows]
    return found


def test_two_encounters_of_a_day_belong_to_its_two_appointments(sessions: dict[str, list[int]]) -> None:
    assert sessions["two-of-each"] == [45, 30]


def test_an_appointment_that_was_called_off_gives_way_to_one_that_was_not(sessions: dict[str, list[int]]) -> None:
    assert sessions["one-called-off"] == [30]


def test_an_encounter_of_a_day_called_off_is_no_session(sessions: dict[str, list[int]]) -> None:
    assert sessions["all-called-off"] == []


def test_an_encounter_documented_twice_shares_the_appointment(sessions: dict[str, list[int]]) -> None:
    """Marts count the union of minutes, so the time counts once."""
    assert sessions["documented-twice"] == [45, 45]


@pytest.mark.parametrize("season", ["spring", "summer"])
def test_the_day_is_the_practices_own_whatever_its_offset(sessions: dict[str, list[int]], season: str) -> None:
    """22:00 in Denver is the next day in UTC; on 8 March the clocks went forward."""
    assert sessions[season] == [50]


def test_a_later_openemr_that_tells_the_end_is_believed(sessions: dict[str, list[int]]) -> None:
    assert sessions["own-end"] == [55]


def test_an_encounter_without_appointment_has_unknown_minutes_and_is_quarantined(tmp_path: Path) -> None:
    alone = encounter(1, DAY, participant=[performer("doc-2")])
    site, result = mapped(tmp_path, {"alone": ([appointment(1, "2026-01-13", ">")], [alone])})
    assert sum(dict(result.quarantined).values()) == 1
    assert not dict(result.out_of_scope)
    assert site.query("SELECT * FROM canonical.session") == []
