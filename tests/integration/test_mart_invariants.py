"""What every row of a mart must keep to, whatever the practice: an invariant by formula."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from math import isclose
from typing import Any, NamedTuple

import pytest

from pacekeeper_assets import MARTS
from tests.integration.varied_practice import Row, the_practice

NEAR = 1e-9


def at_most(*values: Any) -> bool | None:
    """Ascending, from 0 on; null where one of them is not known."""
    if any(value is None for value in values):
        return None
    return all(low <= high + NEAR for low, high in zip((0, *values), values, strict=False))


def same(one: Any, other: Any) -> bool | None:
    return None if one is None or other is None else isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)


def times(one: Any, other: Any) -> Any:
    return None if one is None or other is None else one * other


class Law(NamedTuple):
    """holds: of a row and its clinician's week; null where the row does not tell."""

    formula: int
    mart: str
    name: str
    holds: Callable[[Row, Row], bool | None]


def _parts(row: Row, *names: str) -> Any:
    return sum(row[name] for name in names)


def _reviewed(row: Row) -> bool | None:
    if not row["is_reviewed_in_time"] or row["reviewed_at"] is None:
        return None
    return bool(row["reviewed_at"] <= row["review_due_at"])


def _notified(row: Row) -> bool | None:
    if not row["is_dual_notified"]:
        return None
    return bool(max(row["therapist_notified_at"], row["supervisor_notified_at"]) <= row["notice_due_at"])


def _safety(row: Row) -> bool | None:
    if row["origin"] != "derived" or row["kind"] != "safety_item":
        return None
    return row["trigger_response_key"] is not None and row["safety_due_at"] > row["created_at"]


DIRECT = ("direct_h_in_person", "direct_h_video", "direct_h_audio", "direct_h_other")
SEATS = ("kept_n", "no_show_n", "late_cancel_n", "advance_cancel_n", "clinician_cancel_n", "unknown_cancel_n")
UNCLEAR = ("unknown_status_n", "unreviewed_n", "still_booked_n")
MISSED = ("refused_n", "not_offered_n", "language_n", "technical_n", "other_n", "unexplained_n")
EARLY = ("early_a_n", "early_c_n")

LAWS = (
    Law(
        1,
        "clinician_week",
        "a union and its parts",
        lambda row, _: at_most(max(row[name] for name in DIRECT), row["direct_h"], _parts(row, *DIRECT)),
    ),
    Law(2, "clinician_week", "unblocked", lambda row, _: at_most(row["unblocked_h"], row["direct_h"])),
    Law(2, "clinician_week", "offered", lambda row, _: at_most(row["unblocked_h"], row["available_h"], 7 * 24 + 1)),
    Law(
        3,
        "clinician_week",
        "utilization, but where leave takes what was worked",
        lambda row, _: None if row["leave_h"] else at_most(row["utilization_ratio"], 1),
    ),
    Law(3, "clinician_week", "billable", lambda row, _: at_most(row["billable_h"], row["direct_h"])),
    Law(6, "utilization_trend", "band", lambda row, _: at_most(row["expected_min"], row["expected_max"])),
    Law(7, "attendance_week", "seats", lambda row, _: same(_parts(row, *SEATS, *UNCLEAR), row["scheduled_n"])),
    Law(7, "attendance_week", "B and A", lambda row, _: at_most(row["no_show_due_ratio"], row["no_show_ratio"], 1)),
    Law(7, "attendance_week", "B and C", lambda row, _: at_most(row["no_show_due_ratio"], row["combined_ratio"], 1)),
    Law(
        7,
        "attendance_week",
        "interval",
        lambda row, _: at_most(row["wilson_lo"], row["no_show_ratio_4w"], row["wilson_hi"], 1),
    ),
    Law(8, "attendance_week", "refilled", lambda row, _: at_most(row["refill_n"], _parts(row, *SEATS[2:]))),
    Law(9, "client_no_show_week", "run", lambda row, _: at_most(row["missed_n"], row["run_length"])),
    Law(9, "client_no_show_week", "once", lambda row, _: at_most(row["runs_without_outreach_n"], row["runs_n"])),
    Law(10, "caseload_snapshot", "uncertain", lambda row, _: at_most(row["uncertain_clients"], row["active_clients"])),
    Law(11, "caseload_snapshot", "points", lambda row, _: at_most(row["points"], times(3, row["active_clients"]))),
    Law(12, "caseload_snapshot", "new", lambda row, _: at_most(row["new_share"], 1)),
    Law(12, "caseload_snapshot", "acute", lambda row, week: at_most(row["high_acuity_session_h"], week["direct_h"])),
    Law(13, "ehr_time_week", "coverage", lambda row, _: at_most(row["coverage_ratio"], 1)),
    Law(
        13,
        "ehr_time_week",
        "tasks",
        lambda row, _: at_most(sum(row[name] or 0 for name in ("note_min", "inbox_min", "orders_min")), row["ehr_min"]),
    ),
    Law(
        14,
        "ehr_time_week",
        "after hours",
        lambda row, _: at_most(row["after_hours_note_min"], row["after_hours_min"], row["ehr_min"]),
    ),
    Law(14, "ehr_time_week", "night", lambda row, _: at_most(row["night_max_min"], row["after_hours_min"])),
    Law(
        14,
        "ehr_time_week",
        "long nights",
        lambda row, _: (
            None if row["night_max_min"] is None else (row["nights_ge_180"] > 0) == (row["night_max_min"] >= 180)
        ),
    ),
    Law(15, "ehr_time_week", "work outside work", lambda row, _: at_most(row["wow_min"], row["ehr_min"])),
    Law(15, "ehr_time_week", "per eight", lambda row, _: at_most(row["wow_8"], row["ehr_time_8"])),
    Law(
        15,
        "ehr_time_week",
        "hours per eight",
        lambda row, _: same(times(row["ehr_time_8"], row["patient_scheduled_h"]), times(8 / 60, row["ehr_min"])),
    ),
    Law(
        15,
        "ehr_time_week",
        "too few hours",
        lambda row, _: row["ehr_time_8"] is None if (row["patient_scheduled_h"] or 0) < 4 else None,
    ),
    Law(
        16,
        "ehr_time_week",
        "per 15",
        lambda row, _: same(times(row["ehr_per_15_care"], row["direct_min"]), times(15, row["ehr_min"])),
    ),
    Law(16, "ehr_time_week", "care", lambda row, week: same(row["direct_min"], times(60, week["direct_h"]))),
    Law(
        17,
        "note_week",
        "bands",
        lambda row, _: at_most(row["within_24h_n"], row["within_48h_n"], row["within_72h_n"], row["due_n"]),
    ),
    Law(17, "note_week", "percentiles", lambda row, _: at_most(row["lag_p50_h"], row["lag_p90_h"])),
    Law(17, "note_week", "overdue", lambda row, _: at_most(row["overdue_open_n"], row["open_n"])),
    Law(18, "ehr_time_week", "five kinds", lambda row, _: row["switches_n"] >= 4 if row["windows_ge5"] else None),
    Law(
        19,
        "schedule_design_week",
        "half days",
        lambda row, _: at_most(row["half_days_with_block"], row["half_days"], 14),
    ),
    Law(
        20,
        "clinician_week",
        "supervision",
        lambda row, _: at_most(_parts(row, "supervision_individual_h", "supervision_group_h"), row["supervision_h"]),
    ),
    Law(20, "clinician_week", "half hours", lambda row, _: at_most(row["supervision_n"] / 2, row["supervision_h"])),
    Law(
        21,
        "mbc_completeness",
        "measured or missing",
        lambda row, _: same(_parts(row, "completed", *MISSED), row["eligible_sessions"]),
    ),
    Law(23, "alert_response", "in time", lambda row, _: _reviewed(row)),
    Law(23, "alert_response", "both", lambda row, _: _notified(row)),
    Law(24, "alert_response", "a response", lambda row, _: _safety(row)),
    Law(
        25,
        "episode_outcome",
        "change",
        lambda row, _: None if row["base"] is None else same(row["change"], (row["last"] or 0) - row["base"]),
    ),
    Law(
        25,
        "episode_outcome",
        "sign",
        lambda row, _: None if row["effect_size"] is None else row["effect_size"] * row["change"] >= 0,
    ),
    Law(
        26,
        "retention_dropout",
        "a or c",
        lambda row, _: at_most(max(row[name] for name in EARLY), row["early_n"], _parts(row, *EARLY)),
    ),
    Law(26, "retention_dropout", "d is of a", lambda row, _: at_most(row["early_d_n"], row["early_a_n"])),
    Law(
        26,
        "retention_dropout",
        "who stays",
        lambda row, _: at_most(*(row[f"km_retention_s{n}"] for n in (12, 8, 4)), 1),
    ),
    Law(
        27,
        "intake_funnel",
        "who asked",
        lambda row, _: at_most(row["attended_screened_n"], row["screened_n"], row["inquiries_n"]),
    ),
    Law(27, "intake_funnel", "days", lambda row, _: at_most(row["days_to_attend_p50"], row["days_to_attend_p90"])),
    Law(28, "workforce_month", "retention", lambda row, _: at_most(row["retention_12m"], 1)),
    Law(28, "workforce_month", "separations", lambda row, _: at_most(row["separations"], row["separations_12m"])),
    Law(29, "denials", "lines", lambda row, _: at_most(row["denied_final_n"], row["denied_initial_n"], row["lines_n"])),
    Law(29, "denials", "recovered", lambda row, _: at_most(row["recovered_cents"], row["denied_cents"])),
    Law(30, "pay_stability", "spread", lambda row, _: at_most(row["cv_6p"])),
    Law(
        30,
        "revenue_service_line",
        "members",
        lambda row, _: (
            None
            if row["pmpm_usd_cents"] is None
            else abs(row["pmpm_usd_cents"] * row["members_n"] - row["non_ffs_cents"]) <= row["members_n"]
        ),
    ),
)


@pytest.mark.formula(
    1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30
)
@pytest.mark.parametrize("law", [pytest.param(law, id=f"{law.formula}-{law.mart}-{law.name}") for law in LAWS])
def test_every_row_keeps_the_law(law: Law) -> None:
    """And some row tells."""
    marts = the_practice()[1]
    found = []
    for key, row in marts[law.mart].items():
        held = law.holds(row, marts["clinician_week"].get(key, {}))
        assert held is not False, f"{key}: {row}"
        found.append(held)
    assert any(found)


@pytest.mark.formula(27)
def test_all_channels_together_are_the_total() -> None:
    counts = ("inquiries_n", "screened_n", "accepted_n", "offered_n", "attended_n", "waiting_now")
    sums: dict[date, dict[str, list[int]]] = defaultdict(lambda: {name: [0, 0] for name in counts})
    for row in the_practice()[1]["intake_funnel"].values():
        for name in counts:
            sums[row["month_id"]][name][row["is_total"]] += row[name]
    assert sums
    assert all(parts == total for month in sums.values() for parts, total in month.values())


@pytest.mark.formula(31)
def test_a_teams_expected_turns_are_its_turns() -> None:
    rows = the_practice()[1]["hot_seat_quarter"].values()
    held = sum(row["hot_seat_days"] for row in rows)
    assert held > 0
    assert sum(row["expected_days"] for row in rows) == pytest.approx(held)


def test_shares_and_counts_are_not_below_zero() -> None:
    """But differences: units billed over those expected, and what an experiment changed."""
    below = {
        (mart, name)
        for mart in MARTS
        for row in the_practice()[1][mart].values()
        for name, value in row.items()
        if name.endswith(("_n", "_h", "_min", "_ratio", "_share")) and value is not None and value < 0
    }
    assert below <= {("reconciliation", "units_over_n"), ("experiment_result", "effect_share")}
