"""The connector: a folder of message files, read whole; what it lands and how it is mapped are beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from pacekeeper.connector import Connector, ConnectorSettings, Health, SourceContext
from pacekeeper.errors import ConfigError, RetryableError
from pacekeeper.hl7v2 import FileMessage, UnreadableError, messages_of
from pacekeeper.stream import Page, Rejected, Stream, Window
from pacekeeper_connectors.hl7v2.adt import merge_rows, message_row, visit_rows
from pacekeeper_connectors.hl7v2.dft import transaction_rows
from pacekeeper_connectors.hl7v2.envelope import ClientId, Envelope, Row
from pacekeeper_connectors.hl7v2.mdm import note_rows
from pacekeeper_connectors.hl7v2.oru import questionnaire_rows
from pacekeeper_connectors.hl7v2.siu import appointment_rows
from pacekeeper_connectors.hl7v2.streams import STREAMS
from pacekeeper_connectors.hl7v2.value_maps import VALUE_MAPS
from pacekeeper_connectors.site_file import file_marks

#: Records of a page.
_PAGE_ROWS = 5000
#: File names that are made of message types, events and short or date-like numbers name nobody.
_TYPE_NAME = "(?:ADT|SIU|DFT|MDM|ORU|BAR|REF|ACK|HL7|MSG|BATCH)[0-9]{0,6}"
_PART = rf"(?:{_TYPE_NAME}|[A-Z][0-9]{{2}}|[0-9]{{1,6}}|(?:19|20)[0-9]{{12}})"
_PLAIN_NAME = re.compile(rf"(?:{_TYPE_NAME}|20[0-9]{{6}})(?:[-_.]{_PART})*\.[a-z0-9]{{2,4}}", re.IGNORECASE)


class Hl7v2Settings(ConnectorSettings):
    """Where the message files are; a relative folder starts at the settings file's.

    files: glob below the folder. facilities: IANA zone by sending facility (MSH-4.1), before the source's default_tz.
    client_id_type, client_id_authority: which identifier of PID-3 is the client's (CX.5, CX.4.1).
    currency: of amounts without one. process_note_types: TXA-2 of psychotherapy process notes, which never land.
    """

    folder: Path
    files: str = "*.hl7"
    facilities: Mapping[str, str] = Field(default_factory=dict)
    client_id_type: str = "MR"
    client_id_authority: str | None = None
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    process_note_types: tuple[str, ...] = ("PPN", "PROCESS", "PSYCHOTHERAPY")

    @field_validator("facilities")
    @classmethod
    def _zones_exist(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for number, zone in enumerate(value.values(), 1):
            try:
                ZoneInfo(zone)
            except (KeyError, ValueError, OSError):
                raise ValueError(f"no. {number} is no IANA time zone such as America/New_York") from None
        return value


class Hl7v2(Connector[Hl7v2Settings]):
    """HL7 v2 message files (versions 2.3 to 2.8, https://www.hl7.org): SIU, ADT, DFT, MDM, ORU."""

    name = "hl7v2"
    settings_type = Hl7v2Settings
    streams = STREAMS
    value_maps = VALUE_MAPS
    authentication = ("none: files of a folder",)
    known_limits = (
        "A read takes all files whole, unless none has changed.",
        "No MLLP listener: an interface engine writes the files.",
        "A message cut at the end of a segment shows only where it is in a batch or an MLLP block.",
        "Sessions come from ADT visits with both times; a completed appointment alone is none.",
        "Locations (AIL), place of service, diagnoses and unmerging (A37) are not read.",
        "Questionnaires are found by LOINC alone: PHQ-9, GAD-7, EPDS; of the EPDS the total only.",
    )

    def __init__(self, settings: Hl7v2Settings, context: SourceContext, http: object = None) -> None:
        del http  # files need none
        super().__init__(settings, context)

    @property
    def folder(self) -> Path:
        return self.context.home / self.settings.folder

    @cached_property
    def _zones(self) -> Mapping[str, ZoneInfo]:
        return {facility: ZoneInfo(zone) for facility, zone in self.settings.facilities.items()}

    @cached_property
    def _default_zone(self) -> ZoneInfo | None:
        return ZoneInfo(self.context.default_tz) if self.context.default_tz else None

    @cached_property
    def _client_id(self) -> ClientId:
        return ClientId(self.settings.client_id_type, self.settings.client_id_authority)

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """Every file in the order of names. A message is read whole or rejected whole, under stream `message`."""
        del window
        wanted = {stream.name for stream in streams}
        waiting = _Waiting(wanted)
        for position, file in enumerate(self._files(), 1):
            label = file.name if _PLAIN_NAME.fullmatch(file.name) else f"file {position}"
            for found in messages_of(_content(file, label)):
                try:
                    waiting.add(self._records(found))
                except UnreadableError as error:
                    waiting.reject(Rejected(error.reason, f"{label} message {found.number}"))
                if waiting.count >= _PAGE_ROWS:
                    yield from waiting.pages()
        yield from waiting.pages()

    def content_mark(self, window: Window) -> object:
        del window
        return file_marks(self._files())

    def check(self) -> Health:
        try:
            files = self._files()
        except ConfigError as error:
            return Health(ok=False, message=str(error))
        if not files:
            return Health(
                ok=False, message=f"no file in {self.folder} matches {self.settings.files!r}: correct `files`"
            )
        return Health(ok=True, message=f"{len(files)} message files")

    def _records(self, found: FileMessage) -> list[tuple[str, Row]]:
        """Every record of a message, with its stream. Raises UnreadableError."""
        if found.text is None:
            raise UnreadableError(found.fault or "no_msh")
        envelope = Envelope(found.text, zones=self._zones, default_zone=self._default_zone, client_id=self._client_id)
        records = [("message", message_row(envelope))]
        match envelope.kind:
            case "SIU":
                records += [("appointment_message", row) for row in appointment_rows(envelope)]
            case "ADT":
                records += [("visit_message", row) for row in visit_rows(envelope)]
                records += [("merge", row) for row in merge_rows(envelope)]
            case "DFT":
                rows = transaction_rows(envelope, currency=self.settings.currency)
                records += [("transaction", row) for row in rows]
            case "MDM":
                types = self.settings.process_note_types
                records += [("note_message", row) for row in note_rows(envelope, process_notes=types)]
            case "ORU":
                records += [("questionnaire", row) for row in questionnaire_rows(envelope)]
        return records

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            raise ConfigError(f"folder {self.folder} does not exist or is no folder: correct `folder`")
        return sorted(path for path in self.folder.glob(self.settings.files) if path.is_file())


class _Waiting:
    """Records that have not been handed over yet, by stream."""

    def __init__(self, wanted: set[str]) -> None:
        self._wanted = wanted
        self._rows: dict[str, list[Row]] = {}
        self._rejected: list[Rejected] = []
        self.count = 0

    def add(self, records: Sequence[tuple[str, Row]]) -> None:
        for stream, row in records:
            if stream in self._wanted:
                self._rows.setdefault(stream, []).append(row)
                self.count += 1

    def reject(self, rejected: Rejected) -> None:
        if "message" in self._wanted:
            self._rejected.append(rejected)
            self.count += 1

    def pages(self) -> Iterator[Page]:
        rows, rejected = self._rows, self._rejected
        self._rows, self._rejected, self.count = {}, [], 0
        if rejected:
            yield Page("message", rejected=rejected)
        for stream, found in rows.items():
            yield Page(stream, found)


def _content(file: Path, label: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RetryableError(
            f"{label}: it cannot be read ({type(error).__name__}); check who may read it, then run again"
        ) from None
