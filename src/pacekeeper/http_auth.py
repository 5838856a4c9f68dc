"""Ways a source proves to its server who it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, Literal
from urllib.parse import quote

import httpx
import orjson
from pydantic import SecretStr

from pacekeeper.errors import ConfigError, DataError, FatalError, PacekeeperError, RetryableError

#: What a token endpoint may call a refusal (RFC 6749, 5.2); any other text of it is not shown.
_ERROR_CODES = {
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
}
#: Seconds a token lives whose server does not say.
_DEFAULT_LIFETIME = 300.0
#: A token is renewed this long before it ends; one so short that this comes early, after four fifths of its life.
_RENEWAL_MARGIN = 60.0


class AuthProblem(Exception):  # noqa: N818  never leaves the SDK: SourceClient names the source and raises `kind`
    """Authentication failed before the call itself was answered; kind is the error a caller gets."""

    def __init__(self, kind: type[PacekeeperError], text: str) -> None:
        self.kind = kind
        self.text = text
        super().__init__(text)


class BearerToken(httpx.Auth):
    """A fixed token, sent as `Authorization: Bearer`."""

    def __init__(self, token: SecretStr) -> None:
        text = _header_text(token)
        if text is None:
            raise ConfigError("the bearer token is empty, or holds a line break or a character outside ASCII")
        self._header = f"Bearer {text}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


class TokenAuth(httpx.Auth):
    """Fetches a token, keeps it, renews it before its end and once on 401. Subclasses say how it is asked for.

    clock: monotonic seconds. For one thread, as every source has its own process.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._header = ""
        self._renew_at = float("-inf")

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        fetched = self._clock() >= self._renew_at
        if fetched:
            yield from self._fetch(request.extensions)
        request.headers["Authorization"] = self._header
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and not fetched:
            yield from self._fetch(request.extensions)
            request.headers["Authorization"] = self._header
            yield request

    def _fetch(self, extensions: Mapping[str, Any]) -> Generator[httpx.Request, httpx.Response, None]:
        # A request made by hand has no timeout unless it is handed on.
        handed_on = {name: extensions[name] for name in ("timeout",) if name in extensions}
        asked_at = self._clock()
        response = yield from self.ask(handed_on)
        token, lifetime = _token_of(response)
        self._header = f"Bearer {token}"
        self._renew_at = asked_at + max(lifetime - _RENEWAL_MARGIN, lifetime * 0.8)

    def ask(self, extensions: Mapping[str, Any]) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
        """Send what a token costs; returns the token endpoint's answer, its body read. Raises AuthProblem."""
        raise NotImplementedError


class ClientCredentials(TokenAuth):
    """OAuth 2 client credentials (RFC 6749, 4.4).

    credentials_in: some servers take id and secret only in the request's body.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: SecretStr,
        scope: str | None = None,
        *,
        credentials_in: Literal["header", "body"] = "header",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock=clock)
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._scope = scope
        self._credentials_in = credentials_in

    def ask(self, extensions: Mapping[str, Any]) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        secret = self._client_secret.get_secret_value()
        if self._credentials_in == "body":
            form |= {"client_id": self._client_id, "client_secret": secret}
        headers = {"Accept": "application/json"}
        request = httpx.Request("POST", self._token_url, data=form, headers=headers, extensions=dict(extensions))
        if self._credentials_in == "header":
            request = next(httpx.BasicAuth(quote(self._client_id), quote(secret)).auth_flow(request))
        response = yield request
        response.read()
        return response


def _token_of(response: httpx.Response) -> tuple[str, float]:
    status = response.status_code
    if status in {400, 401, 403}:
        raise AuthProblem(
            ConfigError,
            f"the token endpoint answered {status}{_error_code(response)}: check client_id, the client's secret or "
            "key, scope and token_url",
        )
    if status >= 500 or status in {408, 429}:
        raise AuthProblem(RetryableError, f"the token endpoint answered {status}")
    if status != httpx.codes.OK:
        raise AuthProblem(FatalError, f"the token endpoint answered {status}: check token_url in its settings")
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    token = answer.get("access_token") if isinstance(answer, dict) else None
    text = _header_text(SecretStr(token)) if isinstance(token, str) else None
    if text is None:
        raise AuthProblem(DataError, "the token endpoint answered 200 without a usable access_token")
    try:
        lifetime = float(answer["expires_in"])
    except (KeyError, TypeError, ValueError):
        lifetime = _DEFAULT_LIFETIME
    return text, lifetime if lifetime > 0 else _DEFAULT_LIFETIME


def _error_code(response: httpx.Response) -> str:
    """` (invalid_client)` where the answer names a code of the standard, else nothing."""
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return ""
    code = answer.get("error") if isinstance(answer, dict) else None
    return f" ({code})" if code in _ERROR_CODES else ""


def _header_text(secret: SecretStr) -> str | None:
    """The secret as a header may hold it, else null: httpx would raise an error that quotes it."""
    text = secret.get_secret_value().strip()
    return text if text and text.isascii() and text.isprintable() else None
