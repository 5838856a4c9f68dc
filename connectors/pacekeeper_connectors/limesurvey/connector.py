"""The connector: surveys of a LimeSurvey server, read as the site file says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from pacekeeper.errors import ConfigError, DataError
from pacekeeper.stream import Page, Stream, Window
from pacekeeper_connectors.limesurvey import responses
from pacekeeper_connectors.limesurvey.remote_control import RemoteControl
from pacekeeper_connectors.limesurvey.site import (
    LimeSite,
    LimeSurveySpec,
    check_headings,
    load_site,
    named_headings,
    staff_label,
)
from pacekeeper_connectors.questionnaire import SurveyConnector, SurveySettings
from pacekeeper_connectors.questionnaire.sheet import client_pages, local_day, wave_page

if TYPE_CHECKING:
    from pacekeeper.http import HttpConfig

#: Ranges of ids without one response, one after the other, after which the rest is not looked for.
_MOST_GAPS = 200
_PARTICIPANTS = 1000
#: `bUnused` of list_participants: true would leave out who has answered.
_USED_AS_WELL = False


class LimeSurveySettings(SurveySettings):
    """One LimeSurvey server and user. url: RemoteControl's address. batch_size: response ids per call."""

    without_effect = frozenset({"batch_size"})

    user: str
    password: SecretStr
    mapping: Path = Path("limesurvey.toml")
    batch_size: Annotated[int, Field(ge=1, le=100_000)] = 2000


class LimeSurvey(SurveyConnector[LimeSurveySettings]):
    """LimeSurvey 3 to 6 over RemoteControl 2 (JSON-RPC)."""

    name = "limesurvey"
    system = "LimeSurvey"
    settings_type = LimeSurveySettings
    known_limits = (
        "RemoteControl cannot be asked for changes: every night reads every response.",
        "A staff answer sheet lands when its week is over.",
    )

    @classmethod
    def http_config(cls, settings: LimeSurveySettings) -> HttpConfig:
        from pacekeeper.http import HttpConfig

        return HttpConfig(base_url=_split(settings.url)[0], timeout_seconds=120)

    @cached_property
    def site(self) -> LimeSite:
        return load_site(self.mapping_path)

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """Every survey of the site file, whole; one pass over a survey serves every stream."""
        del streams
        seen: set[str] = set()
        with self._session() as remote:
            for number, spec in self.site.by_number.items():
                fields = self._fields(remote, number, spec)
                if spec.staff_survey is not None:
                    yield from self._staff_pages(remote, number, spec, fields, window)
                else:
                    yield from self._client_pages(remote, number, spec, fields, seen)

    def look(self) -> str:
        with self._session() as remote:
            listed = remote.call("list_surveys") or []
            known = {str(row.get("sid")) for row in listed if isinstance(row, Mapping)}
            absent = [number for number in self.site.surveys if number not in known]
            if absent:
                raise ConfigError(f"the user sees no survey {', '.join(absent)}: correct the mapping file")
            for number, spec in self.site.by_number.items():
                self._fields(remote, number, spec)
        return f"{len(self.site.surveys)} surveys, with every question the mapping file names"

    @contextmanager
    def _session(self) -> Iterator[RemoteControl]:
        settings = self.settings
        path = _split(settings.url)[1]
        password = settings.password.get_secret_value()
        remote = RemoteControl(self.http, path, source=self.context.source, user=settings.user, password=password)
        try:
            yield remote
        finally:
            remote.close()

    def _fields(self, remote: RemoteControl, number: int, spec: LimeSurveySpec) -> list[str]:
        """The survey's names of the columns to export: LimeSurvey's own, and those the file names; no others."""
        about = f"survey {number}"
        found = remote.call("get_fieldmap", number, about=about)
        if not isinstance(found, Mapping):
            raise DataError(f"source {self.context.source}: get_fieldmap for {about} gave no map of fields")
        names = {_heading(entry): str(name) for name, entry in found.items() if isinstance(entry, Mapping)}
        check_headings(self.mapping_path, number, spec, names)
        if spec.staff_survey is not None:
            self._require_anonymous(remote, number)
        own = [responses.ID, responses.SUBMITTED]
        if spec.staff_survey is None:
            own += [responses.TOKEN, "startdate"]
        wanted = [*own, *(heading for _, _, heading in named_headings(spec))]
        return list(dict.fromkeys(names[heading] for heading in wanted if heading in names))

    def _require_anonymous(self, remote: RemoteControl, number: int) -> None:
        found = remote.call("get_survey_properties", number, ["anonymized"], about=f"survey {number}")
        if not isinstance(found, Mapping) or found.get("anonymized") != "Y":
            raise ConfigError(
                f"source {self.context.source}: survey {number} is a staff survey, and its responses are not "
                "anonymised: switch on `Anonymized responses` in LimeSurvey before it is activated, or take it out of "
                "the mapping file"
            )

    def _client_pages(
        self, remote: RemoteControl, number: int, spec: LimeSurveySpec, fields: Sequence[str], seen: set[str]
    ) -> Iterator[Page]:
        clients = self._participants(remote, number, spec)
        for found in self._batches(remote, number, fields):
            rows, rejected = responses.usable(found, survey=number)
            zone = self.settings.server_tz
            sheets = list(responses.client_sheets(rows, number, spec, clients=clients, zone=zone))
            yield from client_pages(sheets, rejected=rejected, seen=seen)

    def _staff_pages(
        self, remote: RemoteControl, number: int, spec: LimeSurveySpec, fields: Sequence[str], window: Window
    ) -> Iterator[Page]:
        staff = spec.staff_survey
        if staff is None:
            return
        yield wave_page(staff_label(number), staff.waves)
        zone = self.settings.server_tz or self.context.default_tz
        today = local_day(window.until or self.context.clock(), zone)
        for found in self._batches(remote, number, fields):
            rows, rejected = responses.usable(found, survey=number)
            records = [sheet.record(today=today) for sheet in responses.staff_sheets(rows, number, staff)]
            yield Page("staff_sheet", records, rejected=rejected)

    def _batches(self, remote: RemoteControl, number: int, fields: Sequence[str]) -> Iterator[list[Any]]:
        """Every response, by ranges of ids, until as many as LimeSurvey counts have come."""
        summary = remote.call("get_summary", number, "all", about=f"survey {number}")
        total = int(summary.get("full_responses", 0)) if isinstance(summary, Mapping) else 0
        size, first, read, gaps = self.settings.batch_size, 1, 0, 0
        while read < total:
            rows = remote.export(number, fields, first=first, last=first + size - 1)
            first, read, gaps = first + size, read + len(rows), 0 if rows else gaps + 1
            if gaps > _MOST_GAPS:
                raise DataError(
                    f"source {self.context.source}: survey {number} counts {total} responses, and gives {read}; raise "
                    "batch_size, if ids of the others are far apart"
                )
            if rows:
                yield rows

    def _participants(self, remote: RemoteControl, number: int, spec: LimeSurveySpec) -> dict[str, str]:
        """Identifier by access code. Names and addresses that come along are dropped at once."""
        attribute = None if spec.client is None else spec.client.participant
        if attribute is None or attribute == responses.TOKEN:
            return {}
        found: dict[str, str] = {}
        start = 0
        while True:
            about = f"survey {number}"
            asked = (start, _PARTICIPANTS, _USED_AS_WELL, [attribute])
            rows = remote.call("list_participants", number, *asked, about=about)
            rows = rows if isinstance(rows, list) else []
            for row in rows:
                if isinstance(row, Mapping) and row.get("token") and row.get(attribute):
                    found[str(row["token"])] = str(row[attribute]).strip()
            if len(rows) < _PARTICIPANTS:
                return found
            start += len(rows)


def _heading(entry: Mapping[str, Any]) -> str:
    """The heading an export by codes gives a field: `PHQ9[SQ001]`, `comment`, or LimeSurvey's own name."""
    title, aid = str(entry.get("title") or ""), str(entry.get("aid") or "")
    if not title:
        return str(entry.get("fieldname") or "")
    return f"{title}[{aid}]" if aid else title


def _split(url: str) -> tuple[str, str]:
    """Base address and last part of an address: LimeSurvey does not take one with a slash behind it."""
    parts = urlsplit(url.strip())
    folder, _, last = parts.path.rstrip("/").rpartition("/")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{folder}", last + query
