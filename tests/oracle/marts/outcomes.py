"""episode_outcome: first against last score of an episode (decision 8, O1 to O5)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from statistics import stdev
from typing import Any

from tests.oracle.intervals import tick
from tests.oracle.marts.practice import MartRows, Practice, Row
from tests.oracle.marts.trajectory import Episodes, instruments, measure_trajectory

RESPONDENTS = ("self", "caregiver", "clinician", "unknown")
DAY = 86_400_000_000
SEEN_BY_NOBODY = "none"
GIVEN_UP = {"cancelled", "rescheduled"}


def episode_outcome(practice: Practice) -> MartRows:
    episodes = Episodes(practice)
    scores: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for key, row in measure_trajectory(practice).items():
        if row["sequence_no"] is not None and row["episode_key"] is not None:
            scores[row["episode_key"], row["instrument"], row["respondent"]].append(row | {"response_key": key[0]})
    rows = {key: _row(practice, episodes, key, mine) for key, mine in scores.items()}
    found = {key: row for key, row in rows.items() if row["n_scores"]}
    states = end_states(practice, episodes)
    _add_effects(practice, found)
    spoken: dict[tuple[str, str], list[str]] = defaultdict(list)
    for episode, instrument, respondent in found:
        spoken[episode, instrument].append(respondent)
    for key, row in found.items():
        row["end_state"] = states[key[0]]
        row["is_primary"] = key[2] == min(spoken[key[0], key[1]], key=RESPONDENTS.index)
    return dict(found.items())


def last_contacts(practice: Practice, episodes: Episodes) -> dict[str, date]:
    """Last day on which an episode had an attended session, or a booking ahead that stood; else the day it opened."""
    found = {key: row["opened_on"] for key, row in episodes.rows.items()}
    for key, sessions in episodes.attended.items():
        found[key] = max([found[key], *(practice.day("", s["started_at"]) for s in sessions.values())])
    for seat in practice.rows["appointment"]:
        until = min(seat["start_at"], seat["cancelled_at"] or seat["start_at"])
        is_known = seat["status"] not in GIVEN_UP or seat["cancelled_at"] is not None
        if seat["status"] == "entered_in_error" or seat["client_key"] is None or not is_known:
            continue
        day = practice.day("", until)
        episode = seat["episode_key"]
        if episode is None or episodes.is_error(episode):
            episode = episodes.at(practice.client(seat["client_key"]), day)
        if episode is not None:
            found[episode] = max(found[episode], day)
    return found


def end_states(practice: Practice, episodes: Episodes) -> dict[str, str]:
    """recorded, lapsed (nobody recorded an end) or open, by episode."""
    gap = timedelta(days=practice.setting("outcome", "gap_days"))
    today = practice.day("", practice.as_of)
    found = {}
    for key, last in last_contacts(practice, episodes).items():
        is_recorded = episodes.rows[key]["closed_on"] is not None
        found[key] = "recorded" if is_recorded else "lapsed" if last + gap <= today else "open"
    return found


def _row(practice: Practice, episodes: Episodes, key: tuple[str, str, str], scores: list[Row]) -> Row:
    about, episode = instruments()[key[1]], episodes.rows[key[0]]
    attended = sorted(episodes.attended[key[0]].values(), key=lambda s: (s["started_at"], s["session_key"]))
    scores.sort(key=lambda r: (r["administered_at"], r["response_key"]))
    if attended:
        earliest = attended[0]["started_at"] - timedelta(days=practice.setting("outcome", "baseline_days"))
        scores = [s for s in scores if s["administered_at"] >= earliest]
    of_series = [s for s in scores if s["series"] == scores[0]["series"]] if scores else []
    is_timely = (
        bool(attended)
        and bool(of_series)
        and of_series[0]["administered_at"] <= attended[0]["ended_at"] + timedelta(days=1)
    )
    base = of_series[0]["score"] if is_timely else None
    last = of_series[-1]["score"] if is_timely and len(of_series) > 1 else None
    return {
        "client_key": practice.client(episode["client_key"]),
        "clinician_key": practice.person(episode["primary_clinician_key"]) or SEEN_BY_NOBODY,
        "n_scores": len(of_series),
        "base": base,
        "first_session_no": of_series[0]["session_no"] if of_series else None,
        "last": last,
        "change": None if last is None else last - base,
        "days": None if last is None else _days(of_series),
        "sessions": len(attended),
        "closure_type": episode["closure_type"],
        **_classes(about, base, last),
    }


def _days(scores: list[Row]) -> Fraction:
    return Fraction(tick(scores[-1]["administered_at"]) - tick(scores[0]["administered_at"]), DAY)


def _classes(about: dict[str, Any], base: Any, last: Any) -> Row:
    found: Row = dict.fromkeys(("response", "remission", "reliable_class", "is_base_case", "cutoff_cross"))
    unit = 10 ** about.get("decimals", 0)
    better = 1 if about.get("higher_is_better") else -1
    if base is None:
        return found
    if "caseness" in about:
        line = Fraction(about["caseness"], unit)
        found["is_base_case"] = base < line if better == 1 else base >= line
    if last is None:
        return found
    if "elevated_from" in about and base >= Fraction(about["elevated_from"], unit):
        found["response"] = last <= base / 2
        found["remission"] = last < Fraction(about["remission_below"], unit)
    if found["is_base_case"]:
        found["cutoff_cross"] = last >= line if better == 1 else last < line
    if "reliable_change" in about:
        enough, gain = Fraction(about["reliable_change"], unit), better * (last - base)
        found["reliable_class"] = "no_change" if gain > -enough else "deteriorated"
        if gain >= enough:
            found["reliable_class"] = "recovered" if found["cutoff_cross"] else "improved"
    return found


def _add_effects(practice: Practice, found: dict[tuple[str, str, str], Row]) -> None:
    """Effect sizes by the practice's own spread and line of last on base."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for key, row in found.items():
        groups[key[1], key[2]].append(row)
    for (instrument, _), rows in groups.items():
        pairs = [(float(r["base"]), float(r["last"])) for r in rows if r["last"] is not None]
        enough = len(pairs) >= practice.setting("outcome", "reference_min_n")
        sign = -1 if instruments()[instrument].get("higher_is_better") else 1
        for row in rows:
            row |= {"effect_size": None, "severity_adj_es": None, "coefficients_n": len(pairs) if enough else None}
        if not enough:
            continue
        bases = [base for base, _ in pairs]
        sd, slope, intercept = _line(pairs, stdev(bases))
        for row in rows:
            if row["last"] is not None:
                base, last = float(row["base"]), float(row["last"])
                row["effect_size"] = sign * (last - base) / sd
                row["severity_adj_es"] = sign * (last - intercept - slope * base) / sd


def _line(pairs: list[tuple[float, float]], sd: float) -> tuple[float, float, float]:
    mean_x = sum(x for x, _ in pairs) / len(pairs)
    mean_y = sum(y for _, y in pairs) / len(pairs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / sum((x - mean_x) ** 2 for x, _ in pairs)
    return sd, slope, mean_y - slope * mean_x
