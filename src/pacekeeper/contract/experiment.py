from __future__ import annotations

from datetime import date
from typing import ClassVar

from pacekeeper.contract.entity import Entity, Rule, coded, column, source_code
from pacekeeper.contract.work_vocabulary import ExperimentDecision


class Experiment(Entity, table=True):
    """A change the practice tried on one metric, with its windows fixed beforehand."""

    grain: ClassVar[str] = "one row per experiment"
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="experiment_before",
            column="before_to",
            message="An experiment's window before the change must not end before it begins.",
            passes=lambda row: row("before_to") >= row("before_from"),
        ),
        Rule(
            code="experiment_after",
            column="after_to",
            message="An experiment's window after the change must not end before it begins.",
            passes=lambda row: row("after_to") >= row("after_from"),
        ),
        Rule(
            code="experiment_windows",
            column="after_from",
            message="An experiment's two windows must not overlap.",
            passes=lambda row: row("after_from") > row("before_to"),
        ),
    )

    experiment_key: str = column("Key of the experiment.", key=True)
    metric: str = column("The practice's own code of the metric.")
    mart_column: str | None = column("Where it is measured, as `mart.column`.", null="in no mart")
    before_from: date = column("First day of the window before, local.")
    before_to: date = column("Last day of the window before, local, inclusive.")
    after_from: date = column("First day of the window after, local.")
    after_to: date = column("Last day of the window after, local, inclusive.")
    declared_on: date = column("Day metric and windows were fixed, local.")
    decision: ExperimentDecision | None = coded("What was decided.", null="nothing yet")
    decision_source_code: str | None = source_code("decision")
    is_opt_in: bool | None = column("Whether clinicians chose to take part.", null="not said")
