"""Pieces of FHIR resources."""

from __future__ import annotations

from typing import Any

R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
LOINC = "http://loinc.org"
V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"


def coded(code: str, system: str = "urn:birch:code") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def reference(target: str) -> dict[str, str]:
    return {"reference": target}


def extension(url: str, **value: Any) -> dict[str, Any]:
    return {"url": url, **value}


def made(kind: str, identity: str, day: int = 1, **fields: Any) -> dict[str, Any]:
    """A resource last updated at noon of a day in January 2026."""
    meta = {"versionId": "1", "lastUpdated": f"2026-01-{day:02d}T12:00:00Z"}
    return {"resourceType": kind, "id": identity, "meta": meta, **fields}
