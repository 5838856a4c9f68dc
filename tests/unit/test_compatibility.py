"""A connector is held against what it released."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pacekeeper import compatibility, registry
from pacekeeper.compatibility import compare, read_snapshot, released, snapshot, snapshot_text
from pacekeeper.errors import ConfigError, PluginError

Change = Callable[[dict[str, Any]], object]
BREAKING: dict[str, tuple[Change, str]] = {
    "stream removed": (lambda s: s["streams"].pop("appointment"), "stream appointment was removed"),
    "column removed": (lambda s: s["streams"]["appointment"]["columns"].pop("start"), "column start was removed"),
    "column of another type": (
        lambda s: s["streams"]["appointment"]["columns"].update(start="Date"),
        "column start is Date, it was Instant",
    ),
    "key of another namespace": (
        lambda s: s["streams"]["appointment"]["columns"].update(id="Key(visit)"),
        "column id is Key(visit), it was Key(appointment)",
    ),
    "another key": (lambda s: s["streams"]["appointment"].update(key="start"), "key is start, it was id"),
    "column required": (
        lambda s: s["streams"]["appointment"]["columns"].update(start="Instant, required"),
        "column start is Instant, required, it was Instant",
    ),
    "cursor removed": (lambda s: s["streams"]["appointment"].update(cursor=None), "cursor last_updated was removed"),
    "deletes lost": (lambda s: s["streams"]["appointment"].update(deletes="none"), "deletions are no longer found"),
    "setting removed": (lambda s: s["settings"].pop("base_url"), "setting base_url was removed"),
    "setting of another type": (
        lambda s: s["settings"]["page_size"].update(type="string"),
        "setting page_size is string, it was integer or null",
    ),
    "setting required": (
        lambda s: s["settings"]["base_url"].update(required=True),
        "setting base_url is required now",
    ),
    "new required setting": (
        lambda s: s["settings"].update(tenant={"type": "string", "required": True}),
        "setting tenant is new and required",
    ),
    "entity no longer mapped": (lambda s: s["entities"].remove("session"), "entity session is no longer mapped"),
    "streams by settings": (lambda s: s.update(streams=None), "streams depend on settings now"),
}


@pytest.fixture(scope="module")
def fhir() -> dict[str, Any]:
    taken = json.loads(snapshot_text(snapshot("fhir")))
    # What the changes below start from, whatever the connector's own columns become.
    taken["streams"]["appointment"] = {
        "key": "id", "cursor": "last_updated", "deletes": "key_diff", "child_of": None, "explode": None,
        "columns": {"id": "Key(appointment)", "start": "Instant", "last_updated": "Instant"},
    }  # fmt: skip
    taken["settings"]["page_size"] = {"type": "integer or null", "required": False}
    return dict(taken)


def test_an_unchanged_connector_keeps_its_promises(fhir: dict[str, Any]) -> None:
    assert compare(fhir, copy.deepcopy(fhir)) == compatibility.Comparison((), ())


@pytest.mark.parametrize("change", BREAKING, ids=str)
def test_what_is_taken_away_is_named(change: str, fhir: dict[str, Any]) -> None:
    now = copy.deepcopy(fhir)
    apply, told = BREAKING[change]
    apply(now)
    (breaking,) = [text for text in compare(fhir, now).breaking if told in text]
    assert breaking


def test_additions_are_listed_and_break_nothing(fhir: dict[str, Any]) -> None:
    now = copy.deepcopy(fhir)
    now["streams"]["errand"] = {**now["streams"]["appointment"]}
    now["streams"]["appointment"]["columns"]["minutes"] = "Integer"
    now["settings"]["tenant"] = {"type": "string", "required": False}
    now["entities"].append("errand")
    found = compare(fhir, now)
    assert found.breaking == ()
    assert set(found.added) == {"stream errand", "column appointment.minutes", "setting tenant", "entity errand"}


def test_a_snapshot_is_the_same_text_every_time_and_reads_back(tmp_path: Path) -> None:
    kept = tmp_path / "released.json"
    kept.write_text(snapshot_text(snapshot("fhir")))
    assert snapshot_text(read_snapshot(kept)) == kept.read_text() == snapshot_text(snapshot("fhir"))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"streams": {}}'], ids=["empty", "list", "cut", "other"])
def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path, text: str) -> None:
    kept = tmp_path / "released.json"
    kept.write_text(text)
    with pytest.raises(ConfigError, match="is no snapshot"):
        read_snapshot(kept)


def _first_party() -> list[str]:
    return [entry.name for entry in registry.available() if entry.distribution == "pacekeeper"]


@pytest.mark.parametrize("name", _first_party())
def test_a_connector_of_this_distribution_keeps_what_it_released(name: str) -> None:
    try:
        before = released(name)
    except PluginError as error:
        pytest.fail(f"connector {name} cannot be loaded: {error}")
    if before is None:
        pytest.skip(f"{name} has not been released yet")
    found = compare(before, snapshot(name))
    assert found.breaking == (), "a new minor version, a changelog line and a new released.json are due"
