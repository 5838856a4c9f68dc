"""staff_survey_agg: scales of anonymous staff surveys, and what of them is hidden (decision 8, M13)."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from importlib import resources
from typing import Any

from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.weeks import day_stretch, exact

EVERYBODY = "practice"
SHEETS = "sheets"
Scale = tuple[str, str]


@dataclass
class Cell:
    """Scores of one team, or of everybody, on one scale. n: sheets, of `sheets` without scores."""

    invited_n: int
    n: int = 0
    scores: list[Fraction] = field(default_factory=list)
    line: Any = None
    hidden: str | None = None

    @property
    def met_n(self) -> int | None:
        return None if self.line is None else sum(score >= self.line for score in self.scores)


def _instruments() -> dict[str, Any]:
    text = resources.files("pacekeeper.contract").joinpath("staff_instruments.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def staff_survey_agg(practice: Practice) -> MartRows:
    instruments, found = _instruments(), {}
    before: dict[tuple[str, Scale], Cell] = {}
    for wave, (opens, closes) in sorted(_waves(practice).items(), key=lambda item: item[1]):
        cells = _cells(practice, wave, instruments)
        for scale in sorted({scale for _, scale in cells}):
            of_scale = {team: cell for (team, its), cell in cells.items() if its == scale}
            _hide(practice, of_scale)
        for (team, scale), cell in cells.items():
            _hide_differences(practice, before.get((team, scale)), cell)
            found[wave, team, *scale] = _row(practice, instruments, opens, closes, team, scale, cell)
        before = cells
    return found


def _waves(practice: Practice) -> dict[str, tuple[date, date]]:
    """First and last day of the waves that are over."""
    days: dict[str, list[Row]] = defaultdict(list)
    for row in practice.rows["survey_wave"]:
        days[row["wave_key"]].append(row)
    spans = {w: (min(r["opens_on"] for r in rows), max(r["closes_on"] for r in rows)) for w, rows in days.items()}
    today = practice.day("", practice.as_of)
    return {wave: span for wave, span in spans.items() if span[1] < today}


def _cells(practice: Practice, wave: str, instruments: dict[str, Any]) -> dict[tuple[str, Scale], Cell]:
    invited = {r["team_key"]: r["invited_n"] for r in practice.rows["survey_wave"] if r["wave_key"] == wave}
    invited[EVERYBODY] = sum(invited.values())
    sheets = [r for r in practice.rows["staff_survey_response"] if r["wave_key"] == wave]
    answers: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in practice.rows["staff_survey_item"]:
        answers[row["response_token"]][row["item"]] = exact(row["value"])
    scores: dict[Scale, dict[str, list[Fraction]]] = defaultdict(lambda: defaultdict(list))
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for sheet in sheets:
        for team in (sheet["team_key"], EVERYBODY):
            counts[team][sheet["instrument"]] += 1
            for scale, score in _scores(instruments, sheet, answers[sheet["response_token"]]):
                scores[scale][team].append(score)
    found: dict[tuple[str, Scale], Cell] = {}
    for team, n in invited.items():
        for (instrument, name), by_team in scores.items():
            line = instruments[instrument]["scales"][name].get("line")
            mine = by_team.get(team, [])
            found[team, (instrument, name)] = Cell(n, len(mine), mine, line)
        found[team, (SHEETS, SHEETS)] = Cell(n, max(counts[team].values(), default=0))
    return found


def _scores(instruments: dict[str, Any], sheet: Row, answers: dict[str, Any]) -> Iterator[tuple[Scale, Fraction]]:
    """Scores of the scales of which every item is answered within its range."""
    known = instruments.get(sheet["instrument"])
    if known is None:
        return
    low, high = known["value_min"], known["value_max"]
    for name, scale in known["scales"].items():
        values = [answers.get(item) for item in scale["items"]]
        if any(value is None or not low <= value <= high for value in values):
            continue
        turned = set(scale.get("reversed", ()))
        right = [low + high - answers[item] if item in turned else answers[item] for item in scale["items"]]
        total = sum(right, Fraction(0))
        yield (sheet["instrument"], name), total / len(right) if scale["score"] == "mean" else total


def _hide(practice: Practice, cells: dict[str, Cell]) -> None:
    """Too few or all alike; then the next smallest, until what is hidden beside a shown total is enough, and no team
    is shown alone. Where nobody answered there is nothing to hide.
    """
    least = practice.setting("staff_survey", "least_n")
    few = practice.setting("staff_survey", "extremes_below")
    for cell in cells.values():
        is_alike = cell.n < few and cell.met_n in {0, cell.n} and cell.met_n is not None
        cell.hidden = "primary" if cell.n < least or is_alike else None
    teams = {team: cell for team, cell in cells.items() if team != EVERYBODY}
    while cells[EVERYBODY].hidden is None:
        hidden = [cell for cell in teams.values() if cell.hidden and cell.n]
        shown = sorted(((c.n, t) for t, c in teams.items() if not c.hidden))
        if not hidden or not shown or (len(shown) > 1 and sum(cell.n for cell in hidden) >= least):
            break
        teams[shown[0][1]].hidden = "complementary"


def _hide_differences(practice: Practice, before: Cell | None, now: Cell) -> None:
    if before is None or now.hidden:
        return
    everybody = now.n == now.invited_n and before.n == before.invited_n
    if everybody and 0 < before.invited_n - now.invited_n < practice.setting("staff_survey", "least_n"):
        now.hidden = "differencing"


def _row(
    practice: Practice, instruments: dict[str, Any], opens: date, closes: date, team: str, scale: Scale, cell: Cell
) -> Row:
    instrument, name = scale
    is_shown, is_scored = cell.hidden is None, instrument != SHEETS
    score = instruments[instrument]["scales"][name]["score"] if is_scored else None
    return {
        "version": instruments[instrument]["version"] if is_scored else "",
        "rule": None if cell.line is None else f"{score} of items >= {cell.line}",
        "opens_on": opens,
        "closes_on": closes,
        "wave_start_at": day_stretch(opens, practice.home_tz)[0],
        "wave_end_at": day_stretch(closes, practice.home_tz)[1],
        "invited_n": cell.invited_n,
        "n": cell.n if is_shown else None,
        "response_ratio": ratio(Fraction(cell.n), cell.invited_n) if is_shown else None,
        "mean": ratio(sum(cell.scores, Fraction(0)), len(cell.scores)) if is_shown and is_scored else None,
        "prevalence": ratio(Fraction(cell.met_n), cell.n) if is_shown and cell.met_n is not None else None,
        "suppressed": not is_shown,
        "suppression_kind": cell.hidden,
        "is_burnout_headline": f"{instrument}.{name}" == practice.rule("burnout_prevalence", "scale"),
        "is_response_total": team == EVERYBODY and not is_scored,
    }
