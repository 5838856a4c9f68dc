"""Values as REDCap writes them, turned into what the boundary reads."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pacekeeper_connectors.redcap.dictionary import Field

#: What stands in a survey time stamp while the survey is open.
NOT_COMPLETED = "[not completed]"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2})?)?")
_SEPARATORS = re.compile(r"[./]")
_ORDERS = {"_dmy": "%d-%m-%Y", "_mdy": "%m-%d-%Y", "_ymd": "%Y-%m-%d"}
_TIMES = ("", " %H:%M", " %H:%M:%S")


def text_of(value: Any) -> str:  # Any: JSON
    """A value as trimmed text; empty for null."""
    return "" if value is None else str(value).strip()


def date_text(text: str, field: Field) -> str:
    """A date or time as ISO 8601.

    REDCap stores and exports every date as year-month-day, however it is shown; a value written in the field's own
    order (`date_dmy`, `datetime_mdy` ...) is read by that order. What is neither stays as it is, for the boundary to
    reject.
    """
    if _ISO.fullmatch(text):
        return text
    order = next((written for ending, written in _ORDERS.items() if field.validation.endswith(ending)), None)
    if order is None:
        return text
    plain = _SEPARATORS.sub("-", text)
    for time in _TIMES:
        try:
            moment = datetime.strptime(plain, order + time)  # noqa: DTZ007  the boundary knows the zone
        except ValueError:
            continue
        return moment.isoformat(sep=" ") if time else moment.date().isoformat()
    return text


def number_text(text: str, field: Field) -> str:
    """A number with a decimal point; a comma is one only where the field says so (`number_comma_decimal`)."""
    if field.has_decimal_comma and text.count(",") == 1 and "." not in text:
        return text.replace(",", ".")
    return text
