"""`staff_survey_agg`: scales of anonymous staff surveys, by team and wave, after suppression. No path to a person."""

from __future__ import annotations

import ibis
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pacekeeper.contract.staff_instruments import StaffScale, staff_scales
from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.in_force import in_force
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input
from pacekeeper.measures.suppression import DIFFERENCING, EXTREME, PRIMARY, CellColumns, SuppressionRule, suppress
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.judging import Grain, band
from pacekeeper_assets.periods import PRACTICE_DAY
from pacekeeper_assets.practice_facts import needs_of, ratio

PRACTICE = "practice"
#: Instrument and scale of the rows that only count answer sheets.
SHEETS = "sheets"
_WAVE = Grain("team", "team_key", "opens_on", "wave_start_at", "wave_end_at")
_SCALE = ("instrument", "scale", "version", "rule")
_PRESENT = 1.0


def staff_survey_agg(tables: CanonicalTables, policy: Policy) -> Table:
    waves = _waves(tables)
    answers = _scores(tables)
    answers = answers.semi_join(waves, "wave_key")
    asked = answers.select("wave_key", *_SCALE).distinct()
    whole = answers.mutate(team_key=literal(PRACTICE))
    each = ibis.union(answers, whole)
    counts = each.group_by("wave_key", "team_key", "instrument", "scale").aggregate(
        n=each.count(), mean=each.score.mean(), prevalence=each.is_present.mean()
    )
    rows = waves.inner_join(asked, "wave_key")
    keys = ("wave_key", "team_key", "instrument", "scale")
    rows = rows.left_join(counts, keys).drop(*(f"{key}_right" for key in keys))
    rows = rows.mutate(n=rows.n.fill_null(0))
    rows = rows.mutate(
        response_ratio=ratio(rows.n, rows.invited_n),
        cell=_joined(rows, rows.team_key),
        parent=ifelse(rows.team_key == PRACTICE, ibis.null("string"), _joined(rows, literal(PRACTICE))),
        is_burnout_headline=rows.instrument.concat(".", rows.scale)
        == in_force(policy, rows.opens_on, lambda rev: rev.guardrail("burnout_prevalence").settings.word("scale")),
        is_response_total=(rows.team_key == PRACTICE) & (rows.scale == SHEETS),
    )
    return _with_leavers(rows).order_by("opens_on", "wave_key", "instrument", "scale", "team_key")


def _joined(rows: Table, team: Value) -> Value:
    return rows.wave_key.concat("|", rows.instrument, "|", rows.scale, "|", team)


def _waves(tables: CanonicalTables) -> Table:
    """Waves that are closed, one row per team, and one for the practice."""
    asked = tables.survey_wave
    days = tables.practice_day.select("day", "starts_at", "ends_at")
    teams = asked.group_by("wave_key", "team_key").aggregate(
        invited_n=asked.invited_n.sum(), opens_on=asked.opens_on.min(), closes_on=asked.closes_on.max()
    )
    span = teams.group_by("wave_key").aggregate(
        invited_n=teams.invited_n.sum(), opens_on=teams.opens_on.min(), closes_on=teams.closes_on.max()
    )
    whole = span.mutate(team_key=literal(PRACTICE))
    both = ibis.union(whole, teams.select(*whole.columns))
    ends = span.select("wave_key", first_day="opens_on", last_day="closes_on")
    both = both.select("wave_key", "team_key", "invited_n").inner_join(ends, "wave_key")
    opening = days.select(first_day="day", wave_start_at="starts_at")
    closing = days.select(last_day="day", wave_end_at="ends_at")
    found = both.inner_join(opening, "first_day").inner_join(closing, "last_day")
    found = found.filter(found.wave_end_at <= tables.as_of)
    return found.rename(opens_on="first_day", closes_on="last_day")


def _scores(tables: CanonicalTables) -> Table:
    """One row per answer sheet and scale whose items are all answered; and one per person who handed in any sheet."""
    sheets = tables.staff_survey_response.select("response_token", "wave_key", "team_key", "instrument")
    scored = [_of_scale(tables, sheets, scale) for scale in staff_scales()]
    # Two instruments of a wave are two sheets of the same person: the one with more sheets says how many answered.
    by_instrument = sheets.group_by("wave_key", "instrument").aggregate(sheets_n=sheets.count())
    most = ibis.window(group_by="wave_key", order_by=[ibis.desc("sheets_n"), "instrument"])
    first = by_instrument.mutate(place=ibis.row_number().over(most))
    first = first.filter(first.place == 0).select("wave_key", "instrument")
    handed_in = sheets.semi_join(first, ["wave_key", "instrument"])
    counted = _row(handed_in, SHEETS, SHEETS, "", None, ibis.null("float64"), ibis.null("float64"))
    return ibis.union(counted, *scored)


def _of_scale(tables: CanonicalTables, sheets: Table, scale: StaffScale) -> Table:
    own = sheets.filter(sheets.instrument == scale.instrument)
    items = tables.staff_survey_item
    items = items.filter(
        items.item.isin(scale.items) & (items.value >= scale.value_min) & (items.value <= scale.value_max)
    )
    turned = items.item.isin(scale.reversed) if scale.reversed else literal(value=False)
    items = items.mutate(points=ifelse(turned, scale.value_min + scale.value_max - items.value, items.value))
    sums = items.group_by("response_token").aggregate(answered_n=items.item.nunique(), points=items.points.sum())
    full = own.inner_join(sums.filter(sums.answered_n == len(scale.items)), "response_token")
    score = full.points / float(len(scale.items)) if scale.score == "mean" else full.points
    present = ibis.null("float64") if scale.line is None else ifelse(score >= scale.line, _PRESENT, 0.0)
    return _row(full, scale.instrument, scale.name, scale.version, scale.rule, score, present)


def _row(
    rows: Table, instrument: str, scale: str, version: str, rule: str | None, score: Value, present: Value
) -> Table:
    return rows.select(
        "wave_key",
        "team_key",
        instrument=literal(instrument),
        scale=literal(scale),
        version=literal(version),
        rule=ibis.null("string") if rule is None else literal(rule),
        score=score.cast("float64"),
        is_present=present.cast("float64"),
    )


def _with_leavers(rows: Table) -> Table:
    """`tells_of_leaver`: everybody answered in this wave and the one before, and a few fewer were asked.

    Who knows both results knows what those who left had answered.
    """
    before = ibis.window(group_by=["team_key", "instrument", "scale"], order_by=["opens_on", "wave_key"])
    rows = rows.mutate(invited_before=rows.invited_n.lag().over(before), answered_before=rows.n.lag().over(before))
    all_answered = (rows.n == rows.invited_n) & (rows.answered_before == rows.invited_before)
    lost_n = rows.invited_before - rows.invited_n
    return rows.mutate(lost_n=ifelse(ibis.coalesce(all_answered, literal(value=False)), lost_n, literal(0, "int64")))


def published(rows: pa.Table, policy: Policy) -> pa.Table:
    """The rows with what is too small, or would give it away, hidden."""
    section = policy.latest.section("staff_survey")
    least = section.whole("least_n")
    rule = SuppressionRule(minimum=least, zero_shown=False, extremes_below=section.whole("extremes_below"))
    n, lost = rows["n"].to_numpy(), rows["lost_n"].to_numpy()
    tells = (lost > 0) & (lost < least)
    place = rows.schema.get_field_index("n")
    cells = rows.set_column(place, "n", pa.array(_as_if_one(rows, n, tells), pa.int64()))
    found = suppress(cells, rule, CellColumns(values=("mean", "response_ratio"), shares=("prevalence",)))
    is_hidden = found["suppressed"].to_numpy()
    kinds = np.array(found["suppression_kind"].to_pylist(), dtype=object)
    # An extreme share would tell every answer: readers see a small cell.
    kinds[kinds == EXTREME] = PRIMARY
    kinds[tells & (n >= least)] = DIFFERENCING
    found = found.set_column(place, "n", pa.array(n, pa.int64(), mask=is_hidden))
    return found.set_column(
        found.schema.get_field_index("suppression_kind"), "suppression_kind", pa.array(kinds, pa.string())
    )


def _as_if_one(rows: pa.Table, n: NDArray[np.int64], tells: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Counts in which a row that must be hidden holds one sheet, and its parent as many fewer: so it is protected."""
    cell = np.array(rows["cell"].to_pylist(), dtype=str)
    has_parent = rows["parent"].is_valid().to_numpy()
    parent = np.array(rows["parent"].to_pylist(), dtype=object)[has_parent].astype(str)
    fewer = np.where(tells, np.maximum(n - 1, 0), 0)
    counts = n - fewer
    order = np.argsort(cell)
    above = order[np.searchsorted(cell[order], parent)]
    np.subtract.at(counts, above, np.where(tells[above], 0, fewer[has_parent]))
    return counts


_SHEET = Input("staff_survey_response", ("response_token", "wave_key", "team_key", "instrument"))
_ITEM = Input("staff_survey_item", ("response_token", "item", "value"))
_ASKED = Input("survey_wave", ("wave_key", "team_key", "invited_n", "opens_on", "closes_on"))
_ANSWERED = needs_of(_ASKED, _SHEET)
_SCORED = needs_of(_ASKED, _SHEET, _ITEM)
_HIDDEN = "Null: hidden."

STAFF_SURVEY_AGG = Mart(
    name="staff_survey_agg",
    description="Scales of anonymous staff surveys by team and wave. What few answered, and what would give it away, "
    "is hidden (policy staff_survey). Instruments are not comparable with each other, and none diagnoses anybody.",
    grain="one row per closed wave, team (`practice`: everybody) and scale that somebody answered in the wave; "
    "instrument and scale `sheets` count who answered at all",
    primary_key=("wave_key", "team_key", "instrument", "scale"),
    inputs=("clinician_week", "practice", "calendar_day", "survey_wave", "staff_survey_response", "staff_survey_item"),
    steps=(PRACTICE_DAY,),
    build=staff_survey_agg,
    refine=published,
    columns=(
        MartColumn("wave_key", "text", "", "Key of the wave."),
        MartColumn("team_key", "text", "", "Key of the team, or `practice`."),
        MartColumn("instrument", "text", "", "Code of the instrument."),
        MartColumn("scale", "text", "", "Name of its scale."),
        MartColumn("version", "text", "", "Version of the instrument; empty of `sheets`."),
        MartColumn("rule", "text", "", "What counts as present. Null: no cut-off is published for the scale."),
        MartColumn("opens_on", "date", "", "First day of the wave, local."),
        MartColumn("closes_on", "date", "", "Last day of the wave, local."),
        MartColumn("wave_start_at", "instant", "UTC", "First moment of the wave."),
        MartColumn("wave_end_at", "instant", "UTC", "First moment after it."),
        MartColumn(
            "invited_n",
            "count",
            "people",
            "People invited. Never null.",
            needs=needs_of(_ASKED),
            rules=("H06",),
        ),
        MartColumn(
            "n",
            "count",
            "sheets",
            "Answer sheets with every item of the scale answered within its range; of `sheets` those of the instrument "
            f"that most handed in. {_HIDDEN}",
            needs=_ANSWERED,
            rules=("H06",),
        ),
        MartColumn("response_ratio", "number", "ratio", f"n / invited_n. {_HIDDEN}", needs=_ANSWERED, rules=("H06",)),
        MartColumn(
            "mean",
            "number",
            "score",
            f"Mean of the scores, each the mean or the sum of the items. {_HIDDEN[:-1]}, or `sheets`.",
            needs=_SCORED,
            rules=("H06", "H07"),
        ),
        MartColumn(
            "prevalence",
            "number",
            "ratio",
            f"Sheets that meet `rule` / n. {_HIDDEN[:-1]}, or there is no rule.",
            needs=_SCORED,
            rules=("H05",),
        ),
        MartColumn("suppressed", "flag", "", "Whether the row is hidden."),
        MartColumn(
            "suppression_kind",
            "text",
            "",
            "primary: too few, or all alike; complementary: it would give another row away; differencing: with the "
            "wave before, it would tell of those who left. Null: shown.",
        ),
        MartColumn("is_burnout_headline", "flag", "", "Whether it is the scale of policy burnout_prevalence.scale."),
        MartColumn("is_response_total", "flag", "", "Whether it counts the answer sheets of the whole practice."),
    ),
)

BURNOUT_PREVALENCE = band(
    "burnout_prevalence",
    mart="staff_survey_agg",
    value="prevalence",
    denominator="n",
    needs=_SCORED,
    grain=_WAVE,
    few="suppressed",
    only="is_burnout_headline",
)
SURVEY_RESPONSE = band(
    "survey_response",
    mart="staff_survey_agg",
    value="response_ratio",
    numerator="n",
    denominator="invited_n",
    needs=_ANSWERED,
    grain=_WAVE,
    side="below",
    few="suppressed",
    only="is_response_total",
)

MARTS: tuple[Mart, ...] = (STAFF_SURVEY_AGG,)
GUARDRAILS: tuple[Guardrail, ...] = (BURNOUT_PREVALENCE, SURVEY_RESPONSE)
