"""Files of real FHIR systems and generators, all the way to canonical tables.

Every number was counted by an independent reading of the files (plain Python, rules from the FHIR specification)
before it was written here. A count that moves is a change of what a practice's numbers mean: look at the files first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.mapping.result import MappingResult
from pacekeeper.ops import StreamReason, StreamRun
from pacekeeper.settings import load_settings

AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
RUN = "run-1"
Reasons = dict[str, int]


@dataclass(frozen=True)
class Landed:
    """One stream: rows landed, rejected rows and rows out of scope by reason. read is their sum."""

    kept: int
    rejected: Reasons = field(default_factory=dict)
    out_of_scope: Reasons = field(default_factory=dict)


@dataclass(frozen=True)
class Mapped:
    """One entity: canonical rows, quarantined faults and rows out of scope by reason."""

    mapped: int
    quarantined: Reasons = field(default_factory=dict)
    out_of_scope: Reasons = field(default_factory=dict)


#: SMART bulk export of Synthea: 13 people, conditional references (`Practitioner?identifier=...us-npi|...`).
#: 72 encounters are hospital stays (IMP 49, EMER 23); of the other 1143, 5 last longer than 8 h (AMB 1, HH 4).
SAMPLE_BULK = (
    {
        "practitioner": Landed(43),
        "practitioner_role": Landed(43),
        "location": Landed(44),
        "patient": Landed(13),
        "patient_identifier": Landed(59),
        "encounter": Landed(1215),
        "encounter_participant": Landed(1215),
        "document_reference": Landed(1215),
    },
    {
        "location": Mapped(44),
        "clinician": Mapped(43),
        "clinician_identifier": Mapped(43),
        "client": Mapped(13),
        "client_identifier": Mapped(13, {}, {"identifier_of_another_kind": 46, "no_email": 13}),
        "note": Mapped(1215),
        "session": Mapped(1138, {"session_duration": 5}, {"not_outpatient": 72}),
        "session_clinician": Mapped(1143, {}, {"not_outpatient": 72}),
        "session_participant": Mapped(1143, {}, {"not_outpatient": 72}),
    },
)

#: A Python port of Synthea: `urn:uuid:` references. 667 of 672 ambulatory encounters last no time at all, one 24 h,
#: and so does the home visit; 93 are hospital stays (IMP 9, EMER 84). One PHQ-9 total and 74 of the GAD-7, one of them
#: a fraction (18.42), among three other instruments.
PYSYNTHEA = (
    {
        "practitioner": Landed(41),
        "practitioner_role": Landed(41),
        "location": Landed(12),
        "patient": Landed(12),
        "patient_identifier": Landed(50),
        "encounter": Landed(766),
        "encounter_participant": Landed(766),
        "measure_observation": Landed(75, {}, {"not_a_measure": 101}),
        "coverage": Landed(37),
        "claim": Landed(47),
        "claim_item": Landed(47),
        "explanation_of_benefit": Landed(45),
        "explanation_total": Landed(45),
        "explanation_item": Landed(45),
        "explanation_adjudication": Landed(135),
    },
    {
        "location": Mapped(12),
        "clinician": Mapped(41),
        "clinician_identifier": Mapped(41),
        "client": Mapped(12),
        "client_identifier": Mapped(24, {}, {"no_number": 37, "identifier_of_another_kind": 38}),
        "coverage": Mapped(37),
        "session": Mapped(4, {"session_duration": 669}, {"not_outpatient": 93}),
        "session_clinician": Mapped(673, {}, {"not_outpatient": 93}),
        "session_participant": Mapped(673, {}, {"not_outpatient": 93}),
        "measure_response": Mapped(74, {"source_total_not_whole": 1, "total_not_whole": 1}),
        "measure_item": Mapped(0, {}, {"total": 75}),
        "claim": Mapped(47),
        "charge": Mapped(47),
        "claim_payment": Mapped(45),
        "claim_payment_line": Mapped(45),
    },
)

#: HL7's own examples. Appointment/example was created on a day without time, Encounter/f203 has days for times: there
#: is no zone to read them in. f002, f003, f202 and xcda ended, but say nothing of when (started_at and ended_at
#: missing in each); emerg and example are in-progress stays. The slots are a room's. The only role ended in 2012.
#: Claims and answers are dated by the day; eight claims state no total and count by their lines; one asks in advance.
HL7 = (
    {
        "practitioner": Landed(10),
        "practitioner_role": Landed(1),
        "practitioner_role_available_time": Landed(2),
        "practitioner_role_available_day": Landed(5),
        "location": Landed(4),
        "patient": Landed(15),
        "patient_identifier": Landed(16),
        "patient_link": Landed(3),
        "episode_of_care": Landed(1),
        "schedule": Landed(2),
        "schedule_actor": Landed(3),
        "slot": Landed(3),
        "appointment": Landed(1, {"created: naive_time": 1}),
        "appointment_participant": Landed(4),
        "encounter": Landed(6, {"start_at: naive_time": 1, "end_at: naive_time": 1}),
        "encounter_participant": Landed(4),
        "measure_observation": Landed(0, {}, {"not_a_measure": 43}),
        "questionnaire_response": Landed(3, {"authored: naive_time": 1}),
        "questionnaire_item": Landed(5),
        "questionnaire_subitem": Landed(3),
        "communication": Landed(2),
        "communication_recipient": Landed(2),
        "audit_event": Landed(6),
        "audit_agent": Landed(13),
        "audit_entity": Landed(9),
        "coverage": Landed(3),
        "claim": Landed(12),
        "claim_item": Landed(18),
        "claim_item_modifier": Landed(1),
        "claim_response": Landed(4),
        "explanation_of_benefit": Landed(2),
        "explanation_total": Landed(4),
        "explanation_item": Landed(2),
        "explanation_adjudication": Landed(4),
    },
    {
        "location": Mapped(4),
        "clinician": Mapped(10),
        "clinician_identifier": Mapped(0, {}, {"no_npi": 10}),
        "client": Mapped(15),
        "client_identifier": Mapped(11, {}, {"no_number": 2, "identifier_of_another_kind": 7, "no_email": 14}),
        "key_merge": Mapped(0, {}, {"no_merge": 3}),
        "coverage": Mapped(3),
        "ehr_event": Mapped(1, {}, {"no_clinician": 5}),
        "message": Mapped(2),
        "measure_response": Mapped(0, {}, {"no_phq9": 3, "no_gad7": 3, "no_epds": 3}),
        "measure_item": Mapped(0, {}, {"no_item_of_a_measure": 8}),
        "claim": Mapped(11, {}, {"no_claim": 1}),
        "charge": Mapped(15, {}, {"no_claim": 3}),
        "charge_modifier": Mapped(1),
        "claim_event": Mapped(1, {}, {"answers_no_claim": 2, "no_claim": 1}),
        "claim_payment": Mapped(1, {}, {"not_processed": 1}),
        "claim_payment_line": Mapped(2),
        "episode": Mapped(1),
        "case_assignment": Mapped(1),
        "appointment": Mapped(1),
        "appointment_event": Mapped(1),
        "session": Mapped(0, {"missing_required": 8}, {"not_outpatient": 2}),
        "session_clinician": Mapped(4),
        "session_participant": Mapped(4, {}, {"not_outpatient": 2}),
        "schedule_block": Mapped(0, {}, {"no_clinicians_schedule": 3}),
        "availability_template": Mapped(0, {}, {"role_ended": 5}),
    },
)

#: US Core examples: a PHQ-9 as panel, total (as text) and items (as LOINC answers), joined by the panel alone; five
#: AUDIT-C observations. The PHQ-9 is there as a form too, from which the observations derive: the form counts. A Bundle
#: holds the fifth practitioner and the role. Encounter/example-1 names no clinician.
US_CORE = (
    {
        "practitioner": Landed(5),
        "practitioner_role": Landed(1),
        "patient": Landed(4),
        "patient_identifier": Landed(4),
        "encounter": Landed(3),
        "measure_observation": Landed(12, {}, {"not_a_measure": 5}),
        "measure_panel_member": Landed(11),
        "questionnaire_response": Landed(2),
        "questionnaire_item": Landed(15),
    },
    {
        "clinician": Mapped(5),
        "clinician_identifier": Mapped(5),
        "client": Mapped(4),
        "client_identifier": Mapped(6, {}, {"no_email": 2}),
        "session": Mapped(0, {"missing_required": 1}, {"not_outpatient": 2}),
        "session_participant": Mapped(1, {}, {"not_outpatient": 2}),
        "measure_response": Mapped(
            1, {}, {"of_a_questionnaire_response": 12, "no_phq9": 1, "no_gad7": 2, "no_epds": 2}
        ),
        "measure_item": Mapped(9, {}, {"of_a_questionnaire_response": 12, "no_item_of_a_measure": 5, "total": 1}),
    },
)

#: Transaction Bundles, one per patient: 126 encounters, 8 of them hospital stays, 1 of the others longer than 8 h.
#: Of 379 claim lines 198 are diagnoses without an amount; of 349 answered ones 181 say what was paid.
TRANSACTIONS = (
    {
        "practitioner": Landed(26),
        "patient": Landed(12),
        "patient_identifier": Landed(55),
        "encounter": Landed(126),
        "encounter_participant": Landed(126),
        "measure_observation": Landed(0, {}, {"not_a_measure": 950}),
        "claim": Landed(156),
        "claim_item": Landed(379),
        "explanation_of_benefit": Landed(126),
        "explanation_total": Landed(126),
        "explanation_item": Landed(349),
        "explanation_adjudication": Landed(1086),
    },
    {
        "clinician": Mapped(26),
        "clinician_identifier": Mapped(26),
        "client": Mapped(12),
        "client_identifier": Mapped(12, {}, {"identifier_of_another_kind": 43, "no_email": 12}),
        "session": Mapped(117, {"session_duration": 1}, {"not_outpatient": 8}),
        "session_clinician": Mapped(118, {}, {"not_outpatient": 8}),
        "session_participant": Mapped(118, {}, {"not_outpatient": 8}),
        "claim": Mapped(156),
        "charge": Mapped(181, {}, {"no_amount": 198}),
        "claim_payment": Mapped(126),
        "claim_payment_line": Mapped(181, {}, {"no_amount_paid": 168}),
    },
)

EXPECTED = {
    "sample-bulk-10-patients": SAMPLE_BULK,
    "pysynthea-behavioural": PYSYNTHEA,
    "hl7-r4-examples": HL7,
    "us-core-examples": US_CORE,
    "synthea-bulk-data-server": TRANSACTIONS,
}


def make_home(folder: Path, tmp_path: Path, *, default_tz: str | None = None) -> PracticeHome:
    toml = tmp_path / "pacekeeper.toml"
    zone = f'default_tz = "{default_tz}"\n' if default_tz else ""
    toml.write_text(
        '[practice]\nname = "Test"\nhome_tz = "America/New_York"\n'
        f'[sources.ehr]\nconnector = "fhir"\nfolder = "{folder}"\nquarantine_limit = 1.0\n{zone}'
    )
    home = PracticeHome(load_settings(toml))
    home.create()
    return home


def run(home: PracticeHome) -> dict[str, MappingResult]:
    (landed,) = land_sources(home, run_id=RUN, as_of=AS_OF)
    assert (landed.state, landed.message) == ("ok", None)
    return {result.entity: result for result in map_sources(home, run_id=RUN, as_of=AS_OF)}


def landed_streams(home: PracticeHome) -> dict[str, Landed]:
    reasons: dict[tuple[str, str], Reasons] = {}
    for row in home.ops.rows(StreamReason, source="ehr"):
        reasons.setdefault((row.stream, row.kind), {})[row.reason] = row.rows
    found = {}
    for run in home.ops.rows(StreamRun, source="ehr"):
        assert run.is_balanced
        if run.read:
            rejected = reasons.get((run.stream, "rejected"), {})
            found[run.stream] = Landed(run.inserted, rejected, reasons.get((run.stream, "out_of_scope"), {}))
    return found


@pytest.mark.testdata
@pytest.mark.parametrize("folder", EXPECTED)
def test_every_file_comes_to_the_counts_agreed_with_it(folder: str, testdata: Path, tmp_path: Path) -> None:
    streams, entities = EXPECTED[folder]
    home = make_home(testdata / folder, tmp_path)
    results = run(home)
    assert landed_streams(home) == streams
    assert {result.state for result in results.values()} == {"swapped"}
    found = {
        name: Mapped(result.mapped, dict(result.quarantined), dict(result.out_of_scope))
        for name, result in results.items()
        if result.in_scope
    }
    assert found == entities


@pytest.mark.testdata
def test_with_a_zone_to_read_them_in_the_days_of_the_hl7_examples_land(testdata: Path, tmp_path: Path) -> None:
    home = make_home(testdata / "hl7-r4-examples", tmp_path, default_tz="Europe/Amsterdam")
    results = run(home)
    streams = landed_streams(home)
    assert (streams["appointment"], streams["encounter"]) == (Landed(2), Landed(7))
    assert results["appointment"].mapped == 2
    assert results["session"].out_of_scope == {"not_outpatient": 3}


@pytest.mark.testdata
def test_the_us_core_form_comes_to_twelve_points(testdata: Path, tmp_path: Path) -> None:
    home = make_home(testdata / "us-core-examples", tmp_path)
    run(home)
    with home.warehouse.connect(read_only=True) as connection:
        response = connection.raw.execute(
            "SELECT total, source_total, items_missing, status FROM canonical.measure_response"
        ).fetchall()
        items = connection.raw.execute("SELECT item_no, value FROM canonical.measure_item ORDER BY 1").fetchall()
    assert response == [(12, 12, 0, "complete")]
    assert items == list(enumerate([2, 2, 2, 2, 1, 1, 2, 0, 0], 1))
