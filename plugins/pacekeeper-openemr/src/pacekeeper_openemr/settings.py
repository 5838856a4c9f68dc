"""What `[sources.<name>]` holds for an OpenEMR."""

from __future__ import annotations

from typing import Self

from pacekeeper.fhir import FhirSettings
from pydantic import Field, SecretStr, model_validator


class OpenEmrSettings(FhirSettings):
    """Where the OpenEMR is, and the accounts it is read with; besides these, what every FHIR source knows.

    base_url: its FHIR base, `https://<host>/apis/<site>/fhir`; OpenEMR's own API is found beside it, at `../api`.
    username, password, user_client_id, user_client_secret: an OpenEMR user and the API client it comes by (password
    grant). The calendar is open to users only; without private_key everything is read with this account.
    client_id, private_key, key_id ...: a second API client for FHIR and `$export` (SMART Backend Services).
    page_size: null, as OpenEMR answers `_count` with nothing at all. rest_page_size: `_limit` of its own API.
    """

    base_url: str = Field(pattern=r"^https?://[^\s?#]+/apis/[^\s?#/]+/fhir/?$")
    page_size: int | None = Field(default=None, gt=0)
    rest_page_size: int = Field(default=200, gt=0)
    username: str | None = Field(default=None, min_length=1)
    password: SecretStr | None = None
    user_client_id: str | None = Field(default=None, min_length=1)
    user_client_secret: SecretStr | None = None

    @model_validator(mode="after")
    def _has_calendar_access(self) -> Self:
        if self.client_secret is not None:
            raise ValueError("client_secret is of no use: OpenEMR gives backend tokens for a private_key only")
        if self.token is None and not (self.username and self.password and self.user_client_id):
            raise ValueError("username, password and user_client_id are needed: the calendar is open to users only")
        return self
