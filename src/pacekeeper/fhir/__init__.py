"""FHIR R4 for connector authors: read a server or a folder, and build an EHR's connector on top.

A plugin subclasses `FhirConnector`, declares its streams with `resource_type`, and maps them; searches, exports,
tokens, paging, bundles, folders, errors and watermarks are done here.
"""

from pacekeeper.fhir.bundle import Entry, entries_of, next_link
from pacekeeper.fhir.capability import Capability
from pacekeeper.fhir.connector import FhirConnector
from pacekeeper.fhir.folder import FolderReader
from pacekeeper.fhir.rest import RestReader
from pacekeeper.fhir.settings import FhirSettings

__all__ = [
    "Capability",
    "Entry",
    "FhirConnector",
    "FhirSettings",
    "FolderReader",
    "RestReader",
    "entries_of",
    "next_link",
]
