"""measure_trajectory: scores over time, and what their changes mean."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from tests.oracle.marts.practice import MartRows, Practice, Row

INSTRUMENTS = Path(__file__).parents[3] / "src/pacekeeper/contract/instruments.toml"
SAFETY_ITEM = {"phq9": 9, "epds": 10}
LOWEST_BAND = {"phq9": "minimal", "gad7": "minimal", "epds": "unlikely"}
SCORED = {"complete", "prorated"}


@cache
def instruments() -> dict[str, dict[str, Any]]:
    return tomllib.loads(INSTRUMENTS.read_text(encoding="utf-8"))


class Episodes:
    """Which episode something belongs to, and its attended sessions."""

    def __init__(self, practice: Practice) -> None:
        self.practice = practice
        self.rows = {r["episode_key"]: r for r in practice.rows["episode"]}
        self.of_client: dict[str | None, list[Row]] = defaultdict(list)
        for row in practice.rows["episode"]:
            if row["status"] not in {"cancelled", "entered_in_error"}:
                self.of_client[practice.client(row["client_key"])].append(row)
        self.sessions = {r["session_key"]: r for r in practice.rows["session"]}
        self.seen: dict[str | None, dict[str, tuple[Row, str | None]]] = defaultdict(dict)
        self.attended: dict[str, dict[str, Row]] = defaultdict(dict)
        for row in practice.rows["session_participant"]:
            session, client = self.sessions.get(row["session_key"]), practice.client(row["client_key"])
            # The session is in quarantine.
            if session is None:
                continue
            held = session["status"] in {"completed", "partial"}
            if row["attended"] and held:
                day = practice.day("", session["started_at"])
                episode = row["episode_key"]
                if episode is None or self.is_error(episode):
                    episode = self.at(client, day)
                self.seen[client][row["session_key"]] = session, episode
                if episode is not None:
                    self.attended[episode][row["session_key"]] = session

    def is_error(self, episode: str) -> bool:
        return episode in self.rows and self.rows[episode]["status"] == "entered_in_error"

    def at(self, client: str | None, day: date) -> str | None:
        """The client's latest opened episode that is open on a day; else the next that opens soon (decision 8, O1)."""
        soon = day + timedelta(days=self.practice.setting("outcome", "baseline_days"))
        mine = [e for e in self.of_client[client] if e["closed_on"] is None or e["closed_on"] >= day]
        mine.sort(key=lambda e: (e["opened_on"], e["episode_key"]))
        there = [e for e in mine if e["opened_on"] <= day]
        if there:
            return str(there[-1]["episode_key"])
        ahead = [e for e in mine if e["opened_on"] <= soon]
        return str(ahead[0]["episode_key"]) if ahead else None

    def of_seat(self, seat: Row, day: date) -> str | None:
        """As the source links an appointment, or its client's at a day."""
        linked = seat["episode_key"]
        if linked is not None and not self.is_error(linked):
            return str(linked)
        return self.at(self.practice.client(seat["client_key"]), day)

    def of_response(self, response: Row) -> str | None:
        """As the source links it, or through its session, or the client's at that day; never one entered in error."""
        linked = response["episode_key"]
        if linked is not None and not self.is_error(linked):
            return str(linked)
        found = self.session_of(response)
        if found is not None and found[1] is not None:
            return found[1]
        return self.at(self.practice.client(response["client_key"]), self.practice.day("", response["administered_at"]))

    def session_of(self, response: Row) -> tuple[Row, str | None] | None:
        """The attended session it names, else the nearest one about it, of the episode it names, if any."""
        mine = self.seen[self.practice.client(response["client_key"])]
        named = mine.get(response["session_key"])
        if named is not None:
            return named
        given, linked = response["administered_at"], response["episode_key"]
        if linked is not None and self.is_error(linked):
            linked = None
        before = timedelta(hours=self.practice.setting("outcome", "response_before"))
        after = timedelta(hours=self.practice.setting("outcome", "response_after"))
        near: list[tuple[timedelta, datetime, str]] = []
        for key, (session, episode) in mine.items():
            starts, ends = session["started_at"], session["ended_at"]
            if starts - before <= given <= ends + after and linked in {None, episode}:
                near.append((starts - given if starts > given else given - ends, starts, key))
        return mine[min(near)[2]] if near else None

    def session_no(self, episode: str | None, response: Row) -> int | None:
        """Attended sessions of the episode that had begun by then, and that of the response if it had not."""
        if episode is None:
            return None
        until, own = response["administered_at"], self.session_of(response)
        if own is not None:
            until = max(until, own[0]["started_at"])
        return len([s for s in self.attended[episode].values() if s["started_at"] <= until])


def measure_trajectory(practice: Practice) -> MartRows:
    episodes = Episodes(practice)
    items = {(r["response_key"], r["item_no"]): r["value"] for r in practice.rows["measure_item"]}
    within = timedelta(hours=practice.setting("outcome", "duplicate_within"))
    found: MartRows = {}
    unprotected = _unprotected(practice)
    key: tuple[Any, ...]
    scores: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    series: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for response in practice.rows["measure_response"]:
        row = _facts(practice, episodes, response, items)
        row["is_part2"] = row["client_key"] not in unprotected
        found[response["response_key"],] = row
        if row["score"] is not None:
            key = (row["client_key"], row["instrument"], row["respondent"], row["score"])
            scores[key].append(row | {"response_key": response["response_key"], "version": response["version"]})
    for alike in scores.values():
        for row in alike:
            if any(_is_kept_for(row, other, within) for other in alike):
                found[row["response_key"],] |= {"is_duplicate": True, "algorithm": None}
            else:
                key = (row["client_key"], row["episode_key"], row["instrument"], row["respondent"], row["series"])
                series[key].append(row)
    for scored in series.values():
        scored.sort(key=lambda r: (r["administered_at"], r["response_key"]))
        for place, row in enumerate(scored):
            found[row["response_key"],] |= {"sequence_no": place + 1}
            if place:
                found[row["response_key"],] |= _changes(row, scored[:place])
    return found


def _is_kept_for(row: Row, other: Row, within: timedelta) -> bool:
    """Whether the other response is the same score, and the one of the two that is kept (decision 8, O3)."""
    if other is row or abs(other["administered_at"] - row["administered_at"]) > within:
        return False

    def rank(r: Row) -> tuple[Any, ...]:
        return r["version"] is None, r["administered_at"], r["response_key"]

    return rank(other) < rank(row)


def _unprotected(practice: Practice) -> set[str | None]:
    """Clients of whom some record says that Part 2 does not protect it, and no record anything else."""
    flags: dict[str | None, set[str]] = defaultdict(set)
    for row in practice.rows["client"]:
        flags[practice.client(row["client_key"])].add(row["part2_flag"])
    return {client for client, said in flags.items() if said == {"no"}}


def _facts(practice: Practice, episodes: Episodes, response: Row, items: dict[tuple[str, int], Any]) -> Row:
    code = response["instrument"]
    about = instruments()[code]
    score = None
    if response["status"] in SCORED and response["total"] is not None:
        score = Fraction(response["total"], 10 ** about.get("decimals", 0))
    episode = episodes.of_response(response)
    safety = items.get((response["response_key"], SAFETY_ITEM[code])) if code in SAFETY_ITEM else None
    return {
        "client_key": practice.client(response["client_key"]),
        "episode_key": episode,
        "instrument": code,
        "respondent": response["respondent"],
        "administered_at": response["administered_at"],
        "series": f"{response['version'] or ''}|{response['language'] or ''}",
        "is_duplicate": False,
        "session_no": episodes.session_no(episode, response),
        "sequence_no": None,
        "score": score,
        "delta_prev": None,
        "delta_base": None,
        "delta_best": None,
        "severity_band": _band(code, response["total"]) if score is not None else None,
        "reliable_class": None,
        "on_track": None,
        "algorithm": practice.setting("outcome", "offtrack_algorithm") if score is not None else None,
        "safety_flag": None if safety is None else safety >= 1,
    }


def _band(code: str, total: int) -> str:
    found = LOWEST_BAND.get(code, "")
    for name, least in sorted(instruments()[code]["cut_offs"].items(), key=lambda b: b[1]):
        if total >= least:
            found = name
    return found


def _changes(row: Row, before: list[Row]) -> Row:
    about = instruments()[row["instrument"]]
    unit = 10 ** about.get("decimals", 0)
    better = 1 if about.get("higher_is_better") else -1
    base, score = before[0]["score"], row["score"]
    best = max((r["score"] for r in before), key=lambda s: better * s)
    found: Row = {
        "delta_prev": score - before[-1]["score"],
        "delta_base": score - base,
        "delta_best": score - best,
    }
    if "reliable_change" not in about:
        return found
    enough, line = Fraction(about["reliable_change"], unit), Fraction(about["caseness"], unit)
    gain = better * (score - base)
    was_case, is_case = (base < line, score < line) if better == 1 else (base >= line, score >= line)
    if gain >= enough:
        found["reliable_class"] = "recovered" if was_case and not is_case else "improved"
    else:
        found["reliable_class"] = "deteriorated" if gain <= -enough else "no_change"
    found["on_track"] = better * (score - best) > -enough
    return found
