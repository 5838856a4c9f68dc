"""The generated practice: every row keeps the contract, every link leads somewhere, equal seeds give equal rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import cast

import duckdb
import polars as pl
import pytest

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import primary_key
from pacekeeper.contract.validation import failing_rows, pandera_schema
from pacekeeper.engine.duckdb import Connection
from pacekeeper.testing.canonical_practice import SOURCES, CanonicalPractice, Shares, generate_canonical

#: Where a key leads, by column name; of a few columns, by table and column.
_LINKS: Mapping[str, str] = {
    "practice_key": "SELECT practice_key FROM canonical.practice",
    "location_key": "SELECT location_key FROM canonical.location",
    "home_location_key": "SELECT location_key FROM canonical.location",
    "clinician_key": "SELECT clinician_key FROM canonical.clinician UNION SELECT clinician_key FROM "
    "canonical.clinician_identifier",
    "client_key": "SELECT client_key FROM canonical.client UNION SELECT client_key FROM canonical.client_identifier",
    "episode_key": "SELECT episode_key FROM canonical.episode",
    "appointment_key": "SELECT appointment_key FROM canonical.appointment",
    "session_key": "SELECT session_key FROM canonical.session",
    "group_key": "SELECT group_key FROM canonical.appointment",
    "alert_key": "SELECT alert_key FROM canonical.clinical_alert",
    "case_weight_key": "SELECT case_weight_key FROM canonical.case_weight",
    "response_key": "SELECT response_key FROM canonical.measure_response",
    "charge_key": "SELECT charge_key FROM canonical.charge",
    "claim_key": "SELECT claim_key FROM canonical.claim",
    "remit_key": "SELECT remit_key FROM canonical.remit",
    "claim_payment_key": "SELECT claim_payment_key FROM canonical.claim_payment",
    "payment_line_key": "SELECT payment_line_key FROM canonical.claim_payment_line",
    "comp_plan_key": "SELECT comp_plan_key FROM canonical.comp_plan",
    "response_token": "SELECT response_token FROM canonical.staff_survey_response",
    "wave_key": "SELECT wave_key FROM canonical.survey_wave",
    "team_key": "SELECT k FROM (SELECT team_key AS k FROM canonical.survey_wave UNION SELECT team_key FROM "
    "canonical.supervision_link)",
    "in_reply_to_key": "SELECT message_key FROM canonical.message",
    "about_key": "SELECT appointment_key FROM canonical.appointment",
    "rescheduled_to_key": "SELECT appointment_key FROM canonical.appointment",
    "original_claim_key": "SELECT claim_key FROM canonical.claim",
    "reversal_of_key": "SELECT payment_key FROM canonical.payment",
    "trigger_response_key": "SELECT response_key FROM canonical.measure_response",
    "from_key": "SELECT client_key FROM canonical.client",
    "into_key": "SELECT client_key FROM canonical.client",
}
_LIKE_CLINICIAN = ("supervisor_key", "counterpart_key", "primary_clinician_key", "billing_clinician_key")
#: Keys that lead nowhere: what rows share.
_FREE = {"line_control_key", "thread_key", "person_key", "record_key", "match_key"}

#: What must occur, as a condition on one table.
_FEATURES: Mapping[str, tuple[str, str]] = {
    "two zones": ("location", "tz = 'America/Denver'"),
    "a day of 25 hours": ("calendar_day", "ends_at - starts_at = INTERVAL 25 HOUR"),
    "a day of 23 hours": ("calendar_day", "ends_at - starts_at = INTERVAL 23 HOUR"),
    "part time": ("employment", "fte = 0.5 AND employment_type = 'w2'"),
    "contractor without FTE": ("employment", "employment_type = '1099' AND fte IS NULL AND contract_h_week IS NULL"),
    "FTE change in a week": ("employment", "isodow(start_date) = 3 AND fte = 0.6"),
    "hired in the window": ("employment", "start_date > DATE '2025-10-06'"),
    "leaver": ("employment", "end_date > DATE '2025-10-06' AND end_reason <> 'contract_end'"),
    "override of a target": ("employment", "target_override IS NOT NULL"),
    "known to HR only": ("clinician", "NOT is_client_facing"),
    "intern": ("clinician", "role = 'intern' AND license_level = 'trainee'"),
    "supervision": ("supervision_link", "kind = 'clinical'"),
    "owner": ("supervision_link", "kind = 'admin'"),
    "two accounts": (
        "person_match",
        "person_key IN (SELECT person_key FROM canonical.person_match GROUP BY ALL HAVING count(*) > 3)",
    ),
    "paid leave": ("pto_ledger", "kind = 'take'"),
    "half day": ("pto_ledger", "kind IN ('take', 'unpaid') AND hours = 4"),
    "sick leave": ("pto_ledger", "kind = 'sick'"),
    "parental leave": ("pto_ledger", "kind = 'parental'"),
    "leave block": ("schedule_block", "kind = 'pto'"),
    "holiday": ("practice_closure", "kind = 'holiday' AND location_key IS NULL"),
    "closure of some hours": ("practice_closure", "kind = 'closure' AND start_at IS NOT NULL"),
    "closure of a day": ("practice_closure", "kind = 'closure' AND start_at IS NULL"),
    "weekly template": ("availability_template", "true"),
    "hot seat": ("schedule_block", "kind = 'hot_seat'"),
    "on-call block": ("schedule_block", "kind = 'on_call'"),
    "protected time": ("schedule_block", "is_protected"),
    "group": ("session", "session_type = 'group' AND group_key IS NOT NULL AND appointment_key IS NULL"),
    "seat of a group": ("appointment", "group_key IS NOT NULL AND capacity = 8"),
    "no-show of a seat": ("appointment", "group_key IS NOT NULL AND status = 'no_show'"),
    "couple": ("session", "session_type = 'couple'"),
    "family": ("session", "session_type = 'family'"),
    "co-therapist": ("session_clinician", "role = 'co_therapist' AND counts_direct"),
    "observed intern": ("session_clinician", "role = 'supervisor' AND NOT counts_direct"),
    "visit of 20 minutes": ("session", "session_type = 'medication' AND ended_at - started_at < INTERVAL 25 MINUTE"),
    "testing": ("session", "session_type = 'testing' AND ended_at - started_at > INTERVAL 90 MINUTE"),
    "intake": ("session", "is_intake AND session_type = 'intake'"),
    "telehealth": ("session", "modality = 'video'"),
    "over midnight": (
        "session",
        "session_type = 'crisis' AND ended_at - started_at > INTERVAL 30 MINUTE AND (TIME '23:30' IN ("
        "timezone('America/New_York', started_at)::TIME, timezone('America/Denver', started_at)::TIME))",
    ),
    "partial session": ("session", "status = 'partial'"),
    "voided session": ("session", "status = 'voided'"),
    "unknown session": ("session", "status = 'unknown'"),
    "unreviewed session": ("session", "status = 'unreviewed'"),
    "session without appointment": ("session", "appointment_key IS NULL AND group_key IS NULL"),
    "overlapping sessions": (
        "session",
        "session_type = 'crisis' AND EXISTS (FROM canonical.session o WHERE o.clinician_key = session.clinician_key "
        "AND o.session_key <> session.session_key AND o.started_at < session.ended_at "
        "AND o.ended_at > session.started_at)",
    ),
    "scheduled duration": ("session", "duration_source = 'scheduled'"),
    "nominal duration": ("session", "duration_source = 'cpt_nominal'"),
    "no-show": ("appointment", "status = 'no_show'"),
    "late cancellation": ("appointment", "cancelled_by = 'client' AND start_at - cancelled_at < INTERVAL 24 HOUR"),
    "advance cancellation": ("appointment", "cancelled_by = 'client' AND start_at - cancelled_at > INTERVAL 24 HOUR"),
    "cancelled after the start": ("appointment", "cancelled_at >= start_at"),
    "cancelled at an unknown time": ("appointment", "status = 'cancelled' AND cancelled_at IS NULL"),
    "cancelled by the clinician": ("appointment", "cancelled_by = 'clinician'"),
    "cancelled by the practice": ("appointment", "cancelled_by = 'practice'"),
    "rescheduled": ("appointment", "status = 'rescheduled' AND rescheduled_to_key IS NOT NULL"),
    "entered in error": ("appointment", "status = 'entered_in_error'"),
    "unknown appointment": ("appointment", "status = 'unknown'"),
    "unreviewed appointment": ("appointment", "status = 'unreviewed'"),
    "appointment ahead": ("appointment", "status = 'booked' AND booked_via = 'recurring'"),
    "cancelled ahead": ("appointment", "status = 'cancelled' AND start_at > TIMESTAMPTZ '2026-04-06 07:00:00+00'"),
    "no booking time": ("appointment", "booked_at IS NULL AND client_key IS NOT NULL"),
    "no client": ("appointment", "client_key IS NULL"),
    "kept without a session": (
        "appointment",
        "status = 'kept' AND client_key IS NOT NULL AND group_key IS NULL AND appointment_key NOT IN "
        "(SELECT appointment_key FROM canonical.session WHERE appointment_key IS NOT NULL)",
    ),
    "history of a day's precision": ("appointment_event", "at_precision = 'day'"),
    "reminder not sent": ("reminder", "sent_at IS NULL"),
    "note signed late": ("note", "signed_at - service_at > INTERVAL 72 HOUR"),
    "note never signed": ("note", "signed_at IS NULL AND service_at < TIMESTAMPTZ '2026-02-01 00:00:00+00'"),
    "note before the session": ("note", "created_at < service_at"),
    "amended note": ("note", "status = 'amended' AND amended_count > 0"),
    "cosigned note": ("note", "cosigned_at > signed_at"),
    "session without a note": (
        "session",
        "status = 'completed' AND session_key NOT IN (SELECT session_key FROM canonical.note "
        "WHERE session_key IS NOT NULL)",
    ),
    "reply": ("message", "in_reply_to_key IS NOT NULL AND direction = 'out'"),
    "unanswered message": ("message", "direction = 'in' AND replied_at IS NULL"),
    "internal mail": ("message", "direction = 'internal' AND client_key IS NULL"),
    "task": ("task", "status = 'completed'"),
    "work in the evening": (
        "ehr_interval",
        "timezone('America/New_York', started_at)::TIME BETWEEN TIME '20:00' AND '22:00' AND active_min > 0",
    ),
    "work at night": (
        "ehr_interval",
        "timezone('America/New_York', started_at)::TIME BETWEEN TIME '00:00' AND '02:00'",
    ),
    "PHQ-9": ("measure_response", "instrument = 'phq9' AND status = 'complete'"),
    "GAD-7": ("measure_response", "instrument = 'gad7' AND status = 'complete'"),
    "EPDS": ("measure_response", "instrument = 'epds'"),
    "missing item": ("measure_response", "status = 'partial' AND total IS NULL AND items_missing = 1"),
    "safety item missing": (
        "measure_item",
        "item_no = 9 AND value IS NULL",
    ),
    "safety item": ("measure_item", "item_no = 9 AND value > 0"),
    "total without items": ("measure_response", "items_missing IS NULL AND source_total IS NOT NULL"),
    "not filled in": ("measure_response", "status = 'invalid' AND missing_reason IS NOT NULL"),
    "caregiver": ("measure_response", "respondent = 'caregiver'"),
    "alert without action": (
        "clinical_alert",
        "alert_key NOT IN (SELECT alert_key FROM canonical.alert_action)",
    ),
    "alert with action": ("alert_action", "action = 'safety_plan'"),
    "alert nobody was told of": ("clinical_alert", "supervisor_notified_at IS NULL"),
    "run of no-shows": ("clinical_alert", "kind = 'no_show_run'"),
    "off track": ("clinical_alert", "kind = 'off_track'"),
    "dropout": ("episode", "closure_type = 'client_unilateral'"),
    "episode nobody closed": (
        "episode",
        "closed_on IS NULL AND status = 'active' AND episode_key NOT IN (SELECT episode_key FROM canonical.appointment "
        "WHERE start_at > TIMESTAMPTZ '2026-01-15 00:00:00+00' AND episode_key IS NOT NULL)",
    ),
    "deceased client": ("client", "is_deceased"),
    "transfer": ("case_assignment", "end_reason IN ('transfer_fit', 'transfer_capacity')"),
    "case of a leaver": ("case_assignment", "end_reason = 'clinician_left'"),
    "shared case": ("case_assignment", "share = 0.5"),
    "client under two clinicians": (
        "client",
        "client_key IN (SELECT client_key FROM canonical.case_assignment GROUP BY ALL "
        "HAVING count(DISTINCT clinician_key) > 1)",
    ),
    "merge": ("client_match", "matched_on = 'merge'"),
    "two records by MRN": ("client_match", "matched_on = 'mrn'"),
    "identity to review": ("identity_review", "entity = 'client' AND reason = 'unmatched'"),
    "weights": ("case_weight", "rated_by_role IS NULL OR weight = 3"),
    "flags of acuity": ("case_weight_flag", "flag = 'si_risk'"),
    "add-on code": ("charge", "procedure_code = '90833'"),
    "billed under another": ("charge", "billing_clinician_key <> clinician_key"),
    "fee for a no-show": (
        "charge",
        "procedure_code = 'NOSHOW' AND appointment_key IS NOT NULL AND session_key IS NULL",
    ),
    "voided charge": ("charge", "status = 'voided'"),
    "self-pay without claim": ("charge", "payer_class = 'self_pay' AND claim_key IS NULL"),
    "denial": ("remit_adjustment", "denial_family = 'authorisation'"),
    "contractual adjustment": ("remit_adjustment", "carc = '45' AND denial_family IS NULL"),
    "capitation": ("remit_adjustment", "carc = '24' AND denial_family IS NULL"),
    "reversal": ("claim_payment", "status = 'reversal' AND paid_cents < 0"),
    "reversed posting": ("payment", "is_reversal AND amount_cents < 0 AND reversal_of_key IS NOT NULL"),
    "secondary payer": ("claim_payment", "status = 'secondary' AND paid_cents > 0"),
    "replacement": ("claim", "frequency = 'replacement'"),
    "claim without an answer": ("claim", "claim_key NOT IN (SELECT claim_key FROM canonical.claim_payment)"),
    "remittance that does not balance": ("remit", "NOT is_balanced"),
    "member months": ("member_month", "members_n > 0"),
    "pay tiers": ("comp_plan_tier", "to_sessions IS NULL"),
    "pay period": ("pay_period", "comp_plan_key IS NOT NULL"),
    "small team": ("survey_wave", "invited_n < 5"),
    "survey answer": ("staff_survey_item", "value > 0"),
    "seat whose modality changed": ("appointment_event", "seq = 3 AND change = 'status'"),
    "sheet of a published scale": ("staff_survey_response", "instrument = 'mini_z'"),
    "referral out": ("referral", "direction = 'out'"),
    "inquiry without a step": ("referral", "responded_at IS NULL OR inquiry_at IS NULL"),
    "referral on the waiting list": ("referral", "outcome = 'waitlist' AND client_key IS NULL"),
    "hours of supervision": ("time_entry", "kind = 'supervision_ind' AND counterpart_key IS NOT NULL"),
    "supervision called off": ("time_entry", "cancelled_by IS NOT NULL"),
    "capacity flag": ("capacity_flag", "true"),
    "report": ("report_delivery", "kind = 'own_data'"),
    "experiment": ("experiment", "decision IS NULL"),
    "experiment declared late": ("experiment", "declared_on > after_from"),
}


@pytest.fixture
def empty() -> Iterator[Connection]:
    with duckdb.connect() as raw:
        yield Connection(raw)


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with duckdb.connect() as raw:
        yield Connection(raw)


@pytest.fixture(scope="module")
def practice(connection: Connection) -> CanonicalPractice:
    return generate_canonical(connection, seed=7, clinicians=12, weeks=26)


pytestmark = pytest.mark.usefixtures("practice")


def test_every_row_keeps_the_contract(connection: Connection) -> None:
    for name, entity in ENTITIES.items():
        rows = cast("pl.DataFrame", pl.from_arrow(connection.raw.execute(f"FROM canonical.{name}").to_arrow_table()))
        faults = failing_rows(pandera_schema(entity), rows, rules=entity.rules)
        assert {(column, reason) for _, column, reason in faults} == set(), name
        assert rows.select(primary_key(entity)).is_duplicated().sum() == 0, name


def test_every_table_has_rows(practice: CanonicalPractice) -> None:
    assert [name for name, rows in practice.rows.items() if not rows] == []


def test_every_link_leads_somewhere(connection: Connection) -> None:
    broken = {}
    for name, entity in ENTITIES.items():
        for column in entity.model_fields:
            if not column.endswith(("_key", "_token")) or column in _FREE or column in primary_key(entity)[:1]:
                continue
            known = _LINKS["clinician_key"] if column in _LIKE_CLINICIAN else _LINKS[column]
            lost = connection.count(f"SELECT count(*) FROM canonical.{name} WHERE {column} NOT IN ({known})")
            if lost:
                broken[f"{name}.{column}"] = lost
    assert broken == {}


@pytest.mark.parametrize(("table", "condition"), _FEATURES.values(), ids=_FEATURES)
def test_every_feature_occurs(connection: Connection, table: str, condition: str) -> None:
    assert connection.count(f"SELECT count(*) FROM canonical.{table} WHERE {condition}") > 0


def test_nothing_is_known_after_the_end(connection: Connection, practice: CanonicalPractice) -> None:
    end = practice.as_of.isoformat()
    for table, column in (
        ("session", "ended_at"),
        ("note", "signed_at"),
        ("note", "cosigned_at"),
        ("appointment", "booked_at"),
        ("appointment", "cancelled_at"),
        ("appointment_event", '"at"'),
        ("reminder", "sent_at"),
        ("message", "replied_at"),
        ("ehr_event", "ended_at"),
        ("clinical_alert", "created_at"),
        ("alert_action", "acted_at"),
        ("referral", "accepted_at"),
        ("remit", "paid_on::TIMESTAMPTZ"),
        ("payment", "posted_on::TIMESTAMPTZ"),
    ):
        late = connection.count(f"SELECT count(*) FROM canonical.{table} WHERE {column} > TIMESTAMPTZ '{end}'")
        assert late == 0, f"{table}.{column}"


def test_steps_follow_each_other(connection: Connection) -> None:
    for table, first, then in (
        ("appointment", "booked_at", "cancelled_at"),
        ("appointment", "booked_at", "start_at"),
        ("appointment", "start_at", "end_at"),
        ("note", "created_at", "signed_at"),
        ("message", "sent_at", "replied_at"),
        ("message", "received_at", "read_at"),
        ("referral", "inquiry_at", "accepted_at"),
        ("case_assignment", "from_date", "to_date"),
        ("episode", "opened_on", "closed_on"),
        ("employment", "start_date", "end_date"),
        ("claim", "service_to", "submitted_on"),
        ("ehr_event", '"at"', "ended_at"),
    ):
        wrong = connection.count(f"SELECT count(*) FROM canonical.{table} WHERE {then} < {first}")
        assert wrong == 0, f"{table}: {then} before {first}"


def test_money_adds_up(connection: Connection) -> None:
    lines = """
        SELECT count(*) FROM canonical.claim_payment_line l LEFT JOIN (
            SELECT payment_line_key, sum(amount_cents) AS off FROM canonical.remit_adjustment GROUP BY ALL
        ) USING (payment_line_key) WHERE charge_cents - coalesce(off, 0) <> paid_cents
    """
    claims = """
        SELECT count(*) FROM canonical.claim_payment p JOIN (
            SELECT claim_payment_key, sum(paid_cents) AS paid, sum(charge_cents) AS charged
            FROM canonical.claim_payment_line GROUP BY ALL
        ) USING (claim_payment_key) WHERE paid <> paid_cents OR charged <> charge_cents
    """
    remits = """
        SELECT count(*) FROM canonical.remit r JOIN (
            SELECT remit_key, sum(paid_cents) AS paid FROM canonical.claim_payment GROUP BY ALL
        ) USING (remit_key) WHERE (amount_cents = paid - adjusted_cents) <> is_balanced
    """
    for sql in (lines, claims, remits):
        assert connection.count(sql) == 0


def test_clinicians_are_seen_as_often_as_in_life(connection: Connection) -> None:
    """A full-time therapist of the middle holds 12 to 28 hours in a week; 4 to 9 of 100 seats are no-shows."""
    hours = connection.raw.execute("""
        SELECT median(h) FROM (
            SELECT sum(epoch(ended_at) - epoch(started_at)) / 3600 AS h FROM canonical.session s
            JOIN canonical.clinician c USING (clinician_key)
            WHERE c.role = 'therapist' AND s.status = 'completed'
            GROUP BY clinician_key, date_trunc('week', started_at))
    """).fetchone()
    missed = connection.raw.execute(
        "SELECT count(*) FILTER (status = 'no_show') / count(*) FROM canonical.appointment "
        "WHERE status IN ('kept', 'no_show') AND client_key IS NOT NULL"
    ).fetchone()
    assert hours is not None
    assert missed is not None
    assert 12 < hours[0] < 28
    assert 0.04 < missed[0] < 0.14


def test_equal_seeds_give_equal_rows_whatever_the_threads() -> None:
    hashes = []
    for seed, threads in ((3, 1), (3, 2), (4, 2)):
        with duckdb.connect(config={"threads": threads}) as raw:
            found = generate_canonical(Connection(raw), seed=seed, clinicians=4, weeks=6)
            hashes.append({name: Connection(raw).content_hash(f"canonical.{name}") for name in ENTITIES})
    assert hashes[0] == hashes[1]
    alike = [name for name in ENTITIES if hashes[0][name] == hashes[2][name] and found.rows[name]]
    assert set(alike) <= {"calendar_day", "practice"}


@pytest.mark.parametrize(("clinicians", "weeks"), [(1, 1), (2, 60), (30, 3)], ids=["tiny", "long", "wide"])
def test_any_size_keeps_the_contract(empty: Connection, clinicians: int, weeks: int) -> None:
    found = generate_canonical(empty, seed=1, clinicians=clinicians, weeks=weeks)
    test_every_row_keeps_the_contract(empty)
    test_every_link_leads_somewhere(empty)
    assert found.rows["appointment"] > clinicians * weeks


def test_what_is_left_out_is_left_out(empty: Connection) -> None:
    """No events in a large practice, a share of zero, a source that was not read to the end, an entity nobody maps."""
    found = generate_canonical(
        empty,
        seed=1,
        clinicians=10,
        weeks=4,
        shares=Shares(no_show=0, group_clinician=0, couple_episode=0, family_episode=0),
        ehr_events=False,
        stale_source="billing",
        stale_days=10,
        unmapped="message",
    )
    kinds = empty.raw.execute("SELECT DISTINCT session_type FROM canonical.session").fetchall()
    assert not {kind for (kind,) in kinds} & {"group", "couple", "family"}
    ends = {(row.source, row.entity): row.complete_through for row in found.completeness}
    assert {source for source, _ in ends} == set(SOURCES)
    assert ends["billing", "claim"] == found.as_of - timedelta(days=10)
    assert ends["ehr", "charge"] == found.as_of
    assert not [entity for _, entity in ends if entity == "message"]
    assert found.rows["message"] == 0
    assert found.rows["ehr_event"] == 0
    overlapping = empty.count("""
        SELECT count(*) FROM (SELECT ended_at, lead(started_at) OVER (PARTITION BY clinician_key ORDER BY started_at)
            AS next_at FROM canonical.ehr_interval) WHERE next_at < ended_at
    """)
    assert found.rows["ehr_interval"] > 0
    assert overlapping == 0
