"""What whole marts must keep to when a practice's rows are stored in another order, shifted, or added to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest

from pacekeeper.contract import ENTITIES
from pacekeeper_assets import MARTS
from tests.integration.varied_practice import WEEK, Added, Built, Key, Row, Variant, the_practice

OTHER = "other-"

#: Months and quarters hold other weeks after a shift; everything else is of a week, or of a date that moves along.
BY_MONTH = frozenset(mart for mart, declared in MARTS.items() if {"month_id", "quarter_id"} & set(declared.primary_key))
#: Columns of other marts that look at months all the same.
MONTHLY: Mapping[str, set[str]] = {
    # Completed calendar months since a date: months differ in length.
    "clinician_week": {"tenure_month"},
    # What the practice did in the months before.
    "clinician_signal": {"classification"},
    "systemic_signal": {"inputs_n", "systemic_inputs", "classification"},
}
#: Columns that name a whole month; shifted by a week they would name none.
WHOLE_MONTHS = ("member_month.month", "report_delivery.period_month")

#: Marts and verdicts of one person, episode or document, though some of their rows are of the practice.
PERSONAL = ("clinician_key", "client_key", "episode_key", "response_key", "note_key", "alert_key")
OF_NOBODY = {"practice", "service_line", "contract", "team"}
#: What compares somebody with the practice, and therefore may change with whoever joins it.
COMPARING: Mapping[str, set[str]] = {
    # Severity is adjusted by the practice's own regression where it has enough episodes.
    "episode_outcome": {"coefficients_version", "coefficients_n", "effect_size", "severity_adj_es"},
    # Adjusted by the same regression; pooled and put into a funnel with the others.
    "clinician_outcome": {"mean_sa_es", "shrunk_es", "lo", "hi", "own_weight", "funnel_zone", "funnel_level"},
    "early_termination_quarter": {"funnel_zone"},
    # Whether others meet the same rule at the same time, and whether the practice as a whole does.
    "clinician_signal": {"peers_n", "peers_meeting_ratio", "others_known_n", "others_out_n", "classification"}
    | {"funnel_zone"},
}
#: Tables about the practice as a whole, or about its staff together.
OF_PRACTICE = {
    *("practice", "calendar_day", "practice_closure", "payer_contract", "cost_rate", "member_month", "experiment"),
    *("survey_wave", "staff_survey_response", "staff_survey_item", "report_delivery", "remit_provider_adjustment"),
}


@pytest.fixture(scope="module")
def base() -> Built:
    return the_practice()[1]


def without(row: Row, columns: set[str]) -> Row:
    return {name: value for name, value in row.items() if name not in columns}


def test_the_order_of_stored_rows_changes_not_a_digit(base: Built) -> None:
    shuffled = the_practice()[0].copy(order="hash(line::TEXT || 'another order')").build()
    for mart, rows in base.items():
        assert repr(shuffled[mart]) == repr(rows), mart


def test_a_week_later_every_week_is_a_week_later_and_nothing_else(base: Built) -> None:
    made = the_practice()[0].copy().shift(WEEK, but=WHOLE_MONTHS)
    shifted = made.build()
    for mart in MARTS.keys() - BY_MONTH:
        apart = MONTHLY.get(mart, set())
        expected = {_later(row): _moved(without(row, apart)) for row in _weekly(mart, base)}
        found = {_at(row): _plain(without(row, apart)) for row in _weekly(mart, shifted)}
        assert expected, f"{mart} has no row to shift"
        assert found.keys() == expected.keys(), mart
        for key, row in expected.items():
            assert found[key] == row, f"{mart} {key}"


def _weekly(mart: str, built: Built) -> Iterator[Row]:
    """Rows of a mart, of verdicts those on other marts than of months."""
    judged = {row["guardrail_id"]: row["evidence_mart"] for row in built["guardrail_result"].values()}
    for key, row in built[mart].items():
        if judged.get(row.get("guardrail_id")) not in BY_MONTH:
            yield {**row, "__key__": key}


def _plain(row: Row) -> Row:
    dated = {"period": date.fromisoformat(row["period"])} if "period" in row else {}
    return {name: value for name, value in {**row, **dated}.items() if name != "__key__"}


def _moved(row: Row) -> Row:
    return {name: value + WEEK if isinstance(value, date) else value for name, value in _plain(row).items()}


def _at(row: Row) -> Key:
    return tuple(row["__key__"])


def _later(row: Row) -> Key:
    """The key of the row a week later; a verdict's period is text."""
    return tuple(_text_later(part) for part in row["__key__"])


def _text_later(part: Any) -> Any:
    if isinstance(part, date):
        return part + WEEK
    if isinstance(part, str) and len(part) == len("2026-03-30") and part[4] == part[7] == "-":
        return (date.fromisoformat(part) + WEEK).isoformat()
    return part


def test_who_joins_with_clients_of_their_own_changes_nothing_of_the_others(base: Built) -> None:
    """But for what compares people, which is listed above."""
    practice = the_practice()[0].copy()
    practice.join(
        Variant.generate(seed=2, clinicians=2),
        [name for name in ENTITIES if name not in OF_PRACTICE],
        prefix=OTHER,
        kept={"practice_key"},
    )
    joined = practice.build()
    compared = 0
    for mart in MARTS:
        apart = COMPARING.get(mart, set())
        before = {key: row for key, row in base[mart].items() if _is_personal(row)}
        after = {key: row for key, row in joined[mart].items() if _is_personal(row)}
        own = {key for key in after if not any(OTHER in str(part) for part in key)}
        assert own == before.keys(), mart
        compared += len(after) > len(before)
        for key, row in before.items():
            assert without(after[key], apart) == without(row, apart), f"{mart} {key}"
    assert compared > 20, "those who joined are in the marts too"


def _is_personal(row: Row) -> bool:
    if "subject_kind" in row:
        return row["subject_kind"] not in OF_NOBODY
    if "level" in row:
        return bool(row["level"] == "clinician")
    return "practice" not in row.values() and any(name in row for name in PERSONAL)


@pytest.fixture(scope="module")
def added() -> Added:
    return Added()


def pairs(base: Built, added: Added, mart: str, people: set[str]) -> Iterator[tuple[Row, Row]]:
    """Rows of people's weeks before and after; at least ten of them."""
    found = [(row, added.marts[mart][key]) for key, row in base[mart].items() if row["clinician_key"] in people]
    assert len(found) >= 10
    return iter(found)


@pytest.mark.formula(1)
def test_one_more_session_adds_its_minutes_or_what_of_them_was_free(base: Built, added: Added) -> None:
    weeks = list(pairs(base, added, "clinician_week", added.seen_more))
    grown = [after["direct_h"] - before["direct_h"] for before, after in weeks]
    assert all(-1e-9 <= hours <= added.HOURS + 1e-9 for hours in grown)
    assert any(hours > added.HOURS - 1e-9 for hours in grown)
    assert any(hours < added.HOURS - 1e-9 for hours in grown), "some lie over other sessions"
    for before, after in weeks:
        assert after["sessions_n"] == before["sessions_n"] + 1
        for column in ("distinct_clients_n", "available_h", "total_work_h", "days_worked_n"):
            assert after[column] is None or after[column] >= before[column] - 1e-9, column


@pytest.mark.formula(1)
def test_a_session_that_is_documented_twice_adds_no_time(base: Built, added: Added) -> None:
    for before, after in pairs(base, added, "clinician_week", added.twice):
        assert after["direct_h"] == before["direct_h"]
        assert after["utilization_ratio"] == before["utilization_ratio"]


@pytest.mark.formula(7)
def test_one_more_kept_seat_is_one_more_and_lowers_the_ratio_of_no_shows(base: Built, added: Added) -> None:
    for before, after in pairs(base, added, "attendance_week", added.seen_more):
        assert after["kept_n"] == before["kept_n"] + 1
        for column in ("no_show_n", "late_cancel_n", "unknown_status_n", "unreviewed_n"):
            assert after[column] == before[column], column
        for column in ("no_show_ratio", "no_show_ratio_4w", "combined_ratio"):
            assert before[column] is None or after[column] <= before[column], column


@pytest.mark.formula(10)
def test_who_is_seen_more_has_no_fewer_active_clients(base: Built, added: Added) -> None:
    for before, after in pairs(base, added, "caseload_snapshot", added.seen_more):
        assert after["active_clients"] >= before["active_clients"]


@pytest.mark.formula(9)
def test_what_the_clinician_cancels_neither_extends_nor_ends_a_run_of_no_shows(base: Built, added: Added) -> None:
    runs = {key: row for key, row in base["client_no_show_week"].items() if row["client_key"] not in added.clients}
    assert max(row["run_length"] for row in runs.values()) >= 2
    for key, row in runs.items():
        after = added.marts["client_no_show_week"][key]
        assert [after[name] for name in ("missed_n", "run_length", "runs_n")] == [
            row[name] for name in ("missed_n", "run_length", "runs_n")
        ]
    for before, after in pairs(base, added, "attendance_week", added.twice):
        assert after["no_show_ratio"] == before["no_show_ratio"]
