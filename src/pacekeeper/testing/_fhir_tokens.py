"""Tokens of the loopback FHIR server: who gets one, and how long it is good."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from pacekeeper.testing._faults import Faults

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ("RS384", "ES384")
#: Seconds ahead an assertion may end.
_LONGEST = 300


@dataclass
class _Token:
    issued_at: float
    scope: str
    calls: int = 0


@dataclass
class Tokens:
    """Tokens that were given out; the fixed one counts as given out when the server started."""

    fixed: str | None
    given: dict[str, _Token] = field(default_factory=dict)
    used_assertions: set[str] = field(default_factory=set)
    requests: int = 0

    def __post_init__(self) -> None:
        if self.fixed is not None:
            self.given[self.fixed] = _Token(time.monotonic(), "")

    def issue(self, scope: str = "") -> str:
        token = f"token-{len(self.given)}"
        self.given[token] = _Token(time.monotonic(), scope)
        return token

    def scope_of(self, header: str | None) -> str:
        """Scope of the token in an Authorization header; empty where there is none."""
        found = self.given.get((header or "").removeprefix("Bearer "))
        return found.scope if found else ""

    def accepts(self, header: str | None, faults: Faults) -> bool:
        """Is this Authorization header good? Counts one call of its token."""
        if self.fixed is None:
            return True
        found = self.given.get((header or "").removeprefix("Bearer ")) if (header or "").startswith("Bearer ") else None
        if found is None:
            return False
        if faults.token_calls is not None and found.calls >= faults.token_calls:
            return False
        if faults.token_seconds is not None and time.monotonic() - found.issued_at > faults.token_seconds:
            return False
        found.calls += 1
        return True

    def use_assertion(self, text: str, keys: Sequence[Mapping[str, Any]], *, client_id: str, audience: str) -> bool:
        """Whether an assertion is signed by a registered key, is for this server and this client, and is new."""
        import jwt

        try:
            head = jwt.get_unverified_header(text)
            named = [jwt.PyJWK(dict(key), head.get("alg")) for key in keys if key.get("kid") == head.get("kid")]
            if head.get("alg") not in _ALGORITHMS or len(named) != 1:
                return False
            wanted = ["exp", "iss", "sub", "aud", "jti"]
            claims = jwt.decode(text, named[0], [head["alg"]], audience=audience, options={"require": wanted})
        except jwt.PyJWTError:
            return False
        is_ours = claims["iss"] == claims["sub"] == client_id and claims["exp"] <= time.time() + _LONGEST
        is_new = claims["jti"] not in self.used_assertions
        self.used_assertions.add(claims["jti"])
        return is_ours and is_new


def client_of(header: str | None, form: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """Client id and secret of a token request, from its Authorization header or its form."""
    kind, _, encoded = (header or "").partition(" ")
    if kind == "Basic":
        try:
            name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return unquote(name), unquote(secret)
    return form.get("client_id", [""])[0], form.get("client_secret", [""])[0]
