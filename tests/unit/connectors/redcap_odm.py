"""REDCap's CDISC ODM export of a project, as a project that the simulator can serve."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from pacekeeper.testing.redcap_project import RedcapProject, Row, dictionary_row

_ODM = "{http://www.cdisc.org/ns/odm/v1.3}"
_REDCAP = "{https://projectredcap.org}"


def read_odm(path: Path) -> RedcapProject:
    """Fields with type, choices and validation, events, and the rows of the data that come with them."""
    root = ElementTree.parse(path).getroot()  # noqa: S314  a file of our own test data
    forms = _form_of_variable(root)
    choices = {
        item.get(f"{_REDCAP}Variable", ""): item.get(f"{_REDCAP}CheckboxChoices", "").replace("|", " | ")
        for item in root.iter(f"{_ODM}CodeList")
    }
    fields: dict[str, Row] = {}
    for item in root.iter(f"{_ODM}ItemDef"):
        name, kind = item.get(f"{_REDCAP}Variable", ""), item.get(f"{_REDCAP}FieldType")
        if kind is None or name not in forms or name.endswith("_complete"):
            continue
        validation = item.get(f"{_REDCAP}TextValidationType", "")
        fields.setdefault(
            name,
            dictionary_row(name, forms[name], kind, choices=choices.get(name, ""), validation=validation),
        )
    events = [
        {"event_name": event.get("Name", ""), "arm_num": "1", "unique_event_name": name, "event_id": "1"}
        for event in root.iter(f"{_ODM}StudyEventDef")
        if (name := event.get(f"{_REDCAP}UniqueEventName", ""))
    ]
    return RedcapProject(list(fields.values()), _rows(root), title=path.stem, events=events)


def _form_of_variable(root: ElementTree.Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for group in root.iter(f"{_ODM}ItemGroupDef"):
        form = group.get("OID", "").partition(".")[0]
        for item in group.iter(f"{_ODM}ItemRef"):
            found.setdefault(item.get(f"{_REDCAP}Variable", ""), form)
    return found


def _rows(root: ElementTree.Element) -> list[Row]:
    rows: list[Row] = []
    for subject in root.iter(f"{_ODM}SubjectData"):
        record = {subject.get(f"{_REDCAP}RecordIdField", ""): subject.get("SubjectKey", "")}
        for visit in subject.findall(f"{_ODM}StudyEventData") or [subject]:
            event = visit.get(f"{_REDCAP}UniqueEventName")
            values = {item.get("ItemOID", ""): item.get("Value", "") for item in visit.iter(f"{_ODM}ItemData")}
            rows.append(record | ({"redcap_event_name": event} if event else {}) | values)
    return rows
