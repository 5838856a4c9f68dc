"""The connector: files of a folder, here or far away, as the mapping file describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from pacekeeper.connector import Connector, EntityMapping, Health, SourceContext
from pacekeeper.errors import PacekeeperError
from pacekeeper.stream import JsonLines, Page, Stream, Window
from pacekeeper_connectors.site_file import file_marks
from pacekeeper_connectors.tabular.entities import mappings_of
from pacekeeper_connectors.tabular.files import FileStore, LocalFiles, described
from pacekeeper_connectors.tabular.mapping_file import MappingFile, load_mapping_file
from pacekeeper_connectors.tabular.period import told
from pacekeeper_connectors.tabular.profiles import profile_file
from pacekeeper_connectors.tabular.reader import StreamFiles
from pacekeeper_connectors.tabular.remote import RemoteFiles
from pacekeeper_connectors.tabular.rows import landing_rows
from pacekeeper_connectors.tabular.settings import TabularSettings
from pacekeeper_connectors.tabular.streams import streams_of


class Tabular(Connector[TabularSettings]):
    """CSV, Excel and Parquet files with headers, local, on SFTP or in S3: HR, leave, schedules, reports of EHRs."""

    name = "tabular"
    settings_type = TabularSettings
    known_limits = (
        "A read takes all files whole, one at a time in memory, unless none has changed in a local folder.",
        "Rows without a column, or columns together, that tell them apart cannot be read.",
        "Formulas of an Excel file count by the value that was saved with them.",
    )
    authentication = (
        "none for a local folder",
        "SFTP by password or private key (the server's key is pinned)",
        "S3 by access key or the machine's own AWS configuration",
    )

    def __init__(self, settings: TabularSettings, context: SourceContext, http: object = None) -> None:
        del http  # files need none
        super().__init__(settings, context)

    @cached_property
    def store(self) -> FileStore:
        """Where the files are; connected when it is first asked for something."""
        settings = self.settings
        if settings.url is not None:
            return RemoteFiles(settings.url, settings, home=self.context.home)
        return LocalFiles(self.context.home / (settings.folder or Path()))

    @property
    def mapping_path(self) -> Path:
        settings, home = self.settings, self.context.home
        if settings.profile is not None:
            return profile_file(settings.profile)
        if settings.mapping is not None:
            return home / settings.mapping
        return home / (settings.folder or Path()) / "mapping.toml"

    def site_files(self) -> Sequence[Path]:
        return (self.mapping_path,)

    @cached_property
    def mapping_file(self) -> MappingFile:
        """Read when it is first needed. Raises ConfigError that names every fault."""
        return load_mapping_file(self.mapping_path)

    @cached_property
    def streams(self) -> Sequence[Stream]:  # type: ignore[override]  # they depend on the mapping file
        return streams_of(self.mapping_file)

    def site_value_maps(self) -> Mapping[str, Mapping[str, str]]:
        return self.mapping_file.landed_maps

    def entity_mappings(self) -> Sequence[EntityMapping]:
        return mappings_of(self.mapping_file)

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """Every stream; one whose gaps are refused is looked at first, so that nothing is read for nothing."""
        for stream in streams:
            self._files(stream.name, window).refuse_early()
        yield from super().read(streams, window)

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every file of the stream, whole; a row with too many or too few cells goes over as a record that is none."""
        files = self._files(stream.name, window)
        listed = self.mapping_file.listed(stream.name)
        for position, found in files.tables():
            yield Page(stream.name, landing_rows(files.spec, found, listed))
            for number in found.ragged:
                nothing = pa.array([""], pa.string())
                origin = f"{stream.name}.{position}.csv"
                yield Page(stream.name, JsonLines(nothing, origin=origin, first_line=number))
        missing = files.missing()
        if missing or files.notes:
            yield Page(stream.name, incomplete=missing, notes=files.notes)

    def content_mark(self, window: Window) -> object | None:
        """Of local files; other stores tell times too coarse to rely on. Where days may be missing, the day too."""
        if not isinstance(self.store, LocalFiles):
            return None
        specs = self.mapping_file.streams
        day = window.until.date().isoformat() if window.until and any(spec.period for spec in specs.values()) else None
        return day, {name: file_marks(self.store.paths(spec.files)) for name, spec in specs.items()}

    def check(self) -> Health:
        details: dict[str, str] = {}
        absent: list[str] = []
        notes: list[str] = []
        count = 0
        try:
            for name in self.mapping_file.streams:
                files = self._files(name, Window(until=self.context.clock()))
                found = files.found()
                for _ in files.tables():
                    pass
                count += len(found)
                details[name] = described(found)
                absent += [] if found else [name]
                notes += [*files.notes, *(f"stream {name}: {told(one)}" for one in files.missing())]
        except PacekeeperError as error:
            return Health(ok=False, message=str(error))
        if absent:
            text = f"no file in {self.store.place} for {', '.join(sorted(absent))}: correct `files` in the mapping file"
            return Health(ok=False, message=text, details=details)
        message = "; ".join([f"{count} files, all headers found", *notes])
        return Health(ok=True, message=message, details=details)

    def _files(self, stream: str, window: Window) -> StreamFiles:
        until = None if window.until is None else window.until.date()
        return StreamFiles(self.store, stream, self.mapping_file.streams[stream], until)
