"""`measure_trajectory`: every response of a client to an instrument, read against those before it."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.measures.trajectory import trajectory_rules
from pacekeeper.policy import Policy
from pacekeeper_assets.people import with_client_person

_SCORED = ("complete", "prorated")
_SERIES = ("client_key", "instrument", "respondent", "series_version")
ALGORITHM = "reliable_drop"


def measure_trajectory(tables: CanonicalTables, policy: Policy) -> Table:
    """Higher totals are worse; another respondent or version of the instrument is another series."""
    answers = with_client_person(tables.measure_response, tables)
    answers = answers.select(
        "response_key",
        "client_key",
        "episode_key",
        "instrument",
        "respondent",
        "administered_at",
        "status",
        series_version=answers.version.fill_null(""),
        score=ifelse(answers.status.isin(_SCORED), answers.total, ibis.null("int64")),
    )
    rows = _compared(answers)
    rows = rows.left_join(_safety(tables), "response_key").drop("response_key_right")
    return _classed(rows)


def _compared(answers: Table) -> Table:
    in_order = ["administered_at", "response_key"]
    scored = answers.filter(answers.score.notnull())
    whole = ibis.window(group_by=_SERIES, order_by=in_order)
    so_far = ibis.window(group_by=_SERIES, order_by=in_order, rows=(None, 0))
    before = ibis.window(group_by=_SERIES, order_by=in_order, rows=(None, -1))
    placed = scored.select(
        "response_key",
        sequence_no=ibis.row_number().over(whole) + 1,
        prev_score=scored.score.lag().over(whole),
        base_score=scored.score.first().over(so_far),
        best_score=scored.score.min().over(before),
    )
    return answers.left_join(placed, "response_key").drop("response_key_right")


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


def _classed(rows: Table) -> Table:
    from pacekeeper.contract.instruments import instruments

    rows = rows.mutate(
        delta_prev=rows.score - rows.prev_score,
        delta_base=ifelse(rows.sequence_no > 1, rows.score - rows.base_score, ibis.null("int64")),
        delta_best=rows.score - rows.best_score,
    )

    def of_instrument(values: dict[str, Value]) -> Value:
        return ibis.cases(*[(rows.instrument == code, value) for code, value in values.items()])

    known = {code: entry for code, entry in instruments().items() if code in trajectory_rules()}
    reliable = of_instrument({code: literal(entry.reliable_change, "int64") for code, entry in known.items()})
    caseness = of_instrument({code: literal(entry.caseness, "int64") for code, entry in known.items()})
    bands = {
        code: ibis.cases(
            *[
                (rows.score >= lowest, literal(band))
                for band, lowest in sorted(entry.cut_offs.items(), key=lambda item: -item[1])
            ],
            else_=literal(trajectory_rules()[code].lowest_band),
        )
        for code, entry in known.items()
    }
    is_better = rows.delta_base <= literal(0, "int64") - reliable
    reliable_class = ibis.cases(
        (rows.delta_base.isnull(), ibis.null("string")),
        (is_better & (rows.base_score >= caseness) & (rows.score < caseness), literal("recovered")),
        (is_better, literal("improved")),
        (rows.delta_base >= reliable, literal("deteriorated")),
        else_=literal("no_change"),
    )
    return rows.mutate(
        severity_band=ifelse(rows.score.isnull(), ibis.null("string"), of_instrument(bands)),
        reliable_class=reliable_class,
        on_track=rows.delta_best < reliable,
        algorithm=literal(ALGORITHM),
    )


_NO_SCORE = "Null: the response has no total"

MEASURE_TRAJECTORY = Mart(
    name="measure_trajectory",
    description="Scores over time per client and instrument, with change, severity band and safety flag.",
    grain="one row per response",
    primary_key=("response_key",),
    inputs=("measure_response", "measure_item", "client_match"),
    columns=(
        MartColumn("response_key", "text", "", "Key of the response."),
        MartColumn("client_key", "text", "", "Key of the client: `client_match.person_key`."),
        MartColumn("episode_key", "text", "", "Key of the episode. Null: not linked."),
        MartColumn("instrument", "text", "", "Instrument code."),
        MartColumn("respondent", "text", "", "Who answered; each respondent is a series of its own."),
        MartColumn("administered_at", "instant", "UTC", "When it was given."),
        MartColumn(
            "sequence_no",
            "count",
            "",
            f"Place among the scored responses of client, instrument, version and respondent, from 1. {_NO_SCORE}.",
        ),
        MartColumn("score", "count", "points", f"Total of complete or prorated responses. {_NO_SCORE}."),
        MartColumn("delta_prev", "count", "points", f"score - previous score. {_NO_SCORE}, or it is the first."),
        MartColumn("delta_base", "count", "points", f"score - first score. {_NO_SCORE}, or it is the first."),
        MartColumn(
            "delta_best", "count", "points", f"score - lowest score before it. {_NO_SCORE}, or it is the first."
        ),
        MartColumn("severity_band", "text", "", f"Band by the instrument's cut-offs. {_NO_SCORE}."),
        MartColumn(
            "reliable_class",
            "text",
            "",
            "Change since the first score against the instrument's reliable change: recovered (and below caseness, "
            f"from above), improved, no_change, deteriorated (Jacobson and Truax). {_NO_SCORE}, or it is the first.",
        ),
        MartColumn(
            "on_track",
            "flag",
            "",
            "False where the score is worse than the best before it by the reliable change or more. "
            f"{_NO_SCORE}, or it is the first.",
        ),
        MartColumn("algorithm", "text", "", "What decided on_track."),
        MartColumn(
            "safety_flag",
            "flag",
            "",
            "Whether the safety item (PHQ-9: item 9) asks for a review. Null: that item is missing, which is "
            "not a no. This warehouse is no crisis system.",
        ),
    ),
    build=measure_trajectory,
)
