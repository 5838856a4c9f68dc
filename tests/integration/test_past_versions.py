"""Past versions that a source tells of its records become raw versions, in the order in which they were."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.columns import Code, Instant, Integer, Key
from pacekeeper.errors import PluginError
from pacekeeper.stream import Page, Stream
from tests.landing_site import LandingSite

VISIT = Stream(
    "visit",
    {"id": Key("visit"), "state": Code(), "updated": Instant()},
    cursor="updated",
    lag=timedelta(minutes=10),
    deletes="key_diff",
)
STEP = Stream("step", {"n": Integer()}, child_of="visit", explode="steps")


def visit(state: str, day: int, identity: str = "v1") -> dict[str, Any]:
    return {"id": identity, "state": state, "updated": f"2026-02-{day:02d}T09:00:00Z", "steps": [{"n": day}]}


def now(*rows: dict[str, Any], **how: Any) -> Page:
    return Page("visit", rows, **how)


def past(*rows: dict[str, Any]) -> Page:
    return Page("visit", rows, is_past=True)


@pytest.fixture
def site(tmp_path: Path) -> LandingSite:
    return LandingSite(tmp_path, [VISIT, STEP])


def states(site: LandingSite, identity: str = "v1") -> list[str | None]:
    return [version["state"] for version in site.versions("visit", identity)]


def chain(site: LandingSite, identity: str = "v1") -> None:
    """Versions are numbered without a gap, and each names the one before it."""
    found = site.versions("visit", identity)
    assert [version["version_no"] for version in found] == list(range(1, len(found) + 1))
    assert [version["predecessor_id"] for version in found] == [None, *(v["version_id"] for v in found)][:-1]


def test_a_first_read_lands_what_a_record_was_before_what_it_is(site: LandingSite) -> None:
    pages = now(visit("cancelled", 4)), past(visit("booked", 3), visit("booked", 1), visit("cancelled", 2))
    ledger = site.land(*pages)
    assert states(site) == ["booked", "cancelled", "booked", "cancelled"]
    assert [v["updated"].day for v in site.versions("visit")] == [1, 2, 3, 4]
    chain(site)
    assert (ledger["visit"].read, ledger["visit"].inserted, ledger["visit"].updated) == (4, 1, 3)
    assert [row["state"] for row in site.current("visit")] == ["cancelled"]
    assert [row["n"] for row in site.current("step")] == [4], "elements are those of what the record is"


def test_the_same_read_again_changes_nothing(site: LandingSite) -> None:
    pages = now(visit("cancelled", 4)), past(visit("booked", 1), visit("cancelled", 2), visit("booked", 3))
    site.land(*pages)
    before = site.content()
    ledger = site.land(*pages)["visit"]
    assert (ledger.read, ledger.inserted, ledger.updated, ledger.unchanged) == (4, 0, 0, 4)
    assert site.content() == before


def test_what_changed_and_changed_back_between_two_reads_is_on_record(site: LandingSite) -> None:
    site.land(now(visit("booked", 1)))
    ledger = site.land(now(visit("booked", 3)), past(visit("booked", 1), visit("cancelled", 2)), is_full=False)["visit"]
    assert states(site) == ["booked", "cancelled", "booked"]
    chain(site)
    assert (ledger.inserted, ledger.updated, ledger.unchanged) == (0, 2, 1)
    assert [v["observed_at"].day for v in site.versions("visit")] == [2, 3, 3]


def test_a_version_earlier_than_one_that_has_landed_comes_too_late(site: LandingSite) -> None:
    site.land(now(visit("cancelled", 4)))
    site.land(now(visit("booked", 6)), past(visit("booked", 1), visit("pending", 5)))
    assert states(site) == ["cancelled", "pending", "booked"]
    chain(site)


def test_versions_that_say_the_same_are_one(site: LandingSite) -> None:
    site.land(now(visit("booked", 5)), past(visit("booked", 1), visit("booked", 2), visit("booked", 2)))
    assert [(v["state"], v["updated"].day) for v in site.versions("visit")] == [("booked", 1)]


def test_a_record_that_came_back_after_a_deletion_keeps_its_tombstone(site: LandingSite) -> None:
    site.land(now(visit("booked", 1), visit("booked", 1, "v2")))
    site.land(now(visit("booked", 1, "v2")))
    later = [
        {**visit(state, 1), "updated": f"2026-03-0{day}T09:00:00Z"} for state, day in (("pending", 4), ("kept", 5))
    ]
    site.land(now(later[1], visit("booked", 1, "v2")), past(visit("booked", 1), later[0]))
    assert states(site) == ["booked", None, "pending", "kept"]
    assert [v["is_deleted"] for v in site.versions("visit", "v1")] == [False, True, False, False]
    chain(site)


def test_past_versions_in_several_parts_and_of_several_records_are_told_apart(site: LandingSite) -> None:
    pages = (
        now(visit("kept", 3), visit("kept", 9, "v2")),
        past(visit("booked", 1), visit("cancelled", 2, "v2")),
        past(visit("booked", 1, "v2"), visit("cancelled", 2)),
    )
    site.land(*pages, flush_rows=1)
    for identity in ("v1", "v2"):
        assert states(site, identity) == ["booked", "cancelled", "kept"]
        chain(site, identity)


def test_a_past_version_alone_or_later_than_its_record_does_not_land(site: LandingSite) -> None:
    undated = {key: value for key, value in visit("lost", 1).items() if key != "updated"}
    ledger = site.land(now(visit("booked", 3)), past(visit("gone", 1, "v9"), visit("early", 5), undated))["visit"]
    assert [(v["state"]) for v in site.versions("visit")] == ["booked"]
    assert (ledger.read, ledger.inserted, ledger.unchanged) == (4, 1, 3)


def test_a_past_version_that_cannot_be_read_makes_nothing_suspect(site: LandingSite) -> None:
    ledger = site.land(now(visit("booked", 3)), past(visit("bad", 2) | {"updated": "CANARY"}, visit("new", 1)))["visit"]
    assert states(site) == ["new", "booked"]
    assert (ledger.read, ledger.rejected, ledger.out_of_scope, ledger.suspect) == (3, 0, 1, 0)
    assert site.reasons("visit")["out_of_scope", "past_version_unreadable"] == 1


def test_past_versions_need_a_cursor(tmp_path: Path) -> None:
    plain = LandingSite(tmp_path, [Stream("visit", {"id": Key("visit"), "state": Code()})])
    with pytest.raises(PluginError, match="nothing tells their order"):
        plain.land(past(visit("booked", 1)))
