"""How OpenEMR lets a source in: as a user for its own API, as a user or a backend service for FHIR.

Source: https://github.com/openemr/openemr/blob/rel-702/API_README.md and FHIR_README.md
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import httpx
from pacekeeper.http_auth import TokenAuth

from pacekeeper_openemr.settings import OpenEmrSettings

_CALENDAR_SCOPES = ("openid", "api:oemr", "user/appointment.read", "user/facility.read")


class UserToken(TokenAuth):
    """A token for a user of OpenEMR (password grant); renewed before it ends."""

    def __init__(self, settings: OpenEmrSettings, scope: str) -> None:
        super().__init__()
        self._settings = settings
        self._scope = scope

    def ask(self, extensions: Mapping[str, Any]) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
        known = self._settings
        secrets = {"password": known.password, "client_secret": known.user_client_secret}
        form = {
            "grant_type": "password",
            "user_role": "users",
            "client_id": known.user_client_id or "",
            "username": known.username or "",
            "scope": self._scope,
            **{name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None},
        }
        headers = {"Accept": "application/json"}
        response = yield httpx.Request(
            "POST", token_url(known), data=form, headers=headers, extensions=dict(extensions)
        )
        response.read()
        return response


class ByApi(httpx.Auth):
    """One account for FHIR, another for OpenEMR's own API; each keeps its own token."""

    requires_response_body = False

    def __init__(self, fhir: httpx.Auth, own: httpx.Auth) -> None:
        self._fhir = fhir
        self._own = own

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        is_fhir = "/fhir/" in request.url.path
        yield from (self._fhir if is_fhir else self._own).sync_auth_flow(request)


def token_url(settings: OpenEmrSettings) -> str:
    """`https://<host>/oauth2/<site>/token`, as OpenEMR derives it from the same site."""
    if settings.token_url is not None:
        return settings.token_url
    root, _, site = settings.base_url.rstrip("/").removesuffix("/fhir").rpartition("/apis/")
    return f"{root}/oauth2/{site}/token"


def user_scope(fhir_types: Sequence[str]) -> str:
    """What a user's token is asked for: the calendar, and FHIR types where no backend service reads them."""
    fhir = ("api:fhir", *(f"user/{kind}.read" for kind in fhir_types)) if fhir_types else ()
    return " ".join((*_CALENDAR_SCOPES, *fhir))
