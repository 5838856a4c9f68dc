"""GAD-7 totals, taken at every session but those of groups and in a crisis; nobody's rises."""

from __future__ import annotations

from pacekeeper.testing._clients import Client
from pacekeeper.testing._resources import LOINC, Resource, Resources, concept

_CODE = concept(LOINC, "70274-6")
_SURVEY = [concept("http://terminology.hl7.org/CodeSystem/observation-category", "survey")]
#: Sessions after which a total is a point lower, down to this one.
_SESSIONS_PER_POINT, _LOWEST = 3, 3


def add_total(out: Resources, client: Client, *, encounter: str, at: str, updated: str) -> None:
    """Add the total of this session, unless the client is asked in another system or not at each session."""
    client.sessions += 1
    if client.anxiety is None or client.sessions % client.asked_every:
        return
    total: Resource = {
        "resourceType": "Observation",
        "id": f"ob{encounter[2:]}-{client.id[3:]}-gad7",
        "meta": {"versionId": "1", "lastUpdated": updated},
        "status": "final",
        "category": _SURVEY,
        "code": _CODE,
        "subject": {"reference": f"Patient/{client.id}"},
        "encounter": {"reference": f"Encounter/{encounter}"},
        "effectiveDateTime": at,
        "valueInteger": max(_LOWEST, client.anxiety - client.sessions // _SESSIONS_PER_POINT),
    }
    out.by_type["Observation"].append(total)
