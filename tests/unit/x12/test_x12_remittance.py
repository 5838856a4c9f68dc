"""What an 835 says: one worked remittance, six adjustments at once, reversals, and sets that are refused."""

from __future__ import annotations

import pytest
from tests.unit.x12.x12_bytes import REMITTANCE, remit_file, rows

from pacekeeper.testing.x12_writer import Segment
from pacekeeper.x12 import SetFault

HEAD, CLAIM_1, CLAIM_2, PLB = REMITTANCE[:2], REMITTANCE[2:9], REMITTANCE[9:11], REMITTANCE[11:]


def test_a_remittance_is_its_payment_its_claims_and_what_the_payer_keeps() -> None:
    data = remit_file()
    (remit,) = rows(data, "remit")
    assert remit["adjustments"] == [{"reason": "WO", "amount": "5"}]
    assert (remit["amount"], remit["method"], remit["paid_on"]) == ("65.00", "ACH", "2026-03-02")
    assert (remit["claims"], remit["paid_total"], remit["adjusted_total"]) == (2, "70", "5")
    paid, denied = rows(data, "claim_payment")
    assert (paid["claim"], paid["status"], paid["charge"], paid["paid"], paid["patient_responsibility"]) == (
        *("A1", "1", "100", "70"),
        "10",
    )
    assert (paid["member"], paid["clinician"], paid["filing"], paid["payer_claim"]) == ("M1", "1000000001", "12", "PC1")
    assert (paid["service_from"], paid["service_to"]) == ("2026-02-02", "2026-02-02")
    (line,) = paid["lines"]
    assert (line["line_no"], line["procedure"], line["units"], line["service_date"]) == (1, "90837", "1", "2026-02-02")
    assert [(a["group"], a["reason"], a["amount"]) for a in line["adjustments"]] == [
        ("CO", "45", "20"),
        ("PR", "3", "10"),
    ]
    assert (denied["status"], denied["lines"]) == ("4", [])
    assert [(a["group"], a["reason"], a["amount"]) for a in denied["adjustments"]] == [("CO", "197", "50")]
    assert rows(data, "provider") == [{"npi": "1000000001"}]


def six(group: str) -> Segment:
    """A CAS segment with six triplets: amounts 1 to 6, and a quantity in every other one."""
    triplets = [(str(40 + n), str(n), str(n) if n % 2 else "") for n in range(1, 7)]
    return ("CAS", group, *[text for triplet in triplets for text in triplet])


def test_all_six_adjustments_of_a_segment_are_read_at_claim_and_at_line() -> None:
    data = remit_file([*HEAD, CLAIM_1[0], six("OA"), CLAIM_1[3], six("PI"), *PLB])
    (claim,) = rows(data, "claim_payment")
    expected = [(str(40 + n), str(n), str(n) if n % 2 else "") for n in range(1, 7)]
    for group, found in (("OA", claim["adjustments"]), ("PI", claim["lines"][0]["adjustments"])):
        assert [(a["reason"], a["amount"], a["quantity"]) for a in found] == expected
        assert {a["group"] for a in found} == {group}


def test_a_line_keeps_the_number_that_the_practice_gave_it() -> None:
    numbered: list[Segment] = [("REF", "6R", "A1-7"), ("REF", "1S", "other")]
    data = remit_file([*HEAD, CLAIM_1[0], ("REF", "6R", "of no line"), CLAIM_1[3], *numbered, *PLB])
    (claim,) = rows(data, "claim_payment")
    assert [line["control"] for line in claim["lines"]] == ["A1-7"]


def test_a_reversal_is_a_claim_with_negative_amounts() -> None:
    reversal: list[Segment] = [
        ("CLP", "A1", "22", "-100", "-70", "-10", "12", "PC1"),
        ("CAS", "CO", "45", "-20"),
        ("CAS", "PR", "3", "-10"),
    ]
    data = remit_file([("BPR", "I", "0", "C", "NON"), *reversal, *CLAIM_1])
    assert [(c["status"], c["paid"]) for c in rows(data, "claim_payment")] == [("22", "-70"), ("1", "70")]
    assert rows(data, "remit")[0]["paid_total"] == "0"


def test_a_debit_is_a_negative_payment() -> None:
    assert rows(remit_file([("BPR", "I", "12.50", "D", "ACH"), *CLAIM_1]), "remit")[0]["amount"] == "-12.50"


def test_six_provider_adjustments_fit_into_one_segment() -> None:
    pairs = [text for n in range(1, 7) for text in (("WO", f"R{n}"), f"-{n}.25")]
    data = remit_file([*HEAD, *CLAIM_1, ("PLB", "1", "20261231", *pairs)])
    (remit,) = rows(data, "remit")
    assert [a["amount"] for a in remit["adjustments"]] == [f"-{n}.25" for n in range(1, 7)]
    assert remit["adjusted_total"] == "-22.50"


def test_a_dependents_payment_is_not_the_subscribers() -> None:
    insured: Segment = ("NM1", "IL", "1", "DOE", "PAT", "", "", "", "MI", "M1")
    (claim,) = rows(remit_file([*HEAD, *CLAIM_1[:2], insured, *CLAIM_1[2:]]), "claim_payment")
    assert claim["member"] is None


def test_an_organisation_is_no_clinician() -> None:
    payee: Segment = ("NM1", "82", "2", "RIVERBEND", "", "", "", "", "XX", "1999999992")
    assert rows(remit_file([*HEAD, CLAIM_1[0], payee]), "provider") == []


REFUSED: dict[str, tuple[list[Segment], str]] = {
    "amount_with_a_letter": ([*HEAD, ("CLP", "A1", "1", "1O0", "70")], "bad_amount"),
    "amount_with_an_exponent": ([*HEAD, ("CLP", "A1", "1", "1e2", "70")], "bad_amount"),
    "amount_that_is_no_number": ([*HEAD, ("CLP", "A1", "1", "nan", "70")], "bad_amount"),
    "two_points": ([*HEAD, ("CLP", "A1", "1", "1.0.0", "70")], "bad_amount"),
    "no_charge": ([*HEAD, ("CLP", "A1", "1", "", "70")], "missing_amount"),
    "no_claim_number": ([*HEAD, ("CLP", " ", "1", "100", "70")], "missing_claim_number"),
    "bad_adjustment_amount": ([*HEAD, *CLAIM_1, ("CAS", "CO", "45", "2,0")], "bad_amount"),
    "adjustment_without_reason": ([*HEAD, *CLAIM_1, ("CAS", "CO", "", "20")], "bad_adjustment"),
    "adjustment_without_amount": ([*HEAD, *CLAIM_1, ("CAS", "CO", "45")], "bad_adjustment"),
    "adjustment_before_any_claim": ([*HEAD, ("CAS", "CO", "45", "20")], "segment_out_of_order"),
    "line_before_any_claim": ([*HEAD, CLAIM_1[3]], "segment_out_of_order"),
    "provider_adjustment_without_amount": ([*HEAD, *CLAIM_1, ("PLB", "1", "20261231", ("WO", "X"))], "bad_adjustment"),
    "no_payment": (list(CLAIM_1), "missing_payment_segment"),
    "unknown_segment": ([*HEAD, *CLAIM_1, ("ZZZ", "1")], "unknown_segment"),
    "segment_of_another_set": ([*HEAD, *CLAIM_1, ("CLM", "A1", "100")], "unknown_segment"),
    "segment_id_in_lower_case": ([*HEAD, *CLAIM_1, ("Nm1", "QC")], "unknown_segment"),
    "segment_without_id": ([*HEAD, *CLAIM_1, ("", "IC", "X")], "unknown_segment"),
    "components_divided_otherwise": ([*HEAD, CLAIM_1[0], ("SVC", "HC>90837", "100", "70")], "bad_composite"),
    "no_procedure": ([*HEAD, CLAIM_1[0], ("SVC", "", "100", "70")], "missing_procedure"),
}


@pytest.mark.parametrize(("segments", "reason"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("held", [1000, 1], ids=["held", "read_twice"])
def test_a_faulty_remittance_is_refused_whole_and_by_name(segments: list[Segment], reason: str, held: int) -> None:
    found = []
    with pytest.raises(SetFault) as fault:
        found = rows(remit_file(segments), "claim_payment", held=held)
    assert fault.value.reason == str(fault.value) == reason
    assert found == []
