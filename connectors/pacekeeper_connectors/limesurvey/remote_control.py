"""RemoteControl 2, LimeSurvey's JSON-RPC interface: sessions, errors inside a 200, exports in base64."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pacekeeper.errors import ConfigError, DataError, FatalError, RetryableError
from pacekeeper.http import SourceClient

_EXPIRED = "invalid session key"
_SERVER_ERROR = 500
#: What a status, in lower case, means for the person who reads it.
_REFUSALS = {
    "invalid user name or password": "check `user` and the password; the user's account may be locked as well",
    "no permission": "give the user the rights to view the survey, its participants and to export its responses",
    "error: invalid survey id": "there is no survey of that number: correct the mapping file",
    "error: no survey participants table": "the survey has no participants table: take the client from an answer "
    "(`field`), or give the survey participants",
    "error: missing user name or password": "set `user` and the password",
}
#: Statuses that mean an empty list.
_NOTHING = frozenset(
    {"no survey participants found.", "no data", "no data, survey table does not exist.", "no response found for token"}
)


class RemoteControl:
    """Calls as a user; logs in at the first call, and once more when the session has expired.

    logins: how often it has logged in.
    """

    def __init__(self, http: SourceClient, path: str, *, source: str, user: str, password: str) -> None:
        self._http = http
        self._path = path
        self._source = source
        self._user = user
        self._password = password
        self._session: str | None = None
        self._number = 0
        self.logins = 0

    def call(self, method: str, *params: Any, about: str = "") -> Any:  # Any: JSON
        """The result of a method; null where the status says that there is nothing. about: what messages name."""
        for _ in range(2):
            session = self._session or self._login()
            result = self._invoke(method, session, *params)
            status = _status(result)
            if status != _EXPIRED:
                break
            self._session = None
        if status is None:
            return result
        if status in _NOTHING:
            return None
        raise self._refusal(method, status, about)

    def export(self, survey: int, fields: Sequence[str], *, first: int, last: int) -> list[Any]:
        """Responses with an id in that range, complete or not, as code by heading; empty where there are none."""
        encoded = self.call(
            "export_responses",
            survey,
            "json",
            None,
            "all",
            "code",
            "short",
            first,
            last,
            list(fields),
            about=f"survey {survey}",
        )
        return [] if encoded is None else decoded_responses(encoded, source=self._source, survey=survey)

    def close(self) -> None:
        """Give the session back; a server that does not take it keeps it until it expires."""
        if self._session is None:
            return
        session, self._session = self._session, None
        try:
            self._invoke("release_session_key", session)
        except (RetryableError, DataError, FatalError):
            return

    def _login(self) -> str:
        found = self._invoke("get_session_key", self._user, self._password)
        status = _status(found)
        if status is not None or not isinstance(found, str) or not found:
            raise self._refusal("get_session_key", status or "", "")
        self.logins += 1
        self._session = found
        return found

    def _invoke(self, method: str, *params: Any) -> Any:
        self._number += 1
        asked = {"method": method, "params": params, "id": self._number}
        response = self._http.post(self._path, json=asked, allow=(_SERVER_ERROR,))
        where = f"source {self._source}: RemoteControl method {method}"
        if response.status_code == _SERVER_ERROR:
            raise RetryableError(
                f"{where} answered 500: the server has a fault, or does not know the method with these parameters "
                "(LimeSurvey 3 or later is needed); run again later, or ask its administrator for the log"
            )
        if not response.content:
            raise ConfigError(
                f"{where} answered nothing: switch the RPC interface to JSON-RPC in LimeSurvey's global settings, "
                "under Interfaces"
            )
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, Mapping) or "result" not in answer:
            raise DataError(
                f"{where} answered 200 with {len(response.content)} bytes that are no JSON-RPC: a page for browsers, "
                "or an answer cut short; does `url` end in admin/remotecontrol?"
            )
        if answer.get("error") is not None:
            raise FatalError(f"{where} answered with an error: the call was not understood")
        if answer.get("id") != self._number:
            raise DataError(f"{where}: the answer belongs to another call")
        return answer["result"]

    def _refusal(self, method: str, status: str, about: str) -> ConfigError | FatalError:
        """What a refusal means; a status that is not known may quote anything, and is not shown."""
        where = f"source {self._source}: RemoteControl method {method}" + (f" for {about}" if about else "")
        if status.startswith("you have exceeded the number of maximum"):
            return ConfigError(
                f"{where}: LimeSurvey has locked the account after too many failed log-ins; wait, then check the "
                "password"
            )
        known = next((fix for text, fix in _REFUSALS.items() if status.startswith(text)), None)
        if known is not None:
            return ConfigError(f"{where} is refused: {known}")
        return FatalError(f"{where} is refused with a status that is not known")


def decoded_responses(encoded: Any, *, source: str, survey: int) -> list[Any]:
    """The rows of an export; DataError where it is damaged."""
    try:
        content = base64.b64decode(str(encoded), validate=True).removeprefix(b"\xef\xbb\xbf")
        found = orjson.loads(content)
    except ValueError:  # no base64, no JSON
        found = None
    rows = found.get("responses") if isinstance(found, Mapping) else None
    if not isinstance(rows, list):
        raise DataError(f"source {source}: the export of survey {survey} is damaged: no base64 of a list of responses")
    # Before LimeSurvey 4 every row was wrapped once more: {"17": {...}}.
    return [_unwrapped(row) for row in rows]


def _unwrapped(row: Any) -> Any:
    if isinstance(row, Mapping) and len(row) == 1:
        (only,) = row.values()
        return only if isinstance(only, Mapping) else row
    return row


def _status(result: Any) -> str | None:
    """The status of a refused call, in lower case; null where the result is a result."""
    if not isinstance(result, Mapping) or not isinstance(result.get("status"), str):
        return None
    status = result["status"].strip().casefold()
    return None if status == "ok" or set(result) - {"status", "error_code"} else status
