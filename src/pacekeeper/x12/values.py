"""Single elements of a segment, checked and brought into the form in which they land.

A text is handed over as it stands: the boundary trims it, and takes an empty one for null.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias

from pacekeeper.x12.fault import SetFault

Elements: TypeAlias = Sequence[str]
_IS_AMOUNT = re.compile(r"-?(?:[0-9]{1,13}(?:\.[0-9]{0,4})?|\.[0-9]{1,4})").fullmatch
#: Texts a table remembers; a practice's prices and days repeat.
_REMEMBERED = 1 << 14
_PERSON = "1"
_NPI = "XX"
#: NM108 of a number by which a payer knows a member; 34, a social security number, is not read.
_MEMBER = {"MI", "II", "HN", "MR"}


class Amounts(dict[str, str]):
    """Amounts and quantities by their text, which is checked once; a blank one is empty.

    Raises SetFault (`bad_amount`) for a text that is no decimal number.
    """

    def __missing__(self, text: str) -> str:
        if text.strip() and not _IS_AMOUNT(text):
            raise SetFault("bad_amount")
        return _remember(self, text, text.strip())


class Days(dict[str, str]):
    """ISO dates by CCYYMMDD; other texts stay as they are, for the boundary to reject."""

    def __missing__(self, text: str) -> str:
        is_day = len(text) == len("CCYYMMDD") and text.isdigit()
        return _remember(self, text, f"{text[:4]}-{text[4:6]}-{text[6:]}" if is_day else text)


class Services(dict[str, tuple[str, tuple[str, ...]]]):
    """Procedure code and up to four modifiers by medical procedure identifier (SV101, SVC01).

    Raises SetFault: `missing_procedure`; `bad_composite` where it has no parts, because the sender divides them by
    something else than the ISA says.
    """

    def __init__(self, separator: str) -> None:
        super().__init__()
        self._separator = separator

    def __missing__(self, composite: str) -> tuple[str, tuple[str, ...]]:
        if not composite.strip():
            raise SetFault("missing_procedure")
        parts = [part.strip() for part in composite.split(self._separator)]
        if len(parts) == 1:
            raise SetFault("bad_composite")
        if len(self) >= _REMEMBERED:
            self.clear()
        found = self[composite] = parts[1], tuple(part for part in parts[2:6] if part)
        return found


def _remember(table: dict[str, str], text: str, value: str) -> str:
    if len(table) >= _REMEMBERED:
        table.clear()
    table[text] = value
    return value


def money(amounts: Amounts, text: str) -> str:
    """An amount that must be there. Raises SetFault (`missing_amount`, `bad_amount`)."""
    found = amounts[text]
    if not found:
        raise SetFault("missing_amount")
    return found


def total(amounts: Iterable[str]) -> str:
    """Exact sum of decimal texts."""
    return str(sum(map(Decimal, amounts), Decimal(0)))


def element(segment: Elements, number: int) -> str:
    """Element by its X12 number (CLP01 is 1), trimmed; empty where it is left out."""
    return segment[number].strip() if number < len(segment) else ""


def required(segment: Elements, number: int, reason: str) -> str:
    """An element that must be there. Raises SetFault with that reason."""
    found = element(segment, number)
    if not found:
        raise SetFault(reason)
    return found


def npi_of_person(nm1: Elements) -> str:
    """NPI of an NM1 segment that names a person; empty for an organisation, or an identifier of another kind."""
    is_person = len(nm1) > 9 and nm1[2] == _PERSON and nm1[8] == _NPI
    return nm1[9].strip() if is_person else ""


def member_number(nm1: Elements) -> str:
    """The payer's number of an NM1 segment's person; empty where it has none, or one of another kind."""
    return nm1[9].strip() if len(nm1) > 9 and nm1[8] in _MEMBER else ""
