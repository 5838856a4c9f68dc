"""What BI may rely on: the columns of a release, which only grow within a major version, and how they came to be."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from pacekeeper.bi.view import BiContract

#: One more when a view or column is taken away, renamed, or given another type or meaning of null.
MAJOR = 1


class Change(BaseModel):
    """Columns that a version added or took away, as `view.column`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class PromisedColumn(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    is_nullable: bool


class Promise(BaseModel):
    """The file that is kept. columns: by `view.column`. history: the oldest version first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    columns: dict[str, PromisedColumn]
    history: tuple[Change, ...] = ()


class ContractBrokenError(Exception):
    """The marts no longer give what the major version promises."""


def promised_columns(contract: BiContract) -> dict[str, PromisedColumn]:
    """What the views have now."""
    return {
        f"{view.name}.{column.name}": PromisedColumn(type=column.type, is_nullable=column.is_nullable)
        for view in contract.views
        for column in view.columns
    }


def breaking_changes(kept: Promise, contract: BiContract) -> list[str]:
    """What a reader of the kept version would stumble over; a new column is nothing of the kind."""
    now, found = promised_columns(contract), []
    for name, was in kept.columns.items():
        column = now.get(name)
        if column is None:
            found.append(f"{name} is gone")
        elif column.type != was.type:
            found.append(f"{name} was {was.type} and is {column.type}")
        elif column.is_nullable and not was.is_nullable:
            found.append(f"{name} was never null and may be null")
    return found


def renewed(kept: Promise | None, contract: BiContract) -> Promise:
    """The promise of what there is now, the kept one where nothing changed.

    Raises ContractBrokenError where it breaks the kept one and `MAJOR` is still the same.
    """
    now = promised_columns(contract)
    if kept is None:
        version = f"{MAJOR}.0"
        return Promise(version=version, columns=now, history=(Change(version=version, added=tuple(sorted(now))),))
    if now == kept.columns:
        return kept
    major, minor = map(int, kept.version.split("."))
    broken = breaking_changes(kept, contract)
    if broken and major == MAJOR:
        raise ContractBrokenError(
            f"BI relies on version {kept.version}: {'; '.join(broken)}. Keep the column, or raise MAJOR in "
            "pacekeeper/bi/stability.py and tell readers what to do"
        )
    version = f"{major}.{minor + 1}" if major == MAJOR else f"{MAJOR}.0"
    added = tuple(sorted(name for name in now if name not in kept.columns or now[name].type != kept.columns[name].type))
    removed = tuple(sorted(name for name in kept.columns if name in added or name not in now))
    return Promise(
        version=version, columns=now, history=(*kept.history, Change(version=version, added=added, removed=removed))
    )


def promise_json(promise: Promise) -> str:
    """The file's text: a line per column, so that a change of it is read easily."""
    import json

    found: dict[str, Any] = promise.model_dump()  # Any: what JSON knows
    columns = ",\n".join(f"  {json.dumps(name)}: {json.dumps(column)}" for name, column in found["columns"].items())
    history = ",\n".join(map(json.dumps, found["history"]))
    return f'{{\n"version": "{promise.version}",\n"columns": {{\n{columns}\n}},\n"history": [\n{history}\n]\n}}\n'
