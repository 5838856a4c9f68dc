"""Base of every connector that reads FHIR R4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pacekeeper.connector import Connector, Health, SourceContext
from pacekeeper.errors import ConfigError, PacekeeperError
from pacekeeper.fhir.folder import FolderReader
from pacekeeper.fhir.rest import ACCEPT, RestReader
from pacekeeper.fhir.settings import FhirSettings
from pacekeeper.stream import Page, Stream, Window

if TYPE_CHECKING:
    from pacekeeper.http import HttpConfig, SourceClient

F = TypeVar("F", bound=FhirSettings)


class FhirConnector(Connector[F]):
    """Reads every declared stream from a FHIR server or a folder of FHIR files.

    A subclass names itself and implements `resource_streams`; every top-level stream needs a `resource_type`.
    skipped: of the last read of a folder, files and records that no stream asked for, by reason.
    """

    settings_type = FhirSettings

    def __init__(self, settings: F, context: SourceContext, http: SourceClient | None = None) -> None:
        super().__init__(settings, context, http)
        self.skipped: Counter[str] = Counter()
        self._rest: RestReader | None = None
        self.streams = tuple(self.resource_streams(from_server=settings.base_url is not None))

    def resource_streams(self, *, from_server: bool) -> Sequence[Stream]:
        """Streams of this source; a server can be asked for changes, a folder is always read as the whole truth."""
        del from_server
        return type(self).streams

    def search_parameters(self, stream: Stream) -> Mapping[str, str]:
        """What to add to the server's search for a stream; nothing by default."""
        del stream
        return {}

    @classmethod
    def http_config(cls, settings: F) -> HttpConfig | None:
        if settings.base_url is None:
            return None
        from pacekeeper.http import BearerToken, HttpConfig

        auth = BearerToken(settings.token) if settings.token is not None else None
        return HttpConfig(base_url=settings.base_url, auth=auth, headers={"Accept": ACCEPT})

    @property
    def folder(self) -> Path | None:
        """Absolute or working-directory folder of the files; null where a server is read."""
        return None if self.settings.folder is None else self.context.home / self.settings.folder

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """One pass over the folder for all streams, or one search per stream of the server."""
        folder = self.folder
        if folder is None:
            yield from super().read(streams, window)
            return
        reader = FolderReader(folder, streams)
        yield from reader.pages()
        self.skipped = reader.skipped

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        since = window.since_of(stream.name) if stream.cursor is not None else None
        if self._rest is None:
            self._rest = RestReader(self.http, self.context.source, self.settings.page_size)
        yield from self._rest.pages(stream, since=since, parameters=self.search_parameters(stream))

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
