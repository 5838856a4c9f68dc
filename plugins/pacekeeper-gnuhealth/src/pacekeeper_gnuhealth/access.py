"""How Tryton lets a source in: a session for a user's name and password, sent with every call.

Source: trytond 7.0, protocols/dispatcher.py and protocols/wrappers.py, as installed with GNU Health 5.0.6.
"""

from __future__ import annotations

import base64
from collections.abc import Generator, Mapping
from typing import Any

import httpx
import orjson
from pacekeeper import ConfigError, DataError, FatalError, RetryableError
from pacekeeper.http_auth import AuthProblem

from pacekeeper_gnuhealth.settings import GnuHealthSettings


class SessionAuth(httpx.Auth):
    """Begins a session at the first call, and a new one where a call is answered 401: the old one has ended.

    is_open: whether there is a session. is_ending: the next call gives it back, and must not begin another.
    """

    def __init__(self, settings: GnuHealthSettings) -> None:
        self._settings = settings
        self._header: str | None = None
        self.is_ending = False

    @property
    def is_open(self) -> bool:
        return self._header is not None

    def forget(self) -> None:
        """Be as before the first call."""
        self._header, self.is_ending = None, False

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        is_new = self._header is None
        if is_new:
            yield from self._begin(request.extensions)
        request.headers["Authorization"] = self._header or ""
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and not (is_new or self.is_ending):
            yield from self._begin(request.extensions)
            request.headers["Authorization"] = self._header or ""
            yield request

    def _begin(self, extensions: Mapping[str, Any]) -> Generator[httpx.Request, httpx.Response, None]:
        known = self._settings
        asked = {
            "id": 0,
            "method": "common.db.login",
            "params": [known.user, {"password": known.password.get_secret_value()}],
        }
        # A request made by hand has no timeout unless it is handed on.
        handed_on = {name: extensions[name] for name in ("timeout",) if name in extensions}
        address = f"{known.url.strip().rstrip('/')}/{known.database}/"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._header = None
        response = yield httpx.Request(
            "POST", address, content=orjson.dumps(asked), headers=headers, extensions=handed_on
        )
        response.read()
        user_id, session = _session_of(response)
        self._header = "Session " + base64.b64encode(f"{known.user}:{user_id}:{session}".encode()).decode("ascii")


def _session_of(response: httpx.Response) -> tuple[int, str]:
    """Number of the user and name of the session, or AuthProblem."""
    status = response.status_code
    if status in {401, 403}:
        raise AuthProblem(ConfigError, f"the login was answered {status}: check user and password")
    if status == httpx.codes.NOT_FOUND:
        raise AuthProblem(ConfigError, "the login was answered 404: check url, and that the server knows the database")
    if status >= 500 or status in {408, 429}:
        raise AuthProblem(RetryableError, f"the login was answered {status}")
    if status != httpx.codes.OK:
        raise AuthProblem(FatalError, f"the login was answered {status}: check url and database")
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    found = answer if isinstance(answer, Mapping) else {}
    error = found.get("error")
    if isinstance(error, list) and error[:1] == ["LoginException"]:
        raise AuthProblem(
            ConfigError, "the login asks for more than a password: give this user the password method alone"
        )
    match found.get("result"):
        case [int(user_id), str(session), *_] if session:
            return user_id, session
    raise AuthProblem(
        DataError, "the login was answered 200 without a session; does url lead to a Tryton server of version 7.0?"
    )
