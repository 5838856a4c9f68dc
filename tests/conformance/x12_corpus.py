"""Records in the form the X12 connector makes of files, and the interchanges they are written as.

A claim, a processed claim and a status are an interchange each, so that one that is faulty takes no other with it.
Transaction sets and providers are written nowhere: they come with the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pacekeeper.testing.x12_writer import Envelope, Segment, SetContent

Record = Mapping[str, Any]
NPI, BILLING = "1000000004", "1000000012"
_VERSIONS = {"837": ("HC", "005010X222A1"), "835": ("HP", "005010X221A1"), "277": ("HN", "005010X214")}
_SENT = datetime(2026, 1, 6, 8, 15)  # noqa: DTZ001  these files name no zone


def claim(number: int, **more: Any) -> dict[str, Any]:
    """A claim of two lines, 150.10 and 30 dollars."""
    line = {
        "line_no": "1",
        "procedure": "90837",
        "charge": "150.10",
        "unit": "UN",
        "units": "1",
        "place": "10",
        "clinician": NPI,
        "service_from": "20260105",
        "service_to": "20260105",
        "modifiers": [{"position": "1", "code": "95"}, {"position": "2", "code": "HJ"}],
    }
    usual = {
        "id": f"cl{number}",
        "claim": f"RB{number}",
        "client": "W1",
        "clinician": NPI,
        "billing_clinician": BILLING,
        "filing": "CI",
        "frequency": "1",
        "place": "11",
        "charge": "180.10",
        "original_payer_claim": None,
        "position": "1",
        "submitted_on": "20260106",
        "submitted_at": "0815",
        "lines": [line, {**line, "line_no": "2", "procedure": "90785", "charge": "30", "modifiers": []}],
    }
    return {**usual, **more}


def processed(number: int, remit: str, **more: Any) -> dict[str, Any]:
    """Claim RB1 as the payer processed it."""
    line = {
        "line_no": "1",
        "procedure": "90837",
        "charge": "180.10",
        "paid": "87.50",
        "units": "1",
        "allowed": "110",
        "control": "RB1-1",
        "service_date": "20260105",
        "adjustments": [{"group": "PR", "reason": "3", "amount": "22.50", "quantity": "1"}],
    }
    usual = {
        "id": f"cp{number}",
        "remit": remit,
        "claim": "RB1",
        "payer_claim": "PC1",
        "member": "W1",
        "clinician": NPI,
        "status": "1",
        "filing": "CI",
        "charge": "180.10",
        "paid": "87.50",
        "patient_responsibility": "22.50",
        "service_from": "20260105",
        "service_to": "20260105",
        "adjustments": [{"group": "CO", "reason": "45", "amount": "70.10", "quantity": "1"}],
        "lines": [line],
    }
    return {**usual, **more}


def status(number: int, level: str, category: str, code: str) -> dict[str, Any]:
    claimed = None if level == "batch" else "RB1"
    return {
        "id": f"st{number}",
        "claim": claimed,
        "level": level,
        "category": category,
        "status": code,
        "said_on": "20260107",
    }


def corpus() -> dict[str, list[dict[str, Any]]]:
    """Records by stream."""
    adult = {"birth_date": "19840614", "postal_code": "100470000", "given_name": "marigold"}
    child = {"member": None, "subscriber": "W1", "birth_date": "20100101", "given_name": "pip"}
    remit = {"method": "ACH", "claims": "1", "paid_total": "87.50", "adjusted_total": "5"}
    kept = [{"reason": "WO", "amount": "5"}]
    return {
        "transaction": [{"id": "set1", "kind": "837P", "version": "005010X222A1", "sent_on": "20260106"}],
        "provider": [{"npi": NPI}, {"npi": BILLING}],
        "patient": [
            {"id": "W1", "member": "W1", **adult},
            {"id": "W2", "member": "W2", **adult, "postal_code": "100480000"},
            {"id": "W1|2010-01-01|pip", **adult, **child},
        ],
        "claim": [
            claim(1),
            claim(2, frequency="7", original_payer_claim="PC1", submitted_on="20260109"),
            claim(3, client="W1|2010-01-01|pip", filing="MC"),
        ],
        "remit": [
            {"id": "rm1", **remit, "amount": "82.50", "paid_on": "20260120", "adjustments": kept},
            {"id": "rm2", **remit, "amount": "-87.50", "paid_on": "20260203", "adjustments": []},
        ],
        "claim_payment": [processed(1, "rm1"), processed(2, "rm2", status="22", paid="-87.50")],
        "claim_status": [
            status(1, "claim", "A2", "20"),
            status(2, "batch", "A1", "19"),
            status(3, "line", "A7", "562"),
        ],
    }


def files(found: Mapping[str, Sequence[Record]]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file. A patient without a claim gets one."""
    patients = {record["id"]: record for record in found["patient"]}
    claims = list(found["claim"])
    claimed = {record["client"] for record in claims}
    claims += [claim(0, id=f"of-{p}", claim=f"OF{n}", client=p) for n, p in enumerate(patients, 1) if p not in claimed]
    for record in claims:
        yield _file("837", record, _claim(record, patients.get(record["client"], {"member": record["client"]})))
    remits = {record["id"]: record for record in found["remit"]}
    for record in found["claim_payment"]:
        paid_in = remits.pop(record["remit"], None) or corpus()["remit"][0]
        yield _file("835", record, _remit(paid_in, [record]))
    for record in remits.values():
        yield _file("835", record, _remit(record, []))
    for record in found["claim_status"]:
        yield _file("277", record, _status(record))


def _file(kind: str, record: Record, segments: Sequence[Segment]) -> tuple[str, bytes]:
    """The control number is the record's own, so that a record that is written again is the same set."""
    control = zlib.crc32(f"{kind}{record['id']}".encode()) % 1_000_000_000
    name = f"{control:09d}.{kind}"
    return name, Envelope(*_VERSIONS[kind], control, _SENT).file([SetContent(kind, "0001", segments)])


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _name(record: Record) -> str:
    return _text(record.get("pacekeeper_suite_remark") or "QUILLFEATHER")


def _claim(record: Record, patient: Record) -> list[Segment]:
    subscriber = patient.get("subscriber") or patient["member"]
    person: list[Segment] = [
        ("N4", "RIVERBEND", "NY", _text(patient.get("postal_code"))),
        ("DMG", "D8", _text(patient.get("birth_date")), "U"),
    ]
    is_dependent = bool(patient.get("subscriber"))
    given = _text(patient.get("given_name"))
    segments: list[Segment] = [
        ("BHT", "0019", "00", "B1", _text(record["submitted_on"]), _text(record["submitted_at"]), "CH"),
        ("HL", "1", "", "20", "1"),
        ("NM1", "85", "1", _name(record), "", "", "", "", "XX", _text(record["billing_clinician"])),
        ("HL", "2", "1", "22", "1" if is_dependent else "0"),
        ("SBR", "P", "18", "", "", "", "", "", "", _text(record["filing"])),
        ("NM1", "IL", "1", _name(patient), given, "", "", "", "MI", _text(subscriber)),
    ]
    if is_dependent:
        segments += [("HL", "3", "2", "23", "0"), ("PAT", "19"), ("NM1", "QC", "1", _name(patient), given)]
    segments += person
    place = (_text(record["place"]), "B", _text(record["frequency"]))
    segments.append(("CLM", _text(record["claim"]), _text(record["charge"]), "", "", place))
    if record["original_payer_claim"]:
        segments.append(("REF", "F8", record["original_payer_claim"]))
    segments.append(("NM1", "82", "1", _name(record), "", "", "", "", "XX", _text(record["clinician"])))
    for line in record["lines"]:
        service = ("HC", _text(line["procedure"]), *(_text(m["code"]) for m in line["modifiers"]))
        charge, units = _text(line["charge"]), _text(line["units"])
        segments += [
            ("LX", _text(line["line_no"])),
            ("SV1", service, charge, _text(line["unit"]), units, _text(line["place"])),
            ("DTP", "472", "RD8", f"{_text(line['service_from'])}-{_text(line['service_to'])}"),
            ("NM1", "82", "1", _name(line), "", "", "", "", "XX", _text(line["clinician"])),
        ]
    return segments


def _remit(record: Record, payments: Sequence[Record]) -> list[Segment]:
    paid_on, amount, method = (_text(record[name]) for name in ("paid_on", "amount", "method"))
    segments: list[Segment] = [
        ("BPR", "I", amount, "C", method, *[""] * 11, paid_on),
        ("TRN", "1", "T1", "1999999999"),
        ("N1", "PR", _name(record)),
        ("LX", "1"),
    ]
    for payment in payments:
        named = ("claim", "status", "charge", "paid", "patient_responsibility", "filing", "payer_claim")
        segments.append(("CLP", *(_text(payment[name]) for name in named)))
        segments += _adjustments(payment)
        segments += [
            ("NM1", "QC", "1", _name(payment), "", "", "", "", "MI", _text(payment["member"])),
            ("NM1", "82", "1", _name(payment), "", "", "", "", "XX", _text(payment["clinician"])),
            ("DTM", "232", _text(payment["service_from"])),
            ("DTM", "233", _text(payment["service_to"])),
        ]
        for line in payment["lines"]:
            service, charge = ("HC", _text(line["procedure"])), _text(line["charge"])
            segments.append(("SVC", service, charge, _text(line["paid"]), "", _text(line["units"])))
            segments.append(("DTM", "472", _text(line["service_date"])))
            segments += [*_adjustments(line), ("REF", "6R", _text(line["control"]))]
            segments.append(("AMT", "B6", _text(line["allowed"])))
    for kept in record["adjustments"]:
        segments.append(("PLB", NPI, "20261231", (_text(kept["reason"]), "T1"), _text(kept["amount"])))
    return segments


def _adjustments(record: Record) -> list[Segment]:
    names = ("group", "reason", "amount", "quantity")
    return [("CAS", *(_text(found[name]) for name in names)) for found in record["adjustments"]]


def _status(record: Record) -> list[Segment]:
    said: Segment = ("STC", (_text(record["category"]), _text(record["status"])), _text(record["said_on"]), "WQ", "180")
    if record["level"] == "batch":
        return [("HL", "1", "", "20", "1"), ("NM1", "PR", "2", _name(record)), said]
    lines: list[Segment] = [("SVC", ("HC", "90837"), "180")] if record["level"] == "line" else []
    person: Segment = ("NM1", "QC", "1", _name(record), "", "", "", "", "MI", "W1")
    return [("HL", "1", "", "PT"), person, ("TRN", "2", _text(record["claim"])), *lines, said]
