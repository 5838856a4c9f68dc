"""Dashboards for Apache Superset, as a zip that it imports: made from the contract with BI, about no single person."""

from __future__ import annotations

from pacekeeper.superset.boards import boards
from pacekeeper.superset.bundle import Bundle, write_bundle
from pacekeeper.superset.database import Database, duckdb_database, postgres_database
from pacekeeper.superset.load import Loaded, load_bundle

__all__ = [
    "Bundle",
    "Database",
    "Loaded",
    "boards",
    "duckdb_database",
    "load_bundle",
    "postgres_database",
    "write_bundle",
]
