"""How heavy a caseload is: weights in force, points, and what is expected in four weeks."""

from __future__ import annotations

from collections.abc import Sequence

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import holds, in_force, number
from pacekeeper.measures.instant import SECONDS_PER_DAY, day_number, hours, seconds
from pacekeeper.measures.mart import MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy, PolicyRevision
from pacekeeper_assets.people import crosswalk, with_client_person, with_person

#: Weight of a case that nobody rated, and of one that is only expected.
DEFAULT_WEIGHT = 2
HEAVIEST = 3
_PROJECTED_DAYS = 28
_NOT_COMING = ("entered_in_error", "declined", "refer_out", "unreachable")
# An acceptance this old that led to nothing is a record that nobody closed.
_LONGEST_ACCEPTED_DAYS = 91
_KEYS = ("person_key", "week_id")


def rated(cases: Table, tables: CanonicalTables, *, by: Sequence[str]) -> Table:
    """Cases (`person_key`, `episode_key`, `last_no`, unique `by`) with `weight` and `method` in force on that day.

    The latest rating of the episode that is for the clinician, or for everybody; null where there is none.
    """
    raters = crosswalk(tables).select(rated_clinician="clinician_key", rated_person="person_key")
    ratings = tables.case_weight
    ratings = ratings.left_join(raters, ratings.clinician_key == raters.rated_clinician)
    ratings = ratings.select(
        "weight",
        "method",
        "case_weight_key",
        "clinician_key",
        "rated_person",
        is_own=ifelse(ratings.clinician_key.notnull(), 1, 0),
        rated_episode="episode_key",
        rated_no=day_number(ratings.effective_from),
    )
    # An outer join on more than equal keys compares every case with every rating; this one meets those of its episode.
    met = cases.inner_join(ratings, cases.episode_key == ratings.rated_episode)
    met = met.filter(
        (met.rated_no <= met.last_no) & (met.clinician_key.isnull() | (met.rated_person == met.person_key))
    )
    latest = ibis.window(
        group_by=list(by), order_by=[met.rated_no.desc(), met.is_own.desc(), met.case_weight_key.desc()]
    )
    placed = met.mutate(place=ibis.row_number().over(latest))
    found = placed.filter(placed.place == 0).select(*by, "weight", "method")
    return cases.left_join(found, list(by)).select(*cases.columns, "weight", "method")


def carried_week(looks: Table, tables: CanonicalTables) -> Table:
    """Per person, client and week (`looks`, with `last_no`): `weight`, `is_imputed`, `share`, `is_leaving`.

    Of a client with several open episodes the heaviest weight and the sum of shares, up to 1. is_leaving: every one of
    them is planned to end within four weeks.
    """
    cases = with_client_person(with_person(tables.case_assignment, tables), tables)
    cases = cases.select(
        "person_key",
        "client_key",
        "assignment_key",
        "episode_key",
        "share",
        from_no=day_number(cases.from_date),
        to_no=day_number(cases.to_date),
    )
    ends = tables.episode.select("episode_key", planned_no=day_number(tables.episode.planned_end_on))
    cases = cases.left_join(ends, "episode_key").drop("episode_key_right")
    joined = looks.select(*_KEYS, "client_key", "last_no").inner_join(cases, ["person_key", "client_key"])
    is_open = (joined.from_no <= joined.last_no) & (joined.to_no.isnull() | (joined.to_no >= joined.last_no))
    weighed = rated(joined.filter(is_open), tables, by=[*_KEYS, "assignment_key"])
    is_leaving = ibis.coalesce(weighed.planned_no <= weighed.last_no + _PROJECTED_DAYS, literal(value=False))
    weighed = weighed.mutate(stays=ifelse(is_leaving, 0, 1))
    per_client = weighed.group_by(*_KEYS, "client_key").aggregate(
        weight=weighed.weight.max(), share=weighed.share.sum(), stays_n=weighed.stays.sum()
    )
    return per_client.mutate(
        weight=per_client.weight.fill_null(DEFAULT_WEIGHT).cast("int64"),
        is_imputed=per_client.weight.isnull(),
        share=ibis.least(per_client.share, 1.0),
        is_leaving=per_client.stays_n == 0,
    )


def points_week(seen: Table, weeks: Table, tables: CanonicalTables) -> Table:
    """Per person and week: points of active clients, those leaving, those expected, and hours of high acuity.

    seen: person, client and week of every open assignment, with `is_active`.
    """
    carried = carried_week(seen, tables)
    active = seen.select(*_KEYS, "client_key", "is_active").inner_join(carried, [*_KEYS, "client_key"])
    active = active.filter(active.is_active)
    points = active.weight.cast("float64") * active.share
    parts = [
        active.group_by(*_KEYS).aggregate(
            points_s=points.sum(),
            leaving_points=ifelse(active.is_leaving, points, 0.0).sum(),
            heaviest_n=active.count(where=(active.weight == HEAVIEST) & ~active.is_imputed),
            imputed_n=active.count(where=active.is_imputed),
        ),
        _expected(seen, weeks, tables),
        _high_acuity(carried, tables),
    ]
    rows = weeks.select(*_KEYS)
    for part in parts:
        rows = rows.left_join(part, list(_KEYS)).drop(*[f"{key}_right" for key in _KEYS])
    return rows


def _expected(seen: Table, weeks: Table, tables: CanonicalTables) -> Table:
    """Referrals accepted for a clinician by the week's end whose client is no case of theirs yet."""
    asked = tables.referral
    asked = asked.filter((asked.direction == "in") & asked.accepted_at.notnull() & asked.outcome.notin(_NOT_COMING))
    asked = with_client_person(with_person(asked, tables), tables)
    asked = asked.select(
        "person_key",
        "client_key",
        "referral_key",
        accepted_s=seconds(asked.accepted_at),
        over_s=ibis.least(
            seconds(asked.closed_at).fill_null(_NEVER_S), seconds(asked.first_attended_at).fill_null(_NEVER_S)
        ),
    )
    met = weeks.select(*_KEYS, "week_end_s").inner_join(asked, "person_key")
    met = met.filter(
        (met.accepted_s < met.week_end_s)
        & (met.accepted_s >= met.week_end_s - _LONGEST_ACCEPTED_DAYS * SECONDS_PER_DAY)
        & (met.over_s >= met.week_end_s)
    )
    waiting = met.anti_join(seen.select(*_KEYS, "client_key"), [*_KEYS, "client_key"])
    return waiting.group_by(*_KEYS).aggregate(expected_n=waiting.count())


# Later than any instant: of what has not ended.
_NEVER_S = 253_402_300_800


def _high_acuity(carried: Table, tables: CanonicalTables) -> Table:
    """Seconds of direct sessions that were acute, or with a client rated heaviest at the week's end, each once."""
    direct = tables.person_session.filter(tables.person_session.is_direct)
    places = tables.session_participant
    places = with_client_person(places.filter(places.attended), tables).select("session_key", "client_key")
    heavy = carried.filter((carried.weight == HEAVIEST) & ~carried.is_imputed).select(*_KEYS, "client_key")
    with_heavy = direct.inner_join(places, "session_key").semi_join(heavy, [*_KEYS, "client_key"])
    columns = [*_KEYS, "session_key", "from_s", "to_s"]
    acute = ibis.union(direct.filter(direct.is_acuity_event).select(columns), with_heavy.select(columns), distinct=True)
    return acute.group_by(*_KEYS).aggregate(high_acuity_s=(acute.to_s - acute.from_s).sum())


def points_measures(rows: Table, policy: Policy) -> Table:
    """Points and shares; null where no source that could tell knows the person."""
    no_number = ibis.null("float64")
    is_weighed = rows.knows_case_assignment & rows.knows_case_weight
    can_tell_acuity = rows.knows_case_weight | rows.acuity_sessions_n.notnull()
    rows = rows.mutate(
        points=ifelse(is_weighed, rows.points_s.fill_null(0.0), no_number),
        points_cap=_cap(rows, policy),
        weight3_share=ifelse(is_weighed, rows.heaviest_n / rows.active_clients.nullif(0), no_number),
        imputed_weight_share=ifelse(is_weighed, rows.imputed_n / rows.active_clients.nullif(0), no_number),
        high_acuity_session_h=ifelse(
            rows.knows_session & can_tell_acuity, hours(rows.high_acuity_s.fill_null(0)), no_number
        ),
    )
    expected = (rows.expected_n.fill_null(0) * DEFAULT_WEIGHT).cast("float64")
    return rows.mutate(
        projected_points_4w=ifelse(
            rows.knows_referral, rows.points + expected - rows.leaving_points.fill_null(0.0), no_number
        )
    )


def _cap(rows: Table, policy: Policy) -> Value:
    def stated(rev: PolicyRevision) -> object:
        cap = rev.guardrail("case_points").threshold_or_none("breach")
        return ibis.null("float64") if cap is None else cap

    limit = number(policy, rows.week_id, lambda rev: rev.section("fte").number("max_scale"))
    is_scaled = holds(policy, rows.week_id, lambda rev: rev.guardrail("case_points").settings.flag("scale_by_fte"))
    scale = ifelse(is_scaled & rows.fte.notnull(), ibis.least(rows.fte, limit), 1.0)
    return in_force(policy, rows.week_id, stated) * scale


_SUBJECTS = (Input("clinician", ("clinician_key",)),)
_CASE = Input("case_assignment", ("clinician_key", "client_key", "from_date", "episode_key"))
_HELD = Input("session", ("clinician_key", "started_at", "ended_at"), {"status": ("completed",)})
_ATTENDED = Input("session_participant", ("session_key", "client_key", "attended"))
_SEAT = Input("appointment", ("clinician_key", "client_key", "start_at", "status"))
_WEIGHT = Input("case_weight", ("episode_key", "effective_from", "weight"))
_SHARE = Input("case_assignment", ("share",), without="every case counts in full")
_REFERRAL = Input("referral", ("clinician_key", "accepted_at"))
_PLANNED = Input("episode", ("planned_end_on",), without="no planned discharge is taken off")
_ACUITY = (Input("session", ("is_acuity_event",)), _WEIGHT)

POINTS_NEEDS = Needs(
    subjects=_SUBJECTS, required=((_CASE,), (_HELD,), (_ATTENDED,), (_SEAT,), (_WEIGHT,)), supporting=(_SHARE,)
)
PROJECTED_NEEDS = Needs(
    subjects=_SUBJECTS, required=(*POINTS_NEEDS.required, (_REFERRAL,)), supporting=(_SHARE, _PLANNED)
)
HIGH_ACUITY_NEEDS = Needs(subjects=_SUBJECTS, required=((_HELD,), _ACUITY))
_NOT_WEIGHED = "Null: no source of assignments, or none of case weights, knows the person"

POINTS_COLUMNS = (
    MartColumn(
        "points",
        "number",
        "points",
        "Sum over active clients of weight x share: the weight in force on the week's last day, 2 where nobody rated; "
        "of several open episodes the heaviest weight and the sum of shares, up to 1. "
        f"{_NOT_WEIGHED}.",
        needs=POINTS_NEEDS,
        rules=("W06",),
    ),
    MartColumn(
        "points_cap",
        "number",
        "points",
        "The policy's cap (case_points.breach) x min(FTE, 1). Null: the policy states none.",
        needs=Needs(subjects=_SUBJECTS, required=((Input("employment", ("start_date", "fte")),),)),
        rules=("W06",),
    ),
    MartColumn(
        "projected_points_4w",
        "number",
        "points",
        "points + 2 for each referral accepted for the clinician in the last 13 weeks that is neither closed nor seen "
        "nor a case yet - points of active clients all of whose episodes are planned to end within 28 days. "
        f"{_NOT_WEIGHED}, or none of referrals.",
        needs=PROJECTED_NEEDS,
        rules=("W07",),
    ),
    MartColumn(
        "weight3_share",
        "number",
        "ratio",
        f"Active clients rated 3 / active_clients. {_NOT_WEIGHED}; or nobody is active.",
        needs=POINTS_NEEDS,
        rules=("W08",),
    ),
    MartColumn(
        "imputed_weight_share",
        "number",
        "ratio",
        f"Active clients without a rating / active_clients. {_NOT_WEIGHED}; or nobody is active.",
        needs=POINTS_NEEDS,
        rules=("W06",),
    ),
    MartColumn(
        "high_acuity_session_h",
        "number",
        "hours",
        "Direct hours of sessions that were a crisis or the like, or with a client rated 3 at the week's end; each "
        "session in full. Null: no source of sessions knows the person, or nothing tells acuity.",
        needs=HIGH_ACUITY_NEEDS,
        rules=("W09",),
    ),
)
