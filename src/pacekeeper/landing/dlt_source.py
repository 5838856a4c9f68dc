"""An existing dlt source as a connector: its resources become streams, and everything after them is ours.

Resources are iterated as they are, without a dlt pipeline: no state on disk, no normalising, no loading. What dlt
would have kept between runs, the cursor, is handed in as the incremental's `initial_value`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from pacekeeper.connector import Connector, ConnectorSettings, Health
from pacekeeper.errors import ConfigError, FatalError, PacekeeperError, PluginError, RetryableError
from pacekeeper.privacy import describe
from pacekeeper.stream import Page, Stream, Window

S = TypeVar("S", bound=ConnectorSettings)

#: Single records are handed over so many at a time.
_PAGE_ROWS = 1_000
#: dlt counts its users and logs requests, addresses included; neither is wanted here.
_QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
_NOT_ALLOWED = frozenset({401, 403})
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_NETWORK_ERRORS = frozenset({"ConnectionError", "ConnectTimeout", "ReadTimeout", "Timeout", "TimeoutError"})
_NETWORK_ERRORS_OF_HTTPX = frozenset({"TransportError", "ConnectError", "ReadError", "RemoteProtocolError"})


class DltConnector(Connector[S]):
    """Base of a connector that reads a dlt source. Declare streams and mappings as ever, and return the source.

    resources: name of the dlt resource by stream, where it is not the stream's own.
    Of a resource without an incremental argument everything is read each time; a stream that declares a cursor for it
    would be a promise it cannot keep, and is refused.
    """

    resources: ClassVar[Mapping[str, str]] = {}
    known_limits: ClassVar[tuple[str, ...]] = (
        "The dlt source brings its own HTTP client: this source's rate budget, retries and scrubbed logs do not apply.",
        "Write dispositions, merge keys, hints, hard deletes and table names chosen per record are not looked at.",
        "A first read begins where the dlt source's own initial_value begins.",
    )

    def dlt_source(self) -> Any:  # Any: a DltSource or a DltResource
        """The dlt source or a single resource, made anew for every stream, with every secret passed in."""
        raise NotImplementedError(f"{type(self).__name__} does not implement dlt_source")

    def since_value(self, stream: Stream, since: datetime) -> Any:  # Any: what the resource's cursor is
        """`since` in the form the resource's cursor has, because dlt compares the two; ISO 8601 in UTC by default."""
        del stream
        return since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        """The resource's items as pages, in its own order."""
        rows: list[Mapping[str, Any]] = []
        for item in self._items(stream, window.since_of(stream.name)):
            table = _arrow(item)
            if table is not None:
                yield Page(stream.name, table)
                continue
            rows += self._records(stream, item)
            if len(rows) >= _PAGE_ROWS:
                yield Page(stream.name, rows)
                rows = []
        if rows:
            yield Page(stream.name, rows)

    def check(self) -> Health:
        """Take one item of the first stream's resource."""
        stream = next(stream for stream in self.streams if stream.child_of is None)
        try:
            for _ in self._items(stream, None):
                break
        except PacekeeperError as error:
            return Health(ok=False, message=str(error))
        return Health(ok=True, message=f"resource {self._resource_name(stream)} of the dlt source can be read")

    def _items(self, stream: Stream, since: datetime | None) -> Iterator[Any]:  # Any: what a resource yields
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        try:
            resource = self._resource(stream, since)
            yield from resource
        except PacekeeperError:
            raise
        except Exception as error:  # noqa: BLE001 - dlt wraps whatever its sources raise
            raise self._told(stream, error) from None

    def _resource(self, stream: Stream, since: datetime | None) -> Any:  # Any: a DltResource
        import dlt
        from dlt.extract.resource import DltResource

        source, name = self.dlt_source(), self._resource_name(stream)
        found = source if isinstance(source, DltResource) else source.resources.get(name)
        if found is None:
            raise PluginError(
                connector=self.name,
                reason=f"its dlt source has no resource {name!r}; it has {', '.join(sorted(source.resources))}",
                fix=f"name the resource of stream {stream.name} in `resources`",
            )
        if stream.cursor is None:
            return found
        if found.incremental is None:
            raise PluginError(
                connector=self.name,
                reason=f"stream {stream.name} has a cursor, and resource {name!r} takes no dlt.sources.incremental",
                fix="declare the stream without a cursor",
            )
        if since is not None:
            path = stream.columns[stream.cursor].path or stream.cursor
            start = dlt.sources.incremental(
                path, initial_value=self.since_value(stream, since), on_cursor_value_missing="include"
            )
            found.apply_hints(incremental=start)
        return found

    def _resource_name(self, stream: Stream) -> str:
        return self.resources.get(stream.name, stream.name)

    def _records(self, stream: Stream, item: Any) -> list[Mapping[str, Any]]:  # Any: what a resource yields
        """One item of a resource as records: a record, a list of them, or models that can be dumped."""
        found: list[Mapping[str, Any]] = []
        for one in item if isinstance(item, list | tuple) else [item]:
            record = one.model_dump(mode="json") if hasattr(one, "model_dump") else one
            if not isinstance(record, Mapping):
                raise PluginError(
                    connector=self.name,
                    reason=f"resource {self._resource_name(stream)!r} yields {type(one).__name__}, which is no record",
                    fix="yield dicts, lists of dicts, pydantic models, Arrow tables or data frames",
                )
            found.append({name: _plain(value) for name, value in record.items()})
        return found

    def _told(self, stream: Stream, error: Exception) -> PacekeeperError:
        """What a source's error means to whoever runs the night. dlt's own texts quote what they were given."""
        causes = list(_causes(error))
        ours = next((cause for cause in causes if isinstance(cause, PacekeeperError)), None)
        if ours is not None:
            return ours
        where = f"source {self.context.source}: resource {self._resource_name(stream)!r} of its dlt source"
        status = next(filter(None, map(_status, causes)), None)
        if status in _NOT_ALLOWED:
            return ConfigError(f"{where} was answered {status}: correct its credentials, or what they may read")
        if any(type(cause).__name__ == "ConfigFieldMissingException" for cause in causes):
            return ConfigError(f"{where} lacks an argument: pass every secret and setting in dlt_source()")
        if status in _TRY_AGAIN or any(_is_network(cause) for cause in causes):
            reason = f"answered {status}" if status else "could not be reached"
            return RetryableError(f"{where} was {reason}; run again later")
        return FatalError(f"{where} failed: {describe(causes[-1])}")


def _arrow(item: Any) -> Any:  # Any: a table of any kind; null where it is none
    import pyarrow as pa

    if isinstance(item, pa.Table):
        return item
    if isinstance(item, pa.RecordBatch):
        return pa.Table.from_batches([item])
    module = type(item).__module__.partition(".")[0]
    if module == "polars" and hasattr(item, "to_arrow"):
        return item.to_arrow()
    return pa.Table.from_pandas(item, preserve_index=False) if module == "pandas" else None


def _plain(value: Any) -> Any:  # Any: JSON, and what dlt puts among it
    """Moments as the standard library has them: dlt's pendulum ones are not written as JSON."""
    if isinstance(value, datetime) and type(value) is not datetime:
        return datetime.fromisoformat(value.isoformat())
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return (
        [_plain(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str | bytes) else value
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what caused it, down to the first cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _is_network(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & (_NETWORK_ERRORS | _NETWORK_ERRORS_OF_HTTPX))
