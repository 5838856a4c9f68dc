"""Files of HR, leave, scheduling, billing and EHR systems, described by a mapping file."""

from pacekeeper_connectors.tabular.connector import Tabular
from pacekeeper_connectors.tabular.mapping_file import EXAMPLE_FILE, PRACTICE_FILES
from pacekeeper_connectors.tabular.profiles import profile_file, profile_names
from pacekeeper_connectors.tabular.settings import TabularSettings

__all__ = ["EXAMPLE_FILE", "PRACTICE_FILES", "Tabular", "TabularSettings", "profile_file", "profile_names"]
