"""The dictionary page of the canonical tables, generated from the row models.

`python -m pacekeeper.contract.dictionary docs/reference/canonical-dictionary.md` writes it; a test fails when the
page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pacekeeper.contract import CONTRACT_VERSION, ENTITIES
from pacekeeper.contract.entity import Entity, entity_name
from pacekeeper.contract.schema import ContractColumn, columns, description, primary_key

_INTRODUCTION = f"""\
# Canonical tables

Generated from the row models in `pacekeeper.contract`; do not edit. Contract version {CONTRACT_VERSION}.

All tables are in schema `canonical`. Keys (`*_key`) are keyed hashes, 32 hexadecimal characters, sometimes
followed by what tells the children of one record apart. Instants are UTC; dates are local. An enumeration that is
mapped from a vendor's codes has the value `unknown` for every code without a mapping, and the code itself beside
it. A row that breaks a rule, a type, a range or a vocabulary is in `quarantine` under the same table name, with
key, column and reason.
"""


def dictionary_markdown() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *(_section(entity) for entity in ENTITIES.values())])


def _section(entity: type[Entity]) -> str:
    lines = [f"## {entity_name(entity)}", "", description(entity), ""]
    lines += [f"Grain: {entity.grain}.", f"Primary key: {', '.join(f'`{c}`' for c in primary_key(entity))}."]
    if entity.derived:
        lines.append("Made by Pacekeeper; no source maps to it.")
    lines += ["", "| column | type | null | description |", "|---|---|---|---|"]
    lines += [_row(column) for column in columns(entity)]
    if entity.rules:
        lines += ["", "Rules:", "", *(f"- `{rule.code}`: {rule.message}" for rule in entity.rules)]
    return "\n".join([*lines, ""])


def _row(column: ContractColumn) -> str:
    text = column.description
    if column.vocabulary is not None:
        text += " One of: " + ", ".join(f"`{value}`" for value in column.vocabulary) + "."
    text += _bounds(column)
    null = "yes" if column.nullable else "no"
    return f"| `{column.name}` | {column.duckdb_type.lower()} | {null} | {text} |"


def _bounds(column: ContractColumn) -> str:
    parts = [
        f"{sign} {bound:g}"
        for sign, bound in ((">=", column.ge), (">", column.gt), ("<=", column.le))
        if bound is not None
    ]
    return f" Range: {' and '.join(parts)}." if parts else ""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(dictionary_markdown(), encoding="utf-8")
