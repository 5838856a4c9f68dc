"""episode_outcome: first against last score of an episode (decision 8, O1 to O5)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
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
    ended = ends(practice, episodes)
    _add_effects(practice, found)
    spoken: dict[tuple[str, str], list[str]] = defaultdict(list)
    for episode, instrument, respondent in found:
        spoken[episode, instrument].append(respondent)
    for key, row in found.items():
        row["end_state"] = ended[key[0]][0]
        row["is_primary"] = key[2] == min(spoken[key[0], key[1]], key=RESPONDENTS.index)
    return dict(found.items())


def stood_until(practice: Practice, episodes: Episodes) -> dict[str, datetime]:
    """When an appointment of an episode last stood: its start, or when it was given up, or as_of where it is ahead."""
    found: dict[str, datetime] = {}
    for seat in practice.rows["appointment"]:
        until = min(seat["start_at"], seat["cancelled_at"] or seat["start_at"], practice.as_of)
        is_known = seat["status"] not in GIVEN_UP or seat["cancelled_at"] is not None
        if seat["status"] == "entered_in_error" or seat["client_key"] is None or not is_known:
            continue
        episode = episodes.of_seat(seat, practice.day("", until))
        if episode is not None:
            found[episode] = max(found.get(episode, until), until)
    return found


def is_recorded(episode: Row) -> bool:
    """Whether somebody recorded that it ended, or how."""
    how = episode["closure_type"] not in {None, "open", "unknown"}
    return episode["closed_on"] is not None or episode["status"] == "finished" or how


def ends(practice: Practice, episodes: Episodes) -> dict[str, tuple[str, date | None]]:
    """recorded, lapsed (nobody recorded an end) or open, and the local day of the end, by episode."""
    gap = timedelta(days=practice.setting("outcome", "gap_days"))
    booked = stood_until(practice, episodes)
    found: dict[str, tuple[str, date | None]] = {}
    for key, row in episodes.rows.items():
        sessions = list(episodes.attended[key].values())
        seen = max((practice.day("", s["started_at"]) for s in sessions), default=None)
        if is_recorded(row):
            found[key] = "recorded", row["closed_on"] or seen or row["opened_on"]
        elif seen is None:
            found[key] = "open", None
        else:
            until = booked.get(key)
            last = max(s["ended_at"] for s in sessions)
            day = seen if until is None else max(seen, practice.day("", until))
            is_over = practice.as_of - (last if until is None else max(last, until)) >= gap
            found[key] = ("lapsed", day + gap) if is_over else ("open", None)
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
