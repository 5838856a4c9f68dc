"""`measure_trajectory`: every response of a client to an instrument, read against those before it."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import SECONDS_PER_HOUR, seconds
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.measures.trajectory import trajectory_rules
from pacekeeper.policy import Policy
from pacekeeper.policy.model import Section
from pacekeeper_assets.care import CARE_EPISODE, CLIENT_SESSION, outcome_policy, with_episode, with_practice_day
from pacekeeper_assets.instrument_facts import SCORED, fact, is_case, points, severity_band, worse_sign
from pacekeeper_assets.offtrack import OFFTRACK
from pacekeeper_assets.people import with_client_person

_SERIES = ("client_key", "episode_key", "instrument", "respondent", "series")
# 25.3 - 20.3 is 5.0, not a hair less.
_DIGITS = 6


def measure_trajectory(tables: CanonicalTables, policy: Policy) -> Table:
    """Another episode, respondent, version or language is another series; what reached us twice counts once."""
    outcome = outcome_policy(policy)
    answers = with_client_person(tables.measure_response, tables)
    answers = answers.mutate(administered_s=seconds(answers.administered_at))
    answers = with_practice_day(_with_session(answers, tables, outcome), tables, at="administered_s")
    answers = with_episode(answers, tables, key="response_key")
    answers = answers.select(
        "response_key",
        "client_key",
        "episode_key",
        "instrument",
        "respondent",
        "administered_at",
        "administered_s",
        "version",
        "given_s",
        series=answers.version.fill_null("").concat("|").concat(answers.language.fill_null("")),
        score=ifelse(
            answers.status.isin(SCORED), points(answers.instrument, answers.total), ibis.null("float64")
        ).round(_DIGITS),
    )
    rows = _with_duplicates(answers, outcome)
    rows = _with_sessions_so_far(rows, tables)
    rows = _joined(rows, _compared(rows, outcome))
    rows = _joined(rows, _safety(tables))
    rows = _with_part2(rows, tables)
    return rows.mutate(severity_band=severity_band(rows.instrument, rows.score))


def _with_part2(rows: Table, tables: CanonicalTables) -> Table:
    """`is_part2`: unless every record of the client says that it is not protected."""
    records = with_client_person(tables.client.select("client_key", "part2_flag"), tables)
    told = records.group_by("client_key").aggregate(
        protected_n=records.count(where=records.part2_flag != "no"), records_n=records.count()
    )
    joined = rows.left_join(told, "client_key").drop("client_key_right")
    is_free = ibis.coalesce((joined.protected_n == 0) & (joined.records_n > 0), literal(value=False))
    return joined.mutate(is_part2=~is_free).drop("protected_n", "records_n")


def _joined(rows: Table, more: Table) -> Table:
    return rows.left_join(more, "response_key").drop("response_key_right")


def _with_session(answers: Table, tables: CanonicalTables, outcome: Section) -> Table:
    """`given_s`: start of the session of the response, whose episode it takes where it names none that stands.

    That is the attended session it names; else the nearest of the client's, or of the episode that it names: one that
    begins within some hours, or ended within some. Of two as near, the one before.
    """
    stands = tables.care_episode.select(standing_key="episode_key")
    named = answers.left_join(stands, answers.episode_key == stands.standing_key)
    named = named.mutate(episode_key=named.standing_key).drop("standing_key")
    held = tables.client_session.select(
        given_in="session_key", given_by="client_key", given_s="start_s", ended_s="end_s", given_episode="episode_key"
    )
    asked = named.select("response_key", "client_key", "episode_key", "session_key", "administered_s")
    met = asked.inner_join(held, asked.client_key == held.given_by)
    before_s, after_s = (int(outcome.number(key) * SECONDS_PER_HOUR) for key in ("response_before", "response_after"))
    has_begun = met.given_s <= met.administered_s
    is_named = ibis.coalesce(met.given_in == met.session_key, literal(value=False))
    may_be = met.episode_key.isnull() | ibis.coalesce(met.given_episode == met.episode_key, literal(value=False))
    met = met.mutate(
        apart_s=ifelse(has_begun, met.administered_s - met.ended_s, met.given_s - met.administered_s),
        rank=ifelse(is_named, 0, 1),
        is_near=may_be & (met.given_s <= met.administered_s + before_s) & (met.ended_s >= met.administered_s - after_s),
    )
    met = met.filter((met["rank"] == 0) | met.is_near)
    nearest = ibis.window(group_by="response_key", order_by=["rank", "apart_s", "given_s", "given_in"])
    met = met.mutate(place=ibis.row_number().over(nearest)).filter(lambda t: t.place == 0)
    return _joined(named, met.select("response_key", "given_s", "given_episode")).mutate(
        episode_key=lambda t: ibis.coalesce(t.episode_key, t.given_episode)
    )


def _with_duplicates(answers: Table, outcome: Section) -> Table:
    """`is_duplicate`: the same score of the same client within hours of another, a form and its result for example.

    The one that tells its version is kept, else the first.
    """
    by = ["client_key", "instrument", "respondent", "score"]
    scored = answers.filter(answers.score.notnull()).select("response_key", *by, "administered_s", "version")
    in_order = ibis.window(group_by=by, order_by=["administered_s", "response_key"])
    within_s = int(outcome.number("duplicate_within") * SECONDS_PER_HOUR)
    before = scored.mutate(before_s=scored.administered_s.lag().over(in_order))
    apart = ibis.coalesce(before.administered_s - before.before_s > within_s, literal(value=True))
    before = before.mutate(begins=ifelse(apart, 1, 0), lacks_version=ifelse(before.version.isnull(), 1, 0))
    so_far = ibis.window(group_by=by, order_by=["administered_s", "response_key"], rows=(None, 0))
    grouped = before.mutate(cluster=before.begins.sum().over(so_far))
    best_first = ibis.window(group_by=[*by, "cluster"], order_by=["lacks_version", "administered_s", "response_key"])
    ranked = grouped.mutate(place=ibis.row_number().over(best_first))
    doubled = ranked.filter(ranked.place > 0).select(doubled_key="response_key")
    joined = answers.left_join(doubled, answers.response_key == doubled.doubled_key)
    return joined.mutate(is_duplicate=joined.doubled_key.notnull()).drop("doubled_key")


def _with_sessions_so_far(rows: Table, tables: CanonicalTables) -> Table:
    """`session_no`: attended sessions of the episode that had begun by then, and that of the response if it had not."""
    held = tables.client_session.select("episode_key", "start_s")
    met = rows.select("response_key", "episode_key", "administered_s", "given_s").inner_join(held, "episode_key")
    until_s = ibis.greatest(met.administered_s, met.given_s.fill_null(met.administered_s))
    joined = _joined(rows, met.group_by("response_key").aggregate(begun_n=met.count(where=met.start_s <= until_s)))
    return joined.mutate(
        session_no=ifelse(joined.episode_key.isnull(), ibis.null("int64"), joined.begun_n.fill_null(0))
    ).drop("begun_n", "given_s")


def _compared(rows: Table, outcome: Section) -> Table:
    """Scored responses against those before them in their series."""
    order = ["administered_at", "response_key"]
    scored = rows.filter(rows.score.notnull() & ~rows.is_duplicate)
    sign = worse_sign(scored.instrument)
    scored = scored.mutate(sign=sign, worse=scored.score * sign)
    whole = ibis.window(group_by=_SERIES, order_by=order)
    so_far = ibis.window(group_by=_SERIES, order_by=order, rows=(None, 0))
    before = ibis.window(group_by=_SERIES, order_by=order, rows=(None, -1))
    placed = scored.mutate(
        sequence_no=ibis.row_number().over(whole) + 1,
        prev_score=scored.score.lag().over(whole),
        base_score=scored.score.first().over(so_far),
        base_worse=scored.worse.first().over(so_far),
        best_worse=scored.worse.min().over(before),
        reliable=fact(scored.instrument, lambda one: one.points(one.reliable_change)),
    )
    placed = placed.mutate(
        is_base_case=is_case(placed.instrument, placed.base_score),
        base_band=severity_band(placed.instrument, placed.base_score),
    )
    algorithm = OFFTRACK.named(outcome.word("offtrack_algorithm"))
    judged = algorithm.judge(placed, outcome)
    is_first = judged.sequence_no == 1
    return judged.select(
        "response_key",
        "sequence_no",
        "on_track",
        delta_prev=(judged.score - judged.prev_score).round(_DIGITS),
        delta_base=ifelse(is_first, ibis.null("float64"), (judged.score - judged.base_score).round(_DIGITS)),
        delta_best=(judged.score - judged.best_worse * judged.sign).round(_DIGITS),
        reliable_class=ifelse(
            is_first, ibis.null("string"), change_class(judged.instrument, judged.base_score, judged.score)
        ),
        algorithm=literal(algorithm.name),
    )


def change_class(instrument: Value, base: Value, last: Value) -> Value:
    """recovered, improved, no_change or deteriorated by the instrument's reliable change; null where none is known."""
    reliable = fact(instrument, lambda one: one.points(one.reliable_change))
    change = ((last - base) * worse_sign(instrument)).round(_DIGITS)
    has_crossed = ibis.coalesce(is_case(instrument, base) & ~is_case(instrument, last), literal(value=False))
    return ibis.cases(
        (change.isnull() | reliable.isnull(), ibis.null("string")),
        ((change <= -reliable) & has_crossed, literal("recovered")),
        (change <= -reliable, literal("improved")),
        (change >= reliable, literal("deteriorated")),
        else_=literal("no_change"),
    )


def _safety(tables: CanonicalTables) -> Table:
    """`safety_flag` of responses whose safety item was answered."""
    items, answers = tables.measure_item, tables.measure_response
    joined = items.inner_join(answers.select("response_key", "instrument"), "response_key")
    by_instrument = [
        ((joined.instrument == code) & (joined.item_no == rule.safety_item), joined.value >= rule.safety_from)
        for code, rule in trajectory_rules().items()
        if rule.safety_item is not None
    ]
    flagged = joined.select("response_key", is_positive=ibis.cases(*by_instrument, else_=ibis.null("boolean")))
    return flagged.group_by("response_key").aggregate(safety_flag=flagged.is_positive.any())


_SCORE = Input("measure_response", ("client_key", "instrument", "administered_at", "total"))
_NO_SCORE = "Null: the response has no total"

MEASURE_TRAJECTORY = Mart(
    name="measure_trajectory",
    description="Scores over time per client and instrument, with change, severity band and safety flag.",
    grain="one row per response",
    primary_key=("response_key",),
    inputs=(
        "measure_response",
        "measure_item",
        "client_match",
        "episode",
        "client",
        "clinician",
        "session",
        "session_participant",
    ),
    steps=(CARE_EPISODE, CLIENT_SESSION),
    columns=(
        MartColumn("response_key", "text", "", "Key of the response."),
        MartColumn("client_key", "text", "", "Key of the client: `client_match.person_key`."),
        MartColumn(
            "is_part2",
            "flag",
            "",
            "Whether 42 CFR Part 2 may protect the client's records: leave the row out of extracts that go beyond the "
            "practice. Not known counts as yes.",
        ),
        MartColumn(
            "episode_key",
            "text",
            "",
            "Key of the episode: as the source links it, or through its session (see session_no), or the client's "
            "at that day. Null: none.",
        ),
        MartColumn("instrument", "text", "", "Instrument code."),
        MartColumn("respondent", "text", "", "Who answered; each respondent is a series of its own."),
        MartColumn("administered_at", "instant", "UTC", "When it was given."),
        MartColumn(
            "series",
            "text",
            "",
            "Version and language: where either changes, scores are not compared. Empty parts: not said.",
        ),
        MartColumn(
            "is_duplicate",
            "flag",
            "",
            "Whether another response within hours has the same client, respondent and score (a form and its result); "
            "it then has no place in the series.",
        ),
        MartColumn(
            "session_no",
            "count",
            "sessions",
            "Attended sessions of the episode that had begun by then, and that of the response if it had not: the one "
            "it names, else the client's nearest that begins within 72 h (outcome.response_before) or ended within "
            "24 h (response_after). Null: no episode.",
            needs=Needs(
                required=((_SCORE,), (Input("session_participant", ("session_key", "client_key", "attended")),))
            ),
        ),
        MartColumn(
            "sequence_no",
            "count",
            "",
            "Place among the scored responses of client, episode, instrument, respondent and series, from 1. "
            f"{_NO_SCORE}.",
        ),
        MartColumn(
            "score", "number", "points", f"Total of complete or prorated responses. {_NO_SCORE}.", rules=("O01", "O06")
        ),
        MartColumn("delta_prev", "number", "points", f"score - previous score. {_NO_SCORE}, or it is the first."),
        MartColumn("delta_base", "number", "points", f"score - first score. {_NO_SCORE}, or it is the first."),
        MartColumn(
            "delta_best",
            "number",
            "points",
            "score - best score before it: the lowest, or the highest where higher is better (ORS, SRS). "
            f"{_NO_SCORE}, or it is the first.",
        ),
        MartColumn("severity_band", "text", "", f"Band by the instrument's cut-offs. {_NO_SCORE}."),
        MartColumn(
            "reliable_class",
            "text",
            "",
            "Change since the first score against the instrument's reliable change: recovered (and below caseness, "
            f"from above), improved, no_change, deteriorated (Jacobson and Truax). {_NO_SCORE}, it is the first, or no "
            "reliable change of the instrument is published that we could verify.",
        ),
        MartColumn(
            "on_track",
            "flag",
            "",
            "False where the algorithm that the policy names (outcome.offtrack_algorithm) asks for a second look: "
            "reliable_drop, worse than the best before by the reliable change or more; no_gain_by_k, no reliable gain "
            "by that session; percentile_curve, worse than most of the practice's own episodes at that place. "
            f"{_NO_SCORE}, it is the first, or the algorithm lacks what it needs.",
            rules=("O02",),
        ),
        MartColumn("algorithm", "text", "", f"What decided on_track. {_NO_SCORE}."),
        MartColumn(
            "safety_flag",
            "flag",
            "",
            "Whether the safety item (PHQ-9: item 9) asks for a review. Null: that item is missing, which is "
            "not a no. A nightly warehouse is no crisis system: this is for audit.",
            rules=("D10",),
        ),
    ),
    build=measure_trajectory,
)
