"""Base of every connector that reads FHIR R4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

import pyarrow as pa

from pacekeeper.connector import Connector, Health, Reach, SourceContext
from pacekeeper.errors import ConfigError, DataError, FatalError, PacekeeperError
from pacekeeper.fhir.folder import FolderReader
from pacekeeper.fhir.history import NOT_READ, HistoryReader, past_page
from pacekeeper.fhir.rest import ACCEPT, BEGINNING, RestReader
from pacekeeper.fhir.settings import FhirSettings
from pacekeeper.stream import JsonLines, Page, Stream, Window

if TYPE_CHECKING:
    import httpx

    from pacekeeper.connector import ConnectorSettings
    from pacekeeper.http import HttpConfig, SourceClient

#: Types that no patient has, so that only an export of the whole system holds them.
NOT_OF_PATIENTS = frozenset({"Location", "Practitioner", "PractitionerRole", "Schedule", "Slot"})
_NOTE = "the history of more appointments was asked for than one read may ask for; past versions of the others are lost"
F = TypeVar("F", bound=FhirSettings)


class FhirConnector(Connector[F]):
    """Reads every declared stream from a FHIR server or a folder of FHIR files.

    A subclass names itself and implements `resource_streams`; every top-level stream needs a `resource_type`. It may
    override `search_parameters`, `has_usable_cursor`, `is_exported` and `http_auth`.
    skipped: what was left out, by reason: files and records no stream asked for, types the server does not offer.
    """

    settings_type: ClassVar[type[ConnectorSettings]] = FhirSettings
    #: Types of which past versions are read too, where the server offers them.
    past_version_types: ClassVar[frozenset[str]] = frozenset({"Appointment"})

    def __init__(self, settings: F, context: SourceContext, http: SourceClient | None = None) -> None:
        super().__init__(settings, context, http)
        self.skipped: Counter[str] = Counter()
        self._rest: RestReader | None = None
        self._history: HistoryReader | None = None
        self.streams = tuple(self.resource_streams(from_server=settings.base_url is not None))
        if http is not None:
            from pacekeeper.fhir.smart import BackendServices

            if isinstance(http.auth, BackendServices):
                http.auth.resource_types = self.resource_types

    def resource_streams(self, *, from_server: bool) -> Sequence[Stream]:
        """Streams of this source; a server can be asked for changes, a folder is always read as the whole truth."""
        del from_server
        return type(self).streams

    @property
    def resource_types(self) -> tuple[str, ...]:
        """Types of the declared streams that the server is asked for, each once."""
        declared = dict.fromkeys(s.resource_type for s in self.streams if s.resource_type is not None)
        return tuple(kind for kind in declared if kind not in self.settings.skip_types)

    def search_parameters(self, stream: Stream) -> Mapping[str, str]:
        """What to add to the server's search for a stream; nothing by default."""
        del stream
        return {}

    def has_usable_cursor(self, stream: Stream) -> bool:
        """Whether the server's `lastUpdated` of a stream can be trusted.

        True by default: a server that makes it up is noticed, at the price of a second call. A plugin that knows better
        says so here; the stream is then read whole every night, without its lastUpdated.
        """
        del stream
        return True

    def is_exported(self, stream: Stream) -> bool:
        """Whether a stream comes by export rather than by search: what the settings say, by its resource type."""
        kind = stream.resource_type or ""
        settings = self.settings
        if settings.read_by != "export" or kind in settings.search_types:
            return False
        return settings.export_level == "system" or kind not in NOT_OF_PATIENTS

    @classmethod
    def http_config(cls, settings: F) -> HttpConfig | None:
        if settings.base_url is None:
            return None
        from pacekeeper.http import HttpConfig

        return HttpConfig(base_url=settings.base_url, auth=cls.http_auth(settings), headers={"Accept": ACCEPT})

    @classmethod
    def http_auth(cls, settings: F) -> httpx.Auth | None:
        """How the source proves who it is, by what its settings hold; null where they hold nothing."""
        from pacekeeper.fhir.signing_key import SigningKey
        from pacekeeper.fhir.smart import BackendServices
        from pacekeeper.http_auth import BearerToken, ClientCredentials

        if settings.token is not None:
            return BearerToken(settings.token)
        client_id, base_url = settings.client_id or "", settings.base_url or ""
        if settings.client_secret is not None:
            return ClientCredentials(settings.token_url or "", client_id, settings.client_secret, settings.scope)
        if settings.private_key is None and settings.private_key_file is None:
            return None
        key = SigningKey(settings.private_key, settings.private_key_file, settings.key_id)
        return BackendServices(
            base_url,
            client_id,
            key,
            token_url=settings.token_url,
            scope=settings.scope,
            with_export=settings.read_by == "export",
        )

    @property
    def folder(self) -> Path | None:
        """Absolute or working-directory folder of the files; null where a server is read."""
        return None if self.settings.folder is None else self.context.home / self.settings.folder

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """One pass over the folder for all streams, or one search per stream of the server."""
        folder = self.folder
        if folder is None:
            yield from self._read_server(streams, window)
            return
        reader = FolderReader(folder, streams)
        yield from reader.pages()
        self.skipped = reader.skipped

    def reach(self) -> Reach:
        """Searches honour the whole window; exports begin with it, and files are read whole."""
        if self.folder is not None:
            return "all"
        return "since" if any(self.is_exported(stream) for stream in self.streams) else "window"

    def _read_server(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        top_level = [s for s in streams if s.child_of is None and s.resource_type in self.resource_types]
        by_export = [stream for stream in top_level if self.is_exported(stream)]
        for stream in top_level:
            if stream not in by_export:
                yield from self.read_stream(stream, window)
        # Last, because once it is read its job is gone: what is interrupted after that asks for a new export.
        if by_export:
            yield from self._export(by_export, window)

    def _export(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        from pacekeeper.fhir.export_reader import ExportReader

        paths = {
            "system": "$export",
            "patient": "Patient/$export",
            "group": f"Group/{self.settings.export_group}/$export",
        }
        offered = [stream for stream in streams if self.reader.capability.offers(stream.resource_type or "")]
        for stream in streams:
            if stream not in offered:
                self.skipped[f"type {stream.resource_type} is not offered"] += 1
        if not offered:
            return
        exports = ExportReader(
            self.http,
            self.context.source,
            self.settings.base_url or "",
            paths[self.settings.export_level],
            wait_seconds=self.settings.export_wait_minutes * 60,
            partial=self.settings.partial_export,
            skipped=self.skipped,
        )
        dated = [stream for stream in offered if self.has_usable_cursor(stream)]
        marks = [window.since_of(stream.name) if stream.cursor is not None else None for stream in dated]
        known = [mark for mark in marks if mark is not None and mark > BEGINNING]
        since = min(known) if known and len(known) == len(marks) else None
        yield from self._with_told(exports.pages(offered, since=since, resume=window.resume), offered, window)
        for stream in offered:
            if exports.rows_by_type[stream.resource_type or ""]:
                yield from self._since(stream, window)
            else:
                yield from self._searched_instead(stream, window)

    def _searched_instead(self, stream: Stream, window: Window) -> Iterator[Page]:
        """A search for what an export has none of: OpenEMR 7.0.2 exports no Appointment although there are some."""
        kind = stream.resource_type or ""
        if not self.reader.capability.says_searchable(kind):
            return
        pages = self.read_stream(stream, window)
        try:
            first = next(pages, None)
        except (ConfigError, DataError, FatalError):  # the client may have been granted no more than the export
            self.skipped[f"type {kind} could not be searched after an empty export"] += 1
            return
        if first is not None:
            yield first
            yield from pages

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        since = window.since_of(stream.name) if stream.cursor is not None else None
        pages = self.reader.pages(
            stream,
            since=since,
            parameters=self.search_parameters(stream),
            has_usable_cursor=self.has_usable_cursor(stream),
            before=window.before,
        )
        yield from self._with_told(pages, [stream], window)
        yield from self._since(stream, window)

    def _with_told(self, pages: Iterator[Page], streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """The pages with what only the history of each resource tells, where the server offers one."""
        told = [s for s in streams if s.resource_type in self.past_version_types and self._has_history(s, "instance")]
        by_name = {stream.name: stream for stream in told}
        for page in pages:
            if page.stream in by_name and isinstance(page.rows, JsonLines):
                yield from self._told(page, page.rows, by_name[page.stream], window)
            else:
                yield page
        if told and self.skipped[NOT_READ]:
            yield Page(told[0].name, notes=(_NOTE,))

    def _told(self, page: Page, rows: JsonLines, stream: Stream, window: Window) -> Iterator[Page]:
        # What the history of the whole type tells since the last read needs no call for each resource.
        with_past = stream.cursor is not None and window.before is None and not self._tells_since(stream, window)
        kind = stream.resource_type or ""
        told = [self.history.told(kind, str(text), with_past=with_past) for text in rows.documents.to_pylist()]
        yield replace(page, rows=replace(rows, documents=pa.array([document for document, _ in told], pa.string())))
        past = [version for _, versions in told for version in versions]
        if past:
            yield past_page(stream, past)

    def _since(self, stream: Stream, window: Window) -> Iterator[Page]:
        """What the history of a type tells since the last read: its past versions, and deletions."""
        since = window.since_of(stream.name)
        if since is not None and self._tells_since(stream, window):
            with_past = stream.resource_type in self.past_version_types
            yield from self.history.since(stream, since, with_past=with_past)

    def _tells_since(self, stream: Stream, window: Window) -> bool:
        since = window.since_of(stream.name) if stream.cursor is not None else None
        is_bounded = window.before is not None  # a history cannot be
        return since is not None and since > BEGINNING and not is_bounded and self._has_history(stream, "type")

    def _has_history(self, stream: Stream, level: Literal["type", "instance"]) -> bool:
        return self.settings.use_history and self.reader.capability.has_history(stream.resource_type or "", level)

    @property
    def history(self) -> HistoryReader:
        """Past versions of the server's resources."""
        if self._history is None:
            self._history = HistoryReader(self.http, self.context.source, skipped=self.skipped)
        return self._history

    @property
    def reader(self) -> RestReader:
        """Searches of the server, with what it says it can do."""
        if self._rest is None:
            self._rest = RestReader(self.http, self.context.source, self.settings.page_size, self.skipped)
        return self._rest

    def check(self) -> Health:
        try:
            return self._check_server() if self.folder is None else self._check_folder(self.folder)
        except ConfigError as error:
            return Health(ok=False, message=str(error))
        except PacekeeperError as error:
            return Health(ok=False, message=f"the FHIR server cannot be read: {error}")

    def _check_folder(self, folder: Path) -> Health:
        files = FolderReader(folder, self.streams).files()
        if not files:
            return Health(
                ok=False, message=f"folder {str(folder)!r} holds no *.ndjson, *.jsonl or *.json file: correct `folder`"
            )
        return Health(ok=True, message=f"the folder holds {len(files)} files")

    def _check_server(self) -> Health:
        statement = self.http.get_json("metadata")
        if not isinstance(statement, Mapping) or statement.get("resourceType") != "CapabilityStatement":
            return Health(
                ok=False,
                message="the server answers, but [base_url]/metadata is no CapabilityStatement: correct base_url",
            )
        version = str(statement.get("fhirVersion", "unknown"))
        if not version.startswith("4."):
            return Health(ok=False, message="the server speaks another version of FHIR; this connector reads R4 (4.x)")
        return Health(ok=True, message=f"the server answers and speaks FHIR {version[:16]}")
