"""Records of DFT messages: one per FT1."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from pacekeeper.hl7v2 import Segment, UnreadableError
from pacekeeper_connectors.hl7v2.envelope import Envelope, Row, code, person_of

_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST_MODIFIERS = 4


def transaction_rows(envelope: Envelope, *, currency: str) -> Iterator[Row]:
    """One record per FT1. currency: where the message names none.

    FT1-2 is the transaction's identifier; one that several FT1 of a message share is told apart by position, and one
    that is missing is the message's own. Raises UnreadableError: `missing_segment` (no FT1), `bad_amount`,
    and those of Clock.
    """
    lines = envelope.message.all("FT1")
    if not lines:
        raise UnreadableError("missing_segment")
    shared = Counter(ft1.text(2) for ft1 in lines)
    insurance = envelope.message.first("IN1")
    for position, ft1 in enumerate(lines, 1):
        number = ft1.text(2)
        if not number:
            number = f"{envelope.content}#{position}"
        elif shared[number] > 1:
            number = f"{number}#{position}"
        clinician = person_of(ft1, 20)
        yield {
            "id": f"{envelope.identity}#{position}",
            "number": number,
            **envelope.order,
            "kind": code(ft1.text(6)),
            "service_date": envelope.clock.day(ft1.text(4)),
            "posted_on": envelope.clock.day(ft1.text(5)),
            "transaction_code": code(ft1.text(7)),
            "procedure": code(ft1.text(25) or ft1.text(7)),
            "units": ft1.text(10) or None,
            "amount_cents": _cents(ft1),
            "currency": _currency(ft1) or currency,
            "plan": code(insurance.text(15)) if insurance is not None else None,
            "client": envelope.client,
            "clinician": clinician["id"] if clinician else None,
            "visit": envelope.visit,
            "modifiers": _modifiers(ft1),
        }


def _cents(ft1: Segment) -> int:
    """FT1-11; without it the unit amount FT1-12 times the quantity FT1-10, or once."""
    whole = ft1.text(11)
    if whole:
        return _exact_cents(_number(whole))
    return _exact_cents(_number(ft1.text(12)) * (_number(ft1.text(10)) if ft1.text(10) else 1))


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise UnreadableError("bad_amount")
    return Decimal(text)


def _exact_cents(amount: Decimal) -> int:
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise UnreadableError("bad_amount")
    return int(cents)


def _currency(ft1: Segment) -> str | None:
    found = ft1.text(11, 1, 2) or ft1.text(12, 1, 2)
    return found if _CURRENCY.fullmatch(found) else None


def _modifiers(ft1: Segment) -> list[Row]:
    found = [text for modifier in ft1.repetitions(26) if (text := modifier.text(1))]
    return [{"position": n, "modifier": text} for n, text in enumerate(found[:_MOST_MODIFIERS], 1)]
