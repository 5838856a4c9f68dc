"""What holds for the practice as a whole: whether anything tells of an entity, and how far."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse
from pacekeeper.measures.instant import seconds
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables


def with_practice_known(rows: Table, tables: CanonicalTables, *entities: str) -> Table:
    """The rows with `knows_<entity>`: whether a source that maps the entity has been read."""
    reads = tables.source_completeness
    known = {f"knows_{name}": reads.count(where=(reads.entity == name) & reads.ever_read) for name in entities}
    joined = rows.cross_join(reads.aggregate(**known))
    return joined.mutate(**{name: joined[name] > 0 for name in known})


def with_known_until(rows: Table, tables: CanonicalTables, *entities: str) -> Table:
    """The rows with `<entity>_until_s`: until when every source that maps the entity was read completely.

    Never later than `as_of`. Null: none maps it, or one of them was never read.
    """
    reads = tables.source_completeness
    of = {name: reads.entity == name for name in entities}
    ends = reads.aggregate(
        **{f"{name}_end": seconds(reads.complete_through).min(where=one) for name, one in of.items()},
        **{f"{name}_n": reads.count(where=one & reads.complete_through.isnull()) for name, one in of.items()},
    )
    joined = rows.cross_join(ends)
    until = {
        f"{name}_until_s": ifelse(
            (joined[f"{name}_n"] == 0) & joined[f"{name}_end"].notnull(),
            ibis.least(joined[f"{name}_end"], seconds(tables.as_of)),
            ibis.null("int64"),
        )
        for name in entities
    }
    return joined.mutate(**until).drop(*(f"{name}_{part}" for name in entities for part in ("end", "n")))


def where_known(is_known: Value, count: Value) -> Value:
    """A count that is 0 where nothing was counted, and null where nothing can tell."""
    return ifelse(is_known, count.fill_null(0), ibis.null(count.type()))


def ratio(numerator: Value, denominator: Value) -> Value:
    """Null where the denominator is 0 or null."""
    return numerator.cast("float64") / denominator.nullif(0).cast("float64")


def needs_of(*required: Input | tuple[Input, ...], supporting: tuple[Input, ...] = ()) -> Needs:
    """Needs of a measure; each input, or one of each group, is required."""
    return Needs(
        required=tuple(group if isinstance(group, tuple) else (group,) for group in required), supporting=supporting
    )
