"""X12 files to canonical rows, by examples small enough to check by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.raw_bench import RawBench, Row, context, key, match
from tests.unit.x12.x12_bytes import CLAIMS, REMIT, STATUS, interchange

from pacekeeper.testing.x12_writer import Segment, SetContent
from pacekeeper_connectors.x12 import X12
from pacekeeper_connectors.x12.connector import X12Settings

MEMBER: list[Segment] = [
    ("NM1", "85", "2", "RIVERBEND", "", "", "", "", "XX", "1999999992"),
    ("HL", "2", "1", "22", "0"),
    ("SBR", "P", "18", "", "", "", "", "", "", "MC"),
    ("NM1", "IL", "1", "DOE", "JO", "", "", "", "MI", "M1"),
    ("N4", "RIVERBEND", "NY", "100470000"),
    ("DMG", "D8", "19900102", "U"),
]


def claim(number: str, *, charge: str = "100", frequency: str = "1", original: str | None = None) -> list[Segment]:
    """One claim with one line of 90837 by telephone or video."""
    refers: list[Segment] = [("REF", "F8", original)] if original else []
    return [
        ("CLM", number, charge, "", "", ("10", "B", frequency)),
        *refers,
        ("NM1", "82", "1", "ROE", "RA", "", "", "", "XX", "1000000001"),
        ("LX", "1"),
        ("SV1", ("HC", "90837", "95"), charge, "UN", "1"),
        ("DTP", "472", "D8", "20260202"),
    ]


def processed(
    number: str, status: str, charge: str, paid: str, *more: Segment, payer_claim: str = "PC1"
) -> list[Segment]:
    return [
        ("CLP", number, status, charge, paid, "", "MC", payer_claim),
        ("NM1", "QC", "1", "DOE", "JO", "", "", "", "MI", "M1"),
        *more,
    ]


class Billing:
    """A folder into which files come, one control number after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._files = folder, 0
        self.bench = RawBench(X12(X12Settings(folder=folder), context("billing", "America/New_York")))

    def _send(self, kind: tuple[str, str], number: str, segments: list[Segment]) -> None:
        self._files += 1
        data = interchange(kind, [SetContent(number, "0001", segments)], control=self._files)
        (self._folder / f"{self._files:03d}").write_bytes(data)

    def submit(self, *segments: Segment, on: str = "20260302") -> None:
        self._send(CLAIMS, "837", [("BHT", "0019", "00", "B1", on, "0630", "CH"), *MEMBER, *segments])

    def pay(self, amount: str, *segments: Segment, on: str = "20260316") -> None:
        self._send(REMIT, "835", [("BPR", "I", amount, "C", "ACH", *[""] * 11, on), *segments])

    def answer(self, *segments: Segment) -> None:
        self._send(STATUS, "277", [("HL", "1", "", "PT"), *segments])

    def rows(self, entity: str) -> list[Row]:
        self.bench.read()
        return self.bench.wanted(entity)

    def one(self, entity: str) -> Row:
        (row,) = self.rows(entity)
        return row


@pytest.fixture
def billing(tmp_path: Path) -> Billing:
    return Billing(tmp_path)


def hashed(entity: str, identity: str) -> str:
    return key(entity, identity, "billing")


def test_a_claim_its_charge_and_its_payment_share_the_claims_key(billing: Billing) -> None:
    billing.submit(*claim("A1", charge="180.5"))
    billing.pay("126.35", *processed("A1", "1", "180.50", "126.35"))
    found = billing.one("claim")
    assert found["claim_key"] == hashed("claim", "A1")
    assert (found["client_key"], found["clinician_key"]) == (hashed("client", "M1"), hashed("clinician", "1000000001"))
    assert (found["payer_class"], found["payer_class_source_code"], found["frequency"]) == (
        "medicaid",
        "MC",
        "original",
    )
    assert (found["charge_cents"], found["currency"], found["place_of_service"]) == (18050, "USD", "10")
    assert found["submitted_on"] == date(2026, 3, 2)
    charge, paid, posted = billing.one("charge"), billing.one("claim_payment"), billing.one("payment")
    assert (charge["procedure_code"], charge["units"], charge["charge_cents"]) == ("90837", 1.0, 18050)
    assert (charge["service_date"], charge["status"]) == (date(2026, 2, 2), "billed")
    assert {row["claim_key"] for row in (charge, paid, posted)} == {found["claim_key"]}
    assert (paid["status"], paid["paid_cents"], paid["clinician_key"]) == ("primary", 12635, found["clinician_key"])
    assert (posted["amount_cents"], posted["posted_on"]) == (12635, date(2026, 3, 16))
    modifier = billing.one("charge_modifier")
    assert (modifier["charge_key"], modifier["position"], modifier["modifier"]) == (charge["charge_key"], 1, "95")


def test_client_and_clinician_can_be_met_by_other_sources(billing: Billing) -> None:
    billing.submit(*claim("A1"))
    billing.pay("0", *processed("A1", "1", "100", "0"))
    assert billing.one("client")["birth_year"] == 1990
    assert billing.one("client")["area_code"] == "100"
    assert billing.one("client_identifier")["match_key"] == match("member", "m1")
    assert billing.one("clinician_identifier")["match_key"] == match("npi", "1000000001")


def test_a_client_of_whom_only_a_remittance_is_known_is_one_too(billing: Billing) -> None:
    billing.pay("20", *processed("A1", "1", "100", "10"), *processed("A2", "1", "100", "10"))
    assert billing.one("client")["client_key"] == hashed("client", "M1")
    assert billing.one("client_identifier")["match_key"] == match("member", "m1")


def test_a_claim_that_is_sent_again_is_one_claim_as_it_was_sent_last(billing: Billing) -> None:
    billing.submit(*claim("A1", charge="90"), on="20260309")
    billing.submit(*claim("A1", charge="100"), on="20260302")
    assert billing.one("claim")["charge_cents"] == billing.one("charge")["charge_cents"] == 9000
    assert len(billing.rows("charge_modifier")) == 1
    assert billing.bench.counts["claim"].kept == 2, "both submissions are kept in the raw table"


@pytest.mark.parametrize(("frequency", "state"), [("7", "replacement"), ("8", "void")])
def test_a_replaced_or_voided_claim_is_found_by_the_payers_number(frequency: str, state: str, billing: Billing) -> None:
    billing.submit(*claim("A1"))
    billing.pay("0", *processed("A1", "4", "100", "0", payer_claim="PC77"))
    billing.submit(*claim("A2", frequency=frequency, original="PC77"))
    original, later = sorted(billing.rows("claim"), key=lambda row: str(row["frequency"] != "original"))
    assert "original_claim_key" not in original
    assert (later["frequency"], later["original_claim_key"]) == (state, original["claim_key"])
    statuses = {row["claim_key"]: row["status"] for row in billing.rows("charge")}
    assert statuses[original["claim_key"]] == "voided"
    assert statuses[later["claim_key"]] == ("voided" if state == "void" else "billed")


def test_a_reversal_and_the_corrected_payment_follow_the_first(billing: Billing) -> None:
    billing.pay("70", *processed("A1", "1", "100", "70"))
    corrected = processed("A1", "1", "100", "60")
    billing.pay("-10", *processed("A1", "22", "-100", "-70", ("CAS", "CO", "197", "-30")), *corrected, on="20260401")
    first, back, last = sorted(billing.rows("payment"), key=lambda row: (row["posted_on"], row["amount_cents"]))
    assert [row["amount_cents"] for row in (first, back, last)] == [7000, -7000, 6000]
    assert back["is_reversal"]
    assert back["reversal_of_key"] == first["payment_key"]
    assert not first["is_reversal"]
    assert "reversal_of_key" not in last
    assert [row.get("denial_family") for row in billing.rows("remit_adjustment")] == [None], "a reversal denies nothing"
    assert [row["is_balanced"] for row in billing.rows("remit")] == [True, True]


def test_a_remittance_that_does_not_add_up_says_so(billing: Billing) -> None:
    billing.pay("70.01", *processed("A1", "1", "100", "70"))
    remit = billing.one("remit")
    assert (remit["amount_cents"], remit["adjusted_cents"], remit["is_balanced"]) == (7001, 0, False)


def test_what_the_payer_keeps_for_itself_balances_the_remittance(billing: Billing) -> None:
    billing.pay("65", *processed("A1", "1", "100", "70"), ("PLB", "1", "20261231", ("WO", "X"), "7.25", "L6", "-2.25"))
    remit = billing.one("remit")
    assert (remit["adjusted_cents"], remit["is_balanced"]) == (500, True)
    kept = {row["reason_code"]: row["amount_cents"] for row in billing.rows("remit_provider_adjustment")}
    assert kept == {"WO": 725, "L6": -225}


@pytest.mark.parametrize(
    ("group", "carc", "family"),
    [
        ("CO", "45", None),
        ("CO", "253", None),
        ("CO", "24", None),
        ("PR", "1", None),
        ("PR", "2", None),
        ("PR", "3", None),
        ("CO", "197", "authorisation"),
        ("CO", "15", "authorisation"),
        ("CO", "27", "eligibility"),
        ("OA", "22", "eligibility"),
        ("CO", "16", "coding"),
        ("CO", "97", "coding"),
        ("CO", "50", "necessity"),
        ("CO", "29", "timeliness"),
        ("PI", "18", "duplicate"),
        ("OA", "18", "duplicate"),
        ("CO", "999", "other"),
        ("PR", "96", "other"),
        ("PR", "119", "other"),
        ("PR", "27", None),
        ("CR", "197", None),
        ("XX", "197", None),
    ],
)
def test_what_counts_as_a_denial_follows_from_group_and_reason(
    group: str, carc: str, family: str | None, billing: Billing
) -> None:
    billing.pay("0", *processed("A1", "4", "100", "0", ("CAS", group, carc, "100")))
    found = billing.one("remit_adjustment")
    assert (found.get("denial_family"), found["level"], found["amount_cents"]) == (family, "claim", 10000)


def test_an_adjustment_of_a_line_names_line_and_claim(billing: Billing) -> None:
    line: list[Segment] = [("SVC", ("HC", "90837"), "100", "70"), ("CAS", "CO", "45", "20", "", "94", "10", "2")]
    billing.pay("70", *processed("A1", "1", "100", "70", *line))
    paid_line = billing.one("claim_payment_line")
    found = billing.rows("remit_adjustment")
    assert {row["payment_line_key"] for row in found} == {paid_line["payment_line_key"]}
    assert {row["claim_payment_key"] for row in found} == {paid_line["claim_payment_key"]}
    assert sorted((row["carc"], row["amount_cents"], row.get("quantity")) for row in found) == [
        ("45", 2000, None),
        ("94", 1000, 2.0),
    ]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("2", "secondary"),
        ("19", "primary"),
        ("21", "tertiary"),
        ("23", "not_our_claim"),
        ("25", "predetermination"),
        ("99", "unknown"),
    ],
)
def test_a_status_that_nobody_knows_stays_unknown_and_keeps_its_code(code: str, status: str, billing: Billing) -> None:
    billing.pay("0", *processed("A1", code, "100", "0"))
    found = billing.one("claim_payment")
    assert (found["status"], found["status_source_code"]) == (status, code)


def test_answers_become_events_of_the_claim(billing: Billing) -> None:
    billing.submit(*claim("A1"))
    billing.answer(
        ("TRN", "2", "A1"),
        ("STC", ("A7", "562", "85"), "20260303", "U", "100"),
        ("SVC", ("HC", "90837"), "100"),
        ("STC", ("A7", "453"), "20260303"),
    )
    found = billing.one("claim_event")
    assert (found["claim_key"], found["status"], found["detail_code"]) == (hashed("claim", "A1"), "rejected", "562")
    assert found["reported_on"] == date(2026, 3, 3)


def test_a_source_without_a_zone_reads_days_all_the_same(tmp_path: Path) -> None:
    billing = Billing(tmp_path)
    billing.bench = RawBench(X12(X12Settings(folder=tmp_path), context("billing")))
    billing.submit(*claim("A1"))
    billing.answer(("TRN", "2", "A1"), ("STC", ("A2", "20"), "20260303"))
    assert billing.one("claim")["submitted_on"] == date(2026, 3, 2)
    assert billing.one("claim_event")["reported_on"] == date(2026, 3, 3)
