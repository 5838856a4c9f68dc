"""CSV files of HR, leave and scheduling systems, described by a mapping file."""

from pacekeeper_connectors.tabular.connector import Tabular, TabularSettings
from pacekeeper_connectors.tabular.mapping_file import EXAMPLE_FILE

__all__ = ["EXAMPLE_FILE", "Tabular", "TabularSettings"]
