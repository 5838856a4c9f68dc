"""What `[sources.<name>]` holds for a GNU Health."""

from __future__ import annotations

from pacekeeper import ConnectorSettings
from pydantic import Field, SecretStr


class GnuHealthSettings(ConnectorSettings):
    """Where the Tryton server is, and the user it is read as.

    url: as a Tryton client would be given it, without the database. user: who may read, and need not write; see the
    README for the rights. page_size: records per call.
    """

    without_effect = frozenset({"page_size"})

    url: str = Field(pattern=r"^https?://[^\s?#]+$")
    database: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$")
    # Tryton splits the session header at colons.
    user: str = Field(pattern=r"^[^:\s]+$")
    password: SecretStr = Field(min_length=1)
    page_size: int = Field(default=500, gt=0, le=10_000)
