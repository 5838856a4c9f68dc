"""A client whom two sources know under different keys is one client in every mart."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.marts import World


@pytest.fixture(scope="module")
def world() -> World:
    """`k1` of the EHR and `k2` of the survey system are one person, `k1`; `k3` is somebody else."""
    made = World(first=date(2025, 9, 1), days=250)
    made.employ(date(2025, 1, 6))
    for key, person in (("k1", "k1"), ("k2", "k1"), ("k3", "k3")):
        made.add("client_match", client_key=key, person_key=person, matched_on="mrn", source="derived")
    for client in ("k1", "k2", "k3"):
        made.assign(client, date(2025, 12, 1))
        made.session(made.day(0, 2), "10:00", 50, clients=[client])
    made.answer(made.day(0), 18, client="k1")
    made.answer(made.day(1), 9, client="k2")
    made.run(weeks=2)
    return made


def test_clients_of_a_week_are_counted_by_person(world: World) -> None:
    counts = world.select("SELECT distinct_clients_n FROM marts.clinician_week WHERE week_id = '2026-01-05'")
    assert [row["distinct_clients_n"] for row in counts] == [2]


def test_caseload_counts_persons(world: World) -> None:
    counts = world.select("SELECT active_clients FROM marts.caseload_snapshot WHERE week_id = '2026-01-05'")
    assert [row["active_clients"] for row in counts] == [2]


def test_scores_of_both_records_are_one_series(world: World) -> None:
    series = world.select("SELECT client_key, delta_prev, reliable_class FROM marts.measure_trajectory ORDER BY score")
    assert series == [
        {"client_key": "k1", "delta_prev": -9, "reliable_class": "recovered"},
        {"client_key": "k1", "delta_prev": None, "reliable_class": None},
    ]


def test_gad7_and_epds_are_read_by_their_own_rules() -> None:
    made = World()
    made.employ(date(2025, 1, 6))
    for number, (anxiety, postnatal) in enumerate([(12, 14), (8, 11), (7, 9)]):
        day = made.day(0) + timedelta(days=7 * number)
        made.answer(day, anxiety, client="a", instrument="gad7")
        made.answer(day, postnatal, client="p", instrument="epds")
    made.run(weeks=1)
    series = made.select(
        "SELECT instrument, severity_band, reliable_class FROM marts.measure_trajectory"
        " ORDER BY instrument, sequence_no"
    )
    # EPDS 14 to 9 is 5 better and under 13; GAD-7 12 to 8 is 4 better and still a case, 7 is none.
    assert [(row["instrument"], row["severity_band"], row["reliable_class"]) for row in series] == [
        ("epds", "probable", None),
        ("epds", "possible", "no_change"),
        ("epds", "unlikely", "recovered"),
        ("gad7", "moderate", None),
        ("gad7", "mild", "improved"),
        ("gad7", "mild", "recovered"),
    ]
