"""HL7 v2 message files: SIU, ADT, DFT, MDM and ORU."""

from pacekeeper_connectors.hl7v2.connector import Hl7v2, Hl7v2Settings

# Each module registers its mappings with `Hl7v2.maps`.
from pacekeeper_connectors.hl7v2 import appointments, billing, measures, notes, people, sessions  # isort: skip  # noqa: F401

__all__ = ["Hl7v2", "Hl7v2Settings"]
