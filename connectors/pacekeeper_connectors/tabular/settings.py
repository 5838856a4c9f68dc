"""What a source of files is configured with."""

from __future__ import annotations

from pathlib import Path

from pydantic import field_validator, model_validator

from pacekeeper_connectors.tabular.profiles import profile_names
from pacekeeper_connectors.tabular.remote import SCHEMES, AccessSettings


class TabularSettings(AccessSettings):
    """Where the files and their description are; relative paths start at the settings file's folder.

    folder: a folder of this machine; url: instead of it, `sftp://host[:port]/folder` or `s3://bucket/folder`.
    mapping: the mapping file; profile: instead of it, one that ships with the package; neither = `mapping.toml` in the
    folder.
    """

    without_effect = frozenset({"timeout_seconds", "private_key_file", "host_key"})

    folder: Path | None = None
    url: str | None = None
    mapping: Path | None = None
    profile: str | None = None

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
