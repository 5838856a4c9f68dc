"""A REDCap project's data dictionary: which fields there are, on which form, and how their values are written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pacekeeper.errors import DataError

#: Field types whose answer is one of a list of codes.
CHOICE_TYPES = frozenset({"dropdown", "radio", "yesno", "truefalse", "checkbox"})
_TWO_CHOICES = ("1", "0")
_NOT_IN_COLUMN = re.compile(r"[^a-z0-9_]")
_NUMBER = re.compile(r"(integer|number(_\d+dp)?(_comma_decimal)?)")


@dataclass(frozen=True)
class Field:
    """One row of the dictionary. kind: REDCap's field type. codes: of its choices. validation: of a text field."""

    name: str
    form: str
    kind: str
    codes: tuple[str, ...]
    validation: str
    is_identifier: bool

    @property
    def columns(self) -> dict[str, str]:
        """The columns an export has for it, with the choice each stands for (empty where the value itself is there)."""
        if self.kind != "checkbox":
            return {self.name: ""}
        return {checkbox_column(self.name, code): code for code in self.codes}

    @property
    def has_decimal_comma(self) -> bool:
        return self.validation.endswith("_comma_decimal")

    @property
    def holds_text(self) -> bool:
        """Whether anything at all may be written into it."""
        if self.kind == "text":
            is_dated = self.validation.startswith(("date", "time"))
            return not (_NUMBER.fullmatch(self.validation) or is_dated)
        return self.kind in {"notes", "file", "descriptive"}


@dataclass(frozen=True)
class Dictionary:
    """The fields of a project by name, in its order; the first one is the record's identifier."""

    fields: Mapping[str, Field]

    @property
    def record_id(self) -> str:
        return next(iter(self.fields))

    @cached_property
    def forms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(field.form for field in self.fields.values()))

    @cached_property
    def checkbox_columns(self) -> Mapping[str, Field]:
        """The checkbox field by each of its columns (`race___2`)."""
        return {c: field for field in self.fields.values() if field.kind == "checkbox" for c in field.columns}

    def field_of(self, name: str) -> Field | None:
        """The field that a name stands for: a field's own, or a checkbox column's."""
        return self.fields.get(name) or self.checkbox_columns.get(name)


def checkbox_column(field: str, code: str) -> str:
    """Name of the export column of one choice: lower case, what is no letter or digit becomes `_` (`-9` -> `__9`)."""
    return f"{field}___{_NOT_IN_COLUMN.sub('_', code.lower())}"


def parse_dictionary(rows: Sequence[Mapping[str, Any]]) -> Dictionary:
    """The dictionary from `content=metadata`; DataError where it is none."""
    fields: dict[str, Field] = {}
    for number, row in enumerate(rows, 1):
        name, form, kind = (_text(row, key) for key in ("field_name", "form_name", "field_type"))
        if not name or not form:
            raise DataError(f"row {number} of the project's data dictionary lacks field_name or form_name")
        choices = _text(row, "select_choices_or_calculations")
        fields[name] = Field(
            name=name,
            form=form,
            kind=kind,
            codes=_codes(kind, choices),
            validation=_text(row, "text_validation_type_or_show_slider_number"),
            is_identifier=_text(row, "identifier").lower() == "y",
        )
    if not fields:
        raise DataError("the project's data dictionary is empty")
    return Dictionary(fields)


def missing_codes(text: str) -> frozenset[str]:
    """The codes of `NI, No information | UNK, Unknown`: what a project writes where a value is missing on purpose."""
    return frozenset(code for part in re.split(r"[|\n]", text) if (code := part.partition(",")[0].strip()))


def _codes(kind: str, choices: str) -> tuple[str, ...]:
    if kind in {"yesno", "truefalse"}:
        return _TWO_CHOICES
    if kind not in CHOICE_TYPES:
        return ()
    return tuple(code for part in choices.split("|") if (code := part.partition(",")[0].strip()))


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key) if isinstance(row, Mapping) else None
    return "" if value is None else str(value).strip()
