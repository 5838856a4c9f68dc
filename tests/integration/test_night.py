"""The main job, end to end: a practice served over HTTP and files, to verdicts an independent computation confirms."""

from __future__ import annotations

from collections import Counter

import pytest

from pacekeeper.ops import MappingRun, SourceRun, StreamRun
from pacekeeper_app.night import run_night
from tests.integration.demo_night import (
    Night,
    differing_rows,
    differing_verdicts,
    disagreements,
    enabled_guardrails,
    missed,
    planted_guardrails,
    warehouse_verdicts,
)
from tests.integration.warehouse_content import content_hashes
from tests.oracle import marts
from tests.oracle.marts.practice import Practice


def test_the_run_succeeds_and_every_source_is_read(night: Night) -> None:
    assert night.result.failures == ()
    runs = night.home.ops.rows(SourceRun, run_id=night.result.run_id)
    assert sorted((run.source, run.state) for run in runs) == [
        (source, "ok") for source in ("activity", "billing", "ehr", "pulse", "staff", "surveys")
    ]


def test_every_planted_verdict_is_found(night: Night) -> None:
    assert missed(night) == []
    assert planted_guardrails(night.systems) == enabled_guardrails(night.home.policy())


def test_every_verdict_agrees_with_the_independent_computation(night: Night) -> None:
    assert disagreements(night) == {}


@pytest.fixture(scope="module")
def judged(night: Night) -> Practice:
    """The demo's canonical rows, and its marts beside them."""
    return night.judged()


@pytest.mark.parametrize("guardrail", sorted(marts.RULES))
def test_every_verdict_is_what_canonical_rows_give_row_by_row(judged: Practice, guardrail: str) -> None:
    assert differing_verdicts(judged, guardrail) == {}


@pytest.mark.parametrize("mart", sorted(marts.MARTS))
def test_every_mart_is_what_canonical_rows_give_row_by_row(judged: Practice, mart: str) -> None:
    assert differing_rows(judged, mart) == {}


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


def test_clients_of_ehr_billing_and_surveys_are_one_person_each(night: Night) -> None:
    of_source = "SELECT DISTINCT person_key FROM canonical.client_match JOIN canonical.client c USING (client_key)"
    billed, in_both = night.ask(
        f"SELECT count(*), count(ehr.person_key) FROM ({of_source} WHERE c.source = 'billing') billing "
        f"LEFT JOIN ({of_source} WHERE c.source = 'ehr') ehr USING (person_key)",
    )[0]
    assert in_both == billed == len(night.systems.billing.key.clients)
    answering, known = night.ask(
        "SELECT count(DISTINCT person_key), count(DISTINCT person_key) FILTER (person_key IN "
        f"({of_source} WHERE c.source = 'ehr')) FROM canonical.client_match WHERE client_key IN "
        "(SELECT client_key FROM canonical.client_identifier WHERE source = 'surveys')",
    )[0]
    assert known == len(night.systems.surveys.mrns)
    assert answering == known + night.systems.surveys.dirt["unknown_client"] + 1  # one with an empty form only


def test_rendering_clinicians_of_claims_are_those_of_ehr_and_hr(night: Night) -> None:
    persons = night.ask(
        "SELECT count(DISTINCT m.person_key), count(DISTINCT m.person_key) FILTER (m.person_key IN (SELECT person_key "
        "FROM canonical.person_match JOIN canonical.clinician c USING (clinician_key) WHERE c.source = 'ehr')) "
        "FROM canonical.charge JOIN canonical.person_match m USING (clinician_key)",
    )[0]
    npis = len(night.systems.billing.key.npis)
    assert persons == (npis, npis)


def test_forms_filled_in_outside_the_ehr_are_series_of_its_clients(night: Night) -> None:
    told = night.ask(
        "SELECT r.source, count(*), count(DISTINCT t.client_key) FROM marts.measure_trajectory t "
        "JOIN canonical.measure_response r USING (response_key) WHERE t.instrument = 'phq9' GROUP BY 1 ORDER BY 1",
    )
    assert [source for source, _, _ in told] == ["ehr", "surveys"]
    mixed = night.ask(
        "SELECT t.client_key FROM marts.measure_trajectory t JOIN canonical.measure_response r USING (response_key) "
        "WHERE t.instrument = 'phq9' GROUP BY 1 HAVING count(DISTINCT r.source) > 1",
    )
    assert mixed == []  # nobody in this practice is asked the same in two systems


def test_claims_payments_and_staff_sheets_are_all_there(night: Night) -> None:
    key = night.systems.billing.key
    assert night.ask("SELECT count(*), sum(charge_cents) FROM canonical.claim") == [(key.claims, key.charge_cents)]
    assert night.ask("SELECT count(*), sum(paid_cents) FROM canonical.claim_payment") == [
        (key.claim_payments, key.paid_cents)
    ]
    assert night.ask("SELECT count(*) FROM canonical.remit WHERE NOT is_balanced") == [(0,)]
    assert night.ask("SELECT count(*) FROM canonical.staff_survey_response") == [(night.systems.surveys.sheets,)]


def test_a_second_run_with_the_same_as_of_changes_nothing(night: Night) -> None:
    before = content_hashes(night.home)
    copies = [file.stat().st_ino for file in (night.home.read_copy, night.home.bi_copy)]
    again = run_night(night.home, as_of=night.practice.as_of)
    assert again.failures == ()
    assert content_hashes(night.home) == before
    landed = night.home.ops.rows(StreamRun, run_id=again.run_id)
    assert sum(row.inserted + row.updated + row.tombstones for row in landed) == 0
    assert {row.state for row in night.home.ops.rows(MappingRun, run_id=again.run_id)} == {"unchanged"}
    assert [file.stat().st_ino for file in (night.home.read_copy, night.home.bi_copy)] == copies


def test_everything_made_again_from_what_has_landed_is_the_same(night: Night) -> None:
    before = content_hashes(night.home)
    again = run_night(night.home, as_of=night.practice.as_of, full=True)
    assert again.failures == ()
    assert {row.state for row in night.home.ops.rows(MappingRun, run_id=again.run_id)} == {"swapped"}
    assert content_hashes(night.home) == before
