"""FHIR R4 EHRs: a server by search, or a folder of exported files."""

from pacekeeper_connectors.fhir.connector import Fhir

# Each module registers its mappings with `Fhir.maps`.
from pacekeeper_connectors.fhir import (  # isort: skip  # noqa: F401
    activity,
    appointments,
    availability,
    billing,
    episodes,
    measures,
    messages,
    notes,
    people,
    questionnaires,
    sessions,
)

__all__ = ["Fhir"]
