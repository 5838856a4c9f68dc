"""Settings of a source that speaks FHIR R4."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from pacekeeper.connector import ConnectorSettings

_WEB_ADDRESS = r"^https?://[^\s?#]+$"
_ID = r"^[A-Za-z0-9.\-]{1,64}$"
_TYPE = r"^[A-Z][A-Za-z]{1,63}$"


class FhirSettings(ConnectorSettings):
    """Where the FHIR resources are: exactly one of a server and a folder; and how the server is asked.

    base_url: the server's FHIR base, for example https://ehr.example.org/fhir/r4.
    folder: NDJSON exports, single resources and Bundles; a relative path starts at the settings file's folder.
    page_size: `_count` of a search; null leaves it to the server.

    Access, at most one of: token (a fixed bearer token); client_secret (OAuth client credentials); private_key or
    private_key_file (SMART Backend Services; PEM, JWK or JWK set; the file for its owner only, by absolute path).
    client_id: for the latter two. key_id: `kid` of the key; needed with PEM. token_url: needed with client_secret;
    with a key the default is what the server's SMART configuration names. scope: with a key the default is reading of
    every declared resource type.

    read_by: `search`, or `export` (Bulk Data `$export`). export_level: what is exported; `group` needs export_group.
    skip_types: types the server is not asked for, neither by search nor by export, nor for a scope.
    search_types: types that are searched for all the same; with levels patient and group those that no patient has
    are, without being named here. export_wait_minutes: how long the server may work on it.
    partial_export: what happens to an export of which the server says that a part failed: `refuse` fails the source,
    `keep` lands what came, and asks for everything again next time.
    use_history: read `_history` where the server offers it: deletions, and of appointments past versions and when they
    were cancelled.
    """

    without_effect = frozenset({"page_size", "export_wait_minutes", "private_key_file", "key_id"})

    base_url: str | None = Field(default=None, pattern=_WEB_ADDRESS)
    folder: Path | None = None
    token: SecretStr | None = None
    client_id: str | None = Field(default=None, min_length=1)
    client_secret: SecretStr | None = None
    private_key: SecretStr | None = None
    private_key_file: Path | None = None
    key_id: str | None = Field(default=None, min_length=1)
    token_url: str | None = Field(default=None, pattern=_WEB_ADDRESS)
    scope: str | None = Field(default=None, min_length=1)
    page_size: Annotated[int, Field(ge=1, le=10_000)] | None = 500
    read_by: Literal["search", "export"] = "search"
    export_level: Literal["system", "patient", "group"] = "system"
    export_group: str | None = Field(default=None, pattern=_ID)
    skip_types: frozenset[Annotated[str, Field(pattern=_TYPE)]] = frozenset()
    search_types: frozenset[Annotated[str, Field(pattern=_TYPE)]] = frozenset()
    export_wait_minutes: float = Field(default=25, gt=0, le=24 * 60)
    partial_export: Literal["refuse", "keep"] = "refuse"
    use_history: bool = True

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.base_url is None) == (self.folder is None):
            raise ValueError("set exactly one of base_url (a FHIR server) and folder (exported files)")
        given = [
            name
            for name in ("token", "client_secret", "private_key", "private_key_file")
            if getattr(self, name) is not None
        ]
        if self.folder is not None and (given or self.client_id):
            raise ValueError(f"{(given or ['client_id'])[0]} is for base_url; a folder needs none")
        if len(given) > 1:
            raise ValueError(f"set one of {' and '.join(given)}: each is a way of its own to be let in")
        return self

    @model_validator(mode="after")
    def _whole_access(self) -> Self:
        has_key = self.private_key is not None or self.private_key_file is not None
        if (has_key or self.client_secret is not None) and self.client_id is None:
            raise ValueError("client_id is missing: the EHR gave it to you when the client was registered")
        if self.client_secret is not None and self.token_url is None:
            raise ValueError("token_url is missing: client_secret is sent nowhere but there")
        if self.private_key_file is not None and not self.private_key_file.expanduser().is_absolute():
            raise ValueError("private_key_file should be an absolute path, or begin with ~")
        return self

    @model_validator(mode="after")
    def _whole_export(self) -> Self:
        if self.read_by == "export" and self.folder is not None:
            raise ValueError("read_by = 'export' is for base_url; a folder is read as it is")
        if (self.export_level == "group") != (self.export_group is not None):
            raise ValueError("export_group (the id of a Group) belongs to export_level = 'group', and to no other")
        return self
