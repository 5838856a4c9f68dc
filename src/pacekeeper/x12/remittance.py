"""Records of an 835 remittance advice (005010X221A1): the remittance, and every claim processed in it.

Money is decimal text as sent. Dates are ISO. Keys are made of the set's identity and a position in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pacekeeper.x12.fault import SetFault
from pacekeeper.x12.record import Record
from pacekeeper.x12.remittance_segments import Day, Meanings, Says
from pacekeeper.x12.unit import TransactionSet
from pacekeeper.x12.values import total

#: DTM01 of a line's day of service, or the first of a period; of a claim's first and last day; of the file itself.
_LINE_DAYS = frozenset({"472", "150"})
_CLAIM_DAYS = {"232": "service_from", "233": "service_to"}
_MADE_ON = "405"
#: Amounts of this many claims are held before they are added up.
_HELD_AMOUNTS = 10_000


class RemittanceReader:
    """Reads one set. Claims come as they end, the remittance last, because its PLB segments do."""

    def __init__(self, found: TransactionSet) -> None:
        self._id = found.identity
        self._meanings = Meanings(found)
        self._remit: dict[str, Any] = {"id": self._id, "adjustments": []}
        self._claim: dict[str, Any] | None = None
        self._line: dict[str, Any] | None = None
        self._claims = 0
        self._paid: list[str] = []
        self._providers: set[str] = set()
        self._handlers: Mapping[int, Callable[[Any], dict[str, Any] | None]] = {
            Says.CLAIM: self._begin_claim,
            Says.LINE: self._begin_line,
            Says.ADJUSTMENTS: self._adjust,
            Says.DAY: self._date,
            Says.MEMBER: self._name_member,
            Says.CLINICIAN: self._name_clinician,
            Says.OTHER_INSURED: self._name_other_insured,
            Says.LINE_CLINICIAN: self._name_line_clinician,
            Says.ALLOWED: self._allow,
            Says.LINE_CONTROL: self._number_line,
            Says.PAYMENT: self._pay,
            Says.PROVIDER_ADJUSTMENTS: self._adjust_provider,
        }

    def read(self, texts: Iterable[str]) -> Iterator[Record]:
        """Records by stream: claim_payment, provider, remit. Raises SetFault."""
        meanings, handlers = self._meanings, self._handlers
        for text in texts:
            says, content = meanings[text]
            if says:
                ended = handlers[says](content)
                if ended is not None:
                    yield from self._new_providers(ended)
                    yield "claim_payment", ended
        ended = self._end_claim()
        if ended is not None:
            yield from self._new_providers(ended)
            yield "claim_payment", ended
        yield "remit", self._end_remit()

    def _new_providers(self, claim: Mapping[str, Any]) -> Sequence[Record]:
        npi = claim.get("clinician")
        if not npi or npi in self._providers:
            return ()
        self._providers.add(npi)
        return (("provider", {"npi": npi}),)

    def _end_claim(self) -> dict[str, Any] | None:
        """The claim that was open, complete; null where none was."""
        claim, self._claim, self._line = self._claim, None, None
        if claim is None:
            return None
        if claim.pop("has_other_insured", False):
            claim["member"] = None
        if "service_from" not in claim:
            days = [line["service_date"] for line in claim["lines"] if line.get("service_date")]
            if days:
                claim["service_from"], claim["service_to"] = min(days), max(days)
        elif "service_to" not in claim:
            claim["service_to"] = claim["service_from"]
        return claim

    def _end_remit(self) -> dict[str, Any]:
        if "amount" not in self._remit:
            raise SetFault("missing_payment_segment")
        adjusted = total(adjustment["amount"] for adjustment in self._remit["adjustments"])
        return {**self._remit, "claims": self._claims, "paid_total": total(self._paid), "adjusted_total": adjusted}

    def _pay(self, payment: Mapping[str, Any]) -> None:
        self._remit |= payment

    def _begin_claim(self, clp: dict[str, Any]) -> dict[str, Any] | None:
        ended = self._end_claim()
        self._claims += 1
        self._paid.append(clp["paid"])
        if len(self._paid) > _HELD_AMOUNTS:
            self._paid = [total(self._paid)]
        clp["id"] = f"{self._id}|{self._claims}"
        clp["remit"] = self._id
        clp["lines"], clp["adjustments"] = [], []
        self._claim = clp
        return ended

    def _begin_line(self, svc: Mapping[str, Any]) -> None:
        if self._claim is None:
            raise SetFault("segment_out_of_order")
        lines = self._claim["lines"]
        self._line = {**svc, "line_no": len(lines) + 1, "adjustments": []}
        lines.append(self._line)

    def _adjust(self, adjustments: Sequence[Mapping[str, Any]]) -> None:
        target = self._line or self._claim
        if target is None:
            raise SetFault("segment_out_of_order")
        target["adjustments"].extend(adjustments)

    def _date(self, found: Day) -> None:
        qualifier, day = found
        if self._line is not None:
            if qualifier in _LINE_DAYS:
                self._line["service_date"] = day
        elif self._claim is not None:
            if qualifier in _CLAIM_DAYS:
                self._claim[_CLAIM_DAYS[qualifier]] = day
        elif qualifier == _MADE_ON and not self._remit.get("paid_on"):
            self._remit["paid_on"] = day

    def _name_member(self, member: str) -> None:
        if self._claim is not None:
            self._claim["member"] = member

    def _name_other_insured(self, _: None) -> None:
        if self._claim is not None:
            self._claim["has_other_insured"] = True

    def _name_clinician(self, npi: str) -> None:
        if self._claim is not None:
            self._claim["clinician"] = npi

    def _name_line_clinician(self, npi: str) -> None:
        """A claim has one clinician, the first that is said."""
        if self._line is not None and self._claim is not None and not self._claim.get("clinician"):
            self._claim["clinician"] = npi

    def _allow(self, value: str) -> None:
        if self._line is not None:
            self._line["allowed"] = value

    def _number_line(self, number: str) -> None:
        if self._line is not None:
            self._line["control"] = number

    def _adjust_provider(self, adjustments: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        self._remit["adjustments"] += adjustments
        return self._end_claim()
