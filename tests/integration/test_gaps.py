"""A read that lacks something is on record and holds its stream where it was, until a read lacks nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pacekeeper import Code, Instant, Key, PluginError, Stream
from pacekeeper.landing.gaps import remove_closed
from pacekeeper.landing.spool import read_manifest
from pacekeeper.ops import StreamGap
from pacekeeper.stream import Incomplete, Page
from tests.landing_site import FIRST_NIGHT, LandingSite

STREAMS = (
    Stream("visit", {"id": Key("session"), "at": Instant(), "kind": Code()}, cursor="at"),
    Stream("part", {"kind": Code()}, child_of="visit", explode="parts"),
    Stream("person", {"id": Key("clinician"), "role": Code()}),
)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = Page("visit", [{"id": "1", "at": AT.isoformat(), "kind": "x", "parts": [{"kind": "y"}]}])
EVERYTHING = Incomplete("partial_export", "ask whoever runs the EHR")
FEBRUARY = Incomplete("period_missing", "export these days", date(2026, 2, 1), date(2026, 2, 28))


@pytest.fixture
def site(tmp_path: Path) -> LandingSite:
    return LandingSite(tmp_path, STREAMS)


def gaps(site: LandingSite) -> list[tuple[str, str, date | None, date | None]]:
    found = sorted(site.ops.rows(StreamGap, source="ehr"), key=lambda gap: (gap.stream, gap.number))
    return [(gap.stream, gap.reason, gap.first_day, gap.last_day) for gap in found]


def lacking(*found: Incomplete) -> Page:
    return Page("visit", incomplete=found)


def test_a_first_read_that_lacks_something_is_no_complete_one(site: LandingSite) -> None:
    site.land(ROWS, lacking(EVERYTHING), Page("person", [{"id": "c"}]))
    assert gaps(site) == [("visit", "partial_export", None, None)]
    assert len(site.current("visit")) == 1, "what came has landed"
    assert (site.state("visit").complete_through, site.state("visit").watermark) == (None, None)
    assert site.state("part").complete_through is None, "a child lacks what its parent lacks"
    assert site.state("person").complete_through == FIRST_NIGHT


def test_the_next_read_starts_where_the_last_complete_one_ended_until_one_lacks_nothing(site: LandingSite) -> None:
    site.land(ROWS)
    complete = site.state("visit")
    assert (complete.watermark, complete.complete_through) == (AT, FIRST_NIGHT)
    later = Page("visit", [{"id": "2", "at": (AT + timedelta(days=1)).isoformat(), "kind": "x"}])
    for _ in range(2):
        site.land(later, lacking(EVERYTHING), is_full=False)
        assert site.state("visit") == complete
        assert gaps(site) == [("visit", "partial_export", None, None)]
    site.land(later, is_full=False)
    assert gaps(site) == []
    assert site.state("visit").watermark == AT + timedelta(days=1)
    assert site.state("visit").complete_through == site.as_of


def test_a_gap_with_days_leaves_the_other_days_complete(site: LandingSite) -> None:
    site.land(ROWS, lacking(FEBRUARY), lacking(FEBRUARY))
    assert gaps(site) == [("visit", "period_missing", date(2026, 2, 1), date(2026, 2, 28))]
    assert site.state("visit").complete_through == FIRST_NIGHT
    assert site.state("visit").watermark is None, "everything is asked for again"
    january = Incomplete("period_missing", "export these days", date(2026, 1, 1), date(2026, 1, 31))
    site.land(ROWS, lacking(january, FEBRUARY))
    assert [found[2:] for found in gaps(site)] == [
        (date(2026, 1, 1), date(2026, 1, 31)),
        (date(2026, 2, 1), date(2026, 2, 28)),
    ]
    site.land(ROWS, lacking(january))
    assert [found[2:] for found in gaps(site)] == [(date(2026, 1, 1), date(2026, 1, 31))]


def test_a_read_that_lost_too_many_rows_closes_no_gap(site: LandingSite) -> None:
    site.land(ROWS, lacking(FEBRUARY))
    remove_closed(site.ops, "ehr", [], unsure={"visit"})
    assert len(gaps(site)) == 1
    remove_closed(site.ops, "ehr", [], unsure=set())
    assert gaps(site) == []


def test_the_spool_keeps_gaps_and_notes_and_the_ledger_the_notes(site: LandingSite) -> None:
    folder, manifest = site.spool(ROWS, lacking(FEBRUARY, EVERYTHING), Page("visit", notes=["file 2 is file 1 again"]))
    assert read_manifest(folder) == manifest
    assert manifest.streams["visit"].incomplete == [FEBRUARY, EVERYTHING]
    site.load(folder, manifest)
    assert site.reasons("visit") == {("note", "file 2 is file 1 again"): 0}


@pytest.mark.parametrize(
    "page",
    [
        Page("visit", incomplete=[Incomplete("Not a code", "do this")]),
        Page("visit", incomplete=[Incomplete("cut", "two\nlines")]),
        Page("visit", incomplete=[Incomplete("cut", "do this", date(2026, 2, 2), date(2026, 2, 1))]),
        Page("visit", notes=["x" * 201]),
    ],
    ids=["reason", "advice", "days", "note"],
)
def test_a_remark_of_a_wrong_form_is_refused_without_showing_it(site: LandingSite, page: Page) -> None:
    with pytest.raises(PluginError, match="incomplete for a reason, or has a note, of a wrong form"):
        site.spool(page)
