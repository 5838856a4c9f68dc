"""The contract as a Pandera schema on Polars DataFrames.

Never validate a LazyFrame with it: Pandera then skips every check of the data without a word.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import available_timezones

import pyarrow as pa

from pacekeeper.contract.entity import Entity, Rule
from pacekeeper.contract.reason import MISSING, NOT_A_KEY, NOT_IN_VOCABULARY, UNKNOWN_ZONE, not_whole, out_of_range
from pacekeeper.contract.schema import ContractColumn, columns

if TYPE_CHECKING:
    import pandera.polars as pandera_polars
    import polars as pl

#: A keyed hash, by itself or followed by what tells the children of one record apart.
KEY_PATTERN = r"^[0-9a-f]{32}([#:-][0-9a-z_]{1,32})*$"

#: Whole numbers beyond this are not exact in a double.
_LARGEST_WHOLE = float(2**53)


def pandera_schema(entity: type[Entity], *, fractional: Collection[str] = ()) -> pandera_polars.DataFrameSchema:
    """Schema of an entity's rows; its checks are named by reason code.

    fractional: whole-number columns that arrive as doubles and are checked to be whole before they are stored.
    """
    import pandera.polars as pandera_polars

    return pandera_polars.DataFrameSchema(
        {
            column.name: pandera_polars.Column(
                _polars_type(column, fractional=column.name in fractional),
                nullable=column.nullable,
                checks=_checks(column, fractional=column.name in fractional),
            )
            for column in columns(entity)
        },
        checks=[_rule_check(rule) for rule in entity.rules],
        name=str(entity.__tablename__),
        strict=True,
        ordered=True,
    )


def failing_rows(
    schema: pandera_polars.DataFrameSchema, rows: pl.DataFrame, *, rules: Collection[Rule] = ()
) -> list[tuple[int, str, str]]:
    """Every (row position, column, reason) that breaks the schema. Values stay inside."""
    from pandera.errors import SchemaErrors

    try:
        schema.validate(rows, lazy=True)
    except SchemaErrors as exc:
        # Only these three columns: the others, and the exception's own text, hold values.
        found = exc.failure_cases.select("index", "column", "check").rows()
    else:
        return []
    named_by_rule = {rule.code: rule.column for rule in rules}
    failures = []
    for index, column, check in found:
        if index is None:
            raise TypeError(f"{schema.name}: {column or 'the table'} fails {str(check).split('(')[0]} as a whole")
        reason = MISSING if check == "not_nullable" else str(check)
        failures.append((int(index), named_by_rule.get(reason) or str(column), reason))
    return failures


def _polars_type(column: ContractColumn, *, fractional: bool) -> pl.DataType | type[pl.DataType]:
    import polars as pl

    if fractional:
        return pl.Float64
    empty = cast("pl.Series", pl.from_arrow(pa.array([], type=column.type)))
    return empty.dtype


def _checks(column: ContractColumn, *, fractional: bool) -> list[pandera_polars.Check]:
    from pandera.polars import Check

    found = []
    if column.vocabulary is not None:
        found.append(Check.isin(column.vocabulary, error=NOT_IN_VOCABULARY))
    if column.is_zone:
        found.append(Check.isin(sorted(available_timezones()), error=UNKNOWN_ZONE))
    if column.is_key:
        found.append(Check.str_matches(KEY_PATTERN, error=NOT_A_KEY))
    if fractional:
        found.append(Check(_is_whole, error=not_whole(column.reason_name)))
    reason = out_of_range(column.reason_name)
    if column.ge is not None:
        found.append(Check.ge(column.ge, error=reason))
    if column.gt is not None:
        found.append(Check.gt(column.gt, error=reason))
    if column.le is not None:
        found.append(Check.le(column.le, error=reason))
    return found


def _is_whole(data: Any) -> pl.LazyFrame:  # Any: Pandera's PolarsData is not typed
    import polars as pl

    value = pl.col(data.key)
    frame = cast("pl.LazyFrame", data.lazyframe)
    return frame.select((value == value.round()) & (value.abs() <= _LARGEST_WHOLE))


def _rule_check(rule: Rule) -> pandera_polars.Check:
    from pandera.polars import Check

    def passes(data: Any) -> pl.LazyFrame:  # Any: Pandera's PolarsData is not typed
        import polars as pl

        frame = cast("pl.LazyFrame", data.lazyframe)
        return frame.select(cast("pl.Expr", rule.passes(pl.col)).fill_null(value=True))

    return Check(passes, error=rule.code)
