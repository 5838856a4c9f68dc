"""From raw versions to canonical tables: mappings, quarantine, and the tables Pacekeeper derives itself."""

from __future__ import annotations

from pacekeeper.mapping.calendar import build_calendar
from pacekeeper.mapping.crosswalk import match_clinicians
from pacekeeper.mapping.crosswalk_file import read_crosswalk
from pacekeeper.mapping.ehr_interval import build_ehr_intervals, ehr_coverage
from pacekeeper.mapping.identity import match_identities
from pacekeeper.mapping.practice import practice_key, write_practice
from pacekeeper.mapping.quarantine import list_quarantine, show_quarantine
from pacekeeper.mapping.result import MappingResult, MappingState
from pacekeeper.mapping.run import map_source, remove_unconfigured

__all__ = [
    "MappingResult",
    "MappingState",
    "build_calendar",
    "build_ehr_intervals",
    "ehr_coverage",
    "list_quarantine",
    "map_source",
    "match_clinicians",
    "match_identities",
    "practice_key",
    "read_crosswalk",
    "remove_unconfigured",
    "show_quarantine",
    "write_practice",
]
