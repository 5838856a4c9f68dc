"""REDCap's API on loopback: one address, POST forms, projects by token.

It answers as REDCap does in what clients rely on: dates as year-month-day whatever their validation, 0 for the status
of an untouched form unless asked otherwise, survey columns only where asked, errors with status 400 or 403.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pacekeeper.testing._faults import Faults
from pacekeeper.testing.redcap_project import (
    EVENT,
    INSTANCE,
    REPEAT_FORM,
    SURVEY_IDENTIFIER,
    RedcapProject,
    Row,
    choices,
    to_csv,
)
from pacekeeper.testing.simulator import planned_fault
from pacekeeper.testing.simulator_http import Call, LoopbackServer, Reply

_PERMISSION = "You do not have permissions to use the API"
_LOGIN_PAGE = b"<!DOCTYPE html>\n<html><head><title>REDCap</title></head><body>Log In</body></html>"


@dataclass(frozen=True, kw_only=True)
class RedcapFaults:
    """REDCap's own ways to fail; calls are counted from 1 over those with a good token.

    html_on: the log-in page with status 200. error_200_on: an error with status 200, as old versions have it.
    ignores: parameters that the version does not know. rows: what stands in place of the rows of an export.
    """

    html_on: frozenset[int] = frozenset()
    error_200_on: frozenset[int] = frozenset()
    ignores: frozenset[str] = frozenset()
    rows: Any = None  # Any: JSON


class RedcapServer(LoopbackServer):
    """Serves projects by their tokens (32 characters) at `api_url`. data_calls: calls with a good token so far."""

    def __init__(
        self,
        projects: Mapping[str, RedcapProject],
        *,
        faults: Faults | None = None,
        own_faults: RedcapFaults | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.projects = dict(projects)
        self.faults = faults or Faults()
        self.own_faults = own_faults or RedcapFaults()
        self.data_calls = 0

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def reset(self, faults: Faults | None = None, own_faults: RedcapFaults | None = None) -> None:
        """Forget the calls so far, and show these faults (default: none) from now on."""
        with self.lock:
            self.faults, self.own_faults = faults or Faults(), own_faults or RedcapFaults()
            self.requests.clear()
            self.data_calls = 0

    def answer(self, call: Call) -> Reply:
        with self.lock:
            self.requests.append(call)
            form = {name: value for name, value in call.form.items() if name not in self.own_faults.ignores}
            if call.path != "/api/" or call.method != "POST":
                return Reply(status=404, content=b"not found", headers={"Content-Type": "text/html"})
            project = self.projects.get(form.get("token", ""))
            if project is None:
                return _error(form, _PERMISSION, status=403)
            self.data_calls += 1
            number = self.data_calls
            planned = planned_fault(self.faults, number, form.get("content"))
            if planned is not None:
                return planned
            if number in self.own_faults.html_on:
                return Reply(content=_LOGIN_PAGE, headers={"Content-Type": "text/html"})
            if number in self.own_faults.error_200_on:
                return _error(form, _PERMISSION, status=200)
            reply = self._serve(project, form)
        return replace(reply, cut=number in self.faults.truncate_on)

    def _serve(self, project: RedcapProject, form: Mapping[str, str]) -> Reply:
        content = form.get("content", "")
        if content == "record" and self.own_faults.rows is not None:
            return Reply(content=self.own_faults.rows)
        if content == "version":
            return Reply(content=b"14.5.0", headers={"Content-Type": "text/html"})
        if content not in _CONTENTS:
            return _error(form, 'The value of the parameter "content" is not valid')
        try:
            found = _CONTENTS[content](project, form)
        except _Refused as refused:
            return _error(form, str(refused))
        if form.get("format") == "csv":
            text = to_csv([found] if isinstance(found, dict) else found)
            return Reply(content=text.encode(), headers={"Content-Type": "text/csv; charset=utf-8"})
        return Reply(content=found)


class _Refused(Exception):  # noqa: N818  becomes a 400
    pass


def _error(form: Mapping[str, str], text: str, *, status: int = 400) -> Reply:
    how = form.get("returnFormat") or form.get("format") or "xml"
    if how == "json":
        return Reply(status=status, content={"error": text})
    if how == "csv":
        return Reply(status=status, content=f"ERROR: {text}".encode(), headers={"Content-Type": "text/csv"})
    body = f'<?xml version="1.0" encoding="UTF-8" ?><hash><error>{text}</error></hash>'
    return Reply(status=status, content=body.encode(), headers={"Content-Type": "text/xml"})


def _asked(form: Mapping[str, str], name: str) -> list[str]:
    """A list parameter: `fields[0]=a&fields[1]=b`, or `fields=a,b`."""
    found = [value for key, value in form.items() if key.startswith(f"{name}[")]
    return found or [part.strip() for part in form.get(name, "").split(",") if part.strip()]


def _project(project: RedcapProject, form: Mapping[str, str]) -> dict[str, Any]:
    del form
    return {
        "project_id": 17,
        "project_title": project.title,
        "is_longitudinal": int(project.is_longitudinal),
        "has_repeating_instruments_or_events": int(bool(project.repeating)),
        "surveys_enabled": int(bool(project.surveys)),
        "missing_data_codes": project.missing_data_codes,
    }


def _metadata(project: RedcapProject, form: Mapping[str, str]) -> list[Row]:
    fields, forms = _asked(form, "fields"), _asked(form, "forms")
    both = bool(fields or forms)
    return [row for row in project.fields if not both or row["field_name"] in fields or row["form_name"] in forms]


def _events(project: RedcapProject, form: Mapping[str, str]) -> list[Row]:
    del form
    if not project.is_longitudinal:
        raise _Refused("You cannot export events for classic projects")
    return project.events


def _arms(project: RedcapProject, form: Mapping[str, str]) -> list[Row]:
    del form
    if not project.is_longitudinal:
        raise _Refused("You cannot export arms for classic projects")
    return project.arms


def _form_events(project: RedcapProject, form: Mapping[str, str]) -> list[Row]:
    del form
    if not project.is_longitudinal:
        raise _Refused("You cannot export form/event mappings for classic projects")
    return [
        {"arm_num": event["arm_num"], "unique_event_name": event["unique_event_name"], "form": name}
        for event in project.events
        for name in project.forms
    ]


def _repeating(project: RedcapProject, form: Mapping[str, str]) -> list[Row]:
    del form
    if not project.repeating:
        raise _Refused("You cannot export repeating instruments and events because the project does not contain any")
    named = [{EVENT.removeprefix("redcap_"): event, "form_name": name} for event, name in project.repeating]
    return [{**row, "custom_form_label": ""} for row in named]


def _instruments(project: RedcapProject, form: Mapping[str, str]) -> list[Row]:
    del form
    labels = ((name, name.replace("_", " ").title()) for name in project.forms)
    return [{"instrument_name": name, "instrument_label": label} for name, label in labels]


def _field_names(project: RedcapProject, form: Mapping[str, str]) -> list[Row]:
    del form
    found: list[Row] = []
    for name in project.forms:
        for row in (row for row in project.fields if row["form_name"] == name):
            for column, code, _ in project.columns_of(row):
                found.append(_field_name(row["field_name"], code, column))
        found.append(_field_name(f"{name}_complete", "", f"{name}_complete"))
    return found


def _field_name(original: str, code: str, column: str) -> Row:
    return {"original_field_name": original, "choice_value": code, "export_field_name": column}


def _records(project: RedcapProject, form: Mapping[str, str]) -> list[dict[str, Any]]:
    columns = _columns(project, form)
    records, events = set(_asked(form, "records")), set(_asked(form, "events"))
    begin, end = form.get("dateRangeBegin", ""), form.get("dateRangeEnd", "~")
    found = []
    for row in project.rows:
        record = row[project.record_id]
        if (records and record not in records) or (events and row.get(EVENT) not in events):
            continue
        if begin and not begin < project.changed.get(record, "") < end:
            continue
        found.append({name: value(row) for name, value in columns.items()})
    return found


def _columns(project: RedcapProject, form: Mapping[str, str]) -> dict[str, Callable[[Row], Any]]:
    """How each export column is made from a row, in REDCap's order."""
    fields, forms = _asked(form, "fields"), _asked(form, "forms")
    wanted = _wanted(project, fields, forms)
    asks_surveys = form.get("exportSurveyFields", "").lower() == "true" and bool(project.surveys)
    found: dict[str, Callable[[Row], Any]] = {}
    if project.record_id in wanted:
        found[project.record_id] = _stored(project.record_id)
        if project.is_longitudinal:
            found[EVENT] = _stored(EVENT)
        if project.repeating:
            found[REPEAT_FORM] = _stored(REPEAT_FORM)
            found[INSTANCE] = lambda row: int(text) if (text := row.get(INSTANCE, "")) else ""
        if asks_surveys:
            found[SURVEY_IDENTIFIER] = _stored(SURVEY_IDENTIFIER)
    for name in project.forms:
        own = [row for row in project.fields if row["form_name"] == name and row["field_name"] in wanted]
        status = f"{name}_complete"
        if asks_surveys and name in project.surveys and (own or status in wanted):
            found[f"{name}_timestamp"] = _stored(f"{name}_timestamp")
        for row in own:
            for column, code, _ in project.columns_of(row):
                found.setdefault(column, _value(row, column, code, form))
        if status in wanted:
            found[status] = _status(project, name, form)
    return found


def _wanted(project: RedcapProject, fields: Sequence[str], forms: Sequence[str]) -> set[str]:
    statuses = {f"{name}_complete" for name in project.forms}
    known = {row["field_name"] for row in project.fields}
    unknown = [name for name in fields if name not in known | statuses]
    if unknown:
        raise _Refused('The following values in the parameter "fields" are not valid: \'' + "', '".join(unknown) + "'")
    if not fields and not forms:
        return known | statuses
    of_forms = {row["field_name"] for row in project.fields if row["form_name"] in forms}
    return {*fields, *of_forms, *(f"{name}_complete" for name in forms)}


def _stored(column: str) -> Callable[[Row], Any]:
    return lambda row: row.get(column, "")


def _value(field: Row, column: str, code: str, form: Mapping[str, str]) -> Callable[[Row], Any]:
    labels = dict(choices(field)) if form.get("rawOrLabel") == "label" else {}
    is_comma = field["text_validation_type_or_show_slider_number"].endswith("comma_decimal")
    point = form.get("decimalCharacter")

    def value(row: Row) -> str:
        text = row.get(column, "")
        if is_comma and point:
            return text.replace(",", point).replace(".", point)
        if not labels or not text:
            return text
        return ("Checked" if text == "1" else "Unchecked") if code else labels.get(text, text)

    return value


def _status(project: RedcapProject, form_name: str, form: Mapping[str, str]) -> Callable[[Row], Any]:
    shows_blank = form.get("exportBlankForGrayFormStatus", "").lower() == "true"
    repeating = frozenset(project.repeating)

    def status(row: Row) -> str:
        stored = row.get(f"{form_name}_complete", "")
        may_hold = not row.get(REPEAT_FORM) and (row.get(EVENT, ""), form_name) not in repeating
        return stored if stored or shows_blank or not (may_hold or row.get(REPEAT_FORM) == form_name) else "0"

    return status


_CONTENTS: Mapping[str, Callable[[RedcapProject, Mapping[str, str]], Any]] = {
    "project": _project,
    "metadata": _metadata,
    "event": _events,
    "arm": _arms,
    "formEventMapping": _form_events,
    "repeatingFormsEvents": _repeating,
    "instrument": _instruments,
    "exportFieldNames": _field_names,
    "record": _records,
}
