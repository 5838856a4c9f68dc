"""Names that stay the same from one bundle to the next, so that Superset replaces what it has."""

from __future__ import annotations

from uuid import UUID, uuid5

#: Version of Superset's format.
VERSION = "1.0.0"
DATABASE = "Pacekeeper"
_NAMESPACE = UUID("8f1c7c1e-5c83-4b0e-9a43-0d3f2f6d8a11")


def stable_id(kind: str, name: str) -> str:
    """The UUID of a thing of the bundle."""
    return str(uuid5(_NAMESPACE, f"{kind}/{name}"))
