"""Break each measure on purpose, and see that the tests which claim to prove it fail.

`python -m tests.mutation [ID ...]`

For every statement of the traceability page, the columns and guardrails that answer it are broken one by one, and the
tests marked with its id are run in this process. Prints what survived; ends with 1 where anything did.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pytest

from pacekeeper.expr import Table, literal
from pacekeeper.measures import Catalogue, Guardrail, Mart, MartColumn
from pacekeeper.policy import Policy
from pacekeeper_app.traceability import Rule, proofs_in, rules
from pacekeeper_assets import CATALOGUE
from tests.marts import using

if TYPE_CHECKING:
    import pyarrow as pa

    from pacekeeper.measures.tables import CanonicalTables

ROOT = Path(__file__).parents[1]
#: Added to whatever a measure says, null included: no threshold and no example is that far away by chance.
_FAR = 1_000_003


@dataclass(frozen=True)
class Mutation:
    """A broken measure or guardrail, and the tests that should see it."""

    rule: str
    target: str
    catalogue: Catalogue
    tests: tuple[str, ...]


def mutations(wanted: Iterable[str] = ()) -> list[Mutation]:
    """Every one of the wanted statements; without any named, of all."""
    asked = set(wanted)
    return [
        Mutation(rule.id, target, catalogue, rule.tests)
        for rule in rules(proofs_in(ROOT / "tests"))
        if rule.tests and (not asked or rule.id in asked)
        for target, catalogue in _broken(rule)
    ]


def survives(mutation: Mutation) -> bool:
    """Whether every test passes although the measure is broken."""
    with using(mutation.catalogue), contextlib.redirect_stdout(io.StringIO()):
        ended = pytest.main(["-q", "-x", "-n", "0", "-p", "no:cacheprovider", *mutation.tests])
    if ended not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        raise SystemExit(f"{mutation.rule}: {', '.join(mutation.tests)} cannot be run ({ended!r})")
    return ended == pytest.ExitCode.OK


def _broken(rule: Rule) -> Iterable[tuple[str, Catalogue]]:
    """A statement is answered by its columns together: one broken column that a test sees is asked of each mart."""
    by_mart: dict[str, set[str]] = {}
    for name in rule.columns:
        mart, column = name.split(".")
        by_mart.setdefault(mart, set()).add(column)
    for mart, columns in by_mart.items():
        yield f"{mart}.{'+'.join(sorted(columns))}", _with_mart(_broken_mart(CATALOGUE.marts[mart], columns))
    for name in rule.guardrails:
        if name in CATALOGUE.guardrails:
            rails = {**CATALOGUE.guardrails, name: _broken_rail(CATALOGUE.guardrails[name])}
            yield name, Catalogue.of(CATALOGUE.marts.values(), rails.values())


def _with_mart(broken: Mart) -> Catalogue:
    marts = {**CATALOGUE.marts, broken.name: broken}
    return Catalogue.of(marts.values(), CATALOGUE.guardrails.values())


def _broken_mart(mart: Mart, names: set[str]) -> Mart:
    columns = [column for column in mart.columns if column.name in names]
    if mart.refine is not None:
        refine = mart.refine
        return replace(mart, refine=lambda rows, policy: _broken_arrow(refine(rows, policy), columns))
    build = mart.build

    def broken(tables: CanonicalTables, policy: Policy) -> Table:
        rows = build(tables, policy)
        return rows.mutate(**{column.name: _broken_value(rows, column) for column in columns})

    return replace(mart, build=broken)


def _broken_value(rows: Table, column: MartColumn) -> Any:  # Any: an Ibis value
    value = rows[column.name]
    match column.type:
        case "number" | "count":
            return value.fill_null(0) + _FAR
        case "flag":
            return ~ibis.coalesce(value, literal(value=True))
        case "text":
            return literal("broken")
        case _:
            return ibis.null(value.type())


def _broken_arrow(rows: pa.Table, columns: list[MartColumn]) -> pa.Table:
    import pyarrow as pa

    def broken(column: MartColumn, value: Any) -> Any:  # Any: a cell
        if column.type in {"number", "count"}:
            return (value or 0) + _FAR
        if column.type == "flag":
            return not (True if value is None else value)
        return "broken" if column.type == "text" else None

    changed = [
        {**row, **{column.name: broken(column, row[column.name]) for column in columns}} for row in rows.to_pylist()
    ]
    return pa.Table.from_pylist(changed, schema=rows.schema)


def _broken_rail(rail: Guardrail) -> Guardrail:
    values = rail.values

    def broken(tables: CanonicalTables, policy: Policy) -> Table:
        rows = values(tables, policy)
        # On the other side of every threshold, far away.
        return rows.mutate(value=_FAR - 2 * rows.value.fill_null(0.0) if rail.side == "below" else -rows.value - _FAR)

    return replace(rail, values=broken)


def main(wanted: list[str]) -> int:
    os.chdir(ROOT)
    survivors = []
    todo = mutations(wanted)
    for number, mutation in enumerate(todo, start=1):
        state = "SURVIVES" if survives(mutation) else "seen"
        sys.stderr.write(f"{number}/{len(todo)} {mutation.rule} {mutation.target}: {state}\n")
        if state == "SURVIVES":
            survivors.append(mutation)
    sys.stdout.write(f"{len(todo)} mutations, {len(survivors)} survive\n")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
