"""The connector: CSV files of a folder, as the mapping file beside them describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from pacekeeper.connector import Connector, ConnectorSettings, EntityMapping, Health, SourceContext
from pacekeeper.errors import ConfigError, DataError
from pacekeeper.stream import JsonLines, Page, Stream, Window
from pacekeeper_connectors.tabular.entities import mappings_of
from pacekeeper_connectors.tabular.local_time import Texts, iso_texts
from pacekeeper_connectors.tabular.mapping_file import KEY_COLUMN, MappingFile, StreamSpec, load_mapping_file
from pacekeeper_connectors.tabular.streams import streams_of
from pacekeeper_connectors.tabular.table_file import TableFile, read_table_file, zone_name

#: Between the parts of a key; no cell of a CSV file holds it.
_PART_SEPARATOR = "\x1f"


class TabularSettings(ConnectorSettings):
    """Where the files and their description are; relative paths start at the settings file's folder.

    mapping: the mapping file; null = `mapping.toml` in the folder.
    """

    folder: Path
    mapping: Path | None = None


class Tabular(Connector[TabularSettings]):
    """CSV files with headers (RFC 4180 and what spreadsheets make of it): HR, leave, schedules."""

    name = "tabular"
    settings_type = TabularSettings

    def __init__(self, settings: TabularSettings, context: SourceContext, http: object = None) -> None:
        del http  # files need none
        super().__init__(settings, context)

    @property
    def folder(self) -> Path:
        return self.context.home / self.settings.folder

    @cached_property
    def mapping_file(self) -> MappingFile:
        """Read when it is first needed. Raises ConfigError that names every fault."""
        own = self.settings.mapping
        return load_mapping_file(self.folder / "mapping.toml" if own is None else self.context.home / own)

    @cached_property
    def streams(self) -> Sequence[Stream]:  # type: ignore[override]  # they depend on the mapping file
        return streams_of(self.mapping_file)

    def site_value_maps(self) -> Mapping[str, Mapping[str, str]]:
        return self.mapping_file.value_maps

    def entity_mappings(self) -> Sequence[EntityMapping]:
        return mappings_of(self.mapping_file)

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Every file of the stream, whole; a row with too many or too few cells goes over as a record that is none."""
        del window
        spec = self.mapping_file.streams[stream.name]
        for position, found in self._tables(stream.name, spec):
            if found is None:
                continue
            yield Page(stream.name, _iso_table(spec, found))
            for number in found.ragged:
                nothing = pa.array([""], pa.string())
                origin = f"{stream.name}.{position}.csv"
                yield Page(stream.name, JsonLines(nothing, origin=origin, first_line=number))

    def check(self) -> Health:
        try:
            counts = {name: len(self._files(spec)) for name, spec in self.mapping_file.streams.items()}
            for name, spec in self.mapping_file.streams.items():
                for _ in self._tables(name, spec):
                    pass
        except (ConfigError, DataError) as error:
            return Health(ok=False, message=str(error))
        absent = sorted(name for name, count in counts.items() if not count)
        details = {name: f"{count} files" for name, count in counts.items()}
        if absent:
            text = f"no file in {self.folder} for {', '.join(absent)}: correct `files` in the mapping file"
            return Health(ok=False, message=text, details=details)
        return Health(ok=True, message=f"{sum(counts.values())} files, all headers found", details=details)

    def _tables(self, stream: str, spec: StreamSpec) -> Iterator[tuple[int, TableFile | None]]:
        """The stream's files in the order of their names, with their position, from 1."""
        files = self._files(spec)
        for position, file in enumerate(files, 1):
            yield position, read_table_file(file, spec, label=f"stream {stream}, file {position} of {len(files)}")

    def _files(self, spec: StreamSpec) -> list[Path]:
        if not self.folder.is_dir():
            raise ConfigError(f"folder {self.folder} does not exist or is no folder: correct `folder`")
        return sorted(path for path in self.folder.glob(spec.files) if path.is_file())


def _iso_table(spec: StreamSpec, found: TableFile) -> pa.Table:
    """The rows as the boundary reads them; an undeclared column is there by name, without its values."""
    table = found.table
    columns = {}
    for name, column in spec.columns.items():
        if name in table.column_names:
            zones = table[zone_name(name)] if zone_name(name) in table.column_names else None
            columns[name] = iso_texts(column, table[name], zones)
    if spec.key:
        columns[KEY_COLUMN] = _joined([columns[name] for name in spec.key])
    nothing = pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    return pa.table({**columns, **dict.fromkeys(found.undeclared, nothing)})


def _joined(parts: Sequence[Texts]) -> Texts:
    """One text per row out of several; empty where a part is."""
    rows = zip(*(part.to_pylist() for part in parts), strict=True)
    trimmed = ([str(cell).strip() for cell in row] for row in rows)
    texts = [_PART_SEPARATOR.join(cells) if all(cells) else "" for cells in trimmed]
    return pa.chunked_array([pa.array(texts, pa.string())])
