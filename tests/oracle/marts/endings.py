"""retention_dropout and early_termination_quarter: how episodes end (decision 8, O11)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.marts.attendance import wilson
from tests.oracle.marts.funnel import zone
from tests.oracle.marts.months import ended_months, month_bounds, quarter_bounds, quarter_of, quarters
from tests.oracle.marts.outcomes import SEEN_BY_NOBODY, ends, episode_outcome
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.marts.survival import share_left
from tests.oracle.marts.trajectory import Episodes
from tests.oracle.weeks import exact

NO_DROPOUT = {"transferred", "referred_out", "moved", "deceased", "admin"}
PLANNED = {"planned_complete", "mutual"}
NOT_SAID = {None, "unknown", "open"}
TRANSFERS = {"transfer_fit", "transfer_capacity"}
UNSAID = "none"
STANDS = {"booked", "kept", "unknown", "unreviewed"}


def endings(practice: Practice) -> dict[str, Row]:
    """What is told of every episode, by key."""
    episodes = Episodes(practice)
    ended, booked = ends(practice, episodes), _booked_ahead(practice, episodes)
    dead = {practice.client(c["client_key"]) for c in practice.rows["client"] if c["is_deceased"]}
    gains: dict[str, list[str]] = defaultdict(list)
    for (episode, _, _), row in episode_outcome(practice).items():
        if row["reliable_class"] is not None:
            gains[episode].append(row["reliable_class"])
    found = {}
    for key, row in episodes.rows.items():
        if row["status"] in {"cancelled", "entered_in_error"}:
            continue
        sessions = list(episodes.attended[key].values())
        state, day = ended[key]
        is_excluded = row["closure_type"] in NO_DROPOUT or practice.client(row["client_key"]) in dead
        early = _early(practice, row, state, sessions, is_booked=key in booked, is_excluded=is_excluded)
        found[key] = {
            "service_line": row["service_line"] or UNSAID,
            "clinician_key": practice.person(row["primary_clinician_key"]) or SEEN_BY_NOBODY,
            "state": state,
            "ended_on": day,
            "first_on": min((practice.day("", s["started_at"]) for s in sessions), default=None),
            "sessions_n": len(sessions),
            "is_excluded": is_excluded,
            **early,
            **_outcome(early, gains[key]),
        }
    return found


def _booked_ahead(practice: Practice, episodes: Episodes) -> set[str | None]:
    """Episodes with an appointment ahead."""
    today = practice.day("", practice.as_of)
    return {
        episodes.of_seat(seat, today)
        for seat in practice.rows["appointment"]
        if seat["start_at"] > practice.as_of and seat["status"] in STANDS and seat["client_key"] is not None
    }


def _early(practice: Practice, row: Row, state: str, sessions: list[Row], *, is_booked: bool, is_excluded: bool) -> Row:
    """By the definitions. A planned end counts as such when it was due before the client was idle for long."""
    idle = timedelta(days=practice.setting("outcome", "idle_days"))
    closure, planned_on = row["closure_type"], row["planned_end_on"]
    is_idle = is_planned = False
    if sessions:
        seen = max(practice.day("", s["started_at"]) for s in sessions)
        is_planned = planned_on is not None and planned_on <= seen + idle
        is_idle = practice.as_of - max(s["ended_at"] for s in sessions) >= idle and not is_booked
    is_planned = is_planned or closure in PLANNED
    is_recorded = state == "recorded"
    is_unsaid = is_recorded and closure in NOT_SAID and not is_excluded and not is_planned
    may_count = not (is_excluded or is_unsaid or is_planned)
    few = len(sessions) < practice.setting("outcome", "early_sessions")
    is_a = closure == "client_unilateral" and not is_excluded
    is_c = may_count and not is_recorded and is_idle
    return {
        "is_unsaid": is_unsaid,
        "early_a": is_a,
        "early_b": may_count and state != "open" and few,
        "early_c": is_c,
        "early": is_a or is_c,
    }


def _outcome(early: Row, gains: list[str]) -> Row:
    is_better = any(gain in {"improved", "recovered"} for gain in gains)
    return {
        "early_d": early["early"] and bool(gains) and not is_better,
        "early_without_outcome": early["early"] and not gains,
    }


def retention_dropout(practice: Practice) -> MartRows:
    months = set(ended_months(practice))
    handed: dict[str, set[str]] = defaultdict(set)
    for row in practice.rows["case_assignment"]:
        if row["end_reason"] in TRANSFERS:
            handed[row["episode_key"]].add(practice.person(row["clinician_key"]) or "")
    cohorts: dict[tuple[date, str, str], list[Row]] = defaultdict(list)
    transfers: Counter[tuple[date, str, str]] = Counter()
    for key, row in endings(practice).items():
        month = None if row["first_on"] is None else row["first_on"].replace(day=1)
        if month in months:
            cohorts[month, row["service_line"], row["clinician_key"]].append(row)
            transfers.update((month, row["service_line"], person) for person in handed[key])
    found: MartRows = {}
    for cohort in {*cohorts, *transfers}:
        rows = cohorts.get(cohort, [])
        states = [row["state"] for row in rows]
        found[cohort] = {
            **month_bounds(practice, cohort[0]),
            "started_n": len(rows),
            "closed_n": states.count("recorded"),
            "lapsed_n": states.count("lapsed"),
            "open_n": states.count("open"),
            "unknown_end_n": sum(row["is_unsaid"] for row in rows),
            "excluded_n": sum(row["is_excluded"] for row in rows),
            **_early_counts(rows),
            "early_without_outcome_n": sum(row["early_without_outcome"] for row in rows),
            "transfers_out_n": transfers[cohort],
            **_stay(rows),
        }
    return found


def _early_counts(rows: Iterable[Row]) -> Row:
    names = ("early", "early_a", "early_b", "early_c", "early_d")
    return {f"{name}_n": sum(row[name] for row in rows) for name in names}


def _stay(rows: list[Row]) -> Row:
    waits = [(row["sessions_n"], row["early"]) for row in rows]
    steps, found = share_left(waits), {}
    for sessions in (4, 8, 12):
        left = next((share for length, share in reversed(steps) if length < sessions), Fraction(1))
        has_come = any(length >= sessions - 1 for length, _ in waits)
        found[f"km_retention_s{sessions}"] = left if has_come or (waits and left == 0) else None
    return found


def early_termination_quarter(practice: Practice) -> MartRows:
    ended = set(quarters(practice))
    groups: dict[tuple[date, str, str], list[Row]] = defaultdict(list)
    groups |= {(quarter, "practice", "practice"): [] for quarter in ended}
    for row in endings(practice).values():
        if row["ended_on"] is not None and quarter_of(row["ended_on"]) in ended:
            quarter = quarter_of(row["ended_on"])
            groups[quarter, "practice", "practice"].append(row)
            groups[quarter, "service_line", row["service_line"]].append(row)
            groups[quarter, "clinician", row["clinician_key"]].append(row)
    found: MartRows = {key: _quarter(practice, key, rows) for key, rows in groups.items()}
    for (quarter, level, _), row in found.items():
        whole = found[quarter, "practice", "practice"]
        row["funnel_zone"] = None
        if level != "practice":
            row["funnel_zone"] = _zone(practice, row, whole)
    return found


def _zone(practice: Practice, row: Row, whole: Row) -> str:
    n = row["explained_n"]
    if n < practice.setting("outcome", "compare_from_n"):
        return "insufficient"
    return zone(row["early_n"], n, Fraction(whole["early_n"], whole["explained_n"]))


def _quarter(practice: Practice, key: tuple[date, str, str], rows: list[Row]) -> Row:
    counted = [row for row in rows if not row["is_excluded"]]
    unsaid = sum(row["is_unsaid"] for row in counted)
    explained = len(counted) - unsaid
    found: Row = {
        "is_practice": key[1] == "practice",
        **quarter_bounds(practice, key[0]),
        "ended_n": len(counted),
        "excluded_n": len(rows) - len(counted),
        "unknown_end_n": unsaid,
        "explained_n": explained,
        "is_unexplained": unsaid > exact(practice.setting("outcome", "max_unknown_share")) * len(counted),
        **_early_counts(counted),
    }
    least = 0 if key[1] == "practice" else practice.setting("outcome", "show_from_n")
    low: Any = None
    high: Any = None
    if explained >= least:
        low, high = wilson(found["early_n"], explained, practice.setting("outcome", "confidence"))
    shown = ratio(Fraction(found["early_n"]), explained) if explained >= least else None
    return found | {"early_ratio": shown, "wilson_lo": low, "wilson_hi": high}
