"""The one place that knows dlt: Parquet files of new versions into a source's raw tables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pacekeeper.engine.duckdb import Connection
from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.errors import FatalError
from pacekeeper.landing.versions import NewVersions

#: What keeps dlt quiet and self-contained: no telemetry, staging emptied, nothing restored that we track ourselves.
_ENVIRONMENT = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    # Two at once, because a load in order leaves half of the threads waiting; more fight over the one file.
    "LOAD__WORKERS": "2",
    "RESTORE_FROM_DESTINATION": "false",
}


def load_versions(
    found: Mapping[str, NewVersions], connection: Connection, *, source: str, dataset: str, work_dir: Path
) -> None:
    """Load each stream's files into its table of the dataset; tables and columns that are missing are made.

    The files are linked into dlt's load package as they are. Into a table that holds nothing they are appended, each
    in a transaction of its own; into any other they are merged on `version_id`. Safe to repeat after a kill at any
    moment, as long as what is in the table already is left out the next time. Raises FatalError when dlt cannot load.
    """
    with _environment({**_ENVIRONMENT, "DLT_DATA_DIR": str(work_dir)}), _whole_row_groups(connection):
        import dlt
        from dlt.common.exceptions import DltException
        from dlt.pipeline.exceptions import PipelineStepFailed

        pipeline = dlt.pipeline(
            f"pacekeeper_{source}",
            pipelines_dir=str(work_dir),
            destination=dlt.destinations.duckdb(connection.raw),
            dataset_name=dataset,
        )
        try:
            pipeline.extract([_resource(name, new) for name, new in found.items()])
            faultpoint("load.extracted")
            pipeline.normalize()
            faultpoint("load.normalized")
            pipeline.load().raise_on_failed_jobs()
        except (PipelineStepFailed, DltException) as error:
            # dlt's own text quotes values and SQL.
            cause = error.__cause__ or error
            raise FatalError(
                f"source {source}: loading into {dataset} failed ({type(cause).__name__}); yesterday's tables are as "
                "they were. Run again; if it fails again, look whether the disk is full or the warehouse file damaged"
            ) from None
        finally:
            shutil.rmtree(work_dir, ignore_errors=True)


def _resource(name: str, new: NewVersions) -> Any:
    import dlt
    import pyarrow.parquet as pq

    def files() -> Iterator[Any]:
        for file in new.files:
            schema = pq.read_schema(file).empty_table()
            yield dlt.mark.with_file_import(str(file), "parquet", hints=schema)

    return dlt.resource(
        files,
        name=name,
        primary_key="version_id",
        # Of a key, dlt says "not null", Parquet "nullable"; where they differ dlt writes the whole file once more.
        columns={"version_id": {"nullable": True}},
        write_disposition="append" if new.is_first else {"disposition": "merge", "strategy": "insert-only"},
        schema_contract={"tables": "evolve", "columns": "evolve", "data_type": "freeze"},
    )


@contextmanager
def _whole_row_groups(connection: Connection) -> Iterator[None]:
    """Let the engine fill its row groups one after the other, for the block only.

    Out of order, every thread leaves a row group that is not full; the checkpoint then compresses most of the table a
    second time, and the file grows by a third.
    """
    connection.raw.execute("SET preserve_insertion_order = true")
    try:
        yield
    finally:
        connection.raw.execute("SET preserve_insertion_order = false")


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set the environment variables that dlt reads its options from, for the block only."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
