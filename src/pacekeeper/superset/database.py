"""The database that the bundle's datasets ask: the published copy, or PostgreSQL. No password is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

#: What a login of a tool is called in docs/how-to/connect-bi.md.
_LOGIN = "superset"
#: Superset takes this for a password that it is yet to be given.
_MASKED = "XXXXXXXXXX"


@dataclass(frozen=True)
class Database:
    """uri: for SQLAlchemy. connect_args: what a connection is made with."""

    uri: str
    connect_args: Mapping[str, bool] = field(default_factory=dict)


def duckdb_database(file: Path) -> Database:
    """The published copy, read-only. Superset opens it for each question and closes it: a night may swap the file."""
    return Database(f"duckdb:///{file}", {"read_only": True})


def postgres_database(url: SecretStr) -> Database:
    """The practice's database, by a login that a person makes and whose password Superset is given when it imports."""
    parts = urlsplit(url.get_secret_value())
    host = parts.hostname or "localhost"
    return Database(f"postgresql+psycopg2://{_LOGIN}:{_MASKED}@{host}:{parts.port or 5432}{parts.path}")
