"""What a source of files is configured with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator

from pacekeeper.connector import ConnectorSettings
from pacekeeper_connectors.tabular.profiles import profile_names
from pacekeeper_connectors.tabular.remote import SCHEMES, Access


class TabularSettings(ConnectorSettings):
    """Where the files and their description are; relative paths start at the settings file's folder.

    folder: a folder of this machine; url: instead of it, `sftp://host[:port]/folder` or `s3://bucket/folder`.
    mapping: the mapping file; profile: instead of it, one that ships with the package; neither = `mapping.toml` in the
    folder.
    username, password, private_key_file, host_key: for SFTP. password: of the login, or of the private key.
    host_key: the server's key as `SHA256:...`; null = it has to be in ~/.ssh/known_hosts.
    access_key_id, secret_access_key, endpoint_url, region: for S3; null = what the machine's own configuration says.
    """

    folder: Path | None = None
    url: str | None = None
    mapping: Path | None = None
    profile: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    private_key_file: Path | None = None
    host_key: str | None = None
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    endpoint_url: str | None = None
    region: str | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, given: str | None) -> str | None:
        if given is not None:
            scheme, _, rest = given.partition("://")
            if scheme not in SCHEMES or not rest.strip("/"):
                raise ValueError("should be sftp://host/folder or s3://bucket/folder")
            if "@" in rest.partition("/")[0]:
                raise ValueError("should name no user: give username and password as settings of their own")
        return given

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, given: str | None) -> str | None:
        if given is not None and given not in profile_names():
            raise ValueError("should be one of the profiles that docs/connectors/report-profiles.md lists")
        return given

    @model_validator(mode="after")
    def _one_of_each(self) -> TabularSettings:
        if (self.folder is None) == (self.url is None):
            raise ValueError("give either folder or url")
        if self.mapping is not None and self.profile is not None:
            raise ValueError("give either mapping or profile, not both")
        if self.url is not None and self.mapping is None and self.profile is None:
            raise ValueError("files at a url need mapping or profile")
        return self

    def access(self, home: Path) -> Access:
        """How a remote store is entered."""
        key_file = None if self.private_key_file is None else home / self.private_key_file
        return Access(
            username=self.username,
            password=self.password,
            private_key_file=key_file,
            host_key=self.host_key,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            endpoint_url=self.endpoint_url,
            region=self.region,
            timeout_seconds=self.timeout_seconds,
        )
