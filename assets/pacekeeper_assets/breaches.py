"""`guardrail_breach`: episodes of what is out of band, from the verdicts that stand now and those that once stood."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal, nearest
from pacekeeper.measures.instant import SECONDS_PER_DAY, seconds
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.state import Reason, State
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.systemic import CLINICIAN_SIGNAL, SYSTEMIC_SIGNAL

_SERIES = ["subject_kind", "subject_key", "guardrail_id"]
_PERIOD = [*_SERIES, "period"]
_OUT = (State.WARN.value, State.BREACH.value)
_GOOD = (State.PASS.value, State.EXEMPT.value)
_BELOW = (Reason.BELOW_FLOOR.value, Reason.BELOW_WARNING.value)
_SECONDS_PER_WEEK = 7 * SECONDS_PER_DAY
_DIGITS = 9


def guardrail_breach(tables: CanonicalTables, policy: Policy) -> Table:
    rows = _numbered(_periods(tables))
    standing = _episodes(rows.filter(rows.is_out), run="run_no")
    standing = standing.left_join(_endings(rows), [*_SERIES, "run_no"])
    standing = standing.select(
        *_FOUND,
        closed_week=standing.closed_week,
        closed_reason=ibis.cases(
            (standing.ended_by == State.EXEMPT.value, literal("exempt")),
            (standing.ended_by.notnull(), literal("recovered")),
            (standing.last_out_at < standing.last_at, literal("unknown")),
            (standing.last_is_unknown, literal("unknown")),
            else_=literal("ongoing"),
        ),
    )
    withdrawn = _episodes(rows.filter(rows.is_lost), run="lost_run_no").select(
        *_FOUND, closed_week=ibis.null("date"), closed_reason=literal("retracted")
    )
    episodes = ibis.union(standing, withdrawn)
    return episodes.mutate(
        weeks=nearest((seconds(episodes.ends_at) - seconds(episodes.begins_at)) / float(_SECONDS_PER_WEEK)),
        notified_roles=_roles(episodes, policy),
        remedy_code=_remedies(episodes, policy),
    )


def _periods(tables: CanonicalTables) -> Table:
    """One row per subject, guardrail and period: whether it is out of band, and the last verdict that said so.

    A verdict that became unknown after it was out of band still counts: nobody found out that it was wrong.
    """
    results = tables.guardrail_result
    said = results.filter(results.state.isin(_OUT) & ~results.is_retracted)
    newest = ibis.window(group_by=_PERIOD, order_by=ibis.desc("version"))
    said = said.mutate(
        place=ibis.row_number().over(newest), noticed_at=said["as_of"].min().over(ibis.window(group_by=_PERIOD))
    )
    said = said.filter(said.place == 0).select(
        *_PERIOD,
        "noticed_at",
        "reason",
        "unit",
        value=said.value,
        is_breach=said.state == State.BREACH.value,
        excess=_excess(said),
    )
    now = results.filter(results.is_current).select(
        *_PERIOD, "period_start", "period_end", "state", "is_retracted", day=results.period.cast("date")
    )
    rows = now.left_join(said, _PERIOD).drop(*[f"{name}_right" for name in _PERIOD])
    was_out = rows.is_breach.notnull()
    is_good = ~rows.is_retracted & rows.state.isin(_GOOD)
    return rows.mutate(
        is_out=was_out & ~rows.is_retracted & ~is_good,
        is_lost=was_out & (rows.is_retracted | is_good),
        is_unknown=rows.state == State.UNKNOWN.value,
        ends=ifelse(is_good, 1, 0),
    )


def _excess(said: Table) -> Value:
    """How far the value lies beyond the breach threshold, or the warning where there is no other."""
    limit = said.threshold_breach.coalesce(said.threshold_warn)
    return ifelse(said.reason.isin(_BELOW), limit - said.value, said.value - limit)


def _numbered(rows: Table) -> Table:
    """`run_no` grows with every good period, `lost_run_no` with every one that is not withdrawn."""
    so_far = ibis.window(group_by=_SERIES, order_by="period_start", rows=(None, 0))
    rows = rows.mutate(kept=ifelse(rows.is_lost, 0, 1))
    return rows.mutate(
        run_no=rows.ends.sum().over(so_far),
        lost_run_no=rows.kept.sum().over(so_far),
        last_at=ifelse(rows.is_retracted, ibis.null(rows.period_start.type()), rows.period_start)
        .max()
        .over(ibis.window(group_by=_SERIES)),
    )


_FOUND = (
    *_SERIES,
    "first_week",
    "last_week",
    "begins_at",
    "ends_at",
    "periods_n",
    "breach_periods_n",
    "severity_max",
    "worst_value",
    "worst_reason",
    "unit",
    "noticed_at",
)


def _episodes(rows: Table, *, run: str) -> Table:
    by = [*_SERIES, run]
    # Without a value or a threshold a period is no worse than others of its severity.
    badness = ifelse(rows.is_breach, 1, 0)
    rows = rows.mutate(badness=badness, known_excess=rows.excess.fill_null(float(-(10**12))))
    worst = ibis.window(group_by=by, order_by=[ibis.desc("badness"), ibis.desc("known_excess"), "period_start"])
    rows = rows.mutate(place=ibis.row_number().over(worst))
    found = rows.group_by(by).aggregate(
        first_week=rows.day.min(),
        last_week=rows.day.max(),
        begins_at=rows.period_start.min(),
        ends_at=rows.period_end.max(),
        periods_n=rows.count(),
        breach_periods_n=rows.count(where=rows.is_breach),
        last_out_at=rows.period_start.max(),
        last_at=rows.last_at.max(),
        noticed_at=rows.noticed_at.min(),
    )
    chosen = rows.filter(rows.place == 0).select(
        *by, "unit", worst_value=rows.value.round(_DIGITS), worst_reason=rows.reason, worst_is_breach=rows.is_breach
    )
    last = ibis.window(group_by=by, order_by=ibis.desc("period_start"))
    ending = rows.mutate(from_end=ibis.row_number().over(last))
    ending = ending.filter(ending.from_end == 0).select(*by, last_is_unknown=ending.is_unknown)
    for part in (chosen, ending):
        found = found.left_join(part, by).drop(*[f"{name}_right" for name in by])
    return found.mutate(
        severity_max=ifelse(found.worst_is_breach, literal(State.BREACH.value), literal(State.WARN.value))
    )


def _endings(rows: Table) -> Table:
    """The good period that ended each run: `ended_by` is its state."""
    ended = rows.filter(rows.ends == 1)
    return ended.select(*_SERIES, run_no=ended.run_no - 1, ended_by=ended.state, closed_week=ended.day)


def _roles(rows: Table, policy: Policy) -> Value:
    owners = {name: rail.owner.replace(" and ", ", ") for name, rail in policy.latest.guardrails.items()}
    return ibis.cases(
        *[(rows.guardrail_id == name, literal(owner)) for name, owner in owners.items()], else_=ibis.null("string")
    )


def _remedies(rows: Table, policy: Policy) -> Value:
    section = policy.latest.section("breach")
    remedies = literal(", ".join(section.words("admin_remedies")))
    is_admin = rows.guardrail_id.isin(section.words("admin_guardrails"))
    return ifelse(is_admin & (rows.severity_max == State.BREACH.value), remedies, ibis.null("string"))


_JUDGED = Needs(required=((Input("clinician", ("clinician_key",)),),))

GUARDRAIL_BREACH = Mart(
    name="guardrail_breach",
    description="Episodes in which a guardrail was out of band: what one notification is about. Keys, never names; no "
    "ground for discipline.",
    grain="one row per subject, guardrail and run of periods out of band; those withdrawn later are rows of their own",
    primary_key=("subject_kind", "subject_key", "guardrail_id", "first_week"),
    inputs=("guardrail_result",),
    columns=(
        MartColumn("subject_kind", "text", "", "What the verdicts are about."),
        MartColumn("subject_key", "text", "", "Key of the subject; of a clinician, `person_match.person_key`."),
        MartColumn("guardrail_id", "text", "", "Guardrail of the policy."),
        MartColumn("first_week", "date", "", "First local day of the first period out of band."),
        MartColumn("last_week", "date", "", "First local day of the last period out of band."),
        MartColumn(
            "periods_n",
            "count",
            "periods",
            "Periods of warn or breach. Unknown ones between neither count nor end the episode; one that was out of "
            "band and became unknown counts.",
            needs=_JUDGED,
        ),
        MartColumn("breach_periods_n", "count", "periods", "Periods of breach among them.", needs=_JUDGED),
        MartColumn(
            "weeks",
            "count",
            "weeks",
            "From the beginning of the first to the end of the last period, to the nearest whole week.",
            needs=_JUDGED,
        ),
        MartColumn("severity_max", "text", "", "breach or warn, the worst; a change is what escalates."),
        MartColumn(
            "worst_value",
            "number",
            "see unit",
            "Value that lay farthest beyond its threshold among the periods of severity_max. Null: it has none.",
            needs=_JUDGED,
        ),
        MartColumn("worst_reason", "text", "", "Reason of that verdict."),
        MartColumn("unit", "text", "", "Unit of worst_value."),
        MartColumn("noticed_at", "instant", "UTC", "As_of of the run that first said so."),
        MartColumn("notified_roles", "text", "", "Who acts on it: the guardrail's owner in the policy."),
        MartColumn(
            "remedy_code",
            "text",
            "",
            "What to try, policy breach.admin_remedies, for a breach of the guardrails on unfinished administration "
            "(policy breach.admin_guardrails). Null: another guardrail, or no breach.",
            rules=("D02",),
        ),
        MartColumn("closed_week", "date", "", "First local day of the period that ended it. Null: none did."),
        MartColumn(
            "closed_reason",
            "text",
            "",
            "recovered: a period passed; exempt: the guardrail no longer held; unknown: what came after it, or the "
            "last of it, cannot be judged now; ongoing: nothing came after it; retracted: these verdicts "
            "were withdrawn or are no longer out of band, because data came late.",
        ),
    ),
    build=guardrail_breach,
)

MARTS: tuple[Mart, ...] = (GUARDRAIL_BREACH, CLINICIAN_SIGNAL, SYSTEMIC_SIGNAL)
