"""Read a sample, map it in memory, and say what was found."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacekeeper.errors import PacekeeperError
from pacekeeper.privacy import HashKey, plugin_border
from pacekeeper.probe.finding import CodeCount, CursorFinding, Probe, StreamFinding
from pacekeeper.probe.sample import Sample, read_sample
from pacekeeper.stream import Stream

if TYPE_CHECKING:
    from pacekeeper.capability import Mapped
    from pacekeeper.connector import Connector
    from pacekeeper.engine.duckdb import Connection
    from pacekeeper.home import PracticeHome
    from pacekeeper.mapping.result import MappingResult

#: Clocks may differ by so much before a cursor counts as one of the future, or of the request itself.
_CLOCKS_DIFFER = timedelta(minutes=5)
_MOST_CODES = 50
_ARROW_TYPES = {
    "VARCHAR": "string",
    "TIMESTAMPTZ": "timestamp",
    "DATE": "date32",
    "BIGINT": "int64",
    "DOUBLE": "float64",
    "DECIMAL(18,4)": "decimal",
    "BOOLEAN": "bool_",
    "SMALLINT": "int16",
}


def probe_source(home: PracticeHome, source: str, *, since: datetime, now: datetime, limit: int) -> Probe:
    """Read at most `limit` records of every stream of a source and map them, in memory only.

    since: what streams with a cursor are asked for. now: the time of the request. Nothing is written: no warehouse, no
    spool, no operational database; temporary files of a connector go with their folder.
    Raises ConfigError or PluginError where the source cannot be set up.
    """
    began = time.monotonic()
    settings = home.settings.sources[source]
    connector = home.connector(source)
    key = home.hash_key() if home.key_path.exists() else HashKey.of(secrets.token_bytes(32))
    home_tz = home.settings.practice.home_tz
    with leaving_nothing():
        with plugin_border(source, connector.name):
            streams = tuple(connector.streams)
        sample = read_sample(connector, streams, key=key, since=since, until=now, limit=limit, home_tz=home_tz)
        results, mapped, error = _map(home, source, connector, streams, sample, now=now)
    values = _value_maps(connector, settings.value_maps)
    http = connector.http_or_none
    return Probe(
        source=source,
        connector=connector.name,
        since=since,
        streams=[_finding(stream, sample, mapped, values, since=since, now=now) for stream in streams],
        mappings=results,
        mapping_error=error,
        calls=http.calls if http is not None else 0,
        seconds=time.monotonic() - began,
    )


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """What a connector prints goes nowhere, and its temporary files to a folder that is removed."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="pacekeeper-try-") as folder, Path(os.devnull).open("w") as nowhere:
        tempfile.tempdir = folder
        try:
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                yield
        finally:
            tempfile.tempdir = before


def _map(
    home: PracticeHome,
    source: str,
    connector: Connector[Any],
    streams: Sequence[Stream],
    sample: Sample,
    *,
    now: datetime,
) -> tuple[list[MappingResult], Mapped | None, str | None]:
    from pacekeeper.capability import mapped_by_source
    from pacekeeper.mapping.run import map_source

    settings = home.settings.sources[source]
    try:
        with _in_memory(source, streams, sample, now=now) as connection:
            results = map_source(
                connection,
                source=source,
                connector=connector,
                practice=home.settings.practice,
                as_of=now,
                run_id="try",
                value_maps=settings.value_maps,
                quarantine_limit=1.0,
            )
        with plugin_border(source, connector.name):
            return results, mapped_by_source(connector, site_value_maps=settings.value_maps), None
    except PacekeeperError as error:
        return [], None, str(error)


@contextmanager
def _in_memory(source: str, streams: Sequence[Stream], sample: Sample, *, now: datetime) -> Iterator[Connection]:
    """A warehouse in memory that holds the sample as its raw tables."""
    import duckdb
    import pyarrow as pa

    from pacekeeper.engine.duckdb import Connection
    from pacekeeper.landing.versions import all_columns, schema_of

    types = {
        **{kind: getattr(pa, name)() for kind, name in _ARROW_TYPES.items() if name not in {"timestamp", "decimal"}},
        "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
        "DECIMAL(18,4)": pa.decimal128(18, 4),
    }
    raw = duckdb.connect(":memory:", config={"temp_directory": ""})
    try:
        raw.execute("SET TimeZone = 'UTC'")
        connection = Connection(raw)
        connection.create_schemas()
        raw.execute(f"CREATE SCHEMA {schema_of(source)}")
        landed = {"version_no": 1, "is_deleted": False, "observed_at": now, "batch_id": "try"}
        for stream in streams:
            columns = all_columns(stream)
            rows = [{**landed, **row} for row in sample.rows[stream.name].values()]
            schema = pa.schema([pa.field(name, types[kind]) for name, kind in columns.items()])
            raw.register("_rows", pa.Table.from_pylist(rows, schema=schema))
            name = f'{schema_of(source)}."{stream.name}'
            raw.execute(f'CREATE TABLE {name}" AS SELECT * FROM _rows')
            raw.execute(f'CREATE VIEW {name}__current" AS SELECT * FROM {name}"')
            raw.unregister("_rows")
        yield connection
    finally:
        raw.close()


def _value_maps(connector: Connector[Any], site: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    from pacekeeper.value_maps import merged_value_maps

    try:
        with plugin_border(connector.context.source, connector.name):
            return merged_value_maps(connector.context.source, connector.site_value_maps(), site)
    except PacekeeperError:
        return {}  # told as the mapping's error


def _finding(
    stream: Stream,
    sample: Sample,
    mapped: Mapped | None,
    values: Mapping[str, Mapping[str, str]],
    *,
    since: datetime,
    now: datetime,
) -> StreamFinding:
    counts, rows = sample.counts[stream.name], list(sample.rows[stream.name].values())
    return StreamFinding(
        stream=stream.name,
        read=counts.read,
        kept=len(rows),
        repeated=sample.repeated.get(stream.name, 0) + counts.duplicate,
        deleted=counts.deleted,
        out_of_scope=dict(counts.out_of_scope),
        rejected=dict(counts.rejected),
        undeclared=dict(counts.undeclared),
        filled={name: sum(row.get(name) is not None for row in rows) for name in stream.columns},
        codes=_codes(stream, rows, mapped, values),
        cursor=_cursor(stream, sample, since=since, now=now),
        is_cut=stream.name in sample.cut,
        error=sample.errors.get(stream.name),
    )


def _codes(
    stream: Stream, rows: Sequence[Mapping[str, Any]], mapped: Mapped | None, values: Mapping[str, Mapping[str, str]]
) -> list[CodeCount]:
    from pacekeeper.columns import Code

    found = []
    for name, column in stream.columns.items():
        maps = mapped.value_maps.get((stream.name, name), ()) if mapped is not None else ()
        if not isinstance(column, Code) or not maps:
            continue
        codes = Counter(str(row[name]) for row in rows if row.get(name) is not None)
        for code, number in sorted(codes.items(), key=lambda item: (-item[1], item[0]))[:_MOST_CODES]:
            meaning = {one: values.get(one, {}).get(code) for one in maps}
            found.append(CodeCount(name, code, number, meaning))
    return found


def _cursor(stream: Stream, sample: Sample, *, since: datetime, now: datetime) -> CursorFinding | None:
    if stream.cursor is None or stream.name not in sample.page_cursors:
        return None
    pages = [page for page in sample.page_cursors[stream.name] if page]
    known = [at for page in pages for at in page]
    rows = list(sample.rows[stream.name].values())
    return CursorFinding(
        column=stream.cursor,
        rows=len(rows),
        nulls=sum(row.get(stream.cursor) is None for row in rows),
        future=sum(at > now + _CLOCKS_DIFFER for at in known),
        before_since=sum(at < since - timedelta(days=1) for at in known),
        at_request=sum(abs(at - now) <= _CLOCKS_DIFFER for at in known),
        distinct=len(set(known)),
        order=_order(pages),
        earliest=min(known, default=None),
        latest=max(known, default=None),
    )


def _order(pages: Sequence[Sequence[datetime]]) -> str | None:
    pairs = list(pairwise(pages))
    if not pairs:
        return None
    if all(max(one) <= min(other) for one, other in pairs):
        return "ascending"
    return "descending" if all(min(one) >= max(other) for one, other in pairs) else "unordered"
