from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pacekeeper.contract.entity import Entity, Rule, column
from pacekeeper.contract.instruments import instruments


def _in_item_range(row: Callable[[str], Any]) -> Any:  # Any: a Polars or an Ibis expression
    lowest = min(instrument.item_min for instrument in instruments().values())
    highest = max(instrument.item_max for instrument in instruments().values())
    return (row("value") >= lowest) & (row("value") <= highest)


class MeasureItem(Entity, table=True):
    """One answer of a measuring instrument."""

    grain: ClassVar[str] = "one row per response and item"
    reason_names: ClassVar[Mapping[str, str]] = {"value": "item"}
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            code="item_out_of_range",
            column="value",
            message="An item lies outside its range (PHQ-9: 0 to 3); a total may have been sent under an item's code.",
            passes=_in_item_range,
        ),
    )

    response_key: str = column("Key of the response.", key=True)
    item_no: int = column("Number of the item, from 1.", key=True, ge=1)
    value: int | None = column("Answer; points.", null="not answered")
