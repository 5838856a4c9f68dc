"""Records of an 837P professional claim set (005010X222A1): claims with their lines, patients, and clinicians.

HL loops say who is meant: 20 the billing provider, 22 the subscriber, 23 a patient who is not the subscriber.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from pacekeeper.x12.fault import SetFault
from pacekeeper.x12.kinds import SEGMENTS
from pacekeeper.x12.party import Party
from pacekeeper.x12.record import Record
from pacekeeper.x12.unit import TransactionSet
from pacekeeper.x12.values import (
    Amounts,
    Days,
    Elements,
    Services,
    element,
    money,
    npi_of_person,
    required,
)

_KNOWN = SEGMENTS["837P"]
_TIME = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])")
#: DTP02 of two days with a hyphen between.
_RANGE = "RD8"
_BILLING, _SUBSCRIBER, _PATIENT = "20", "22", "23"
#: Where in a claim a segment stands: in the claim's own part, among other payers, in a line.
Part = Literal["claim", "other_payer", "line"]


class ProfessionalClaimReader:
    """Reads one set; claims come as they end."""

    def __init__(self, found: TransactionSet) -> None:
        self._id = found.identity
        self._element = found.interchange.delimiters.element.decode("latin-1")
        self._component = found.interchange.delimiters.component.decode("latin-1")
        self._amounts, self._days, self._services = Amounts(), Days(), Services(self._component)
        self._submitted_on, self._submitted_time = self._days[found.sent_on], "00:00"
        self._billing = self._filing = ""
        self._subscriber = Party()
        self._patient: Party | None = None
        self._claim: dict[str, Any] | None = None
        self._part: Part = "claim"
        self._claims = 0
        self._told: set[str] = set()
        self._handlers: dict[str, Callable[[Elements], None]] = {
            "BHT": self._bht,
            "HL": self._hl,
            "SBR": self._sbr,
            "NM1": self._nm1,
            "N4": self._n4,
            "DMG": self._dmg,
            "CLM": self._clm,
            "REF": self._ref,
            "LX": self._lx,
            "SV1": self._sv1,
            "DTP": self._dtp,
        }

    def read(self, texts: Iterable[str]) -> Iterator[Record]:
        """Records by stream: claim, patient, provider. Raises SetFault."""
        handlers = self._handlers
        for text in texts:
            segment = text.split(self._element)
            name = segment[0]
            if name in {"CLM", "HL", "SE"} and self._claim is not None:
                yield from self._end_claim()
            handler = handlers.get(name)
            if handler is not None:
                handler(segment)
            elif name not in _KNOWN:
                raise SetFault("unknown_segment")
        yield from self._end_claim()

    def _end_claim(self) -> Iterator[Record]:
        claim, self._claim = self._claim, None
        if claim is None:
            return
        for line in claim["lines"]:
            line["clinician"] = line["clinician"] or claim["clinician"]
        days = [line[day] for line in claim["lines"] for day in ("service_from", "service_to")]
        claim["service_from"] = min((day for day in days if day), default=None)
        claim["service_to"] = max((day for day in days if day), default=None)
        for npi in {claim["clinician"], claim["billing_clinician"], *(line["clinician"] for line in claim["lines"])}:
            if npi and npi not in self._told:
                self._told.add(npi)
                yield "provider", {"npi": npi}
        party = self._patient or self._subscriber
        if claim["client"] is not None and not party.is_told:
            party.is_told = True
            yield "patient", party.record(is_subscriber=self._patient is None, of=self._subscriber)
        yield "claim", claim

    def _bht(self, bht: Elements) -> None:
        clock = _TIME.match(element(bht, 5))
        self._submitted_on = self._days[element(bht, 4)] or self._submitted_on
        self._submitted_time = f"{clock[1]}:{clock[2]}" if clock else "00:00"

    def _hl(self, hl: Elements) -> None:
        level = element(hl, 3)
        if level == _BILLING:
            self._billing = ""
        if level in {_BILLING, _SUBSCRIBER}:
            self._subscriber, self._patient, self._filing = Party(), None, ""
        elif level == _PATIENT:
            self._patient = Party()

    def _sbr(self, sbr: Elements) -> None:
        if self._claim is not None:
            self._part = "other_payer"
        else:
            self._filing = element(sbr, 9)

    def _nm1(self, nm1: Elements) -> None:
        who = element(nm1, 1)
        if self._claim is None:
            self._nm1_before_claims(who, nm1)
        elif who == "82" and self._part == "claim":
            self._claim["clinician"] = npi_of_person(nm1)
        elif who == "82" and self._part == "line" and self._claim["lines"]:
            self._claim["lines"][-1]["clinician"] = npi_of_person(nm1)

    def _nm1_before_claims(self, who: str, nm1: Elements) -> None:
        if who == "85":
            self._billing = npi_of_person(nm1)
        elif who == "IL":
            self._subscriber.name(nm1)
        elif who == "QC" and self._patient is not None:
            self._patient.name(nm1)

    def _n4(self, n4: Elements) -> None:
        party = self._patient or self._subscriber
        if self._claim is None and party.is_current:
            party.postal_code = element(n4, 3)

    def _dmg(self, dmg: Elements) -> None:
        if self._claim is None and element(dmg, 1) == "D8":
            (self._patient or self._subscriber).birth_date = self._days[element(dmg, 2)]

    def _clm(self, clm: Elements) -> None:
        self._claims += 1
        self._part = "claim"
        place, _, frequency, *_ = [*element(clm, 5).split(self._component), "", "", ""]
        party = self._patient or self._subscriber
        self._claim = {
            "id": f"{self._id}|{self._claims}",
            "claim": required(clm, 1, "missing_claim_number"),
            "client": party.identity(self._subscriber),
            "clinician": self._billing,
            "billing_clinician": self._billing,
            "filing": self._filing,
            "frequency": frequency,
            "place": place,
            "charge": money(self._amounts, element(clm, 2)),
            "original_payer_claim": None,
            "position": self._claims,
            "submitted_on": self._submitted_on,
            "submitted_at": f"{self._submitted_on}T{self._submitted_time}" if self._submitted_on else None,
            "service_from": None,
            "service_to": None,
            "lines": [],
        }

    def _ref(self, ref: Elements) -> None:
        if self._claim is not None and self._part == "claim" and element(ref, 1) == "F8":
            self._claim["original_payer_claim"] = element(ref, 2)

    def _lx(self, lx: Elements) -> None:
        del lx
        self._part = "line"

    def _sv1(self, sv1: Elements) -> None:
        if self._claim is None:
            raise SetFault("segment_out_of_order")
        self._part = "line"
        procedure, modifiers = self._services[element(sv1, 1)]
        lines = self._claim["lines"]
        lines.append(
            {
                "line_no": len(lines) + 1,
                "procedure": procedure,
                "modifiers": [{"position": n, "code": code} for n, code in enumerate(modifiers, 1)],
                "charge": money(self._amounts, element(sv1, 2)),
                "unit": element(sv1, 3),
                "units": self._amounts[element(sv1, 4)],
                "place": element(sv1, 5) or self._claim["place"],
                "clinician": None,
                "service_from": None,
                "service_to": None,
            }
        )

    def _dtp(self, dtp: Elements) -> None:
        if self._claim is not None and self._part == "line" and self._claim["lines"] and element(dtp, 1) == "472":
            line = self._claim["lines"][-1]
            first, _, last = element(dtp, 3).partition("-") if element(dtp, 2) == _RANGE else (element(dtp, 3), "", "")
            line["service_from"], line["service_to"] = self._days[first], self._days[last or first]
