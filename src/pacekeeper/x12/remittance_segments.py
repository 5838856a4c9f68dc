"""What single segments of an 835 say, taken apart once for equal texts.

A remittance repeats itself: the same days, prices, adjustments and clinicians in thousands of claims. A segment's
meaning depends on its text alone; where it belongs is the reader's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from pacekeeper.x12.fault import SetFault
from pacekeeper.x12.kinds import SEGMENTS
from pacekeeper.x12.unit import TransactionSet
from pacekeeper.x12.values import (
    Amounts,
    Days,
    Services,
    element,
    member_number,
    money,
    npi_of_person,
    required,
)

_KNOWN = SEGMENTS["835"]
#: CAS holds up to six triplets of reason, amount and quantity; PLB up to six pairs.
_CAS_TRIPLETS = range(2, 20, 3)
_PLB_PAIRS = range(3, 15, 2)
_DEBIT = "D"
#: Segments that are hardly ever the same twice. What CLP says is filled in by the reader, so that it may not be shared.
_UNIQUE = frozenset({"CLP", "REF", "TRN", "PLB"})
_REMEMBERED = 1 << 14
#: So that a segment whose last elements are left out can be taken apart.
_PAD = [""] * 20


class Says:
    """What a segment is about. Plain numbers: one is looked up for every segment."""

    NOTHING = 0
    CLAIM = 1
    LINE = 2
    ADJUSTMENTS = 3
    DAY = 4
    MEMBER = 5
    CLINICIAN = 6
    OTHER_INSURED = 7
    LINE_CLINICIAN = 8
    ALLOWED = 9
    PAYMENT = 10
    PROVIDER_ADJUSTMENTS = 11
    LINE_CONTROL = 12


class Day(NamedTuple):
    """A DTM segment: its qualifier and ISO date."""

    qualifier: str
    day: str


#: REF01 of a line's clinician and of the number that the practice gave the line.
_REFERENCES: Mapping[str, int] = {"HPI": Says.LINE_CLINICIAN, "6R": Says.LINE_CONTROL}

Meaning: TypeAlias = tuple[int, Any]  # Any: what goes with it, by kind
_NOTHING: Meaning = (Says.NOTHING, None)


class Meanings(dict[str, Meaning]):
    """Meaning by segment text. Raises SetFault. What it hands out is shared: it must not be changed."""

    def __init__(self, found: TransactionSet) -> None:
        super().__init__()
        delimiters = found.interchange.delimiters
        self._element = delimiters.element.decode("latin-1")
        self._component = delimiters.component.decode("latin-1")
        self._amounts, self._days, self._services = Amounts(), Days(), Services(self._component)
        self._parsers: Mapping[str, Callable[[Sequence[str]], Meaning]] = {
            "BPR": self._bpr,
            "DTM": self._dtm,
            "CLP": self._clp,
            "CAS": self._cas,
            "NM1": _nm1,
            "REF": _ref,
            "AMT": self._amt,
            "SVC": self._svc,
            "PLB": self._plb,
        }

    def __missing__(self, text: str) -> Meaning:
        segment = text.split(self._element)
        name = segment[0]
        parser = self._parsers.get(name)
        if parser is None and name not in _KNOWN:
            raise SetFault("unknown_segment")
        meaning = _NOTHING if parser is None else parser(segment)
        if name not in _UNIQUE:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = meaning
        return meaning

    def _bpr(self, bpr: Sequence[str]) -> Meaning:
        paid = money(self._amounts, element(bpr, 2))
        is_debit = element(bpr, 3) == _DEBIT and not paid.startswith("-")
        return Says.PAYMENT, {
            "amount": f"-{paid}" if is_debit else paid,
            "method": element(bpr, 4),
            "paid_on": self._days[element(bpr, 16)],
        }

    def _clp(self, clp: Sequence[str]) -> Meaning:
        """The fields of a claim that its own segment holds."""
        _, number, status, charge, paid, share, filing, payer_claim = (clp if len(clp) > 7 else [*clp, *_PAD])[:8]
        amounts = self._amounts
        charge, paid = amounts[charge], amounts[paid]
        if not (charge and paid and number.strip()):
            raise SetFault("missing_amount" if number.strip() else "missing_claim_number")
        return Says.CLAIM, {
            "claim": number,
            "status": status,
            "charge": charge,
            "paid": paid,
            "patient_responsibility": amounts[share],
            "filing": filing,
            "payer_claim": payer_claim,
        }

    def _svc(self, svc: Sequence[str]) -> Meaning:
        """The fields of a line that its own segment holds."""
        _, composite, charge, paid, _, units = (svc if len(svc) > 5 else [*svc, *_PAD])[:6]
        amounts = self._amounts
        return Says.LINE, {
            "procedure": self._services[composite][0],
            "charge": money(amounts, charge),
            "paid": money(amounts, paid),
            "units": amounts[units],
        }

    def _cas(self, cas: Sequence[str]) -> Meaning:
        """One adjustment per triplet, all six."""
        group, padded, found = required(cas, 1, "bad_adjustment"), [*cas, *_PAD], []
        for at in _CAS_TRIPLETS:
            reason, value, quantity = padded[at].strip(), self._amounts[padded[at + 1]], self._amounts[padded[at + 2]]
            if reason and value:
                found.append({"group": group, "reason": reason, "amount": value, "quantity": quantity})
            elif reason or value or quantity:
                raise SetFault("bad_adjustment")
        if not found or len(cas) > _CAS_TRIPLETS.stop:
            raise SetFault("bad_adjustment")
        return Says.ADJUSTMENTS, found

    def _dtm(self, dtm: Sequence[str]) -> Meaning:
        return Says.DAY, Day(element(dtm, 1), self._days[element(dtm, 2)])

    def _amt(self, amt: Sequence[str]) -> Meaning:
        value = money(self._amounts, element(amt, 2))
        return (Says.ALLOWED, value) if element(amt, 1) == "B6" else _NOTHING

    def _plb(self, plb: Sequence[str]) -> Meaning:
        found = []
        for at in _PLB_PAIRS:
            reason, value = element(plb, at), self._amounts[element(plb, at + 1)]
            if reason and value:
                found.append({"reason": reason.split(self._component)[0], "amount": value})
            elif reason or value:
                raise SetFault("bad_adjustment")
        if not found:
            raise SetFault("bad_adjustment")
        return Says.PROVIDER_ADJUSTMENTS, found


def _nm1(nm1: Sequence[str]) -> Meaning:
    who = element(nm1, 1)
    if who == "QC":
        return Says.MEMBER, member_number(nm1)
    if who == "82":
        return Says.CLINICIAN, npi_of_person(nm1)
    return (Says.OTHER_INSURED, None) if who == "IL" else _NOTHING


def _ref(ref: Sequence[str]) -> Meaning:
    kind = _REFERENCES.get(element(ref, 1))
    return _NOTHING if kind is None else (kind, element(ref, 2))
