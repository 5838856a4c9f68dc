"""How the FHIR connector's streams are declared: references by type, and what every resource has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pacekeeper.columns import Column, Instant, Ref
from pacekeeper.stream import Keep, Stream

NPI = "http://hl7.org/fhir/sid/us-npi"
LOINC = "http://loinc.org"
#: What a URI in a Code column may hold.
URI = r"[A-Za-z][A-Za-z0-9+.:/_#?=&%~|-]*"

#: A server may make a change visible some time after the time it gives it.
_LAG = timedelta(minutes=10)
_LAST_UPDATED = Instant(path="meta.lastUpdated", description="Server's time of the last change.")


def clinician(path: str) -> Ref:
    """A reference to a Practitioner; one by NPI adds `<name>_match`."""
    return Ref("clinician", path=path, by_type={"Practitioner": "clinician"}, match={NPI: "npi"})


def role(path: str) -> Ref:
    """The same reference, where it is to a PractitionerRole."""
    return Ref("practitioner_role", path=path, by_type={"PractitionerRole": "practitioner_role"})


def client(path: str) -> Ref:
    """A reference to a Patient."""
    return Ref("client", path=path, by_type={"Patient": "client"})


def location(path: str) -> Ref:
    """A reference to a Location."""
    return Ref("location", path=path, by_type={"Location": "location"})


def session(path: str) -> Ref:
    """A reference to an Encounter."""
    return Ref("session", path=path, by_type={"Encounter": "session"})


def resource(
    name: str, resource_type: str, columns: dict[str, Column], *, keep: Keep | None = None, drop: Sequence[Keep] = ()
) -> Stream:
    """A stream of one resource type, read by `_lastUpdated`."""
    return Stream(
        name,
        {**columns, "last_updated": _LAST_UPDATED},
        cursor="last_updated",
        lag=_LAG,
        deletes="key_diff",
        resource_type=resource_type,
        keep=keep,
        drop=drop,
        description=f"FHIR {resource_type}",
    )


def elements(name: str, parent: str, explode: str, columns: dict[str, Column]) -> Stream:
    """A stream of the elements of a list."""
    return Stream(name, columns, child_of=parent, explode=explode, description=f"{explode} of {parent}")
