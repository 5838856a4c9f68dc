"""Every real X12 file we have: what is read of it, what is refused and why, and what two other readers make of it.

The numbers were taken from pyx12 4.0.0 (segments) and oxedi 0.6.0 (835 tables) before they were written here. Every
file of the imsweb project has wrong segment counts, which it does not check; with the counts put right they are read.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from tests.unit.x12.x12_repair import repaired

from pacekeeper.x12 import Faulty, SetFault, kind_of, read_set, scan

pytestmark = pytest.mark.testdata


@dataclass
class Reading:
    """What one reader found in one file. refused: sets and stretches that are not read, by reason."""

    claims: int = 0
    lines: int = 0
    charge: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    adjustments: int = 0
    statuses: int = 0
    not_read: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    @property
    def claim_facts(self) -> tuple[int, int, Decimal, Decimal, int, int]:
        return self.claims, self.lines, self.charge, self.paid, self.adjustments, self.statuses


def claims(count: int, lines: int, charge: str) -> Reading:
    return Reading(claims=count, lines=lines, charge=Decimal(charge))


def remits(count: int, lines: int, charge: str, paid: str, adjustments: int) -> Reading:
    return Reading(count, lines, Decimal(charge), Decimal(paid), adjustments)


def refused(**reasons: int) -> Reading:
    return Reading(refused=reasons)


#: 835, 837P and 277CA files as they are.
AS_THEY_ARE: dict[str, Reading] = {
    "x12-835-payers/blue_cross_nc_sample.txt": refused(no_interchange_header=1),
    "x12-835-payers/emedny_sample.txt": remits(3, 10, "102.50", "45.75", 4),
    "x12-835-payers/united_healthcare_legacy_sample.txt": remits(2, 5, "1157.52", "349.99", 7),
    "x12-linuxforhealth/835_005010X221A1__cob-contractural-adjustment.835": refused(bad_composite=1),
    "x12-linuxforhealth/835_005010X221A1__medicare-part-a.835": remits(2, 0, "226366.97", "149998.73", 2),
    "x12-linuxforhealth/835_005010X221A1__secondary-payment.835": refused(bad_composite=1),
    "x12-linuxforhealth/837_004010X098A1__coordination-of-benefits.837": claims(1, 3, "79.04"),
    "x12-linuxforhealth/837_004010X098A1__dependent-commercial-insurance-01.837": claims(1, 6, "245.00"),
    "x12-linuxforhealth/837_004010X098A1__dependent-commercial-insurance-03.837": claims(1, 2, "185.00"),
    "x12-linuxforhealth/837_004010X098A1__patient-is-dependent.837": claims(1, 4, "100.00"),
    "x12-linuxforhealth/837_005010X222A2__demo.ambulance.example5.837": claims(1, 4, "766.50"),
    "x12-linuxforhealth/837_005010X222A2__demo.autoaccident.837": claims(1, 2, "185.00"),
    "x12-linuxforhealth/837_005010X222A2__demo.cob.example3.A.837": claims(1, 3, "79.04"),
    "x12-linuxforhealth/837_005010X222A2__demo.cob.example3.B.837": claims(1, 3, "79.04"),
    "x12-linuxforhealth/837_005010X222A2__demo.cob.example4.837": claims(1, 1, "120.00"),
    "x12-linuxforhealth/837_005010X222A2__demo.drug.example10.1.837": claims(1, 2, "103.37"),
    "x12-linuxforhealth/837_005010X222A2__demo.drug.example10.3.837": claims(1, 6, "2232.93"),
    "x12-linuxforhealth/837_005010X222A2__demo.example1.837": claims(1, 4, "100.00"),
    "x12-linuxforhealth/837_005010X222A2__demo.example12.837": refused(bad_composite=1),
    "x12-linuxforhealth/837_005010X222A2__demo.example2.837": claims(1, 4, "100.00"),
    "x12-linuxforhealth/837_005010X222A2__demo.example7.837": claims(1, 2, "520.24"),
    "x12-linuxforhealth/837_005010X222A2__demo.example8.837": claims(1, 1, "75.00"),
    "x12-linuxforhealth/837_005010X223A3__institutional-claim.837i": Reading(not_read=1),
    "x12-linuxforhealth/837_005010X223A3__out-of-network-repriced-claim.837i": Reading(not_read=1),
    "x12-linuxforhealth/837_005010X223A3__two-claims-single-provider.837i": Reading(not_read=1),
    "x12-linuxforhealth/277_005010X212__claim-level-status-ncpdp.277": Reading(not_read=1),
    "x12-linuxforhealth/277_005010X212__claim-level-status.277": Reading(not_read=1),
    "x12-linuxforhealth/277_005010X212__provider-level-status.277": Reading(not_read=1),
    "x12-imsweb/x12_277CA_accepted.txt": Reading(statuses=2),
    "x12-imsweb/x12_277_x212.txt": Reading(not_read=1, refused={"interchange_control_number": 1}),
    "x12-imsweb/x12_999_accepted.txt": Reading(not_read=1, refused={"interchange_control_number": 1}),
    "x12-imsweb/x12_bad_segment_identifier.txt": refused(segment_count=1),
    "x12-imsweb/x12_complex.txt": refused(segment_count=2, set_count=1),
    "x12-imsweb/x12_many_claims.txt": refused(segment_count=1),
    "x12-imsweb/x12_missing_elements.txt": refused(segment_count=1),
    "x12-imsweb/x12_multiple_gs.txt": refused(segment_count=3, group_count=1),
    "x12-imsweb/x12_multiple_isa.txt": refused(segment_count=2),
    "x12-imsweb/x12_multiple_st.txt": refused(segment_count=2, set_count=1),
    "x12-imsweb/x12_multiple_transactions.txt": refused(segment_count=312),
    "x12-imsweb/x12_no_errors.txt": refused(segment_count=1),
    "x12-imsweb/x12_valid.txt": refused(segment_count=1),
    "x12-imsweb/x12_valid_different_separators.txt": refused(segment_count=1),
    "x12-imsweb/x223-test.txt": refused(segment_count=1),
}

#: Those of them whose counts are wrong, with the counts put right.
WITH_COUNTS_PUT_RIGHT: dict[str, Reading] = {
    "x12-imsweb/x12_bad_segment_identifier.txt": refused(unknown_segment=1),
    "x12-imsweb/x12_complex.txt": claims(6, 10, "3000"),
    "x12-imsweb/x12_many_claims.txt": claims(820, 820, "410000"),
    "x12-imsweb/x12_missing_elements.txt": claims(2, 2, "1000"),
    "x12-imsweb/x12_multiple_gs.txt": claims(6, 6, "3000"),
    "x12-imsweb/x12_multiple_isa.txt": claims(4, 4, "2000"),
    "x12-imsweb/x12_multiple_st.txt": claims(4, 4, "2000"),
    "x12-imsweb/x12_multiple_transactions.txt": claims(624, 624, "312000"),
    "x12-imsweb/x12_no_errors.txt": claims(2, 2, "1000"),
    "x12-imsweb/x12_valid.txt": claims(2, 2, "1000"),
    "x12-imsweb/x12_valid_different_separators.txt": claims(2, 2, "1000"),
    "x12-imsweb/x223-test.txt": Reading(not_read=1),
}

#: What we refuse and the others read, and why.
REFUSED_ONLY_BY_US = {
    "bad_composite": "the ISA names `:`, the composites are divided by `>`: procedures and places would be wrong",
    "unknown_segment": "segments called `Nd4`, `NM31` and nothing at all; what they are about would be lost",
}


def ours(data: bytes) -> Reading:
    found, reasons = Reading(), Counter[str]()
    file = io.BytesIO(data)
    for unit in scan(io.BytesIO(data)):
        if isinstance(unit, Faulty):
            reasons[unit.reason] += 1
            continue
        kind = kind_of(unit)
        if kind is None:
            found.not_read += 1
            continue
        try:
            documents = list(read_set(file, unit, kind))
        except SetFault as fault:
            reasons[fault.reason] += 1
            continue
        for stream, document in documents:
            _add(found, stream, document)
    found.refused = dict(reasons)
    return found


def _add(found: Reading, stream: str, document: bytes) -> None:
    row = orjson.loads(document)
    if stream == "claim_status":
        found.statuses += 1
    if stream in {"claim", "claim_payment"}:
        found.claims += 1
        found.lines += len(row["lines"])
        found.charge += Decimal(row["charge"])
        found.paid += Decimal(row.get("paid", 0))
        found.adjustments += sum(len(part.get("adjustments", ())) for part in [row, *row["lines"]])


def of_pyx12(data: bytes) -> Reading:
    from pyx12.x12file import X12Reader  # type: ignore[import-untyped]  # it ships no types

    found, kind, version = Reading(), "", ""
    for segment in X12Reader(io.StringIO(data.decode("latin-1"))):
        name = segment.get_seg_id()
        version = segment.get_value("GS08") if name == "GS" else version
        kind = segment.get_value("ST01") if name == "ST" else kind
        is_professional = kind == "837" and version.startswith(("005010X222", "004010X098"))
        if name == "CLM" and is_professional:
            found.claims += 1
            found.charge += Decimal(segment.get_value("CLM02"))
        elif name == "CLP":
            found.claims += 1
            found.charge += Decimal(segment.get_value("CLP03"))
            found.paid += Decimal(segment.get_value("CLP04"))
        elif (name == "SV1" and is_professional) or (name == "SVC" and kind == "835"):
            found.lines += 1
        elif name == "CAS" and kind == "835":
            found.adjustments += sum(1 for at in range(2, 20, 3) if segment.get_value(f"CAS{at:02d}"))
        elif name == "STC" and version.startswith("005010X214"):
            found.statuses += 1
    return found


def test_every_file_is_in_the_list(testdata: Path) -> None:
    files = {f"{p.parent.name}/{p.name}" for p in testdata.glob("x12-*/*") if p.suffix not in {"", ".md", ".csv"}}
    assert files == set(AS_THEY_ARE)


@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_a_real_file_is_read_or_refused_as_agreed(name: str, testdata: Path) -> None:
    assert ours((testdata / name).read_bytes()) == AS_THEY_ARE[name]


@pytest.mark.parametrize("name", WITH_COUNTS_PUT_RIGHT)
def test_a_real_file_whose_counts_are_put_right_is_read(name: str, testdata: Path) -> None:
    assert ours(repaired((testdata / name).read_bytes())) == WITH_COUNTS_PUT_RIGHT[name]


@pytest.mark.parametrize("name", [name for name in AS_THEY_ARE if "blue_cross" not in name])
def test_pyx12_finds_the_same_claims_and_amounts(name: str, testdata: Path) -> None:
    """pyx12 cannot open the file without ISA either."""
    data = repaired((testdata / name).read_bytes())
    found, other = ours(data), of_pyx12(data)
    if set(found.refused) & set(REFUSED_ONLY_BY_US):
        assert (found.claims, other.claims > 0) == (0, True)
    else:
        assert found.claim_facts == other.claim_facts


@pytest.mark.parametrize("name", [name for name in AS_THEY_ARE if "835" in name and "blue_cross" not in name])
def test_oxedi_finds_the_same_claims_lines_and_adjustments(name: str, testdata: Path) -> None:
    import oxedi
    import pyarrow as pa

    data = (testdata / name).read_bytes()
    parsed = oxedi.parse(data).tables
    tables = {name: pa.table(parsed[name]).to_pydict() for name in parsed.keys()}  # noqa: SIM118  no mapping
    charges = tables["claims"]["charge_amount"]
    paid = sum(tables["claims"]["payment_amount"], Decimal(0))
    kept = sum(tables["provider_adjustments"]["amount"], Decimal(0))
    assert tables["payments"]["total_payment_amount"] == [paid - kept]
    found = ours(data)
    if found.refused:
        assert set(found.refused) <= set(REFUSED_ONLY_BY_US)
        return
    lines, adjustments = len(tables["services"]["row"]), len(tables["adjustments"]["row"])
    assert found.claim_facts == (len(charges), lines, sum(charges, Decimal(0)), paid, adjustments, 0)
