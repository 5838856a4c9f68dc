"""Settings of a source that speaks FHIR R4."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from pacekeeper.connector import ConnectorSettings


class FhirSettings(ConnectorSettings):
    """Where the FHIR resources are: exactly one of a server and a folder.

    base_url: the server's FHIR base, for example https://ehr.example.org/fhir/r4.
    folder: NDJSON exports, single resources and Bundles; a relative path starts at the settings file's folder.
    token: bearer token for the server; null where it asks for none.
    page_size: `_count` of a search; null leaves it to the server.
    """

    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+$")
    folder: Path | None = None
    token: SecretStr | None = None
    page_size: Annotated[int, Field(ge=1, le=10_000)] | None = 500

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.base_url is None) == (self.folder is None):
            raise ValueError("set exactly one of base_url (a FHIR server) and folder (exported files)")
        if self.folder is not None and self.token is not None:
            raise ValueError("token is for base_url; a folder needs none")
        return self
