"""The connector itself; what it lands and how it is mapped are in the modules beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pacekeeper.connector import Connector, ConnectorSettings, Health, SourceContext
from pacekeeper.errors import ConfigError
from pacekeeper.stream import Page, Stream, Window
from pacekeeper_connectors.site_file import file_marks
from pacekeeper_connectors.x12.folder import FolderReader, described
from pacekeeper_connectors.x12.streams import STREAMS
from pacekeeper_connectors.x12.value_maps import VALUE_MAPS


class X12Settings(ConnectorSettings):
    """Where the files are.

    folder: relative to the settings file's folder. files: which of its files are read (glob).
    include_test: read interchanges marked as test (ISA15 = T), too.
    """

    folder: Path
    files: str = "*"
    include_test: bool = False


class X12(Connector[X12Settings]):
    """X12 billing files (005010, 004010): 837P claims, 835 remittances, 277CA acknowledgements."""

    name = "x12"
    settings_type = X12Settings
    streams = STREAMS
    value_maps = VALUE_MAPS
    authentication = ("none: files of a folder",)
    known_limits = (
        "A read takes all files whole, unless none has changed; a file that is taken away deletes nothing.",
        "837P, 835 and 277CA of versions 005010 and 004010; no institutional or dental claims, no 277 status answers.",
        "Lines of a remittance are not joined to the charges of the claim.",
        "One claim number (CLM01) is one claim: where a practice uses one for several, the last one sent holds.",
        "A set that uses another component separator than its ISA names is refused, not guessed at.",
        "Amounts are read as US dollars.",
    )

    def __init__(self, settings: X12Settings, context: SourceContext, http: object = None) -> None:
        del http  # files need none
        super().__init__(settings, context)

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """Every file of the folder, whole: files are added, and none is ever changed or taken away."""
        del window
        wanted = {stream.name for stream in streams}
        for page in self._reader().pages():
            if page.stream in wanted:
                yield page

    def content_mark(self, window: Window) -> object:
        del window
        return file_marks(self._reader().found_files())

    def check(self) -> Health:
        try:
            files = self._reader().found_files()
        except ConfigError as error:
            return Health(ok=False, message=str(error))
        if not files:
            return Health(ok=False, message=f"no file in {self._folder} matches {self.settings.files!r}")
        return Health(ok=True, message=described(files))

    @property
    def _folder(self) -> Path:
        return self.context.home / self.settings.folder

    def _reader(self) -> FolderReader:
        return FolderReader(
            self._folder,
            files=self.settings.files,
            include_test=self.settings.include_test,
            has_zone=self.context.default_tz is not None,
        )
