"""SMART Backend Services: a signed request for a token.

Source: https://hl7.org/fhir/smart-app-launch/backend-services.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from pacekeeper.errors import ConfigError, RetryableError
from pacekeeper.fhir.signing_key import LoadedKey, SigningKey
from pacekeeper.http_auth import AuthProblem, TokenAuth

_WELL_KNOWN = ".well-known/smart-configuration"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Seconds an assertion is good for; the standard allows five minutes.
_ASSERTION_LIFETIME = 240
_Calls = Generator[httpx.Request, httpx.Response, httpx.Response]


@dataclass(frozen=True)
class SmartConfiguration:
    """What a server says of its token endpoint. algorithms and scopes: empty where it does not say."""

    token_endpoint: str | None = None
    algorithms: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> SmartConfiguration:
        endpoint = document.get("token_endpoint")
        return cls(
            endpoint if isinstance(endpoint, str) else None,
            frozenset(_texts(document.get("token_endpoint_auth_signing_alg_values_supported"))),
            frozenset(_texts(document.get("scopes_supported"))),
            frozenset(_texts(document.get("capabilities"))),
        )

    def scope_for(self, resource_types: Iterable[str], *, with_export: bool) -> str:
        """The scopes to ask for: reading of each type, in the server's own version of the scope language.

        Types that a server with a closed list of system scopes does not name are left out: one unknown scope makes
        some refuse all. with_export: also what the server lists for `$export`, and for reading its files as Binary.
        """
        listed = {scope for scope in self.scopes if scope.startswith("system/")}
        reading = {scope for scope in listed if scope.rpartition(".")[2].startswith("r") or scope.endswith(".*")}
        is_first_version = "permission-v2" not in self.capabilities and (
            "permission-v1" in self.capabilities
            or (bool(reading) and all(scope.endswith((".read", ".*")) for scope in reading))
        )
        action = "read" if is_first_version else "rs"
        kinds = {scope.removeprefix("system/").rpartition(".")[0] for scope in reading}
        wanted = [kind for kind in sorted(resource_types) if not kinds or "*" in kinds or kind in kinds]
        found = [f"system/{kind}.{action}" for kind in wanted] or [f"system/*.{action}"]
        if with_export:
            found += sorted(scope for scope in listed if "." in scope and scope.rpartition(".")[2].startswith("$"))
            found += [f"system/Binary.{action}"] if "Binary" in kinds else []
        return " ".join(dict.fromkeys(found))


class BackendServices(TokenAuth):
    """Asks for tokens with an assertion signed by the client's private key; renews them mid-run.

    base_url: the FHIR base, whose `.well-known/smart-configuration` names the token endpoint where token_url does not.
    scope: what to ask for; without it reading of `resource_types`. now: wall clock, in seconds of the epoch.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        key: SigningKey,
        *,
        token_url: str | None = None,
        scope: str | None = None,
        resource_types: Sequence[str] = (),
        with_export: bool = False,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock=clock)
        self.resource_types = tuple(resource_types)
        self._base = base_url.rstrip("/") + "/"
        self._client_id = client_id
        self._key = key
        self._token_url = token_url
        self._scope = scope
        self._with_export = with_export
        self._now = now
        self._loaded: LoadedKey | None = None
        self._known: SmartConfiguration | None = None

    def ask(self, extensions: Mapping[str, Any]) -> _Calls:
        if self._loaded is None:
            try:
                self._loaded = self._key.load()
            except ConfigError as error:
                raise AuthProblem(ConfigError, str(error)) from None
        if self._known is None:
            self._known = yield from self._discover(extensions)
        endpoint = self._endpoint(self._known, self._loaded)
        response = yield self._request(endpoint, self._loaded, extensions)
        response.read()
        if response.status_code in {400, 401}:
            # The transport may have sent one assertion twice, and a server takes each but once: one new one is due.
            response = yield self._request(endpoint, self._loaded, extensions)
            response.read()
        return response

    def _discover(self, extensions: Mapping[str, Any]) -> Generator[httpx.Request, httpx.Response, SmartConfiguration]:
        """The server's SMART configuration; an empty one where settings say all that is needed."""
        if self._token_url is not None and self._scope is not None:
            return SmartConfiguration()
        # Medplum 5.0.10 has it at the root of the host only.
        for address in dict.fromkeys((self._base + _WELL_KNOWN, str(httpx.URL(self._base).join("/" + _WELL_KNOWN)))):
            headers = {"Accept": "application/json"}
            response = yield httpx.Request("GET", address, headers=headers, extensions=dict(extensions))
            response.read()
            if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise AuthProblem(RetryableError, f"its SMART configuration answered {response.status_code}")
            if response.status_code == httpx.codes.OK:
                found = _json_object(response)
                if found is not None and isinstance(found.get("token_endpoint"), str):
                    return SmartConfiguration.of(found)
        if self._token_url is not None:
            return SmartConfiguration()
        raise AuthProblem(ConfigError, f"[base_url]/{_WELL_KNOWN} names no token_endpoint: set token_url")

    def _endpoint(self, known: SmartConfiguration, key: LoadedKey) -> str:
        if known.algorithms and key.algorithm not in known.algorithms and known.algorithms & {"RS384", "ES384"}:
            raise AuthProblem(
                ConfigError,
                f"the private key signs by {key.algorithm}, which the server does not list: register a key for "
                f"{' or '.join(sorted(known.algorithms & {'RS384', 'ES384'}))}",
            )
        endpoint = self._token_url or known.token_endpoint or ""
        if not _is_as_safe(endpoint, self._base):
            raise AuthProblem(ConfigError, "the server's token_endpoint is no https address: set token_url")
        return endpoint

    def _request(self, endpoint: str, key: LoadedKey, extensions: Mapping[str, Any]) -> httpx.Request:
        scope = self._scope
        if scope is None and self._known is not None:
            scope = self._known.scope_for(self.resource_types, with_export=self._with_export)
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertion(endpoint, key),
        } | ({"scope": scope} if scope else {})
        headers = {"Accept": "application/json"}
        return httpx.Request("POST", endpoint, data=form, headers=headers, extensions=dict(extensions))

    def _assertion(self, endpoint: str, key: LoadedKey) -> str:
        import jwt

        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": endpoint,
            "exp": int(self._now()) + _ASSERTION_LIFETIME,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, key.private, algorithm=key.algorithm, headers={"kid": key.key_id})


def _is_as_safe(address: str, base: str) -> bool:
    """Whether an address is a web address, and encrypted where the base is."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return False
    return bool(url.host) and url.scheme in ({"https"} if base.startswith("https:") else {"http", "https"})


def _json_object(response: httpx.Response) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _texts(value: object) -> Iterable[str]:
    """The texts of a list; OpenEMR 7.0.2 wraps its scopes in one list more."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, list):
            yield from _texts(item)
        elif isinstance(item, str):
            yield item
