"""X12 billing files: claims (837P), remittances (835) and acknowledgements (277CA) of a folder."""

from pacekeeper_connectors.x12.connector import X12

# Each module registers its mappings with `X12.maps`.
from pacekeeper_connectors.x12 import claims, people, remits  # isort: skip  # noqa: F401

__all__ = ["X12"]
