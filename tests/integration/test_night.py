"""The main job, end to end: a practice served over HTTP and files, to verdicts an independent computation confirms."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from typing import Any

import pytest

from pacekeeper.ops import MappingRun, SourceRun, StreamRun
from pacekeeper.privacy import keyed_hash
from pacekeeper.testing import PlantedBreach
from pacekeeper_app.demo_home import HOME_TZ
from pacekeeper_app.night import run_night
from pacekeeper_assets import MARTS
from tests import oracle
from tests.integration.conftest import Night
from tests.integration.warehouse_content import content_hashes
from tests.oracle import marts
from tests.oracle.marts.compare import VERDICT_COLUMNS, differences, practice_in, rows_of, verdicts_of
from tests.oracle.marts.practice import Practice

Verdicts = dict[tuple[str, str, date], tuple[str, float | None]]


def person_names(night: Night) -> dict[str, str]:
    """The name the oracle uses (NPI, else the practitioner's or employee's id) by the warehouse's person key."""
    key = night.home.hash_key()
    names: dict[str, str] = {}
    for practitioner in night.practice.resources["Practitioner"]:
        names[keyed_hash(key, "ehr", "clinician", practitioner["id"])] = practitioner["id"]
    with night.home.published.connect(read_only=True) as connection:
        people = dict(connection.raw.execute("SELECT clinician_key, person_key FROM canonical.person_match").fetchall())
        identifiers = connection.raw.execute(
            "SELECT clinician_key, match_key FROM canonical.clinician_identifier WHERE domain = 'npi'"
        ).fetchall()
    npis = {
        keyed_hash(key, "match", "npi", identifier["value"]): identifier["value"]
        for practitioner in night.practice.resources["Practitioner"]
        for identifier in practitioner.get("identifier", [])
    }
    for line in night.practice.files["employees.csv"].splitlines()[1:]:
        npi = line.split(",")[1]
        npis[keyed_hash(key, "match", "npi", npi)] = npi
    found = {people[clinician]: npis[match] for clinician, match in identifiers}
    return {**{people[k]: name for k, name in names.items() if people[k] not in found}, **found}


def warehouse_verdicts(night: Night) -> Verdicts:
    """State and value by person name, guardrail and week, of the guardrails that this oracle computes."""
    names = person_names(night)
    with night.home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(
            "SELECT subject_key, guardrail_id, period, state, value FROM marts.guardrail_result WHERE is_current "
            "AND guardrail_id IN ('direct_hours', 'utilization', 'active_caseload', 'no_show')"
        ).fetchall()
    return {
        (names[key], guardrail, date.fromisoformat(week)): (state, value) for key, guardrail, week, state, value in rows
    }


def test_the_run_succeeds_and_every_source_is_read(night: Night) -> None:
    assert night.result.failures == ()
    runs = night.home.ops.rows(SourceRun, run_id=night.result.run_id)
    assert sorted((run.source, run.state) for run in runs) == [
        (source, "ok") for source in ("activity", "billing", "ehr", "pulse", "staff", "surveys")
    ]


def subject_key(night: Night, planted: PlantedBreach, persons: dict[str, str], clients: dict[str, str]) -> str:
    """The key by which the warehouse judges what was planted. persons: by NPI; clients: by key of the EHR's record."""
    key = night.home.hash_key()
    match planted.kind:
        case "clinician":
            return persons[planted.subject]
        case "client":
            return clients[keyed_hash(key, "ehr", "client", planted.subject)]
        case "alert":
            return keyed_hash(key, "staff", "clinical_alert", planted.subject)
        case "team":
            return keyed_hash(key, "pulse", "survey_team", planted.subject)
        case _:
            return planted.subject


def test_every_planted_verdict_is_found(night: Night) -> None:
    planted = night.systems.answer_key
    persons = {name: key for key, name in person_names(night).items()}
    clients: dict[str, str] = dict(ask(night, "SELECT client_key, person_key FROM canonical.client_match"))
    judged = "SELECT guardrail_id, subject_key, period, state FROM marts.guardrail_result WHERE is_current"
    found = {(guardrail, key, date.fromisoformat(day)): state for guardrail, key, day, state in ask(night, judged)}
    missed = [
        p for p in planted if found.get((p.guardrail, subject_key(night, p, persons, clients), p.period)) != p.state
    ]
    assert missed == []
    out_of_band = {p.guardrail for p in planted if p.state in {"warn", "breach"}}
    enabled = {name for name, rail in night.home.policy().latest.guardrails.items() if rail.enabled}
    assert enabled - out_of_band == set()


def test_every_verdict_agrees_with_the_independent_computation(night: Night) -> None:
    expected = {
        (v.npi, v.guardrail_id, v.week_id): (v.state, v.value)
        for v in oracle.judge(
            night.practice.resources, night.practice.files, as_of=night.practice.as_of, home_tz=HOME_TZ
        )
    }
    found = warehouse_verdicts(night)
    assert found.keys() == expected.keys()
    wrong = {k: (found[k], expected[k]) for k in found if found[k][0] != expected[k][0]}
    assert wrong == {}
    values = {
        k: (found[k][1], value)
        for k, (state, value) in expected.items()
        if state != "unknown"
        and value is not None
        and not math.isclose(found[k][1] or 0.0, value, rel_tol=1e-9, abs_tol=1e-9)
    }
    assert values == {}


@pytest.fixture(scope="module")
def judged(night: Night) -> Practice:
    """The demo's canonical rows, and its marts beside them."""
    with night.home.published.connect(read_only=True) as connection:
        return practice_in(connection.raw, as_of=night.practice.as_of)


@pytest.mark.parametrize("guardrail", sorted(marts.RULES))
def test_every_verdict_is_what_canonical_rows_give_row_by_row(judged: Practice, guardrail: str) -> None:
    mine, theirs = marts.verdicts(judged, guardrail), verdicts_of(judged, guardrail)
    assert set(mine) == set(theirs), f"{len(set(mine) ^ set(theirs))} verdicts are only on one side"
    assert differences(mine, theirs, VERDICT_COLUMNS) == {}


@pytest.mark.parametrize("mart", sorted(marts.MARTS))
def test_every_mart_is_what_canonical_rows_give_row_by_row(judged: Practice, mart: str) -> None:
    mine, theirs = marts.MARTS[mart](judged), rows_of(judged, mart)
    assert set(mine) == set(theirs), f"{len(set(mine) ^ set(theirs))} rows are only on one side"
    columns = {column for row in mine.values() for column in row} - set(MARTS[mart].primary_key)
    assert differences(mine, theirs, columns) == {}


def test_all_five_states_occur(night: Night) -> None:
    states = Counter(state for state, _ in warehouse_verdicts(night).values())
    assert set(states) == {"pass", "warn", "breach", "unknown", "exempt"}


def test_both_ledgers_balance_and_hold_every_row(night: Night) -> None:
    landed = night.home.ops.rows(StreamRun, run_id=night.result.run_id)
    mapped = night.home.ops.rows(MappingRun, run_id=night.result.run_id)
    assert landed
    assert mapped
    assert [row for row in landed if not row.is_balanced] == []
    assert [row for row in mapped if not row.is_balanced] == []
    appointments = next(row for row in landed if row.stream == "appointment")
    assert appointments.read == len(night.practice.resources["Appointment"])


def ask(night: Night, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query on the published copy."""
    with night.home.published.connect(read_only=True) as connection:
        rows: list[tuple[Any, ...]] = connection.raw.execute(sql).fetchall()
    return rows


def test_clients_of_ehr_billing_and_surveys_are_one_person_each(night: Night) -> None:
    of_source = "SELECT DISTINCT person_key FROM canonical.client_match JOIN canonical.client c USING (client_key)"
    billed, in_both = ask(
        night,
        f"SELECT count(*), count(ehr.person_key) FROM ({of_source} WHERE c.source = 'billing') billing "
        f"LEFT JOIN ({of_source} WHERE c.source = 'ehr') ehr USING (person_key)",
    )[0]
    assert in_both == billed == len(night.systems.billing.key.clients)
    answering, known = ask(
        night,
        "SELECT count(DISTINCT person_key), count(DISTINCT person_key) FILTER (person_key IN "
        f"({of_source} WHERE c.source = 'ehr')) FROM canonical.client_match WHERE client_key IN "
        "(SELECT client_key FROM canonical.client_identifier WHERE source = 'surveys')",
    )[0]
    assert known == len(night.systems.surveys.mrns)
    assert answering == known + night.systems.surveys.dirt["unknown_client"] + 1  # one with an empty form only


def test_rendering_clinicians_of_claims_are_those_of_ehr_and_hr(night: Night) -> None:
    persons = ask(
        night,
        "SELECT count(DISTINCT m.person_key), count(DISTINCT m.person_key) FILTER (m.person_key IN (SELECT person_key "
        "FROM canonical.person_match JOIN canonical.clinician c USING (clinician_key) WHERE c.source = 'ehr')) "
        "FROM canonical.charge JOIN canonical.person_match m USING (clinician_key)",
    )[0]
    npis = len(night.systems.billing.key.npis)
    assert persons == (npis, npis)


def test_forms_filled_in_outside_the_ehr_are_series_of_its_clients(night: Night) -> None:
    told = ask(
        night,
        "SELECT r.source, count(*), count(DISTINCT t.client_key) FROM marts.measure_trajectory t "
        "JOIN canonical.measure_response r USING (response_key) WHERE t.instrument = 'phq9' GROUP BY 1 ORDER BY 1",
    )
    assert [source for source, _, _ in told] == ["ehr", "surveys"]
    mixed = ask(
        night,
        "SELECT t.client_key FROM marts.measure_trajectory t JOIN canonical.measure_response r USING (response_key) "
        "WHERE t.instrument = 'phq9' GROUP BY 1 HAVING count(DISTINCT r.source) > 1",
    )
    assert mixed == []  # nobody in this practice is asked the same in two systems


def test_claims_payments_and_staff_sheets_are_all_there(night: Night) -> None:
    key = night.systems.billing.key
    assert ask(night, "SELECT count(*), sum(charge_cents) FROM canonical.claim") == [(key.claims, key.charge_cents)]
    assert ask(night, "SELECT count(*), sum(paid_cents) FROM canonical.claim_payment") == [
        (key.claim_payments, key.paid_cents)
    ]
    assert ask(night, "SELECT count(*) FROM canonical.remit WHERE NOT is_balanced") == [(0,)]
    assert ask(night, "SELECT count(*) FROM canonical.staff_survey_response") == [(night.systems.surveys.sheets,)]


def test_a_second_run_with_the_same_as_of_changes_nothing(night: Night) -> None:
    before = content_hashes(night.home)
    again = run_night(night.home, as_of=night.practice.as_of)
    assert again.failures == ()
    assert content_hashes(night.home) == before
    landed = night.home.ops.rows(StreamRun, run_id=again.run_id)
    assert sum(row.inserted + row.updated + row.tombstones for row in landed) == 0
