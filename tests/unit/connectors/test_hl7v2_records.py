"""Charges, payments, notes and questionnaires from DFT, MDM and ORU messages."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.raw_bench import key
from tests.unit.connectors.hl7v2_desk import Desk

from pacekeeper.testing.hl7v2_messages import adt, dft, mdm, oru
from pacekeeper_connectors.hl7v2.oru import ITEM_CODES

PHQ9, GAD7 = ITEM_CODES["phq9"], ITEM_CODES["gad7"]
TAKEN = datetime(2026, 1, 5, 14, 45, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, 5, hour, minute, tzinfo=UTC)


def test_a_charge_has_its_cents_modifiers_and_session(desk: Desk) -> None:
    visit = adt("A03", visit="v1", admitted="20260105100000-0500", discharged="20260105105000-0500")
    desk.send(visit, dft({4: "202601051000^202601051050", 26: "95~HJ"}, visit="v1"))
    assert desk.one("charge") == {
        "charge_key": key("charge", "tx1"),
        "session_key": key("session", "v1"),
        "client_key": key("client", "pt1"),
        "clinician_key": key("clinician", "pr1"),
        "service_date": date(2026, 1, 5),
        "procedure_code": "90837",
        "units": 1.0,
        "charge_cents": 15000,
        "currency": "USD",
        "payer_class": "unknown",
        "status": "billed",
    }
    modifiers = {row["position"]: row["modifier"] for row in desk.bench.wanted("charge_modifier")}
    assert modifiers == {1: "95", 2: "HJ"}


def test_types_of_transactions_go_their_ways_and_are_counted(desk: Desk) -> None:
    kinds = ("CG", "PY", "CO", "AJ", "CD", "ZZ")
    desk.send(dft(*({2: f"tx-{kind}", 6: kind, 7: "Payer", 11: "20.50&EUR"} for kind in kinds)))
    assert [row["charge_key"] for row in desk.rows("charge")] == [key("charge", "tx-CG")]
    paid = {row["payment_key"]: (row["payment_source"], row["amount_cents"]) for row in desk.bench.wanted("payment")}
    assert paid == {key("payment", "tx-PY"): ("payer", 2050), key("payment", "tx-CO"): ("client", 2050)}
    reasons = ["adjustment", "copayment", "credit", "payment", "unknown_transaction_type"]
    assert desk.bench.reasons("charge") == reasons


def test_a_credit_of_the_same_number_voids_the_charge_and_a_new_charge_stands(desk: Desk) -> None:
    desk.send(dft({}), dft({6: "CD"}, sent="20260107", control="2"))
    assert desk.one("charge")["status"] == "voided"
    desk.send(dft({11: "90"}, sent="20260108", control="3"))
    assert (desk.one("charge")["status"], desk.one("charge")["charge_cents"]) == ("billed", 9000)


def test_money_that_goes_back_is_a_reversal(desk: Desk) -> None:
    found = desk.send(dft({6: "PY", 11: "-12.00"})).one("payment")
    assert (found["amount_cents"], found["is_reversal"], found["posted_on"]) == (-1200, True, date(2026, 1, 6))


def test_without_a_whole_amount_it_is_the_units_times_their_price(desk: Desk) -> None:
    assert desk.send(dft({10: "3", 11: "", 12: "33.10"})).one("charge")["charge_cents"] == 9930


def test_lines_that_share_a_number_or_have_none_are_told_apart(desk: Desk) -> None:
    desk.send(dft({2: "a"}, {2: "a"}, {2: ""}, {2: ""}))
    assert len({row["charge_key"] for row in desk.rows("charge")}) == 4


def test_a_note_is_begun_signed_and_countersigned(desk: Desk) -> None:
    signatures = f"pr1{'^' * 14}20260105120000-0500~pr9{'^' * 14}20260105130000-0500"
    desk.send(mdm("T02", {}), mdm("T03", {17: "AU", 22: signatures}, sent="20260105130100-0500", control="2"))
    assert desk.one("note") == {
        "note_key": key("note", "nt1"),
        "client_key": key("client", "pt1"),
        "clinician_key": key("clinician", "pr1"),
        "note_type": "progress",
        "note_type_source_code": "PN",
        "service_at": at(15),
        "created_at": at(16),
        "signed_at": at(17),
        "cosigned_at": at(18),
        "amended_count": 0,
        "status": "final",
        "status_source_code": "AU",
    }


@pytest.mark.parametrize(
    ("completion", "status"),
    [
        ("IP", "draft"),
        ("IN", "draft"),
        ("DI", "preliminary"),
        ("DO", "preliminary"),
        ("PA", "preliminary"),
        ("AU", "final"),
        ("LA", "final"),
        ("XX", "unknown"),
    ],
)
def test_completion_gives_the_state_of_a_note(desk: Desk, completion: str, status: str) -> None:
    assert desk.send(mdm("T02", {17: completion})).one("note")["status"] == status


def test_an_addendum_changes_the_note_it_names_and_is_none_itself(desk: Desk) -> None:
    signed = mdm("T02", {17: "AU", 22: f"pr1{'^' * 14}20260105120000-0500"})
    addendum = {12: "nt2", 13: "nt1", 6: "20260107090000-0500", 17: "AU"}
    desk.send(signed, mdm("T06", addendum, sent="20260107090000-0500", control="2"))
    found = desk.one("note")
    assert (found["note_key"], found["status"], found["amended_count"]) == (key("note", "nt1"), "amended", 1)
    assert (found["created_at"], found["signed_at"]) == (at(16), at(17))


def test_an_addendum_to_a_note_that_was_never_sent_is_no_note(desk: Desk) -> None:
    assert desk.send(mdm("T06", {12: "nt2", 13: "nt1"})).rows("note") == []
    assert desk.bench.reasons("note") == ["addendum_only"]


def test_a_cancelled_note_was_entered_in_error(desk: Desk) -> None:
    desk.send(mdm("T02", {}), mdm("T11", {}, sent="20260106120000-0500", control="2"))
    assert desk.one("note")["status"] == "entered_in_error"


def test_of_a_process_note_nothing_lands(desk: Desk) -> None:
    desk.send(mdm("T02", {2: "psychotherapy"}))
    counts = desk.bench.read()["note_message"]
    assert (counts.read, counts.kept, dict(counts.out_of_scope)) == (1, 0, {"process_note": 1})


def test_a_form_has_its_items_and_the_sum_of_them(desk: Desk) -> None:
    answers = {code: str(n % 4) for n, code in enumerate(PHQ9)} | {"44261-6": "11"}
    desk.send(oru(answers))
    assert desk.one("measure_response") == {
        "response_key": key("measure_response", "or1#phq9"),
        "client_key": key("client", "pt1"),
        "instrument": "phq9",
        "administered_at": TAKEN,
        "completed_at": TAKEN,
        "respondent": "unknown",
        "total": 12.0,
        "source_total": 11.0,
        "items_missing": 0,
        "status": "complete",
        "scoring_version": "phq9-sum-1",
    }
    items = sorted((row["item_no"], row["value"]) for row in desk.bench.wanted("measure_item"))
    assert items == [(n, float((n - 1) % 4)) for n in range(1, 10)]


def test_two_instruments_of_one_order_are_two_responses(desk: Desk) -> None:
    desk.send(oru({"70274-6": "9", "44261-6": "4", "99046-5": "13"}))
    found = {row["instrument"]: row["total"] for row in desk.rows("measure_response")}
    assert found == {"gad7": 9.0, "phq9": 4.0, "epds": 13.0}


def test_a_corrected_report_replaces_the_one_before(desk: Desk) -> None:
    desk.send(oru({GAD7[0]: "3"}), oru({GAD7[0]: "1"}, state="C", sent="20260106120000-0500", control="2"))
    assert [row["value"] for row in desk.rows("measure_item")] == [1.0]
    assert len(desk.bench.wanted("measure_response")) == 1


@pytest.mark.parametrize(("state", "reason"), [("P", "not_final"), ("W", "entered_in_error")])
def test_a_result_that_is_not_final_counts_for_nothing(desk: Desk, state: str, reason: str) -> None:
    assert desk.send(oru({"44261-6": "4"}, state=state)).rows("measure_response") == []
    assert desk.bench.reasons("measure_response") == [reason]


def test_coded_and_structured_answers_are_numbers_and_an_inexact_one_is_rejected(desk: Desk) -> None:
    text = (
        oru({PHQ9[0]: "LA6570-1", PHQ9[1]: "=^1", PHQ9[2]: ">^1"})
        .replace("NM", "SN")
        .replace("|SN|44250", "|CWE|44250")
    )
    desk.send(text)
    assert sorted((row["item_no"], row["value"]) for row in desk.rows("measure_item")) == [(1, 2.0), (2, 1.0)]
    assert dict(desk.bench.counts["questionnaire_item"].rejected) == {("value", "not_a_number"): 1}


def test_a_fraction_is_handed_to_the_contract_as_it_is(desk: Desk) -> None:
    assert desk.send(oru({"44261-6": "18.4233"})).one("measure_response")["total"] == 18.4233


def test_other_results_are_out_of_scope(desk: Desk) -> None:
    desk.send(oru({"8867-4": "72"}))
    assert dict(desk.bench.read()["questionnaire"].out_of_scope) == {"other_observation": 1}
