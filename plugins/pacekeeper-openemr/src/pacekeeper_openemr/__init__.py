"""OpenEMR 7.0.2 as a source of Pacekeeper."""

from pacekeeper_openemr.connector import OpenEmr
from pacekeeper_openemr.settings import OpenEmrSettings

# Each module registers its mappings with the connector.
from pacekeeper_openemr import calendar, people, sessions  # noqa: F401  # isort: skip

__all__ = ["OpenEmr", "OpenEmrSettings"]
