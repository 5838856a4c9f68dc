"""`mbc_completeness`: how many sessions have a questionnaire beside them."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.instant import seconds
from pacekeeper.measures.mart import Mart, MartColumn, Step
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.care import CLIENT_SESSION, about_session, outcome_policy
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.instrument_facts import SCORED, rule
from pacekeeper_assets.judging import CLINICIAN_MONTH, band
from pacekeeper_assets.people import with_client_person
from pacekeeper_assets.periods import PERSON_MONTH, PRACTICE_MONTH
from pacekeeper_assets.productivity import PERSON_SOURCE

ANY = "any"
_REASONS = ("refused", "not_offered", "language", "technical")
_BY = ("clinician_key", "month_id", "instrument")


def session_answer(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per attended session of a client and response given about it, by session or by time."""
    outcome = outcome_policy(policy)
    answers = with_client_person(tables.measure_response, tables)
    answers = answers.select(
        "client_key",
        "instrument",
        "completion_sec",
        "missing_reason",
        given_in=answers.session_key,
        at_s=seconds(answers.administered_at),
        is_valid=answers.status.isin(SCORED) & answers.total.notnull(),
    )
    places = tables.client_session.select("place_key", "session_key", "client_key", "start_s", "end_s")
    met = places.inner_join(answers, "client_key")
    is_own = ibis.coalesce(met.given_in == met.session_key, literal(value=False))
    by_time = met.given_in.isnull() & about_session(met.at_s, met.start_s, met.end_s, outcome)
    return met.filter(is_own | by_time).select(
        "place_key", "instrument", "completion_sec", "missing_reason", "is_valid"
    )


def mbc_completeness(tables: CanonicalTables, policy: Policy) -> Table:
    due = _due(tables, policy)
    answered = tables.session_answer
    of_any = answered.mutate(instrument=literal(ANY))
    each = ibis.union(answered, of_any.select(answered.columns))
    found = each.group_by("place_key", "instrument").aggregate(
        completed_n=each.count(where=each.is_valid),
        median_sec=each.completion_sec.max(where=each.is_valid),
        **{f"{name}_n": each.count(where=each.missing_reason == name) for name in _REASONS},
        other_n=each.count(where=each.missing_reason.isin(["other", "unknown"])),
    )
    joined = due.left_join(found, ["place_key", "instrument"]).drop("place_key_right", "instrument_right")
    is_done = ibis.coalesce(joined.completed_n > 0, literal(value=False))
    reason = ibis.cases(
        (is_done, ibis.null("string")),
        *[(joined[f"{name}_n"] > 0, literal(name)) for name in (*_REASONS, "other")],
        else_=literal("none"),
    )
    joined = joined.mutate(is_done=is_done, reason=reason)
    counted = joined.group_by(*_BY).aggregate(
        eligible_sessions=joined.count(),
        completed=joined.count(where=joined.is_done),
        median_sec=joined.median_sec.quantile(0.5),
        **{f"{name}_n": joined.count(where=joined.reason == name) for name in (*_REASONS, "other")},
        unexplained_n=joined.count(where=joined.reason == "none"),
    )
    return _with_months(counted, tables, policy)


def _due(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per attended session of a client and instrument that is due there, in its month."""
    held, months = tables.client_session, tables.practice_month
    held = held.filter(held.session_type.notin(outcome_policy(policy).words("mbc_excluded")))
    placed = held.inner_join(
        months.select("month_id", month_first_no="first_no", month_last_no="last_no"),
        [held.day_no >= months.first_no, held.day_no <= months.last_no],
    )
    due = placed.cross_join(_in_use(tables))
    is_first = due.is_intake | (due.session_type == "intake")
    not_at_intake = ibis.coalesce(rule(due.instrument, lambda one: one.not_at_intake, "boolean"), literal(value=False))
    return due.filter(~(is_first & not_at_intake)).select(*_BY, "place_key")


def _in_use(tables: CanonicalTables) -> Table:
    """Instruments that anybody ever answered, and `any` of them."""
    used = tables.measure_response.select("instrument").distinct()
    return ibis.union(used, tables.run.select(instrument=literal(ANY)), distinct=True)


def _with_months(counted: Table, tables: CanonicalTables, policy: Policy) -> Table:
    """Every month of every person; null where no source tells of their sessions."""
    rows = tables.person_month.cross_join(_in_use(tables))
    counts = [name for name in counted.columns if name not in (*_BY, "median_sec")]
    counted = counted.rename(counted_person="clinician_key", counted_month="month_id", counted_instrument="instrument")
    joined = rows.left_join(
        counted,
        [
            rows.person_key == counted.counted_person,
            rows.month_id == counted.counted_month,
            rows.instrument == counted.counted_instrument,
        ],
    )
    known = with_known(joined, tables, "session")
    known = known.mutate(
        **{name: ifelse(known.knows_session, known[name].fill_null(0), ibis.null("int64")) for name in counts}
    )
    judged: Value = literal(policy.guardrail("measurement_completeness").settings.word("instrument"))
    return known.mutate(
        ratio=known.completed.cast("float64") / known.eligible_sessions.nullif(0).cast("float64"),
        is_judged=known.instrument == judged,
    ).rename(clinician_key="person_key")


SESSION_ANSWER = Step("session_answer", session_answer, (CLIENT_SESSION,))

_HELD = Input("session", ("clinician_key", "started_at", "ended_at"), {"status": ("completed",)})
_ATTENDED = Input("session_participant", ("session_key", "client_key", "attended"))
_SCORE = Input("measure_response", ("client_key", "instrument", "administered_at", "total", "status"))
_REASON = Input("measure_response", ("missing_reason",))
_NEEDS = Needs(required=((_HELD,), (_ATTENDED,), (_SCORE,)))
_REASON_NEEDS = Needs(required=(*_NEEDS.required, (_REASON,)))
_NULL = "Null: no source tells of the person's sessions"


def _reason(name: str, text: str) -> MartColumn:
    return MartColumn(
        f"{name}_n",
        "count",
        "sessions",
        f"Of the sessions without a valid response: {text}. {_NULL}.",
        needs=_REASON_NEEDS,
    )


MBC_COMPLETENESS = Mart(
    name="mbc_completeness",
    description="Attended sessions with a valid response beside them; show it wherever outcome is shown.",
    grain="one row per clinician, month and instrument in use, and one for any of them",
    primary_key=_BY,
    inputs=("measure_response", "client_match"),
    steps=(SESSION_ANSWER, PERSON_MONTH, PRACTICE_MONTH, PERSON_SOURCE),
    columns=(
        MartColumn("clinician_key", "text", "", "Person in charge of the session: `person_match.person_key`."),
        MartColumn("month_id", "date", "", "First local day of the month."),
        MartColumn("instrument", "text", "", "Instrument code, or `any`."),
        MartColumn("is_judged", "flag", "", "Whether the policy judges completeness by this instrument."),
        MartColumn("month_start_at", "instant", "UTC", "First moment of the month, in the practice's zone."),
        MartColumn("month_end_at", "instant", "UTC", "First moment of the next month."),
        MartColumn(
            "eligible_sessions",
            "count",
            "sessions",
            "Completed or partial sessions in the month, one per client who attended; without the kinds of "
            f"outcome.mbc_excluded, and for the SRS without first assessments. {_NULL}.",
            needs=_NEEDS,
            rules=("O01",),
        ),
        MartColumn(
            "completed",
            "count",
            "sessions",
            "Of these, with a complete or prorated response that names the session, or names none and lies from 72 h "
            f"before its start to 24 h after its end (outcome.response_before, response_after). {_NULL}.",
            needs=_NEEDS,
            rules=("O01",),
        ),
        MartColumn(
            "ratio",
            "number",
            "ratio",
            f"completed / eligible_sessions. {_NULL}, or no session was eligible.",
            needs=_NEEDS,
            rules=("O01",),
        ),
        MartColumn(
            "median_sec",
            "number",
            "seconds",
            "Median time to fill it in, over sessions. Null: not measured.",
            needs=Needs(required=(*_NEEDS.required, (Input("measure_response", ("completion_sec",)),))),
            rules=("O01",),
        ),
        _reason("refused", "refused, which counts as missing"),
        _reason("not_offered", "not offered"),
        _reason("language", "not available in the client's language"),
        _reason("technical", "a technical failure"),
        _reason("other", "another reason, or one of an unknown code"),
        _reason("unexplained", "no reason on record"),
    ),
    build=mbc_completeness,
)

MEASUREMENT_COMPLETENESS: Guardrail = band(
    "measurement_completeness",
    mart="mbc_completeness",
    value="ratio",
    numerator="completed",
    denominator="eligible_sessions",
    only="is_judged",
    needs=_NEEDS,
    grain=CLINICIAN_MONTH,
    side="below",
    reach_days=3,
)
