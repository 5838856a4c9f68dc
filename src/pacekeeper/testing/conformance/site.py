"""A practice of one source in a folder of its own: nights through the real landing and mapping, in this process.

Only the process around an extraction is left out, so that a connector need not be installed, and the waits of the
HTTP client, so that a suite takes seconds.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx

from pacekeeper.connector import Connector, SourceContext
from pacekeeper.errors import FatalError, PacekeeperError
from pacekeeper.home import PracticeHome
from pacekeeper.http import SourceClient
from pacekeeper.landing.extract import Extraction, Extractor, Request
from pacekeeper.landing.fingerprint import fingerprints
from pacekeeper.landing.night import land_sources
from pacekeeper.landing.spool import parts, read_manifest
from pacekeeper.landing.worker import run_job
from pacekeeper.mapping.result import MappingResult
from pacekeeper.ops import SourceRun, StreamReason, StreamRun, StreamState
from pacekeeper.privacy import HashKey, describe
from pacekeeper.settings import Settings, SourceSettings, load_settings
from pacekeeper.source_options import validated_options
from pacekeeper.stream import Page, Stream, check_streams
from pacekeeper.testing.conformance.boundary_memo import BoundaryOnce
from pacekeeper.testing.conformance.prepared import (
    PreparedHome,
    certificate_authorities,
    compiled_once,
    empty_warehouse,
)
from pacekeeper.testing.simulator_http import DEFAULT_NOW

SOURCE = "suite"
#: Every practice of a suite has the same secret, so that rows can be compared.
_SECRET = b"pacekeeper conformance suite 32b"
#: A read that asks more often, or yields more pages, than this does not end.
MOST_CALLS = 400
#: Identity and content of the rows of a spool, by stream.
Spooled = Mapping[str, Counter[tuple[str, ...]]]


class EndlessReadError(FatalError):
    """The suite has stopped a read that would not end."""


@dataclass
class Night:
    """What one landing came to. slept: seconds the client was asked to wait, each time. seconds: it took."""

    result: SourceRun
    spooled: Spooled = field(default_factory=dict)
    slept: Sequence[float] = ()
    calls: int = 0
    seconds: float = 0.0

    @property
    def is_ok(self) -> bool:
        return self.result.state == "ok"

    @property
    def error(self) -> str:
        """Class and text of the error the read ended in."""
        return f"{self.result.error_class}: {self.result.message}"

    @property
    def rows(self) -> dict[str, int]:
        return {stream: rows.total() for stream, rows in self.spooled.items()}


class Site:
    """Lands and maps source `suite` of a practice in `folder`, one day after the other.

    options: what [sources.suite] holds, besides what every source has. as_of: of the first night, less a day.
    timeout_seconds: of the connector's client.
    """

    def __init__(
        self,
        folder: Path,
        connector: type[Connector[Any]],
        options: Mapping[str, Any],
        *,
        default_tz: str | None = None,
        home_tz: str = "UTC",
        as_of: datetime = DEFAULT_NOW,
        timeout_seconds: float = 10.0,
    ) -> None:
        self.folder = folder
        self.connector_type = connector
        self.options = dict(options)
        self.first_night = as_of
        self.timeout_seconds = timeout_seconds
        self.nights = 0
        self._practice = {"name": "Suite", "home_tz": home_tz}
        self._default_tz = default_tz
        self._slept: list[float] = []
        self._home: PracticeHome | None = None
        self._reader: duckdb.DuckDBPyConnection | None = None

    @property
    def home(self) -> PracticeHome:
        """The practice; made when it is first asked for."""
        if self._home is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "pacekeeper.toml").write_text(self._settings_text(), encoding="utf-8")
            self._home = PreparedHome(load_settings(self.folder / "pacekeeper.toml"), self._build)
            self._home.data_dir.mkdir(exist_ok=True)
            if not self._home.warehouse.path.exists():
                shutil.copy(empty_warehouse(), self._home.warehouse.path)
            self._home.key_path.touch(mode=0o600)
            self._home.key_path.write_bytes(_SECRET)
        return self._home

    @property
    def key(self) -> HashKey:
        return self.home.hash_key()

    @property
    def as_of(self) -> datetime:
        return self.first_night + timedelta(days=self.nights)

    @property
    def run_id(self) -> str:
        return f"night-{self.nights}"

    def copy(self, folder: Path, options: Mapping[str, Any]) -> Site:
        """The same practice, with all that has landed, in another folder."""
        shutil.copytree(self.folder, folder)
        (folder / "pacekeeper.toml").unlink(missing_ok=True)
        site = Site(
            folder,
            self.connector_type,
            options,
            default_tz=self._default_tz,
            home_tz=self._practice["home_tz"],
            as_of=self.first_night,
        )
        site.nights = self.nights
        site.settings_stay()
        return site

    def settings_stay(self) -> None:
        """Another port is no other server: what is known of the streams still holds."""
        made_by = fingerprints(self.connector())
        states = self.home.ops.rows(StreamState, source=SOURCE)
        for state in states:
            state.fingerprint = made_by.get(state.stream, state.fingerprint)
        self.home.ops.add(states)

    def land(self) -> Night:
        """One night's landing."""
        return self._landing(self._extracted)

    def read(self) -> Night:
        """One night's read as far as the spool; nothing lands, and the stream state stays."""
        spool: dict[str, Counter[tuple[str, ...]]] = {}
        sound: list[SourceRun] = []

        def kept(requests: Sequence[Request], *, on_progress: object = None) -> Generator[Extraction, None, None]:
            for extraction in self._extracted(requests, on_progress=on_progress):
                if extraction.manifest is None:
                    yield extraction
                    continue
                connector = self.connector()
                spool.update({stream.name: _spooled(extraction.folder, stream) for stream in connector.streams})
                calls = extraction.manifest.calls
                sound.append(
                    SourceRun(run_id=self.run_id, source=SOURCE, connector=connector.name, state="ok", calls=calls)
                )

        landed = self._landing(kept, sound)
        landed.spooled = spool
        return landed

    def read_whole_next(self) -> None:
        """Let the next read ask for everything again."""
        self.home.ops.read_whole_next(SOURCE)

    def map(self) -> list[MappingResult]:
        """Bring the canonical tables up to date, always as of the second day, so that nothing but rows can differ."""
        from pacekeeper.mapping.run import map_source

        settings = self.home.sources[SOURCE]
        self._stop_reading()
        with self.home.warehouse.connect() as connection:
            return map_source(
                connection,
                source=SOURCE,
                connector=self.home.connector(SOURCE),
                practice=self.home.settings.practice,
                as_of=self.first_night + timedelta(days=1),
                run_id=self.run_id,
                value_maps=settings.value_maps,
                quarantine_limit=settings.quarantine_limit,
                compiler=compiled_once,
            )

    def connector(self) -> Connector[Any]:
        """The connector of the source, set up as for a run."""
        return self.home.connector(SOURCE)

    def ledger(self) -> dict[str, StreamRun]:
        """The landing ledger of the last night, by stream."""
        return {row.stream: row for row in self.home.ops.rows(StreamRun, run_id=self.run_id)}

    def reasons(self, kind: str) -> dict[str, dict[str, int]]:
        """Rows by reason of the last night, by stream. kind: rejected, out_of_scope or undeclared."""
        found: dict[str, dict[str, int]] = {}
        for row in self.home.ops.rows(StreamReason, run_id=self.run_id, kind=kind):
            found.setdefault(row.stream, {})[row.reason] = row.rows
        return found

    def states(self) -> dict[str, StreamState]:
        return {row.stream: row for row in self.home.ops.rows(StreamState, source=SOURCE)}

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Rows of a query on the warehouse, over a connection that stays open until something is written."""
        if self._reader is None:
            self._reader = duckdb.connect(self.home.warehouse.path, read_only=True)
            self._reader.execute("SET TimeZone = 'UTC'")
        rows: list[dict[str, Any]] = self._reader.execute(sql, list(parameters)).to_arrow_table().to_pylist()
        return rows

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def content(self, *schemas: str) -> dict[str, str]:
        """Content hash of every table in these schemas, lineage columns and dlt's own tables aside."""
        self._stop_reading()
        with self.home.warehouse.connect() as connection:
            tables = connection.raw.execute(
                "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT starts_with(table_name, '_dlt') "
                "AND list_contains(?, schema_name) ORDER BY ALL",
                [list(schemas)],
            ).fetchall()
            return {f"{schema}.{name}": connection.content_hash(f'{schema}."{name}"') for schema, name in tables}

    def _settings_text(self) -> str:
        source = {"connector": self.connector_type.name, "quarantine_limit": 1.0}
        if self._default_tz:
            source["default_tz"] = self._default_tz
        tables = {"practice": self._practice, f"sources.{SOURCE}": {**source, **self.options}}
        return "\n".join(
            line
            for name, table in tables.items()
            for line in (f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items() if value is not None))
        )

    def _landing(self, extractor: Extractor, sound: Sequence[SourceRun] = ()) -> Night:
        """sound: results of reads that `extractor` keeps to itself."""
        self._stop_reading()
        self.nights += 1
        began, self._slept = time.monotonic(), []
        failed = land_sources(self.home, run_id=self.run_id, as_of=self.as_of, extractor=extractor)
        (result,) = [*failed, *sound]
        return Night(result, slept=self._slept, calls=result.calls, seconds=time.monotonic() - began)

    def _extracted(
        self, requests: Sequence[Request], *, on_progress: object = None
    ) -> Generator[Extraction, None, None]:
        """What the extraction processes do, one after the other in this one."""
        del on_progress
        for request in requests:
            folder = Path(request.job.folder)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            try:
                run_job(request.job, build=self._build, boundary_type=BoundaryOnce)
            except PacekeeperError as error:
                yield Extraction(request.job.source, folder, 0.0, error_class=type(error).__name__, message=str(error))
            except Exception as error:  # noqa: BLE001  stands for the border of the process
                yield Extraction(request.job.source, folder, 0.0, error_class="FatalError", message=describe(error))
            else:
                yield Extraction(request.job.source, folder, 0.0, manifest=read_manifest(folder))

    def _build(
        self, name: str, source: SourceSettings, settings: Settings, clock: Callable[[], datetime]
    ) -> Connector[Any]:
        """What the registry builds, from the class at hand, with a client that does not really wait."""
        del clock
        options = validated_options(
            self.connector_type.settings_type, source=name, options=source.options, file=settings.file
        )
        context = SourceContext(
            source=name, default_tz=source.default_tz, clock=lambda: datetime.now(UTC), home=settings.home
        )
        connector = self.connector_type(options, context, self.client(options, name))
        check_streams(tuple(connector.streams), connector=connector.name)
        read = connector.read
        connector.read = lambda *given: _limited(read(*given))  # type: ignore[method-assign]
        return connector

    def client(self, options: Any, name: str = SOURCE) -> SourceClient | None:
        """The source's HTTP client, impatient; null for a connector that does not talk HTTP."""
        config = self.connector_type.http_config(options)
        if config is None:
            return None
        config = replace(config, backoff_seconds=0.0, timeout_seconds=self.timeout_seconds, attempts=3)
        return SourceClient(
            config,
            source=name,
            transport=_Counted(httpx.HTTPTransport(verify=certificate_authorities())),
            sleep=self._slept.append,
        )


class _Counted(httpx.BaseTransport):
    """Ends a read that asks for ever."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self._calls = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._calls += 1
        if self._calls > MOST_CALLS:
            raise EndlessReadError(f"the read was stopped after {MOST_CALLS} calls")
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def _limited(pages: Iterator[Page]) -> Iterator[Page]:
    for number, page in enumerate(pages):
        if number > MOST_CALLS:
            raise EndlessReadError(f"the read was stopped after {MOST_CALLS} pages")
        yield page


def _spooled(folder: Path, stream: Stream) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for file in parts(folder, stream.name, "rows"):
        rows = duckdb.sql(f"SELECT row_key, content_hash FROM read_parquet('{file}')").fetchall()
        found.update((str(key), str(content)) for key, content in rows)
    for file in parts(folder, stream.name, "deleted"):
        found.update((str(key), "deleted") for (key,) in duckdb.sql(f"FROM read_parquet('{file}')").fetchall())
    return found


def _toml(value: Any) -> str:
    """A TOML literal; JSON's are, but for inline tables."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(str(value) if isinstance(value, Path) else value)
