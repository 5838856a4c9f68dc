"""FHIR R4 EHRs: a server by search, or a folder of exported files."""

from pacekeeper_connectors.fhir.connector import Fhir

# Each module registers its mappings with `Fhir.maps`.
from pacekeeper_connectors.fhir import appointments, availability, episodes, measures, people, sessions  # isort: skip  # noqa: F401

__all__ = ["Fhir"]
