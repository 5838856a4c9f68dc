"""`caseload_snapshot`: who is active at a week's end, one client per claim. All times are local."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any  # a canonical value

import pytest
from tests.marts import World

LAST = date(2026, 1, 11)


@pytest.fixture(scope="module")
def world() -> World:
    """Week 0 ends on Sunday 2026-01-11; each client is carried by a clinician of the same name."""
    made = World(first=date(2025, 9, 1), days=250)
    made.seat(made.day(0), "07:00", client=None)
    end = made.at(LAST + timedelta(days=1), "00:00")

    def case(name: str, start: date = date(2025, 9, 1), until: date | None = None) -> None:
        made.clinician(name)
        made.employ(date(2025, 1, 6), key=name)
        made.assign(name, start, until, key=name)

    def seen(name: str, day: date, **over: Any) -> None:
        made.session(day, "10:00", 50, key=name, clients=[name], **over)

    def ahead(name: str, day: date = date(2026, 1, 20), **over: Any) -> None:
        made.seat(day, "10:00", key=name, client=name, **{"status": "booked", **over})

    for name in ("day60", "day61", "unassigned", "lastday", "ended", "absent", "new42", "new43"):
        case(name, until={"lastday": LAST, "ended": LAST - timedelta(days=1)}.get(name))
    seen("day60", LAST - timedelta(days=59))
    seen("day61", LAST - timedelta(days=60))
    made.rows["case_assignment"] = [row for row in made.rows["case_assignment"] if row["client_key"] != "unassigned"]
    for name in ("unassigned", "lastday", "ended"):
        seen(name, LAST)
    made.add(
        "session_participant",
        session_key=made.session(LAST, "10:00", 50, key="absent", clients=[]),
        client_key="absent",
        attended=False,
    )
    seen("new42", LAST - timedelta(days=41))
    seen("new43", LAST - timedelta(days=42))
    seen("new43", LAST)

    for name in (
        "booked",
        "nobooking",
        "later",
        "cancelledafter",
        "cancelledbefore",
        "cancelledunknown",
        "atend",
        "midnight",
        "error",
        "errorcancelled",
        "kept",
    ):
        case(name)
    ahead("booked", booked_at=end)
    ahead("nobooking")
    ahead("later", booked_at=end + timedelta(seconds=1))
    ahead("cancelledafter", status="cancelled", cancelled_by="client", cancelled_at=end + timedelta(seconds=1))
    ahead("cancelledbefore", status="cancelled", cancelled_by="client", cancelled_at=end)
    ahead("cancelledunknown", status="cancelled", cancelled_by="client")
    made.seat(LAST + timedelta(days=1), "00:00", key="atend", client="atend", status="booked")
    made.seat(LAST, "23:59", key="midnight", client="midnight", status="booked")
    ahead("error", status="entered_in_error")
    ahead("errorcancelled", status="entered_in_error", cancelled_at=end + timedelta(seconds=1))
    ahead("kept", status="kept")

    for name in ("grouponly", "groupandone", "groupahead", "groupandahead"):
        case(name)
    seen("grouponly", LAST, session_type="group")
    seen("groupandone", LAST, session_type="group")
    seen("groupandone", LAST - timedelta(days=30))
    ahead("groupahead", group_key="grp")
    seen("groupandahead", LAST, session_type="group")
    ahead("groupandahead")

    case("shared")
    made.assign("shared", date(2025, 10, 1), key="shared")
    made.assign("other", date(2025, 10, 1), key="shared")
    seen("shared", LAST)
    seen("shared", LAST - timedelta(days=1))
    made.run(weeks=1)
    return made


@pytest.mark.formula(10)
@pytest.mark.rule("W05")
@pytest.mark.parametrize(
    ("client", "active"),
    [
        pytest.param("day60", 1, id="seen on the 60th day back, the last one counted"),
        pytest.param("day61", 0, id="seen on the 61st day back"),
        pytest.param("unassigned", 0, id="seen but not assigned"),
        pytest.param("lastday", 1, id="assignment ends on the day judged"),
        pytest.param("ended", 0, id="assignment ended the day before"),
        pytest.param("absent", 0, id="expected but absent"),
        pytest.param("booked", 1, id="booked at the very end of the week"),
        pytest.param("nobooking", 1, id="booked at a time not known"),
        pytest.param("later", 0, id="booked after the week"),
        pytest.param("cancelledafter", 1, id="cancelled after the week, so then still ahead"),
        pytest.param("cancelledbefore", 0, id="cancelled by the end of the week"),
        pytest.param("cancelledunknown", 0, id="cancelled at a time not known"),
        pytest.param("atend", 1, id="starts the moment the week ends"),
        pytest.param("midnight", 0, id="was to start within the week, and nobody came"),
        pytest.param("error", 0, id="entered in error"),
        pytest.param("errorcancelled", 0, id="entered in error, whenever that was found out"),
        pytest.param("kept", 1, id="kept since, then still ahead"),
        pytest.param("groupandone", 1, id="group and an individual session"),
        pytest.param("groupandahead", 1, id="group and an individual appointment ahead"),
    ],
)
def test_active_client(world: World, client: str, active: int) -> None:
    row = world.week_row("caseload_snapshot", 0, key=client)
    assert (row["active_clients"], row["group_only_clients"]) == (active, 0)


@pytest.mark.parametrize("client", ["grouponly", "groupahead"])
def test_client_known_through_groups_alone_is_counted_apart(world: World, client: str) -> None:
    row = world.week_row("caseload_snapshot", 0, key=client)
    assert (row["active_clients"], row["group_only_clients"]) == (0, 1)


def test_client_with_two_assignments_counts_once(world: World) -> None:
    row = world.week_row("caseload_snapshot", 0, key="shared")
    # the other client was never seen and has nothing ahead; two sessions in the week
    assert (row["active_clients"], row["sessions_per_active_client"]) == (1, 2.0)


@pytest.mark.formula(12)
@pytest.mark.rule("W08")
def test_client_is_new_for_six_weeks_from_the_first_session(world: World) -> None:
    assert world.week_row("caseload_snapshot", 0, key="new42")["new_share"] == 1.0
    assert world.week_row("caseload_snapshot", 0, key="new43")["new_share"] == 0.0


def test_nobody_active_has_no_shares(world: World) -> None:
    row = world.week_row("caseload_snapshot", 0, key="day61")
    assert (row["new_share"], row["sessions_per_active_client"]) == (None, None)
