"""What a read says about a client who was erased does not land, and the ledger accounts for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.landing_site import KEY, LandingSite, Row

from pacekeeper.columns import Code, Key, Ref
from pacekeeper.landing.erased import drop_erased, tombstone_of
from pacekeeper.stream import Page, Stream

STREAMS = (
    Stream("client", {"id": Key("client"), "guarantor": Ref("client")}),
    Stream("visit", {"id": Key("session"), "client": Ref("client")}),
    Stream("line", {"code": Code()}, child_of="visit", explode="lines"),
    Stream("detail", {"code": Code()}, child_of="line", explode="details"),
    Stream("booking", {"id": Key("appointment"), "kind": Code()}),
    Stream("seat", {"client": Ref("client"), "clinician": Ref("clinician")}, child_of="booking", explode="seats"),
    Stream("note", {"id": Key("note"), "visit": Ref("session"), "booking": Ref("appointment")}),
)


def lines() -> list[Row]:
    return [{"code": "a", "details": [{"code": "x"}, {"code": "y"}]}, {"code": "b", "details": []}]


PAGES = (
    Page("client", [{"id": "ann"}, {"id": "bob", "guarantor": "ann"}]),
    Page("visit", [{"id": "v1", "client": "ann", "lines": lines()}, {"id": "v2", "client": "bob", "lines": lines()}]),
    Page(
        "booking",
        [
            {"id": "b1", "kind": "single", "seats": [{"client": "ann"}, {"clinician": "dr"}]},
            {"id": "b2", "kind": "group", "seats": [{"client": "ann"}, {"client": "bob"}, {"clinician": "dr"}]},
        ],
    ),
    Page("note", [{"id": "n1", "visit": "v1"}, {"id": "n2", "visit": "v2"}, {"id": "n3", "booking": "b1"}]),
)
#: Rows of ann: her record; her visit with its lines and their details; her booking, her seats; two notes.
HERS = {"client": 1, "visit": 1, "line": 2, "detail": 2, "booking": 1, "seat": 3, "note": 2}


@pytest.fixture
def site(tmp_path: Path) -> LandingSite:
    return LandingSite(tmp_path, STREAMS)


def test_rows_of_the_client_are_out_of_scope_and_everybody_elses_land(site: LandingSite) -> None:
    folder, manifest = site.spool(*PAGES)
    ann = site.key("client", "ann")
    new = drop_erased(folder, manifest, site.streams, tombstones={tombstone_of(ann, KEY)}, key=KEY)
    ledger = site.load(folder, manifest)  # which asserts that it balances
    assert {name: row.out_of_scope for name, row in ledger.items()} == HERS
    assert {name: row.inserted for name, row in ledger.items()} == {
        "client": 1,
        "visit": 1,
        "line": 2,
        "detail": 2,
        "booking": 1,
        "seat": 2,
        "note": 1,
    }
    assert site.reasons("visit") == {("out_of_scope", "erased"): 1}
    assert [row["guarantor"] for row in site.current("client")] == [None], "bob stays, without the reference to her"
    assert not [key for key in (ann, site.key("visit", "v1")) if key.encode() in site.warehouse.path.read_bytes()]
    assert {tombstone_of(site.key("visit", "v1"), KEY), tombstone_of(site.key("note", "n3"), KEY)} <= new
    assert tombstone_of(site.key("booking", "b2"), KEY) not in new, "a group is nobody's own"


def test_what_names_her_visit_alone_is_known_by_the_tombstones_of_an_earlier_read(site: LandingSite) -> None:
    folder, manifest = site.spool(Page("note", [{"id": "n4", "visit": "v1"}, {"id": "n5", "visit": "v2"}]))
    drop_erased(folder, manifest, site.streams, tombstones={tombstone_of(site.key("visit", "v1"), KEY)}, key=KEY)
    note = site.load(folder, manifest)["note"]
    assert (note.read, note.out_of_scope, note.inserted) == (2, 1, 1)


def test_a_read_is_left_alone_where_nobody_was_erased(site: LandingSite) -> None:
    folder, manifest = site.spool(*PAGES)
    assert drop_erased(folder, manifest, site.streams, tombstones=(), key=KEY) == frozenset()
    assert site.load(folder, manifest)["visit"].inserted == 2
