"""What an 837P and a 277CA say."""

from __future__ import annotations

import pytest
from tests.unit.x12.x12_bytes import CLAIMS, STATUS, interchange, rows

from pacekeeper.testing.x12_writer import Segment, SetContent
from pacekeeper.x12 import SetFault

HEAD: list[Segment] = [
    ("BHT", "0019", "00", "B1", "20260302", "0630", "CH"),
    ("HL", "1", "", "20", "1"),
    ("NM1", "85", "2", "RIVERBEND", "", "", "", "", "XX", "1999999992"),
]
SUBSCRIBER: list[Segment] = [
    ("HL", "2", "1", "22", "0"),
    ("SBR", "P", "18", "", "", "", "", "", "", "MC"),
    ("NM1", "IL", "1", "DOE", "JO", "", "", "", "MI", "M1"),
    ("N4", "RIVERBEND", "NY", "100470000"),
    ("DMG", "D8", "19900102", "U"),
    ("NM1", "PR", "2", "STATE PLAN", "", "", "", "", "PI", "X"),
]
CLAIM: list[Segment] = [
    ("CLM", "A1", "230.5", "", "", ("10", "B", "7"), "Y", "A"),
    ("REF", "F8", "PC0"),
    ("NM1", "82", "1", "ROE", "RA", "", "", "", "XX", "1000000001"),
    ("LX", "1"),
    ("SV1", ("HC", "90837", "95", "HO", "U1", "GT", "note"), "180.5", "UN", "1", "", "", ("1",)),
    ("DTP", "472", "D8", "20260202"),
    ("LX", "2"),
    ("SV1", ("HC", "90785"), "50", "UN", "1", "11"),
    ("DTP", "472", "RD8", "20260203-20260204"),
    ("NM1", "82", "1", "POE", "PA", "", "", "", "XX", "1000000002"),
]


def claims_file(*segments: Segment) -> bytes:
    return interchange(CLAIMS, [SetContent("837", "0001", segments)])


def test_a_claim_has_its_lines_modifiers_clinicians_and_what_it_replaces() -> None:
    data = claims_file(*HEAD, *SUBSCRIBER, *CLAIM)
    (claim,) = rows(data, "claim")
    assert (claim["claim"], claim["client"], claim["charge"], claim["filing"]) == ("A1", "M1", "230.5", "MC")
    assert (claim["place"], claim["frequency"], claim["original_payer_claim"]) == ("10", "7", "PC0")
    assert (claim["submitted_on"], claim["submitted_at"]) == ("2026-03-02", "2026-03-02T06:30")
    assert (claim["service_from"], claim["service_to"]) == ("2026-02-02", "2026-02-04")
    first, second = claim["lines"]
    assert (first["procedure"], first["charge"], first["place"], first["clinician"]) == (
        *("90837", "180.5", "10"),
        "1000000001",
    )
    assert [(m["position"], m["code"]) for m in first["modifiers"]] == [(1, "95"), (2, "HO"), (3, "U1"), (4, "GT")]
    assert (second["place"], second["clinician"], second["modifiers"]) == ("11", "1000000002", [])
    assert (second["service_from"], second["service_to"]) == ("2026-02-03", "2026-02-04")
    assert sorted(row["npi"] for row in rows(data, "provider")) == ["1000000001", "1000000002"]
    assert rows(data, "patient") == [
        {"id": "M1", "member": "M1", "birth_date": "1990-01-02", "postal_code": "100470000"}
    ]


def test_a_dependent_is_another_client_who_has_no_number() -> None:
    dependent: list[Segment] = [
        ("HL", "3", "2", "23", "0"),
        ("PAT", "19"),
        ("NM1", "QC", "1", "DOE", "Kim"),
        ("N4", "RIVERBEND", "NY", "10048"),
        ("DMG", "D8", "20150601", "U"),
    ]
    data = claims_file(*HEAD, *SUBSCRIBER, *CLAIM, *dependent, ("CLM", "A2", "10"))
    assert [claim["client"] for claim in rows(data, "claim")] == ["M1", "M1|2015-06-01|kim"]
    assert [(p["member"], p["birth_date"], p["postal_code"]) for p in rows(data, "patient")] == [
        ("M1", "1990-01-02", "100470000"),
        (None, "2015-06-01", "10048"),
    ]


def test_a_billing_provider_who_is_a_person_rendered_what_names_nobody_else() -> None:
    person: Segment = ("NM1", "85", "1", "SOLO", "SAM", "", "", "", "XX", "1000000003")
    (claim,) = rows(claims_file(*HEAD[:2], person, *SUBSCRIBER, CLAIM[0], *CLAIM[3:6]), "claim")
    assert (claim["clinician"], claim["billing_clinician"], claim["lines"][0]["clinician"]) == ("1000000003",) * 3


def test_the_clinicians_of_other_payers_are_not_the_claims() -> None:
    other: list[Segment] = [
        ("SBR", "S", "18", "", "", "", "", "", "", "CI"),
        ("NM1", "IL", "1", "DOE", "JO", "", "", "", "MI", "OTHER"),
        ("NM1", "82", "1", "X", "X", "", "", "", "XX", "1000000009"),
        ("REF", "F8", "OTHERS"),
    ]
    (claim,) = rows(claims_file(*HEAD, *SUBSCRIBER, *CLAIM[:3], *other, *CLAIM[3:]), "claim")
    assert (claim["client"], claim["clinician"], claim["filing"]) == ("M1", "1000000001", "MC")
    assert claim["original_payer_claim"] == "PC0"


def test_the_next_subscriber_has_nothing_of_the_one_before() -> None:
    nobody: list[Segment] = [("HL", "3", "1", "22", "0"), ("SBR", "P", "18"), ("NM1", "IL", "1", "LEE", "AL")]
    _, claim = rows(claims_file(*HEAD, *SUBSCRIBER, *CLAIM, *nobody, ("CLM", "A2", "10")), "claim")
    assert (claim["client"], claim["filing"], claim["original_payer_claim"], claim["lines"]) == (None, "", None, [])


REFUSED: dict[str, tuple[list[Segment], str]] = {
    "bad_charge": ([("CLM", "A1", "ten")], "bad_amount"),
    "bad_line_charge": ([CLAIM[0], ("SV1", ("HC", "90837"), "1.2.3")], "bad_amount"),
    "no_charge": ([("CLM", "A1")], "missing_amount"),
    "no_number": ([("CLM", "", "10")], "missing_claim_number"),
    "line_before_any_claim": ([CLAIM[4]], "segment_out_of_order"),
    "components_divided_otherwise": ([CLAIM[0], ("SV1", "HC>90837", "10")], "bad_composite"),
    "institutional_line": ([CLAIM[0], ("SV2", "0305", ("HC", "85025"), "10")], "unknown_segment"),
    "unknown_segment": ([CLAIM[0], ("NM31", "IL")], "unknown_segment"),
}


@pytest.mark.parametrize(("segments", "reason"), REFUSED.values(), ids=REFUSED)
def test_faulty_claims_are_refused_by_name(segments: list[Segment], reason: str) -> None:
    with pytest.raises(SetFault, match=f"^{reason}$"):
        rows(claims_file(*HEAD, *SUBSCRIBER, *segments), "claim")


def test_an_acknowledgement_is_about_a_batch_a_claim_or_a_line() -> None:
    segments: list[Segment] = [
        ("HL", "1", "", "20", "1"),
        ("TRN", "1", "T1"),
        ("STC", ("A1", "19", "PR"), "20260303", "WQ", "100"),
        ("HL", "2", "1", "PT"),
        ("TRN", "2", "A1"),
        ("STC", ("A7", "562", "85"), "20260303", "U", "100", "", "", "", "", "", ("A8", "116")),
        ("SVC", ("HC", "90837"), "100"),
        ("STC", ("A7", "453"), "20260303"),
        ("TRN", "2", "A2"),
        ("STC", ("A2", "20"), "20260304", "WQ", "50"),
    ]
    found = rows(interchange(STATUS, [SetContent("277", "0001", segments)]), "claim_status")
    assert [(s["claim"], s["level"], s["category"], s["status"], s["said_on"]) for s in found] == [
        ("", "batch", "A1", "19", "2026-03-03"),
        ("A1", "claim", "A7", "562", "2026-03-03"),
        ("A1", "claim", "A8", "116", "2026-03-03"),
        ("A1", "line", "A7", "453", "2026-03-03"),
        ("A2", "claim", "A2", "20", "2026-03-04"),
    ]
    assert len({s["id"] for s in found}) == 5


@pytest.mark.parametrize(
    ("stc", "reason"),
    [
        (("STC", ("A2", "20"), "20260303", "WQ", "x"), "bad_amount"),
        (("STC", "", "20260303"), "missing_status"),
    ],
    ids=["bad_amount", "no_status"],
)
def test_a_faulty_acknowledgement_is_refused_by_name(stc: Segment, reason: str) -> None:
    segments: list[Segment] = [("HL", "2", "1", "PT"), ("TRN", "2", "A1"), stc]
    with pytest.raises(SetFault, match=f"^{reason}$"):
        rows(interchange(STATUS, [SetContent("277", "0001", segments)]), "claim_status")


def test_a_status_of_no_claim_is_refused() -> None:
    segments: list[Segment] = [("HL", "2", "1", "PT"), ("STC", ("A2", "20"))]
    with pytest.raises(SetFault, match=r"^missing_claim_number$"):
        rows(interchange(STATUS, [SetContent("277", "0001", segments)]), "claim_status")
