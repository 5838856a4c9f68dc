"""Tryton's JSON-RPC: one address for every method, errors inside a 200, records page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pacekeeper import ConfigError, DataError, FatalError, PacekeeperError, RetryableError, SourceClient

from pacekeeper_gnuhealth.access import SessionAuth
from pacekeeper_gnuhealth.wire import marked

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Model:
    """A model of GNU Health and what is read of it.

    fields: as search_read takes them; `party.dob` goes through a reference. stamps: fields that tell when a record was
    made or changed, by which changes are asked for; of those that lead to several records, any of them counts.
    """

    name: str
    fields: tuple[str, ...]
    stamps: tuple[str, ...] = ()


class Tryton:
    """Calls as the session's user. Errors name the method and never what was answered: it may hold names."""

    def __init__(self, http: SourceClient, database: str) -> None:
        self._http = http
        self._path = f"{database}/"
        self._number = 0

    def pages(self, model: Model, *, since: datetime | None, size: int) -> Iterator[list[Row]]:
        """All records of a model, or those changed at or after `since`, by id; inactive ones too.

        Each page begins after the last id of the one before, so that a record deleted meanwhile shifts none out.
        Raises DataError where the same page comes twice.
        """
        changed = [] if since is None else [["OR", *([stamp, ">=", marked(since)] for stamp in model.stamps)]]
        last: Any = None  # Any: an id, JSON
        while True:
            following = [] if last is None else [["id", ">", last]]
            rows = self._search_read(model, [*following, *changed], size)
            if not rows:
                return
            if rows[-1]["id"] == last:
                raise DataError(f"{self._call_text(model.name)} gives the same page twice; paging would never end")
            last = rows[-1]["id"]
            yield rows

    def probe(self, model: Model) -> None:
        """Read one record with every field that a night reads."""
        self._search_read(model, [], 1)

    def end(self) -> None:
        """Give the session back; where that fails, Tryton ends it in its own time."""
        auth = self._auth
        if auth is None or not auth.is_open:
            return
        auth.is_ending = True
        try:
            self._call("common.db.logout", [], about="the session")
        except PacekeeperError:
            pass
        finally:
            auth.forget()

    def forget(self) -> None:
        """Leave the session to Tryton."""
        if self._auth is not None:
            self._auth.forget()

    @property
    def _auth(self) -> SessionAuth | None:
        auth = self._http.auth
        return auth if isinstance(auth, SessionAuth) else None

    def _search_read(self, model: Model, domain: list[Any], size: int) -> list[Row]:
        # Without active_test Tryton hides inactive records, as if they were deleted.
        params = [domain, 0, size, [["id", "ASC"]], list(model.fields), {"active_test": False}]
        rows = self._call(f"model.{model.name}.search_read", params, about=model.name)
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) and "id" in row for row in rows):
            raise DataError(f"{self._call_text(model.name)} was answered with something that is no list of records")
        return rows

    def _call(self, method: str, params: list[Any], *, about: str) -> Any:  # Any: JSON
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params}
        response = self._http.post(self._path, json=asked)
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, Mapping) or not answer.keys() & {"result", "error"}:
            raise DataError(
                f"{self._call_text(about)} was answered 200 with {len(response.content)} bytes that are no JSON-RPC; "
                "does url lead to a Tryton server?"
            )
        if answer.get("id") != self._number:
            raise DataError(f"{self._call_text(about)}: the answer belongs to another call")
        if "error" in answer:
            raise self._refusal(answer["error"], about, asked_for=_names(params))
        return answer["result"]

    def _refusal(self, error: Any, about: str, *, asked_for: set[str]) -> PacekeeperError:
        """What an error means. Its text may quote records, so that only words of our own are told from it."""
        kind = error[0] if isinstance(error, list) and error and isinstance(error[0], str) else ""
        where = self._call_text(about)
        if kind == "UserError":
            return ConfigError(f"{where} is refused: give the user the right to read {about} (README, Access)")
        if kind in {f"'{name}'" for name in {about, *asked_for}}:
            return ConfigError(
                f"{where}: the server does not know {kind}; is this the database, and has it GNU Health 5.0's module "
                "health activated?"
            )
        if kind in {"UserWarning", "LoginException"}:
            return FatalError(f"{where} ends in a {kind}, which no read should")
        return RetryableError(f"{where} ended in an error of the server; run again later, or see the server's log")

    def _call_text(self, about: str) -> str:
        return f"source {self._http.source}: reading {about}"


def _names(params: list[Any]) -> set[str]:
    """Every part of the fields asked for."""
    fields = params[4] if len(params) > 4 else []
    return {part for field in fields for part in str(field).split(".")}
