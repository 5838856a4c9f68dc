"""Dashboards for Apache Superset, as a zip that it imports: made from the contract with BI, about nobody in particular."""

from __future__ import annotations

from pacekeeper.superset.boards import boards
from pacekeeper.superset.bundle import Bundle, write_bundle
from pacekeeper.superset.database import Database, duckdb_database, postgres_database

__all__ = ["Bundle", "Database", "boards", "duckdb_database", "postgres_database", "write_bundle"]
