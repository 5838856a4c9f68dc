"""Calls of the REDCap API: one address, one POST form per call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from pacekeeper.errors import ConfigError, DataError, FatalError
from pacekeeper.http import SourceClient
from pacekeeper_connectors.redcap.dictionary import Dictionary, missing_codes, parse_dictionary
from pacekeeper_connectors.redcap.values import text_of

Record = Mapping[str, Any]  # a REDCap record is open by design
_BAD_REQUEST = 400


class RedcapApi:
    """Reads one project. Answers stay in memory; the token goes over in the form, never in an address."""

    def __init__(self, http: SourceClient, *, source: str, token: str) -> None:
        self._http = http
        self._source = source
        self._token = token

    def project(self) -> tuple[bool, frozenset[str]]:
        """Whether the project is longitudinal, and its missing data codes."""
        answer = self._ask("project")
        if not isinstance(answer, Mapping) or "is_longitudinal" not in answer:
            raise DataError(f"source {self._source}: content=project gave no project: is `url` the API's address?")
        return text_of(answer["is_longitudinal"]) == "1", missing_codes(text_of(answer.get("missing_data_codes")))

    def dictionary(self) -> Dictionary:
        return parse_dictionary(self._list("metadata"))

    def events(self) -> frozenset[str]:
        """Unique names of the events of a longitudinal project."""
        return frozenset(text_of(row.get("unique_event_name")) for row in self._list("event"))

    def record_ids(
        self, field: str, *, since: datetime | None, zone: str | None, before: datetime | None = None
    ) -> list[str]:
        """Identifiers of every record, or of those that the server's log says were made or changed after `since`.

        before: with `since`, only those made or changed before it. zone: the server's, whose wall clock the API
        compares with.
        """
        asked = {"fields[0]": field}
        if since is not None:
            asked["dateRangeBegin"] = _wall_clock(since, zone)
            if before is not None:
                asked["dateRangeEnd"] = _wall_clock(before, zone)
        rows = self._records(asked)
        return list(dict.fromkeys(name for row in rows if (name := _id_of(row, field))))

    def record_batches(self, ids: Sequence[str], fields: Sequence[str], *, size: int) -> Iterator[list[Any]]:
        """The rows of the records, so many records at a time, with the fields asked for, survey times and raw codes."""
        names = {f"fields[{n}]": name for n, name in enumerate(fields)}
        for start in range(0, len(ids), size):
            wanted = {f"records[{n}]": name for n, name in enumerate(ids[start : start + size])}
            yield self._records({**names, **wanted, "exportSurveyFields": "true"})

    def _records(self, asked: Mapping[str, str]) -> list[Any]:
        return self._list(
            "record",
            action="export",
            type="flat",
            rawOrLabel="raw",
            exportCheckboxLabel="false",
            # Untouched forms have no status then, instead of 0; numbers a point. Older servers know neither.
            exportBlankForGrayFormStatus="true",
            decimalCharacter=".",
            **asked,
        )

    def _list(self, content: str, **asked: str) -> list[Any]:
        answer = self._ask(content, **asked)
        if not isinstance(answer, list):
            raise DataError(
                f"source {self._source}: content={content} answered with {type(answer).__name__}, not with a list"
            )
        return answer

    def _ask(self, content: str, **asked: str) -> Any:
        form = {"token": self._token, "content": content, "format": "json", "returnFormat": "json", **asked}
        response = self._http.post("", form=form, allow=(_BAD_REQUEST,))
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if response.status_code == _BAD_REQUEST or (isinstance(answer, Mapping) and "error" in answer):
            raise self._refusal(content, answer)
        if answer is None:
            raise DataError(
                f"source {self._source}: content={content} answered {response.status_code} with "
                f"{len(response.content)} bytes that are not JSON: a page for browsers, or an answer cut short; is "
                "`url` the API's address, which ends in /api/?"
            )
        return answer

    def _refusal(self, content: str, answer: Any) -> ConfigError | FatalError:
        """What a refusal means. The server's own text may quote values: it is compared, never shown."""
        text = text_of(answer.get("error")).casefold() if isinstance(answer, Mapping) else ""
        if "permission" in text or "token" in text:
            return ConfigError(
                f"source {self._source}: REDCap refuses content={content}. Check the token "
                f"(PACEKEEPER_SOURCES__{self._source.upper()}__TOKEN), and that its user has the API export right and "
                "may export the full data set"
            )
        return FatalError(f"source {self._source}: REDCap does not accept content={content} as it was asked")


def _id_of(row: Any, field: str) -> str:
    return text_of(row.get(field)) if isinstance(row, Mapping) else ""


def _wall_clock(moment: datetime, zone: str | None) -> str:
    return moment.astimezone(ZoneInfo(zone or "UTC")).strftime("%Y-%m-%d %H:%M:%S")
