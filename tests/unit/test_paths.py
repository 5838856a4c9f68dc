"""Declared paths read from documents what `pacekeeper.columns` says they read."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from pacekeeper.errors import ConfigError
from pacekeeper.landing.paths import Shape, first_field, json_path

NPI = "http://hl7.org/fhir/sid/us-npi"
DOCUMENT = {
    "id": "p1",
    "active": True,
    "score": 18.4233,
    "whole": 3,
    "none": None,
    "empty": [],
    "meta": {"lastUpdated": "2026-03-01T10:00:00Z"},
    "identifier": [
        {"system": "urn:other", "value": "no"},
        {"system": NPI, "value": "1234567893"},
        {"system": NPI, "value": "second"},
        "not an object",
    ],
    "participant": [{"actor": {"reference": "Patient/1"}}, {"actor": {"reference": "Practitioner/2"}}],
    "code": {"coding": [{"system": "s1", "code": "a"}, {"system": "s2", "code": "b"}, {"system": "s2", "code": "c"}]},
    "nested": [{"of": {"kind": "x"}, "list": [{"deep": "y"}]}],
    "odd name": "n",
    "select": "reserved",
}


def read(paths: list[str], document: Any = DOCUMENT, *, all_of: bool = False) -> list[Any]:
    shape = Shape(record="v", document="doc")
    wanted = ", ".join(shape.texts(path) if all_of else shape.text(path) for path in paths)
    record = f"from_json(doc, '{shape.structure}')" if shape.structure else "NULL"
    text = document if isinstance(document, str) else json.dumps(document)
    row = duckdb.execute(f"SELECT {wanted} FROM (SELECT doc, {record} AS v FROM (SELECT ? AS doc))", [text]).fetchone()
    assert row is not None
    return list(row)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("id", "p1"),
        ("active", "true"),
        ("score", "18.4233"),
        ("whole", "3"),
        ("none", None),
        ("absent", None),
        ("meta.lastUpdated", "2026-03-01T10:00:00Z"),
        ("participant[0].actor.reference", "Patient/1"),
        ("participant[1].actor.reference", "Practitioner/2"),
        ("participant[2].actor.reference", None),
        ("empty[0].value", None),
        (f"identifier[system={NPI}].value", "1234567893"),
        ("identifier[system=urn:absent].value", None),
        ("code.coding[system=s2].code", "b"),
        ("nested[of.kind=x].list[0].deep", "y"),
        ("odd name", "n"),
        ("select", "reserved"),
        ("id.value", None),
        ("meta[0].lastUpdated", None),
    ],
)
def test_a_path_reads_the_text_at_its_place_or_null(path: str, text: str | None) -> None:
    assert read([path]) == [text]


def test_many_paths_are_read_together_as_they_are_alone() -> None:
    paths = [
        "id",
        "meta.lastUpdated",
        "participant[1].actor.reference",
        "code.coding[system=s1].code",
        "code.coding[1].code",
    ]
    assert read(paths) == [value for path in paths for value in read([path])]


def test_paths_that_contradict_each_other_are_all_read() -> None:
    assert read(["meta", "meta.lastUpdated"], {"meta": {"lastUpdated": "x"}}) == ['{"lastUpdated":"x"}', "x"]
    assert read(["name", "NAME"], {"NAME": "upper", "name": "lower"}) == ["lower", "upper"]
    assert read(["a[0].b", "a.b"], {"a": {"b": "one"}}) == [None, "one"]


def test_the_document_itself_is_a_path_for_elements_that_are_plain_values() -> None:
    assert read(["$"], '"mon"') == ["mon"]


def test_all_texts_at_a_filtered_path_are_found() -> None:
    assert read(["code.coding[system=s2].code"], all_of=True) == [["b", "c"]]
    assert read(["code.coding[0].code"], all_of=True) == [["a"]]
    assert read(["code.coding[system=absent].code"], all_of=True) == [[]]
    assert read(["absent[system=s].code"], all_of=True) == [None]


def test_a_quote_in_a_filter_value_stays_inside_the_literal() -> None:
    assert read(["x[k=it's].v"], {"x": [{"k": "it's", "v": "found"}]}) == ["found"]


@pytest.mark.parametrize("path", ["", "a..b", "a[", "a[x]", "a]b", "a[0]b"])
def test_a_path_that_cannot_be_read_is_a_config_error(path: str) -> None:
    with pytest.raises(ConfigError, match="column path"):
        read([path])


def test_first_field_and_plain_json_path() -> None:
    assert first_field("code.coding[0].code") == "code"
    assert json_path("a.b[0]") == '$."a"."b"[0]'
    assert json_path("a[k=v].b") is None
