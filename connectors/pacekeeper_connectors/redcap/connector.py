"""The connector: one REDCap project over the API, read as its site file says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, SecretStr

from pacekeeper.connector import Reach
from pacekeeper.errors import ConfigError
from pacekeeper.stream import Page, Rejected, Stream, Window
from pacekeeper_connectors.questionnaire import SurveyConnector, SurveySettings
from pacekeeper_connectors.questionnaire.sheet import client_pages, local_day, wave_page
from pacekeeper_connectors.redcap.api import RedcapApi
from pacekeeper_connectors.redcap.rows import Row, RowReader
from pacekeeper_connectors.redcap.site import (
    STAFF,
    RedcapSite,
    RedcapStaff,
    check_against,
    fields_to_ask,
    load_site,
)

if TYPE_CHECKING:
    from datetime import datetime

    from pacekeeper.http import HttpConfig


class RedcapSettings(SurveySettings):
    """One project of a REDCap server.

    token: of a user who may export the project. batch_size: records per call. incremental: after the first night only
    records that the server's log knows as changed; deletions then show at a `--reread` only.
    """

    without_effect = frozenset({"batch_size"})

    token: SecretStr
    mapping: Path = Path("redcap.toml")
    batch_size: Annotated[int, Field(ge=1, le=5000)] = 200
    incremental: bool = False


class Redcap(SurveyConnector[RedcapSettings]):
    """REDCap API: records, data dictionary, events, repeating instruments, survey time stamps."""

    name = "redcap"
    system = "the REDCap project"
    settings_type = RedcapSettings
    known_limits = (
        "One source is one project, because a token is; clients and staff need a project each.",
        "With incremental = true, changes the server's log does not name (renamed or deleted records) show at a "
        "--reread only, and dateRangeBegin is compared with the server's wall clock.",
        "A staff answer sheet lands when its week is over.",
    )

    @classmethod
    def http_config(cls, settings: RedcapSettings) -> HttpConfig:
        from pacekeeper.http import HttpConfig

        return HttpConfig(base_url=settings.url, timeout_seconds=120)

    @property
    def is_incremental(self) -> bool:  # type: ignore[override]  # a setting says so
        return self.settings.incremental

    @cached_property
    def site(self) -> RedcapSite:
        site = load_site(self.mapping_path)
        if self.settings.incremental and site.staff_survey is not None:
            raise ConfigError(
                f"source {self.context.source}: incremental = true is not for a staff survey, whose sheets land weeks "
                "after they change: leave it out"
            )
        if self.settings.incremental and self._zone is None:
            raise ConfigError(
                f"source {self.context.source}: incremental = true needs server_tz or default_tz, as the server "
                "compares times by its own wall clock"
            )
        return site

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """One pass over the records serves every stream."""
        del streams
        api, site = self._api, self.site
        reader, fields, record_id = self._prepared(api)
        since = None
        if self.settings.incremental:
            known = [window.since_of(name) for name in ("response", "client")]
            since = None if None in known else min(moment for moment in known if moment is not None)
        ids = api.record_ids(record_id, since=since, zone=self._zone, before=window.before)
        read_at = self._server_time(window) if self.settings.incremental else None
        seen: set[str] = set()
        if site.staff_survey is not None:
            yield wave_page(STAFF, site.staff_survey.waves)
        else:
            yield from client_pages([], read_at=read_at)
        for number, found in enumerate(api.record_batches(ids, fields, size=self.settings.batch_size), 1):
            rows, rejected = reader.usable(found, batch=number)
            if site.staff_survey is not None:
                yield self._staff_page(reader, rows, site.staff_survey, window, rejected)
            else:
                sheets = list(reader.client_sheets(rows))
                yield from client_pages(sheets, rejected=rejected, read_at=read_at, seen=seen)

    def reach(self) -> Reach:
        return "window" if self.settings.incremental else "all"

    def look(self) -> str:
        self._prepared(self._api)
        return "the project answers, and has every field the mapping file names"

    @property
    def _api(self) -> RedcapApi:
        token = self.settings.token.get_secret_value()
        return RedcapApi(self.http, source=self.context.source, token=token)

    @property
    def _zone(self) -> str | None:
        return self.settings.server_tz or self.context.default_tz

    def _prepared(self, api: RedcapApi) -> tuple[RowReader, list[str], str]:
        """Reader of rows, fields to ask for and the identifier's field, of a project that has what the file names."""
        is_longitudinal, missing = api.project()
        dictionary = api.dictionary()
        events = api.events() if is_longitudinal else None
        check_against(self.site, dictionary, path=self.mapping_path, events=events)
        reader = RowReader(self.site, dictionary, missing=missing, zone=self.settings.server_tz)
        return reader, fields_to_ask(self.site, dictionary), dictionary.record_id

    def _server_time(self, window: Window) -> datetime | None:
        """The server's own time of the last answer; the run's where it sends none."""
        try:
            return parsedate_to_datetime(self.http.last_date or "")
        except ValueError:
            return window.until

    def _staff_page(
        self, reader: RowReader, rows: Sequence[Row], spec: RedcapStaff, window: Window, rejected: Sequence[Rejected]
    ) -> Page:
        today = local_day(window.until or self.context.clock(), self._zone)
        records = [sheet.record(today=today) for sheet in reader.staff_sheets(rows, spec)]
        return Page("staff_sheet", records, rejected=rejected)
