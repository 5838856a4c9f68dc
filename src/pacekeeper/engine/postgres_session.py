"""An open connection to PostgreSQL: SQL, and Arrow tables in and out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pacekeeper.sql_text import sql_name

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

_TEXT = frozenset({"text", "varchar", "bpchar", "name"})


@dataclass(frozen=True)
class PostgresSession:
    """An open connection in UTC, a `Session`. raw: psycopg's own, with a statement for a transaction."""

    raw: psycopg.Connection[tuple[Any, ...]]

    @property
    def dialect(self) -> str:
        return "postgres"

    def execute(self, sql: str) -> None:
        self.raw.execute(sql.encode())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.raw.execute(sql.encode()).fetchall()

    def arrow(self, sql: str) -> pa.Table:
        """Decimals, which PostgreSQL makes of sums, come back as doubles."""
        from pyarrow import csv

        described = self.raw.execute(f"SELECT * FROM ({sql}) AS described LIMIT 0".encode()).description or ()
        kinds = {column.name: _arrow_type(self.raw.adapters.types[column.type_code].name) for column in described}
        buffer = io.BytesIO()
        with self.raw.cursor() as cursor, cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv, HEADER)".encode()) as copy:
            for part in copy:
                buffer.write(part)
        buffer.seek(0)
        return csv.read_csv(
            buffer,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=kinds,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )

    def insert(self, table: str, rows: pa.Table) -> None:
        from pyarrow import csv

        buffer = io.BytesIO()
        csv.write_csv(rows, buffer, csv.WriteOptions(include_header=False))
        names = ", ".join(map(sql_name, rows.column_names))
        with (
            self.raw.cursor() as cursor,
            cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT csv)".encode()) as copy,
        ):
            copy.write(buffer.getbuffer())

    def analyze(self, table: str) -> None:
        self.raw.execute(f"ANALYZE {table}".encode())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.raw.transaction():
            yield


def _arrow_type(name: str) -> pa.DataType:
    import pyarrow as pa

    if name in _TEXT:
        return pa.string()
    kinds: dict[str, pa.DataType] = {
        "bool": pa.bool_(),
        "int2": pa.int64(),
        "int4": pa.int64(),
        "int8": pa.int64(),
        "numeric": pa.float64(),
        "float4": pa.float64(),
        "float8": pa.float64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
        "timestamptz": pa.timestamp("us", "UTC"),
    }
    return kinds[name]
