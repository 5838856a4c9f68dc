"""GNU Health HMIS 5.0 as a source of Pacekeeper."""

from pacekeeper_gnuhealth.connector import GnuHealth
from pacekeeper_gnuhealth.settings import GnuHealthSettings

# Each module registers its mappings with the connector.
from pacekeeper_gnuhealth import calendar, people, sessions  # noqa: F401  # isort: skip

__all__ = ["GnuHealth", "GnuHealthSettings"]
