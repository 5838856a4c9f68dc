r"""Escape sequences of HL7 v2 (chapter 2.7): `\F\` is the field separator, `\T\` the subcomponent separator, ..."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacekeeper.hl7v2.message import Separators

_HEX = re.compile(r"X((?:[0-9A-Fa-f]{2})+)")
#: Sequences of formatting and of character sets: they stand for no text of their own.
_SILENT = re.compile(r"[HN]|[CM][0-9A-Fa-f]{4,6}|Z.*|\.(?:in|ti|sk|fi|nf|ce)[+-]?\d*")
_LINE_BREAK = re.compile(r"\.(?:br|sp)[+-]?\d*")


def unescape(text: str, separators: Separators) -> str:
    r"""The text that an escaped one stands for; what is no known sequence stays as it is.

    `\X..\` are bytes of latin-1. Line breaks become a newline; highlighting and indents disappear.
    """
    mark = separators.escape
    if not mark or mark not in text:
        return text
    known = {
        "F": separators.field,
        "S": separators.component,
        "T": separators.subcomponent,
        "R": separators.repetition,
        "E": mark,
        "P": separators.truncation,
    }

    def stands_for(found: re.Match[str]) -> str:
        name = found[1]
        if known.get(name):
            return known[name]
        if (hexadecimal := _HEX.fullmatch(name)) is not None:
            return bytes.fromhex(hexadecimal[1]).decode("latin-1")
        if _LINE_BREAK.fullmatch(name):
            return "\n"
        return "" if _SILENT.fullmatch(name) else found[0]

    return _sequence(mark).sub(stands_for, text)


@cache
def _sequence(mark: str) -> re.Pattern[str]:
    quoted = re.escape(mark)
    return re.compile(f"{quoted}([^{quoted}]+){quoted}")
