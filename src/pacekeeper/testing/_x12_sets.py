"""The contents of synthetic 837P, 277CA and 835 sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import groupby

from pacekeeper.testing._resources import member_id
from pacekeeper.testing._x12_claims import Outcome, Service
from pacekeeper.testing.x12_writer import Segment, SetContent

_BILLING_NPI = "1999999992"
_PAYER_NAMES = {
    "CI": "EXAMPLE MUTUAL",
    "BL": "EXAMPLE BLUE",
    "HM": "EXAMPLE HMO",
    "MC": "STATE PLAN",
    "MB": "FEDERAL B",
}
_REMOTE, _OFFICE = "10", "11"


def dollars(cents: int) -> str:
    """Cents as X12 writes an amount."""
    sign, whole, rest = "-" if cents < 0 else "", abs(cents) // 100, abs(cents) % 100
    return f"{sign}{whole}.{rest:02d}" if rest else f"{sign}{whole}"


def claim_set(services: Sequence[Service], control: str, sent_at: datetime) -> SetContent:
    """837P: one billing provider, a subscriber loop per client, a claim per service."""
    day, time = f"{sent_at:%Y%m%d}", f"{sent_at:%H%M}"
    segments: list[Segment] = [
        ("BHT", "0019", "00", f"B{day}", day, time, "CH"),
        ("NM1", "41", "2", "RIVERBEND", "", "", "", "", "46", "RB1"),
        ("PER", "IC", "BILLING", "TE", "5550100"),
        ("NM1", "40", "2", "CLEARING", "", "", "", "", "46", "CL1"),
        ("HL", "1", "", "20", "1"),
        ("NM1", "85", "2", "RIVERBEND", "", "", "", "", "XX", _BILLING_NPI),
        ("N3", "1 MILL LANE"),
        ("N4", "RIVERBEND", "NY", "100470000"),
        ("REF", "EI", "000000000"),
    ]
    clients = groupby(sorted(services, key=lambda s: (s.patient, s.claim)), key=lambda s: s.patient)
    for number, (patient, of_client) in enumerate(clients, 2):
        found = list(of_client)
        first = found[0]
        segments += [
            ("HL", str(number), "1", "22", "0"),
            ("SBR", "P", "18", "", "", "", "", "", "", first.filing),
            ("NM1", "IL", "1", first.family_name, first.given_name, "", "", "", "MI", member_id(patient)),
            ("N3", "1 MILL LANE"),
            ("N4", "RIVERBEND", "NY", first.postal_code),
            ("DMG", "D8", first.birth_date.replace("-", ""), "U"),
            ("NM1", "PR", "2", _PAYER_NAMES[first.filing], "", "", "", "", "PI", first.filing),
        ]
        for service in found:
            segments += _claim(service)
    return SetContent("837", control, segments)


def _claim(service: Service) -> list[Segment]:
    place = _REMOTE if service.is_remote else _OFFICE
    code = ("HC", service.procedure, "95") if service.is_remote else ("HC", service.procedure)
    charge = dollars(service.charge_cents)
    return [
        ("CLM", service.claim, charge, "", "", (place, "B", "1"), "Y", "A", "Y", "Y"),
        ("HI", ("ABK", "F329")),
        ("NM1", "82", "1", "CLINICIAN", "A", "", "", "", "XX", service.npi),
        ("LX", "1"),
        ("SV1", code, charge, "UN", "1", "", "", ("1",)),
        ("DTP", "472", "D8", f"{service.day:%Y%m%d}"),
        ("REF", "6R", f"{service.claim}1"),
    ]


def acknowledgement(outcomes: Iterable[Outcome], control: str, on: date) -> SetContent:
    """277CA: whether each claim went into adjudication."""
    day = f"{on:%Y%m%d}"
    segments: list[Segment] = [
        ("BHT", "0085", "08", f"A{day}", day, "0630", "TH"),
        ("HL", "1", "", "20", "1"),
        ("NM1", "PR", "2", "CLEARING", "", "", "", "", "46", "CL1"),
        ("TRN", "1", f"T{day}"),
        ("HL", "2", "1", "21", "1"),
        ("NM1", "41", "2", "RIVERBEND", "", "", "", "", "46", "RB1"),
        ("TRN", "2", f"B{day}"),
        ("STC", ("A1", "19", "PR"), day, "WQ", "0"),
        ("HL", "3", "2", "19", "1"),
        ("NM1", "85", "2", "RIVERBEND", "", "", "", "", "XX", _BILLING_NPI),
    ]
    for number, outcome in enumerate(outcomes, 4):
        service = outcome.service
        status = ("A2", "20") if outcome.is_accepted else ("A7", "562", "85")
        action = "WQ" if outcome.is_accepted else "U"
        segments += [
            ("HL", str(number), "3", "PT"),
            ("NM1", "QC", "1", service.family_name, service.given_name, "", "", "", "MI", member_id(service.patient)),
            ("TRN", "2", service.claim),
            ("STC", status, day, action, dollars(service.charge_cents)),
        ]
    return SetContent("277", control, segments)


def remittance(
    outcomes: Sequence[Outcome],
    control: str,
    on: date,
    *,
    payer: str,
    trace: str,
    fee_cents: int,
    is_reversal: bool,
) -> SetContent:
    """835: one payer's payment. fee_cents: what the payer keeps for itself, in a PLB segment."""
    day = f"{on:%Y%m%d}"
    sign = -1 if is_reversal else 1
    total = sign * sum(outcome.paid_cents for outcome in outcomes) - fee_cents
    method = "ACH" if total > 0 else "NON"
    segments: list[Segment] = [
        ("BPR", "I", dollars(total), "C", method, "", "", "", "", "", "", "", "", "", "", "", day),
        ("TRN", "1", trace, "1999999999"),
        ("DTM", "405", day),
        ("N1", "PR", _PAYER_NAMES[payer]),
        ("N3", "2 PAYER ROAD"),
        ("N4", "RIVERBEND", "NY", "100470000"),
        ("PER", "BL", "DESK", "TE", "5550101"),
        ("N1", "PE", "RIVERBEND", "XX", _BILLING_NPI),
        ("LX", "1"),
    ]
    for outcome in outcomes:
        segments += _processed(outcome, sign, is_reversal=is_reversal)
    if fee_cents:
        segments.append(("PLB", _BILLING_NPI, f"{on.year}1231", ("WO", trace), dollars(fee_cents)))
    return SetContent("835", control, segments)


def _processed(outcome: Outcome, sign: int, *, is_reversal: bool) -> list[Segment]:
    service = outcome.service
    status = "22" if is_reversal else "4" if outcome.result == "denied" else "1"
    charge, paid = dollars(sign * service.charge_cents), dollars(sign * outcome.paid_cents)
    copay = dollars(sign * outcome.copay_cents) if outcome.copay_cents else ""
    day = f"{service.day:%Y%m%d}"
    segments: list[Segment] = [
        ("CLP", service.claim, status, charge, paid, copay, service.filing, f"PC{service.claim}", _OFFICE, "1"),
        ("NM1", "QC", "1", service.family_name, service.given_name, "", "", "", "MI", member_id(service.patient)),
        ("NM1", "82", "1", "CLINICIAN", "A", "", "", "", "XX", service.npi),
        ("REF", "1L", f"GRP{service.filing}01"),
        ("DTM", "232", day),
        ("DTM", "233", day),
        ("DTM", "050", day),
        ("AMT", "AU", dollars(outcome.paid_cents + outcome.copay_cents)),
        ("SVC", ("HC", service.procedure), charge, paid, "", "1"),
        ("DTM", "472", day),
    ]
    if outcome.denial is not None:
        segments.append(("CAS", "CO", outcome.denial, charge))
    else:
        if outcome.written_off_cents:
            segments.append(("CAS", "CO", "45", dollars(sign * outcome.written_off_cents)))
        if outcome.copay_cents:
            segments.append(("CAS", "PR", "3", dollars(sign * outcome.copay_cents)))
        segments.append(("AMT", "B6", dollars(outcome.paid_cents + outcome.copay_cents)))
    segments.append(("REF", "6R", f"{service.claim}1"))
    return segments
