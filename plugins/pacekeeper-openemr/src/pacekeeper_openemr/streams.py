"""What lands of an OpenEMR. Nothing else does: no name, no address, no reason for a visit."""

from __future__ import annotations

from datetime import timedelta

from pacekeeper import Area, BirthYear, Boolean, Code, Column, Instant, Key, MatchKey, Ref, Stream

_CATEGORY = r"\d{1,9}"
#: One sign of the keyboard, or a word: a site may add statuses of its own to `apptstat`.
_STATUS = r"[!-/:-@\[-`{-~]|[A-Za-z0-9_]{1,15}"


def _resource(name: str, kind: str, columns: dict[str, Column]) -> Stream:
    """A stream of FHIR resources, read by `_lastUpdated`."""
    return Stream(
        name,
        {**columns, "last_updated": Instant(path="meta.lastUpdated")},
        cursor="last_updated",
        lag=timedelta(minutes=10),
        deletes="key_diff",
        resource_type=kind,
    )


FHIR_STREAMS = (
    _resource(
        "practitioner",
        "Practitioner",
        {
            "id": Key("clinician"),
            "npi": MatchKey("npi", path="identifier[system=http://hl7.org/fhir/sid/us-npi].value"),
            "email": MatchKey("email", path="telecom[system=email].value"),
        },
    ),
    _resource(
        "patient",
        "Patient",
        {
            "id": Key("client"),
            "birth_year": BirthYear(path="birthDate"),
            "area_code": Area(path="address[0].postalCode"),
            "email": MatchKey("email", path="telecom[system=email].value"),
            "deceased": Boolean(path="deceasedBoolean"),
        },
    ),
    _resource(
        "encounter",
        "Encounter",
        {
            "id": Key("session"),
            "client": Ref("client", path="subject.reference", by_type={"Patient": "client"}),
            "status": Code(max_length=20, required=True),
            "setting": Code(max_length=20, path="class.code"),
            "start_at": Instant(path="period.start", required=True),
            "end_at": Instant(path="period.end", description="Null in 7.0.2, which keeps no end."),
        },
    ),
    Stream(
        "encounter_participant",
        {
            "role": Code(max_length=20, path="type[0].coding[0].code"),
            "clinician": Ref("clinician", path="individual.reference", by_type={"Practitioner": "clinician"}),
        },
        child_of="encounter",
        explode="participant",
    ),
)

#: Read whole every night: neither list can be asked for changes, and neither tells when a row changed.
OWN_STREAMS = (
    Stream(
        "facility",
        {
            "id": Key("location", description="OpenEMR's number; appointments name it, FHIR has another id."),
            "place_of_service": Code(max_length=3, pattern=r"\d{1,3}", path="pos_code"),
            "inactive": Boolean(),
        },
        deletes="key_diff",
    ),
    Stream(
        "appointment",
        {
            "id": Key("appointment", path="pc_uuid"),
            "client": Ref("client", path="puuid"),
            "clinician": Ref("clinician", path="pce_aid_uuid"),
            "facility": Ref("location", path="pc_facility"),
            "status": Code(pattern=_STATUS, max_length=15, path="pc_apptstatus"),
            "category": Code(pattern=_CATEGORY, max_length=9, path="pc_catid"),
            # From pc_eventDate, pc_startTime and pc_endTime; see connector.with_times.
            "start_at": Instant(path="pacekeeper_start", required=True),
            "end_at": Instant(path="pacekeeper_end"),
            "day_start": Instant(path="pacekeeper_day_start", description="Midnight before, on the wall."),
            "day_end": Instant(path="pacekeeper_day_end", description="Midnight after, on the wall."),
        },
        deletes="key_diff",
    ),
)
