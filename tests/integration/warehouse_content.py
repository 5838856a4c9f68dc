"""What two warehouses are compared by."""

from __future__ import annotations

from pacekeeper.home import PracticeHome


def content_hashes(home: PracticeHome) -> dict[str, str]:
    """Sorted content hash by table of everything that was made, lineage columns and dlt's own tables aside.

    Notes of what tables were made from are left out: they know folders and times of files.
    """
    with home.warehouse.connect() as connection:
        tables = connection.raw.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database() "
            "AND NOT starts_with(table_name, '_dlt') AND NOT ends_with(schema_name, '_staging') "
            "AND schema_name <> 'stage' AND table_name NOT IN ('made', 'slice_state', 'week_digest') ORDER BY ALL"
        ).fetchall()
        return {f"{schema}.{name}": connection.content_hash(f'"{schema}"."{name}"') for schema, name in tables}
