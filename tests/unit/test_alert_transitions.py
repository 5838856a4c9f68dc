"""What becomes of alerts when verdicts are added, change or vanish: one clinician, weeks numbered from 1."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.verdict_table import VerdictTable, period

from pacekeeper.alerts.derive import derive
from pacekeeper.ops import Alert, OpsDatabase

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
Derive = Callable[[], list[tuple[str, str, int]]]


@pytest.fixture
def ops(tmp_path: Path) -> OpsDatabase:
    return OpsDatabase(tmp_path / "ops.sqlite")


@pytest.fixture
def verdicts(ops: OpsDatabase) -> VerdictTable:
    """Two weeks of a known past, in which nothing was the matter."""
    table = VerdictTable()
    for week in (1, 2):
        table.say(week, "pass")
        table.say(week, "pass", subject="ben")
    assert derive(table.session, ops, now=NOW) == []
    return table


@pytest.fixture
def derived(ops: OpsDatabase, verdicts: VerdictTable) -> Derive:
    """What is new, as (event, week's number of the verdict, its version)."""
    weeks = {period(week): week for week in range(1, 20)}

    def events() -> list[tuple[str, str, int]]:
        found = derive(verdicts.session, ops, now=NOW)
        return [(event.event, f"week {weeks[event.period]}", event.version) for event in found]

    return events


def alert(ops: OpsDatabase) -> Alert:
    (only,) = ops.rows(Alert)
    return only


def test_a_week_that_fails_opens_one_alert_however_often_it_is_looked_at(
    ops: OpsDatabase, verdicts: VerdictTable, derived: Derive
) -> None:
    verdicts.say(3, "warn")
    assert derived() == [("opened", "week 3", 1)]
    assert derived() == []
    assert (alert(ops).severity, alert(ops).state, alert(ops).subject_key) == ("warn", "open", "ana")


def test_it_goes_on_rises_and_is_resolved(ops: OpsDatabase, verdicts: VerdictTable, derived: Derive) -> None:
    verdicts.say(3, "warn")
    derived()
    verdicts.say(4, "warn")
    assert derived() == [("ongoing", "week 4", 1)]
    verdicts.say(5, "breach")
    assert derived() == [("escalated", "week 5", 1)]
    verdicts.say(6, "warn")
    assert derived() == [("ongoing", "week 6", 1)]
    verdicts.say(7, "pass")
    assert derived() == [("resolved", "week 7", 1)]
    assert (alert(ops).state, alert(ops).opened_period) == ("resolved", period(3))
    verdicts.say(8, "pass")
    assert derived() == []


@pytest.mark.parametrize("state", ["unknown", "exempt"])
def test_a_week_that_says_nothing_leaves_an_alert_as_it_is(
    ops: OpsDatabase, verdicts: VerdictTable, derived: Derive, state: str
) -> None:
    verdicts.say(3, "breach")
    derived()
    verdicts.say(4, state)
    assert derived() == []
    assert alert(ops).state == "open"
    verdicts.say(5, "breach")
    assert derived() == [("ongoing", "week 5", 1)]


def test_late_data_that_clears_a_week_retracts_its_alert(
    ops: OpsDatabase, verdicts: VerdictTable, derived: Derive
) -> None:
    verdicts.say(3, "breach")
    derived()
    verdicts.say(3, "pass")
    assert derived() == [("retracted", "week 3", 2)]
    assert alert(ops).state == "retracted"


def test_a_withdrawn_verdict_retracts_its_alert(verdicts: VerdictTable, derived: Derive) -> None:
    verdicts.say(3, "breach")
    derived()
    verdicts.say(3, "breach", retracted=True)
    assert derived() == [("retracted", "week 3", 2)]


def test_late_data_that_makes_a_week_unknown_leaves_the_alert_open(
    ops: OpsDatabase, verdicts: VerdictTable, derived: Derive
) -> None:
    verdicts.say(3, "breach")
    derived()
    verdicts.say(3, "unknown")
    assert derived() == []
    assert alert(ops).state == "open"


def test_late_data_that_leaves_the_week_failing_confirms_it(verdicts: VerdictTable, derived: Derive) -> None:
    verdicts.say(3, "warn")
    derived()
    verdicts.say(3, "warn")
    assert derived() == [("confirmed", "week 3", 2)]
    verdicts.say(3, "breach")
    assert derived() == [("escalated", "week 3", 3)]


def test_of_several_weeks_one_that_still_fails_makes_the_end_a_resolution(
    verdicts: VerdictTable, derived: Derive
) -> None:
    verdicts.say(3, "breach")
    derived()
    verdicts.say(4, "breach")
    derived()
    verdicts.say(4, "pass")
    assert derived() == [("resolved", "week 4", 2)]


def test_a_week_that_was_unknown_and_turns_out_to_fail_opens_an_alert(verdicts: VerdictTable, derived: Derive) -> None:
    verdicts.say(3, "unknown")
    assert derived() == []
    verdicts.say(3, "breach")
    assert derived() == [("opened", "week 3", 2)]


def test_a_new_episode_is_a_new_alert(ops: OpsDatabase, verdicts: VerdictTable, derived: Derive) -> None:
    for week, state in ((3, "breach"), (4, "pass"), (5, "breach")):
        verdicts.say(week, state)
        derived()
    assert {(a.opened_period, a.state) for a in ops.rows(Alert)} == {(period(3), "resolved"), (period(5), "open")}


def test_an_end_and_a_new_beginning_in_one_night_are_both_told(verdicts: VerdictTable, derived: Derive) -> None:
    verdicts.say(3, "breach")
    derived()
    verdicts.say(4, "pass")
    verdicts.say(5, "warn")
    assert sorted(derived()) == [("opened", "week 5", 1), ("resolved", "week 4", 1)]


def test_a_retracted_week_that_fails_after_all_opens_the_same_alert_again(
    ops: OpsDatabase, verdicts: VerdictTable, derived: Derive
) -> None:
    for state, event in (("breach", "opened"), ("pass", "retracted"), ("breach", "opened")):
        verdicts.say(3, state)
        assert [found[0] for found in derived()] == [event]
    assert alert(ops).state == "open"


def test_the_first_load_is_one_starting_position(ops: OpsDatabase) -> None:
    table = VerdictTable()
    for week in range(1, 9):
        table.say(week, "breach" if week > 5 else "pass")
        table.say(week, "pass", subject="ben")
        table.say(week, "breach" if week < 3 else "pass", subject="cora")
    (event,) = derive(table.session, ops, now=NOW)
    assert (event.event, event.period, event.subject_key) == ("starting_position", period(8), "ana")
    assert alert(ops).since_period == period(6)


def test_somebody_who_left_in_a_bad_week_is_no_starting_position(ops: OpsDatabase) -> None:
    table = VerdictTable()
    table.say(1, "breach")
    for week in range(1, 9):
        table.say(week, "pass", subject="ben")
    assert derive(table.session, ops, now=NOW) == []


def test_a_guardrail_that_can_be_measured_from_now_on_begins_with_a_starting_position(
    verdicts: VerdictTable, derived: Derive
) -> None:
    verdicts.say(2, "breach", rail="no_show")
    assert derived() == [("starting_position", "week 2", 1)]


def test_another_policy_opens_no_single_alerts_and_takes_nothing_back_as_wrong(
    ops: OpsDatabase, verdicts: VerdictTable, derived: Derive
) -> None:
    verdicts.say(3, "breach")
    verdicts.say(3, "pass", subject="ben")
    derived()
    verdicts.say(3, "pass", policy="p2")
    verdicts.say(3, "warn", subject="ben", policy="p2")
    assert sorted(derived()) == [("resolved", "week 3", 2), ("starting_position", "week 3", 2)]
    verdicts.say(4, "warn", policy="p2")
    assert derived() == [("opened", "week 4", 1)]


def test_a_policy_that_was_in_force_before_is_another_one_too(verdicts: VerdictTable, derived: Derive) -> None:
    for policy in ("p2", "p1"):
        verdicts.say(2, "pass" if policy == "p2" else "warn", policy=policy)
        found = derived()
    assert found == [("starting_position", "week 2", 3)]


def test_a_backfill_opens_no_single_alerts(verdicts: VerdictTable, derived: Derive) -> None:
    verdicts.say(3, "pass")
    derived()
    verdicts.say(1, "breach", subject="dan")
    verdicts.say(2, "breach", subject="dan")
    assert derived() == [("starting_position", "week 2", 1)]


def test_an_off_track_client_of_whom_nobody_was_told_opens_an_alert_until_the_review(
    ops: OpsDatabase, verdicts: VerdictTable
) -> None:
    raw = verdicts.session.raw
    add = (
        "INSERT INTO marts.alert_response (alert_key, kind, state, created_on, created_at) VALUES (?, ?, 'open', ?, ?)"
    )
    at = datetime(2026, 1, 12, 15, tzinfo=UTC)
    raw.execute(add, ["first", "off_track", at.date(), at])
    assert [event.event for event in derive(verdicts.session, ops, now=NOW)] == ["opened"]
    later = at + timedelta(days=2)
    raw.execute(add, ["new", "reliable_drop", later.date(), later])
    raw.execute(add, ["told", "reliable_drop", later.date(), later])
    raw.execute(
        "UPDATE marts.alert_response SET therapist_notified_at = created_at, supervisor_notified_at = created_at "
        "WHERE alert_key = 'told'"
    )
    (event,) = derive(verdicts.session, ops, now=NOW)
    assert (event.event, event.guardrail_id, event.subject_key) == ("opened", "off_track", "new")
    raw.execute("UPDATE marts.alert_response SET reviewed_at = created_at WHERE alert_key = 'new'")
    (event,) = derive(verdicts.session, ops, now=NOW)
    assert (event.event, event.subject_key) == ("resolved", "new")
    long_ago = at - timedelta(days=30)
    raw.execute(add, ["backfilled", "off_track", long_ago.date(), long_ago])
    (event,) = derive(verdicts.session, ops, now=NOW)
    assert (event.event, event.subject_key) == ("starting_position", "backfilled")


def test_a_review_that_came_late_resolves_though_the_verdict_stays(ops: OpsDatabase, verdicts: VerdictTable) -> None:
    raw = verdicts.session.raw
    verdicts.say(1, "pass", rail="offtrack_review", kind="alert", subject="early")
    derive(verdicts.session, ops, now=NOW)
    verdicts.say(2, "breach", rail="offtrack_review", kind="alert", subject="late")
    raw.execute("INSERT INTO marts.alert_response (alert_key, kind, state) VALUES ('late', 'alliance_low', 'open')")
    assert [event.event for event in derive(verdicts.session, ops, now=NOW)] == ["opened"]
    raw.execute("UPDATE marts.alert_response SET reviewed_at = TIMESTAMPTZ '2026-02-01 12:00:00Z'")
    assert [event.event for event in derive(verdicts.session, ops, now=NOW)] == ["resolved"]


@pytest.mark.parametrize("seed", range(2))
def test_whatever_nights_bring_a_subject_that_fails_has_one_open_alert_and_one_that_does_not_has_none(
    ops: OpsDatabase, seed: int
) -> None:
    """New weeks, late changes, withdrawn verdicts and policies at random; looked at twice a night."""
    chance = random.Random(seed)
    table = VerdictTable()
    subjects = ("ana", "ben", "cora", "dan")
    states: dict[tuple[str, int], str] = {}
    for night in range(1, 15):
        for subject in subjects:
            weeks = [night] + ([chance.randrange(max(1, night - 4), night + 1)] if chance.random() < 0.4 else [])
            for week in weeks:
                state = chance.choice(("pass", "pass", "warn", "breach", "unknown"))
                retracted = week != night and chance.random() < 0.2
                states[subject, week] = "unknown" if retracted else state
                table.say(week, state, subject=subject, policy=f"p{night // 6}", retracted=retracted)
        derive(table.session, ops, now=NOW)
        assert derive(table.session, ops, now=NOW) == []
        for subject in subjects:
            judged = [week for week in range(1, night + 1) if states[subject, week] != "unknown"]
            standing = ops.rows(Alert, subject_key=subject, state="open")
            assert len(standing) <= 1
            if judged and states[subject, judged[-1]] == "pass" and standing:
                assert standing[0].opened_period > period(judged[-1])
            if judged and judged[-1] == night and states[subject, night] != "pass":
                assert [alert.severity for alert in standing] == [states[subject, night]]
