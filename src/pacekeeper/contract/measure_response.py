from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any, ClassVar

from pacekeeper.contract.care_vocabulary import MissingReason
from pacekeeper.contract.entity import Entity, Rule, coded, column, instant, source_code
from pacekeeper.contract.instruments import instruments
from pacekeeper.contract.vocabulary import InstrumentCode, Respondent, ResponseStatus


def _total_rule(column_name: str) -> Rule:
    def passes(row: Callable[[str], Any]) -> Any:  # Any: a Polars or an Ibis expression
        verdicts = [
            (row("instrument") != code)
            | ((row(column_name) >= instrument.total_min) & (row(column_name) <= instrument.total_max))
            for code, instrument in instruments().items()
        ]
        return reduce(and_, verdicts)

    return Rule(
        code=f"{column_name}_out_of_range",
        column=column_name,
        message="The total lies outside the range of its instrument (PHQ-9: 0 to 27, GAD-7: 0 to 21, EPDS: 0 to 30, "
        "ORS and SRS: 0 to 400 tenths).",
        passes=passes,
    )


class MeasureResponse(Entity, table=True):
    """A completed or partly completed measuring instrument."""

    grain: ClassVar[str] = "one row per administration"
    rules: ClassVar[tuple[Rule, ...]] = (_total_rule("total"), _total_rule("source_total"))

    response_key: str = column("Key of the response.", key=True)
    client_key: str = column("Key of the client.")
    episode_key: str | None = column("Key of the episode.", null="not linked")
    session_key: str | None = column("Key of the session it was given in.", null="not linked")
    instrument: InstrumentCode = coded("Instrument.")
    version: str | None = column("Version of the instrument.", null="not said")
    administered_at: datetime = instant("When it was given, UTC.")
    completed_at: datetime | None = instant("When it was finished, UTC.", null="not said")
    respondent: Respondent = coded("Who answered.")
    total: int | None = column(
        "Sum of the items where all are there, else the source's total; points, in the instrument's range; ORS and "
        "SRS: tenths of a point.",
        null="items are missing and the source gave no total",
    )
    source_total: int | None = column(
        "Total as the source states it; in the unit of `total`.", null="the source states none"
    )
    items_missing: int | None = column("Number of items without an answer.", null="no items were sent", ge=0)
    status: ResponseStatus = coded("How complete the response is.")
    scoring_version: str = column("Version of the scoring that made `total`.")
    language: str | None = column("Language it was given in, BCP 47 code.", null="not said")
    completion_sec: float | None = column("Seconds from first to last answer.", null="not measured", ge=0)
    missing_reason: MissingReason | None = coded(
        "Why it was due and not filled in; `status` is then `invalid`.", null="it was filled in, or not said"
    )
    missing_reason_source_code: str | None = source_code("missing_reason")
