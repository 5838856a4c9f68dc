"""The contract in the warehouse: whoever publishes finds there what the marts beside it were built with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pacekeeper.bi.contract import bi_contract
from pacekeeper.bi.view import BiContract
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.mart import Mart
from pacekeeper.sql_text import sql_literal

if TYPE_CHECKING:
    from pacekeeper.engine.duckdb import Connection

_TABLE = "contract.bi_contract"


def store_contract(connection: Connection, marts: Iterable[Mart], guardrails: Iterable[Guardrail] = ()) -> None:
    """Keep the contract of these marts, in the place of the one before; nothing is written where it is the same."""
    definition = sql_literal(bi_contract(marts, guardrails).model_dump_json())
    connection.execute("CREATE SCHEMA IF NOT EXISTS contract")
    connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE} (definition VARCHAR)")
    if connection.rows(f"SELECT definition = {definition} FROM {_TABLE}") != [(True,)]:
        with connection.transaction():
            connection.execute(f"DELETE FROM {_TABLE}; INSERT INTO {_TABLE} VALUES ({definition})")


def stored_contract(connection: Connection) -> BiContract:
    """The contract that was kept; one without marts where none was."""
    if connection.has_table("contract", "bi_contract"):
        for (definition,) in connection.rows(f"SELECT definition FROM {_TABLE}"):
            return BiContract.model_validate_json(definition)
    return bi_contract(())
