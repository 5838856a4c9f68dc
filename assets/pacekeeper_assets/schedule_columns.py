"""Columns of `schedule_design_week`, and what they need."""

from __future__ import annotations

from pacekeeper.measures.mart import MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper_assets.availability import ADMIN_BLOCKS
from pacekeeper_assets.hot_seat import HOT_SEAT_NEEDS

_BLOCK = ("clinician_key", "start_at", "end_at")


def _needs(*groups: tuple[Input, ...]) -> Needs:
    return Needs(subjects=(Input("clinician", ("clinician_key",)),), required=groups)


_HELD = (Input("session", ("clinician_key", "started_at", "ended_at"), {"status": ("completed",)}),)
_ADMIN = tuple(Input("schedule_block", (*_BLOCK, "is_protected"), {"kind": (kind,)}) for kind in ADMIN_BLOCKS)
_OPEN = (Input("schedule_block", _BLOCK, {"kind": ("client_available",)}),)
BLOCKS_NEEDS, DAYS_NEEDS = _needs(_HELD, _ADMIN), _needs(_HELD)
CORE_NEEDS = _needs(_OPEN)
_NO_BLOCKS = "Null: no source of sessions, or none of schedule blocks, knows the person."
_NO_SESSIONS = "Null: no source of sessions knows the person."

SCHEDULE_COLUMNS = (
    MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
    MartColumn("week_id", "date", "", "First local day of the practice week."),
    MartColumn("week_start_at", "instant", "UTC", "First moment of the week in the clinician's zone."),
    MartColumn("week_end_at", "instant", "UTC", "First moment of the next week in that zone."),
    MartColumn("has_unclear_sessions", "flag", "", "As in clinician_week."),
    MartColumn("has_unreviewed_sessions", "flag", "", "As in clinician_week."),
    MartColumn(
        "template",
        "text",
        "",
        "Template of the latest employment that touches the week and names one: half_day_blocks, four_client_days, "
        "four_by_ten, other or unknown. Null: none is known.",
    ),
    MartColumn(
        "half_days",
        "count",
        "half-days",
        "Halves of local days, before and after the policy's noon, with at least its minutes of work: direct time, "
        f"time entries, client-available time and blocks of work outside leave and closures. {_NO_BLOCKS}",
        BLOCKS_NEEDS,
        ("W13",),
    ),
    MartColumn(
        "half_days_with_block",
        "count",
        "half-days",
        "Those with a stretch of a protected admin or documentation block, free of sessions and meetings, of at "
        f"least the policy's minutes. {_NO_BLOCKS}",
        BLOCKS_NEEDS,
        ("W13",),
    ),
    MartColumn(
        "halfday_block_ratio",
        "number",
        "ratio",
        "half_days_with_block / half_days. Null: one of them is null, or no half-day was worked.",
        BLOCKS_NEEDS,
        ("W13",),
    ),
    MartColumn(
        "encroached_blocks_n",
        "count",
        "blocks",
        "Protected admin blocks of which the policy's part or more went to sessions and meetings. " + _NO_BLOCKS,
        BLOCKS_NEEDS,
        ("W11",),
    ),
    MartColumn(
        "admin_blocks_on_client_days_n",
        "count",
        "blocks",
        f"Protected admin blocks on days with clients. {_NO_BLOCKS}",
        BLOCKS_NEEDS,
        ("W14",),
    ),
    MartColumn(
        "admin_blocks_per_client_day",
        "number",
        "blocks per day",
        "admin_blocks_on_client_days_n / client_days. Null: one of them is null, or no day had clients.",
        BLOCKS_NEEDS,
        ("W14",),
    ),
    MartColumn("client_days", "count", "days", f"Local days with direct time. {_NO_SESSIONS}", DAYS_NEEDS, ("W15",)),
    MartColumn(
        "full_admin_days",
        "count",
        "days",
        "Local days without direct time and with at least the policy's hours of blocks of work outside leave and "
        "closures, of time entries with a start, or of what only the day is known of: time entries and messages. "
        f"{_NO_BLOCKS}",
        BLOCKS_NEEDS,
        ("W15",),
    ),
    MartColumn(
        "longest_run_back_to_back",
        "count",
        "sessions",
        "Most sessions of one day in a row, each beginning less than the policy's minutes after all before it "
        f"ended; what begins at one time counts once. {_NO_SESSIONS}",
        DAYS_NEEDS,
        ("W18",),
    ),
    MartColumn(
        "days_without_lunch_n",
        "count",
        "days",
        "Days that last the policy's hours from the first session to the last and have no gap of its minutes "
        f"between sessions. {_NO_SESSIONS}",
        DAYS_NEEDS,
        ("W18",),
    ),
    MartColumn(
        "core_hours_ratio",
        "number",
        "ratio",
        "The part of the policy's core hours in which client time is offered that no leave, closure or protected "
        "block takes. Null: the policy states no core hours, or no source of schedule blocks knows the person.",
        CORE_NEEDS,
        ("U22",),
    ),
    MartColumn(
        "hot_seat_days",
        "count",
        "days",
        "Local days with a hot-seat block, days of leave and closures left out. Null: no source of schedule blocks "
        "knows the person.",
        HOT_SEAT_NEEDS,
        ("W17",),
    ),
    MartColumn(
        "hot_seat_expected_days",
        "number",
        "days",
        "hot_seat_days of the team x FTE / FTE of those of the team who see clients and are employed in the week; "
        "an FTE not known is 1, who is in no team is in one with all others who are not. Null: as hot_seat_days.",
        HOT_SEAT_NEEDS,
        ("W17",),
    ),
    MartColumn(
        "follows_half_day_blocks",
        "flag",
        "",
        "Whether admin_block_halfday judges the week; none without a half-day at work.",
    ),
    MartColumn("follows_focus_days", "flag", "", "Whether focus_days judges the week."),
    MartColumn("follows_full_admin_day", "flag", "", "Whether full_admin_day judges the week."),
)
