"""A REDCap project as its files hold it: data dictionary, events, rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Columns of the data dictionary, in the order of its file, by the names the API gives them.
DICTIONARY = (
    "field_name",
    "form_name",
    "section_header",
    "field_type",
    "field_label",
    "select_choices_or_calculations",
    "field_note",
    "text_validation_type_or_show_slider_number",
    "text_validation_min",
    "text_validation_max",
    "identifier",
    "branching_logic",
    "required_field",
    "custom_alignment",
    "question_number",
    "matrix_group_name",
    "matrix_ranking",
    "field_annotation",
)
EVENT, REPEAT_FORM, INSTANCE = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
SURVEY_IDENTIFIER = "redcap_survey_identifier"
Row = dict[str, str]


@dataclass
class RedcapProject:
    """One project.

    fields: rows of the dictionary. rows: as exported flat, values as stored. events: of a longitudinal project.
    surveys: forms that are surveys. missing_data_codes: `NI, No information | ...`. changed: local time of the last
    change by record; a record without one was never changed since the log began.
    """

    fields: list[Row]
    rows: list[Row] = field(default_factory=list)
    title: str = "project"
    events: list[Row] = field(default_factory=list)
    arms: list[Row] = field(default_factory=list)
    surveys: frozenset[str] = frozenset()
    missing_data_codes: str = ""
    changed: dict[str, str] = field(default_factory=dict)

    @property
    def record_id(self) -> str:
        return self.fields[0]["field_name"]

    @property
    def forms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row["form_name"] for row in self.fields))

    @property
    def is_longitudinal(self) -> bool:
        return bool(self.events)

    @property
    def repeating(self) -> list[tuple[str, str]]:
        """Event (empty in a classic project) and form of everything that repeats."""
        pairs = ((row.get(EVENT, ""), row[REPEAT_FORM]) for row in self.rows if row.get(REPEAT_FORM))
        return list(dict.fromkeys(pairs))

    def columns_of(self, row: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """Export columns of a dictionary row with the choice each stands for and its label."""
        name = row["field_name"]
        if row["field_type"] == "descriptive":
            return []
        if row["field_type"] != "checkbox":
            return [(name, "", "")]
        return [(f"{name}___{re.sub('[^a-z0-9_]', '_', code.lower())}", code, label) for code, label in choices(row)]

    def edit(self, position: int, at: str, **values: str) -> None:
        """Change values of one row, as the log would note it at the local time `at`."""
        self.rows[position].update(values)
        self.changed[self.rows[position][self.record_id]] = at

    def delete(self, record: str) -> None:
        """Delete a record; the log's dates do not bring it up again."""
        self.rows = [row for row in self.rows if row[self.record_id] != record]
        self.changed.pop(record, None)


def choices(row: Mapping[str, str]) -> list[tuple[str, str]]:
    """Code and label of a field's choices."""
    if row["field_type"] in {"yesno", "truefalse"}:
        yes, no = ("Yes", "No") if row["field_type"] == "yesno" else ("True", "False")
        return [("1", yes), ("0", no)]
    if row["field_type"] not in {"radio", "dropdown", "checkbox"}:
        return []
    pairs = (part.partition(",") for part in row["select_choices_or_calculations"].split("|"))
    return [(code.strip(), label.strip()) for code, _, label in pairs if code.strip()]


def dictionary_row(name: str, form: str, kind: str = "text", **more: str) -> Row:
    """A dictionary row, empty where nothing is said. more: by the API's names; `choices`, `validation` for short."""
    short = {"choices": "select_choices_or_calculations", "validation": "text_validation_type_or_show_slider_number"}
    named = {short.get(key, key): value for key, value in more.items()}
    return dict.fromkeys(DICTIONARY, "") | {"field_name": name, "form_name": form, "field_type": kind} | named


def read_project(folder: Path) -> RedcapProject:
    """A project from `dictionary.csv`, `data.csv` and, where they are there, `event.csv` and `arm.csv`."""
    header, *lines = _csv(folder / "dictionary.csv")
    del header
    fields = [dict(zip(DICTIONARY, line, strict=False)) for line in lines]
    columns, *data = _csv(folder / "data.csv") or [[]]
    rows = [dict(zip(columns, line, strict=True)) for line in data]
    forms = {row["form_name"] for row in fields}
    return RedcapProject(
        fields=fields,
        rows=rows,
        title=folder.name,
        events=_rows(folder / "event.csv"),
        arms=_rows(folder / "arm.csv"),
        surveys=frozenset(form for form in forms if f"{form}_timestamp" in columns),
    )


def _rows(file: Path) -> list[Row]:
    if not file.exists():
        return []
    header, *lines = _csv(file)
    return [dict(zip(header, line, strict=True)) for line in lines]


def _csv(file: Path) -> list[list[str]]:
    text = file.read_text(encoding="utf-8-sig")
    return [line for line in csv.reader(io.StringIO(text)) if line]


def to_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as CSV with a header line; empty where there are none."""
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
