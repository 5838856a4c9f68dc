"""How a simulator knows its clients."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass, field
from urllib.parse import unquote

from pacekeeper.testing._faults import Faults
from pacekeeper.testing.simulator_http import Call, Reply


@dataclass(frozen=True)
class ApiKeyAuth:
    """A fixed key in a header, `X-Api-Key` unless another is named."""

    key: str
    header: str = "X-Api-Key"


@dataclass(frozen=True)
class BearerAuth:
    """A fixed token: `Authorization: Bearer <token>`."""

    token: str


@dataclass(frozen=True)
class BasicAuth:
    """User name and password (RFC 7617)."""

    user: str
    password: str


@dataclass(frozen=True)
class OAuthAuth:
    """OAuth 2 client credentials (RFC 6749, 4.4): `token_path` gives tokens that live `lifetime_seconds`.

    id and secret come as basic authentication or in the form. `Faults(token_calls=, token_seconds=)` end a token early.
    """

    client_id: str
    client_secret: str
    token_path: str = "/oauth/token"  # noqa: S105  a path
    lifetime_seconds: float = 3600.0


Auth = ApiKeyAuth | BearerAuth | BasicAuth | OAuthAuth


@dataclass
class _Given:
    issued_at: float
    calls: int = 0


@dataclass
class Gate:
    """Lets calls in that bring what `auth` wants. issued: number of OAuth tokens given out so far."""

    auth: Auth | None
    _given: dict[str, _Given] = field(default_factory=dict)

    @property
    def issued(self) -> int:
        return len(self._given) if isinstance(self.auth, OAuthAuth) else 0

    def token_reply(self, call: Call, faults: Faults) -> Reply | None:
        """The answer of the token endpoint; null where the call is for something else."""
        auth = self.auth
        if not isinstance(auth, OAuthAuth) or call.path != auth.token_path:
            return None
        if call.method != "POST" or call.form.get("grant_type") != "client_credentials":
            return Reply(status=400, content={"error": "unsupported_grant_type"})
        if _client_of(call) != (auth.client_id, auth.client_secret):
            return Reply(status=401, content={"error": "invalid_client"})
        token = f"token-{len(self._given) + 1}"
        self._given[token] = _Given(time.monotonic())
        lifetime = auth.lifetime_seconds if faults.token_seconds is None else faults.token_seconds
        return Reply(content={"access_token": token, "token_type": "Bearer", "expires_in": lifetime})

    def lets_in(self, call: Call, faults: Faults) -> bool:
        """Whether the call brings what it must; counts one call of what it brings."""
        brought = self._brought(call)
        if brought is None:
            return self.auth is None
        given = self._given.get(brought)
        if given is None:
            if isinstance(self.auth, OAuthAuth):
                return False
            given = self._given[brought] = _Given(time.monotonic())
        lifetime = self.auth.lifetime_seconds if isinstance(self.auth, OAuthAuth) else None
        lifetime = lifetime if faults.token_seconds is None else faults.token_seconds
        if lifetime is not None and time.monotonic() - given.issued_at > lifetime:
            return False
        if faults.token_calls is not None and given.calls >= faults.token_calls:
            return False
        given.calls += 1
        return True

    def _brought(self, call: Call) -> str | None:
        """The credential a call brings; null where it is not the right one."""
        auth = self.auth
        kind, _, value = call.headers.get("authorization", "").partition(" ")
        if isinstance(auth, ApiKeyAuth):
            return auth.key if call.headers.get(auth.header.lower()) == auth.key else None
        if isinstance(auth, BearerAuth):
            return value if (kind.lower(), value) == ("bearer", auth.token) else None
        if isinstance(auth, BasicAuth):
            return value if kind.lower() == "basic" and _decoded(value) == (auth.user, auth.password) else None
        return value if isinstance(auth, OAuthAuth) and kind.lower() == "bearer" else None


def _client_of(call: Call) -> tuple[str, str]:
    kind, _, encoded = call.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        name, secret = _decoded(encoded)
        return unquote(name), unquote(secret)
    return call.form.get("client_id", ""), call.form.get("client_secret", "")


def _decoded(encoded: str) -> tuple[str, str]:
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret
