"""What readers have, and since when: a row in `marts.publication` for every night that was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pacekeeper.contract import CONTRACT_VERSION
from pacekeeper.engine.readers import RESTRICTED_SCHEMA, VERDICTS, hidden_guardrails, without
from pacekeeper.measures.completeness import COMPLETENESS_TABLE
from pacekeeper.measures.mart import MARTS_SCHEMA, MartColumn, column_ddl
from pacekeeper.sql_text import sql_literal

if TYPE_CHECKING:
    from pacekeeper.engine.duckdb import Connection
    from pacekeeper.engine.session import Session

PUBLICATION_TABLE = f"{MARTS_SCHEMA}.publication"
PUBLICATION_ABOUT = (
    "What was published when. The row with the latest as_of is of the tables beside it. "
    "Grain: one row per published night; the same as_of published again replaces its row. Primary key: as_of."
)
_STATES = ("pass", "warn", "breach", "unknown", "exempt")
PUBLICATION_COLUMNS = (
    MartColumn("as_of", "instant", "UTC", "Instant that the night judged by."),
    MartColumn("run_id", "text", "", "Run that published it."),
    MartColumn("published_at", "instant", "UTC", "When its copies were made."),
    MartColumn(
        "data_through",
        "instant",
        "UTC",
        "Up to when everything that was read is complete; by source and entity in source_completeness. "
        "Null: something was never read.",
    ),
    MartColumn("contract_version", "text", "", "Version of the canonical contract."),
    MartColumn("policy_version", "text", "", "Version of the policy in force at as_of; verdicts name their own."),
    *(
        MartColumn(f"{state}_n", "count", "verdicts", f"Current verdicts with state {state} in guardrail_result.")
        for state in _STATES
    ),
)


@dataclass(frozen=True)
class Publication:
    """A night that is about to be published. policy_version: of the policy in force at as_of."""

    run_id: str
    as_of: datetime
    published_at: datetime
    policy_version: str


def create_publication(session: Session) -> None:
    """Make the table where there is none, in the form it has now."""
    session.execute(f"CREATE SCHEMA IF NOT EXISTS {MARTS_SCHEMA}")
    session.execute(f"CREATE TABLE IF NOT EXISTS {PUBLICATION_TABLE} ({column_ddl(PUBLICATION_COLUMNS)})")
    session.execute(f"COMMENT ON TABLE {PUBLICATION_TABLE} IS {sql_literal(PUBLICATION_ABOUT)}")
    for column in PUBLICATION_COLUMNS:
        unit = f" Unit: {column.unit}." if column.unit else ""
        text = sql_literal(column.description + unit)
        session.execute(f'COMMENT ON COLUMN {PUBLICATION_TABLE}."{column.name}" IS {text}')


def note_publication(connection: Connection, publication: Publication) -> None:
    """Put a night on record in the warehouse, with the counts of the verdicts that readers get."""
    of = sql_literal(publication.as_of.isoformat())
    values = {
        "as_of": f"TIMESTAMPTZ {of}",
        "run_id": sql_literal(publication.run_id),
        "published_at": f"TIMESTAMPTZ {sql_literal(publication.published_at.isoformat())}",
        "data_through": _data_through(connection),
        "contract_version": sql_literal(str(CONTRACT_VERSION)),
        "policy_version": sql_literal(publication.policy_version),
        **{f"{state}_n": str(count) for state, count in _verdicts(connection).items()},
    }
    listed = ", ".join(f"{value} AS {name}" for name, value in values.items())
    with connection.transaction():
        create_publication(connection)
        connection.execute(f"DELETE FROM {PUBLICATION_TABLE} WHERE as_of = TIMESTAMPTZ {of}")
        connection.execute(f"INSERT INTO {PUBLICATION_TABLE} BY NAME SELECT {listed}")


def _data_through(connection: Connection) -> str:
    if not connection.has_table(MARTS_SCHEMA, COMPLETENESS_TABLE):
        return "NULL::TIMESTAMPTZ"
    table = f"{MARTS_SCHEMA}.{COMPLETENESS_TABLE}"
    return f"(SELECT CASE WHEN bool_and(complete_through IS NOT NULL) THEN min(complete_through) END FROM {table})"


def _verdicts(connection: Connection) -> dict[str, int]:
    """Current verdicts by state, those left out that BI's copy does not have."""
    marts = connection.column_types(MARTS_SCHEMA)
    counts = dict.fromkeys(_STATES, 0)
    if VERDICTS in marts:
        table = f"{MARTS_SCHEMA}.{VERDICTS}"
        restricted = connection.column_types(RESTRICTED_SCHEMA)
        hidden: Sequence[str] = [str(name) for (name,) in connection.rows(hidden_guardrails(table, restricted))]
        shown = f"(SELECT * FROM {table}{without(hidden, marts[VERDICTS])})"
        states = connection.rows(
            f"SELECT state, count(*) FROM {shown} WHERE is_current AND NOT is_retracted GROUP BY 1"
        )
        counts.update({str(state): int(count) for state, count in states})
    return counts
