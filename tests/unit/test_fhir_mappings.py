"""FHIR resources to canonical rows, by examples small enough to check by eye."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.raw_bench import RawBench, context, key, match

from pacekeeper.fhir import FhirSettings
from pacekeeper.stream import Page, check_streams
from pacekeeper_connectors.fhir import Fhir

NPI = "http://hl7.org/fhir/sid/us-npi"
R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment."
STREAM_OF = {
    "Practitioner": "practitioner",
    "PractitionerRole": "practitioner_role",
    "Location": "location",
    "Patient": "patient",
    "EpisodeOfCare": "episode_of_care",
    "Schedule": "schedule",
    "Slot": "slot",
    "Appointment": "appointment",
    "Encounter": "encounter",
    "Observation": "measure_observation",
}
Resource = dict[str, Any]


@pytest.fixture
def ehr() -> RawBench:
    return RawBench(Fhir(FhirSettings(base_url="https://ehr.example/fhir"), context()))


def read(ehr: RawBench, *resources: Resource, deleted: dict[str, list[str]] | None = None) -> None:
    pages = [Page(STREAM_OF[r["resourceType"]], [r]) for r in resources]
    ehr.read([*pages, *(Page(stream, deleted=ids) for stream, ids in (deleted or {}).items())])


def practitioner(identity: str, npi: str | None = None) -> Resource:
    found: Resource = {"resourceType": "Practitioner", "id": identity}
    return found | ({"identifier": [{"system": NPI, "value": npi}]} if npi else {})


def coded(*codes: str, system: str = "urn:x") -> Resource:
    return {"coding": [{"system": system, "code": code} for code in codes]}


def appointment(
    status: str = "booked", actors: tuple[str, ...] = ("Patient/p1", "Practitioner/c1"), **more: Any
) -> Resource:
    return {
        "resourceType": "Appointment",
        "id": "a1",
        "status": status,
        "start": "2026-01-05T15:00:00Z",
        "end": "2026-01-05T15:50:00Z",
        "participant": [{"actor": {"reference": actor}} for actor in actors],
        **more,
    }


def encounter(identity: str = "e1", status: str = "finished", **more: Any) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": identity,
        "status": status,
        "class": {"code": "AMB"},
        "type": [coded("individual")],
        "subject": {"reference": "Patient/p1"},
        "participant": [{"type": [coded("PPRF")], "individual": {"reference": "Practitioner/c1"}}],
        "period": {"start": "2026-01-05T15:00:00Z", "end": "2026-01-05T15:50:00Z"},
        **more,
    }


def phq9(identity: str, code: str, **more: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-01-05T15:00:00Z",
        **more,
    }


ITEMS = ("44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8")


def form(values: list[int | None], total: int | None, *, derived: bool = True) -> list[Resource]:
    link = {"derivedFrom": [{"reference": "Observation/t"}]} if derived else {}
    items = [
        phq9(f"i{n}", code, valueInteger=value, **link)
        for n, (code, value) in enumerate(zip(ITEMS, values, strict=True), 1)
        if value is not None
    ]
    members = [{"reference": f"Observation/{o['id']}"} for o in [{"id": "t"}, *items]]
    whole = phq9("t", "44261-6", **({} if total is None else {"valueInteger": total}))
    return [phq9("panel", "44249-1", hasMember=members), whole, *items]


def test_the_declared_streams_are_sound(ehr: RawBench) -> None:
    check_streams(ehr.connector.streams, connector="fhir")


def test_mappings_give_empty_tables_for_empty_streams(ehr: RawBench) -> None:
    for mapping in ehr.connector.entity_mappings():
        assert ehr.mapped(mapping.entity) == []


# Appointments


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("booked", "booked"),
        ("arrived", "kept"),
        ("checked-in", "kept"),
        ("fulfilled", "kept"),
        ("noshow", "no_show"),
        ("cancelled", "cancelled"),
        ("entered-in-error", "entered_in_error"),
        ("vendor-hold", "unknown"),
    ],
)
def test_appointment_status_is_mapped_and_its_code_kept(ehr: RawBench, status: str, expected: str) -> None:
    read(ehr, appointment(status))
    (row,) = ehr.wanted("appointment")
    assert (row["status"], row["status_source_code"]) == (expected, status)


@pytest.mark.parametrize("status", ["proposed", "pending", "waitlist"])
def test_an_appointment_nobody_booked_is_out_of_scope(ehr: RawBench, status: str) -> None:
    read(ehr, appointment(status))
    assert ehr.reasons("appointment") == ["not_booked"]


def test_an_appointment_takes_client_clinician_and_place_from_its_participants(ehr: RawBench) -> None:
    actors = ("Location/l1", "Patient/p1", "Practitioner/c1", "Practitioner/c2")
    read(ehr, practitioner("c1"), practitioner("c2"), appointment(actors=actors))
    (row,) = ehr.wanted("appointment")
    assert row["client_key"] == key("client", "p1")
    assert row["clinician_key"] == key("clinician", "c1")
    assert row["location_key"] == key("location", "l1")


def test_the_tenth_participant_stands_after_the_second(ehr: RawBench) -> None:
    actors = ("Patient/p1", "Practitioner/c2", *("Device/d",) * 7, "Practitioner/c10")
    read(ehr, appointment(actors=actors))
    assert ehr.wanted("appointment")[0]["clinician_key"] == key("clinician", "c2")


def test_a_reference_without_type_is_told_by_the_record_behind_it(ehr: RawBench) -> None:
    patient = {"resourceType": "Patient", "id": "p1"}
    read(ehr, practitioner("c1"), patient, appointment(actors=("urn:uuid:p1", "urn:uuid:c1")))
    (row,) = ehr.wanted("appointment")
    assert (row["client_key"], row["clinician_key"]) == (key("client", "p1"), key("clinician", "c1"))


@pytest.mark.parametrize(
    "reference",
    [f"Practitioner?identifier={NPI}|9999999999", "PractitionerRole/r1"],
    ids=["conditional on NPI", "through a role"],
)
def test_a_clinician_is_found_by_an_indirect_reference(ehr: RawBench, reference: str) -> None:
    role = {"resourceType": "PractitionerRole", "id": "r1", "practitioner": {"reference": "Practitioner/c1"}}
    read(ehr, practitioner("c1", "9999999999"), role, appointment(actors=("Patient/p1", reference)))
    assert ehr.wanted("appointment")[0]["clinician_key"] == key("clinician", "c1")


def test_a_role_that_names_its_practitioner_by_npi_only_is_resolved(ehr: RawBench) -> None:
    role = {
        "resourceType": "PractitionerRole",
        "id": "r1",
        "practitioner": {"identifier": {"system": NPI, "value": "9999999999"}},
        "code": [coded("supervisor")],
        "location": [{"reference": "Location/l1"}],
    }
    read(ehr, practitioner("c1", "9999999999"), role)
    (row,) = ehr.wanted("clinician")
    assert (row["role"], row["home_location_key"]) == ("supervisor", key("location", "l1"))


@pytest.mark.parametrize(
    ("reason", "by"),
    [
        ("pat", "client"),
        ("pat-lt", "client"),
        ("prov-pers", "clinician"),
        ("prov", "practice"),
        ("prov-hosp", "practice"),
        ("maint", "system"),
        ("oth-weath", "other"),
        ("zz-legacy", "unknown"),
        (None, "unknown"),
    ],
)
def test_who_cancelled_follows_from_the_reason(ehr: RawBench, reason: str | None, by: str) -> None:
    more: Resource = {} if reason is None else {"cancelationReason": coded(reason)}
    read(ehr, appointment("cancelled", **more))
    (row,) = ehr.wanted("appointment")
    assert row["cancelled_by"] == by
    assert row.get("cancelled_by_source_code") == reason


def test_the_time_of_cancellation_is_read_only_where_it_was_cancelled(ehr: RawBench) -> None:
    extension = [{"url": f"{R5}cancellationDate", "valueDateTime": "2026-01-04T15:00:00Z"}]
    read(ehr, appointment("cancelled", extension=extension), appointment("booked", extension=extension) | {"id": "a2"})
    found = {row["status"]: row.get("cancelled_at") for row in ehr.wanted("appointment")}
    assert found == {"cancelled": datetime(2026, 1, 4, 15, tzinfo=UTC), "booked": None}


@pytest.mark.parametrize(
    ("more", "modality", "code"),
    [
        ({"extension": [{"url": "urn:pacekeeper:modality", "valueCode": "audio"}]}, "audio", "audio"),
        ({"extension": [{"url": "urn:pacekeeper:modality", "valueCode": "hologram"}]}, "unknown", "hologram"),
        ({"extension": [{"url": f"{R5}class", "valueCodeableConcept": coded("VR")}]}, "video", "VR"),
        ({"appointmentType": coded("video")}, "video", "video"),
        ({"serviceType": [coded("home")], "appointmentType": coded("ROUTINE")}, "home", "home"),
        ({"appointmentType": coded("ROUTINE")}, "unknown", None),
    ],
)
def test_planned_modality(ehr: RawBench, more: Resource, modality: str, code: str | None) -> None:
    read(ehr, appointment(**more))
    (row,) = ehr.wanted("appointment")
    assert (row["modality_planned"], row.get("modality_planned_source_code")) == (modality, code)


def test_a_missing_end_follows_from_the_minutes(ehr: RawBench) -> None:
    without_end = {name: value for name, value in appointment(minutesDuration=45).items() if name != "end"}
    read(ehr, without_end)
    assert ehr.wanted("appointment")[0]["end_at"] == datetime(2026, 1, 5, 15, 45, tzinfo=UTC)


# Events


def events(ehr: RawBench) -> list[tuple[int, str, str | None, str]]:
    rows = ehr.wanted("appointment_event")
    return sorted((r["seq"], r["change"], r.get("from_status"), r["to_status"]) for r in rows)


def test_a_status_that_changes_and_changes_back_gives_both_events(ehr: RawBench) -> None:
    for status in ("booked", "cancelled", "booked"):
        read(ehr, appointment(status))
    assert events(ehr) == [
        (1, "created", None, "booked"),
        (2, "status", "booked", "cancelled"),
        (3, "status", "cancelled", "booked"),
    ]


def test_time_modality_and_clinician_are_tracked_and_the_rest_is_not(ehr: RawBench) -> None:
    video: Resource = {"appointmentType": coded("video")}
    later: Resource = {**video, "end": "2026-01-05T16:00:00Z"}
    read(ehr, appointment())
    read(ehr, appointment(**video))
    read(ehr, appointment(**later))
    read(ehr, appointment(actors=("Patient/p1", "Practitioner/c2"), **later))
    read(ehr, appointment(actors=("Patient/p1", "Practitioner/c2"), **later, serviceType=[coded("52")]))
    assert [change for _, change, _, _ in events(ehr)] == ["created", "modality", "time", "clinician"]
    assert ehr.reasons("appointment_event") == ["no_tracked_change"]


def test_two_codes_of_one_status_are_no_change(ehr: RawBench) -> None:
    read(ehr, appointment("arrived"))
    read(ehr, appointment("fulfilled"))
    assert [change for _, change, _, _ in events(ehr)] == ["created"]


def test_a_deleted_appointment_and_its_return_are_events(ehr: RawBench) -> None:
    read(ehr, appointment())
    read(ehr, deleted={"appointment": ["a1"]})
    read(ehr, appointment())
    assert events(ehr) == [
        (1, "created", None, "booked"),
        (2, "deleted", "booked", "booked"),
        (3, "created", None, "booked"),
    ]


def test_a_proposal_becomes_an_event_when_it_is_booked(ehr: RawBench) -> None:
    read(ehr, appointment("proposed"))
    read(ehr, appointment("booked"))
    assert events(ehr) == [(2, "created", None, "booked")]
    assert ehr.reasons("appointment_event") == ["not_booked"]


def test_an_event_is_dated_by_the_source_or_by_the_day_it_was_seen(ehr: RawBench) -> None:
    read(ehr, appointment(meta={"lastUpdated": "2026-01-02T08:00:00Z"}), appointment() | {"id": "a2"})
    found = {row["at_precision"]: row["at"] for row in ehr.wanted("appointment_event")}
    assert found["instant"] == datetime(2026, 1, 2, 8, tzinfo=UTC)
    assert found["day"] == datetime(2026, 2, 1, tzinfo=UTC)


# Sessions


def test_a_finished_encounter_is_a_session_with_its_clinician_and_client(ehr: RawBench) -> None:
    read(ehr, encounter(appointment=[{"reference": "Appointment/a1"}]))
    (session,) = ehr.wanted("session")
    assert session["session_key"] == key("session", "e1")
    assert session["appointment_key"] == key("appointment", "a1")
    assert session["clinician_key"] == key("clinician", "c1")
    assert (session["session_type"], session["modality"], session["status"]) == ("individual", "in_person", "completed")
    assert session["ended_at"] - session["started_at"] == datetime(2026, 1, 1, 0, 50) - datetime(2026, 1, 1)  # noqa: DTZ001
    (clinician,) = ehr.wanted("session_clinician")
    assert (clinician["role"], clinician["counts_direct"]) == ("primary", True)
    (client,) = ehr.wanted("session_participant")
    assert (client["client_key"], client["attended"]) == (key("client", "p1"), True)


def test_a_group_is_one_session_with_a_participant_per_child(ehr: RawBench) -> None:
    whole = encounter("g", type=[coded("group")])
    del whole["subject"]
    whole["participant"].append({"type": [coded("SPRF")], "individual": {"reference": "Practitioner/c2"}})
    part: Resource = {"partOf": {"reference": "Encounter/g"}, "participant": []}
    read(
        ehr,
        whole,
        encounter("g1", **part),
        encounter("g2", subject={"reference": "Patient/p2"}, status="cancelled", **part),
    )
    (session,) = ehr.wanted("session")
    assert session["group_key"] == session["session_key"] == key("session", "g")
    assert ehr.reasons("session") == ["part_of_session", "part_of_session"]
    assert {row["client_key"]: row["attended"] for row in ehr.wanted("session_participant")} == {
        key("client", "p1"): True,
        key("client", "p2"): False,
    }
    assert ehr.reasons("session_participant") == ["no_client"]
    assert sorted(row["role"] for row in ehr.wanted("session_clinician")) == ["co_therapist", "primary"]


def test_one_client_in_two_children_is_one_participant(ehr: RawBench) -> None:
    part: Resource = {"partOf": {"reference": "Encounter/g"}}
    read(ehr, encounter("g"), encounter("g1", status="cancelled", **part), encounter("g2", **part))
    (row,) = ehr.wanted("session_participant")
    assert row["attended"] is True
    assert ehr.reasons("session_participant") == ["same_client_again", "same_client_again"]
    assert len(ehr.wanted("session_clinician")) == 1
    assert ehr.reasons("session_clinician") == ["same_clinician_again", "same_clinician_again"]


@pytest.mark.parametrize("parent", ["Encounter/e1", "Encounter/gone"], ids=["itself", "not there"])
def test_an_encounter_without_a_parent_to_be_found_is_a_session(ehr: RawBench, parent: str) -> None:
    read(ehr, encounter(partOf={"reference": parent}))
    assert [row["session_key"] for row in ehr.wanted("session")] == [key("session", "e1")]


@pytest.mark.parametrize("code", ["IMP", "ACUTE", "NONAC", "NONACC", "EMER"])
def test_a_hospital_stay_is_no_session_and_neither_are_its_parts(ehr: RawBench, code: str) -> None:
    stay = encounter() | {"class": {"code": code}}
    read(ehr, stay, encounter("e2", partOf={"reference": "Encounter/e1"}))
    assert ehr.reasons("session") == ["not_outpatient", "part_of_session"]
    assert ehr.reasons("session_clinician") == ["not_outpatient", "not_outpatient"]
    assert ehr.reasons("session_participant") == ["not_outpatient", "not_outpatient"]


@pytest.mark.parametrize("status", ["planned", "arrived", "triaged", "in-progress", "onleave"])
def test_an_encounter_that_did_not_end_is_no_session(ehr: RawBench, status: str) -> None:
    read(ehr, encounter(status=status))
    assert ehr.reasons("session") == ehr.reasons("session_participant") == ["not_finished"]


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_a_cancelled_encounter_is_a_voided_session(ehr: RawBench, status: str) -> None:
    read(ehr, encounter(status=status))
    (row,) = ehr.wanted("session")
    assert (row["status"], row["status_source_code"]) == ("voided", status)


def test_a_cancelled_encounter_without_times_is_out_of_scope(ehr: RawBench) -> None:
    read(ehr, encounter(status="cancelled", period={}))
    assert ehr.reasons("session") == ["voided_without_times"]


@pytest.mark.parametrize(
    ("more", "minutes", "source"),
    [
        ({"own": True}, 45, "actual"),
        ({}, 50, "actual"),
        ({"period": {"start": "2026-01-05T15:00:00Z"}, "length": {"value": 1, "code": "h"}}, 60, "clinician_entered"),
        ({"period": {}}, 30, "scheduled"),
        ({"period": {"start": "2026-01-05T15:02:00Z"}}, 30, "scheduled"),
    ],
    ids=["clinician's own period", "period", "length", "appointment", "start only"],
)
def test_a_session_takes_its_times_from_the_best_source(
    ehr: RawBench, more: Resource, minutes: int, source: str
) -> None:
    planned = {**appointment(), "end": "2026-01-05T15:30:00Z"}
    given = {name: value for name, value in more.items() if name != "own"}
    held = encounter(appointment=[{"reference": "Appointment/a1"}], **given)
    if more.get("own"):
        held["participant"][0]["period"] = {"start": "2026-01-05T15:00:00Z", "end": "2026-01-05T15:45:00Z"}
    read(ehr, planned, held)
    (row,) = ehr.wanted("session")
    assert (row["ended_at"] - row["started_at"]).total_seconds() == minutes * 60
    assert row["duration_source"] == source


def test_a_session_over_the_night_of_the_spring_change_lasts_its_true_time(ehr: RawBench) -> None:
    night = {"start": "2026-03-08T01:30:00-05:00", "end": "2026-03-08T03:30:00-04:00"}
    read(ehr, encounter(period=night))
    (row,) = ehr.wanted("session")
    assert (row["ended_at"] - row["started_at"]).total_seconds() == 3600


def test_an_unknown_session_type_keeps_its_code(ehr: RawBench) -> None:
    read(ehr, encounter(type=[coded("185347001")]))
    (row,) = ehr.wanted("session")
    assert (row["session_type"], row["session_type_source_code"]) == ("unknown", "185347001")


# Availability


def test_a_slot_belongs_to_the_clinician_of_its_schedule(ehr: RawBench) -> None:
    actors = [{"reference": "Location/l1"}, {"reference": "Practitioner/c1"}]
    schedule = {"resourceType": "Schedule", "id": "s", "actor": actors}
    slot = {"resourceType": "Slot", "schedule": {"reference": "Schedule/s"}}
    times = {"start": "2026-01-05T15:00:00Z", "end": "2026-01-05T16:00:00Z"}
    statuses = ("free", "busy", "busy-tentative", "busy-unavailable", "entered-in-error", "odd")
    read(ehr, schedule, *({**slot, **times, "id": f"x-{status}", "status": status} for status in statuses))
    rows = ehr.wanted("schedule_block")
    assert {row["clinician_key"] for row in rows} == {key("clinician", "c1")}
    assert {row["location_key"] for row in rows} == {key("location", "l1")}
    assert {row["kind_source_code"]: row["kind"] for row in rows} == {
        "free": "client_available",
        "busy": "client_available",
        "busy-tentative": "client_available",
        "odd": "unknown",
    }
    assert ehr.reasons("schedule_block") == ["entered_in_error", "unavailable"]


def test_a_rooms_slots_are_out_of_scope_and_an_unknown_schedules_are_not(ehr: RawBench) -> None:
    room = {"resourceType": "Schedule", "id": "room", "actor": [{"reference": "Location/l1"}]}
    slots = [
        {"resourceType": "Slot", "id": s, "status": "free", "schedule": {"reference": f"Schedule/{s}"}}
        for s in ("room", "gone")
    ]
    read(ehr, room, *slots)
    assert ehr.reasons("schedule_block") == ["no_clinicians_schedule"]
    assert len(ehr.wanted("schedule_block")) == 1


def test_available_time_becomes_a_row_per_weekday(ehr: RawBench) -> None:
    times = [
        {"daysOfWeek": ["mon", "sun"], "availableStartTime": "09:00:00", "availableEndTime": "12:30:00"},
        {"daysOfWeek": ["tue"], "allDay": True},
    ]
    role = {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/c1"}}
    read(
        ehr,
        {**role, "id": "r1", "availableTime": times},
        {**role, "id": "r2", "availableTime": times[1:], "active": False},
        {**role, "id": "r3", "availableTime": times[1:], "period": {"end": "2025-12-31"}},
    )
    rows = ehr.wanted("availability_template")
    assert sorted((row["weekday"], row["start_minute"], row["end_minute"]) for row in rows) == [
        (1, 540, 750),
        (2, 0, 1440),
        (7, 540, 750),
    ]
    assert len({row["template_key"] for row in rows}) == 3
    assert ehr.reasons("availability_template") == ["role_ended", "role_not_active"]


# People and episodes


def test_a_location_without_time_zone_takes_the_sources(ehr: RawBench) -> None:
    extension = [{"url": "http://hl7.org/fhir/StructureDefinition/timezone", "valueCode": "America/Denver"}]
    place = {"resourceType": "Location"}
    read(ehr, {**place, "id": "1", "extension": extension}, {**place, "id": "2", "physicalType": coded("vi")})
    found = {(row["tz"], row["tz_source"], row["kind"]) for row in ehr.wanted("location")}
    assert found == {("America/Denver", "record", "unknown"), ("America/New_York", "default", "telehealth")}


def test_only_year_of_birth_area_and_death_of_a_client_land(ehr: RawBench) -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"family": "Canary"}],
        "telecom": [{"value": "canary@example.com"}],
        "birthDate": "1974-12-25",
        "address": [{"line": ["1 Canary Lane"], "postalCode": "39990"}],
        "deceasedDateTime": "2025-05-04T10:00:00Z",
    }
    read(ehr, patient)
    (row,) = ehr.wanted("client")
    assert row == {
        "client_key": key("client", "p1"),
        "birth_year": 1974,
        "area_code": "399",
        "part2_flag": "unknown",
        "is_deceased": True,
    }


def test_a_practitioner_without_npi_has_no_identifier(ehr: RawBench) -> None:
    read(ehr, practitioner("c1", " 9999 999999 "), practitioner("c2"))
    (row,) = ehr.wanted("clinician_identifier")
    assert row["match_key"] == match("npi", "9999999999")
    assert ehr.reasons("clinician_identifier") == ["no_npi"]


def test_a_clinicians_role_is_the_latest_active_one(ehr: RawBench) -> None:
    role = {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/c1"}}
    read(
        ehr,
        practitioner("c1"),
        {**role, "id": "1", "code": [coded("intern")], "period": {"start": "2024-01-01"}},
        {**role, "id": "2", "code": [coded("therapist")], "period": {"start": "2025-01-01"}},
        {**role, "id": "3", "code": [coded("peer")], "period": {"start": "2025-06-01"}, "active": False},
    )
    (row,) = ehr.wanted("clinician")
    assert (row["role"], row["role_source_code"]) == ("therapist", "therapist")


def episode(**more: Any) -> Resource:
    return {
        "resourceType": "EpisodeOfCare",
        "id": "e1",
        "status": "active",
        "patient": {"reference": "Patient/p1"},
        "period": {"start": "2025-10-01"},
        **more,
    }


def test_an_episode_and_its_care_managers_assignment(ehr: RawBench) -> None:
    closure = [{"url": "urn:pacekeeper:closure-type", "valueCode": "client_unilateral"}]
    ended = {"status": "finished", "period": {"start": "2025-10-01", "end": "2026-01-15"}, "extension": closure}
    read(ehr, episode(careManager={"reference": "Practitioner/c1"}, **ended))
    (row,) = ehr.wanted("episode")
    assert (row["status"], row["closure_type"], row["closed_on"]) == (
        "finished",
        "client_unilateral",
        date(2026, 1, 15),
    )
    (assignment,) = ehr.wanted("case_assignment")
    assert assignment["clinician_key"] == row["primary_clinician_key"] == key("clinician", "c1")
    assert (assignment["to_date"], assignment["end_reason"], assignment["share"]) == (
        date(2026, 1, 15),
        "dropout",
        1.0,
    )


@pytest.mark.parametrize(("status", "closure"), [("active", "open"), ("finished", "unknown")])
def test_without_a_closure_code_an_open_episode_is_open_and_a_closed_one_unknown(
    ehr: RawBench, status: str, closure: str
) -> None:
    read(ehr, episode(status=status))
    assert ehr.wanted("episode")[0]["closure_type"] == closure
    assert ehr.reasons("case_assignment") == ["no_care_manager"]


# PHQ-9


def test_a_whole_form_is_summed_and_its_items_belong_to_the_total(ehr: RawBench) -> None:
    read(ehr, *form([1, 1, 1, 1, 1, 1, 1, 1, 2], total=9))
    (row,) = ehr.wanted("measure_response")
    assert (row["total"], row["source_total"], row["items_missing"], row["status"]) == (10.0, 9.0, 0, "complete")
    items = ehr.wanted("measure_item")
    assert {item["response_key"] for item in items} == {row["response_key"]} == {key("observation", "t")}
    assert [(i["item_no"], i["value"]) for i in sorted(items, key=lambda i: i["item_no"])][-1] == (9, 2.0)
    assert ehr.reasons("measure_response") == ["item"] * 9 + ["panel_of_a_total"]
    assert ehr.reasons("measure_item") == ["panel_of_a_total", "total"]


def test_items_find_their_total_through_the_panel(ehr: RawBench) -> None:
    read(ehr, *form([1] * 9, total=9, derived=False))
    assert {item["response_key"] for item in ehr.wanted("measure_item")} == {key("observation", "t")}


def test_items_without_a_link_find_the_only_total_of_the_same_client_and_moment(ehr: RawBench) -> None:
    read(ehr, phq9("t", "44261-6", valueInteger=3), phq9("i", ITEMS[0], valueInteger=1))
    assert ehr.wanted("measure_item")[0]["response_key"] == key("observation", "t")


def test_a_total_needs_no_items(ehr: RawBench) -> None:
    read(ehr, phq9("t", "44261-6", valueQuantity={"value": 15.0}))
    (row,) = ehr.wanted("measure_response")
    assert (row["total"], row["status"], row.get("items_missing")) == (15.0, "complete", None)


def test_items_missing_and_no_total_from_the_source_leave_the_total_unknown(ehr: RawBench) -> None:
    read(ehr, *form([1, None, 1, 1, 1, 1, 1, 1, 1], total=None))
    (row,) = ehr.wanted("measure_response")
    assert (row.get("total"), row["items_missing"], row["status"]) == (None, 1, "partial")


def test_a_panel_without_a_total_is_itself_the_response(ehr: RawBench) -> None:
    panel, _, *items = form([3] * 9, total=None, derived=False)
    read(ehr, panel, *items)
    (row,) = ehr.wanted("measure_response")
    assert (row["response_key"], row["total"]) == (key("observation", "panel"), 27.0)
    assert {item["response_key"] for item in ehr.wanted("measure_item")} == {key("observation", "panel")}


def test_a_broken_total_and_a_total_under_an_items_code_are_handed_to_the_contract(ehr: RawBench) -> None:
    read(ehr, phq9("t", "44261-6", valueQuantity={"value": 18.423257}), phq9("i", ITEMS[8], valueInteger=14))
    assert ehr.wanted("measure_response")[0]["total"] == pytest.approx(18.4233)
    assert ehr.wanted("measure_item")[0]["value"] == 14.0


def test_an_item_out_of_range_is_never_summed(ehr: RawBench) -> None:
    read(ehr, *form([1, 1, 1, 1, 1, 1, 1, 1, 14], total=9))
    assert ehr.wanted("measure_response")[0]["total"] == 9.0


def test_answers_may_be_codes_and_totals_text(ehr: RawBench) -> None:
    answer = {"coding": [{"system": "http://loinc.org", "code": "LA6571-9"}]}
    read(ehr, phq9("t", "44261-6", valueString="12"), phq9("i", ITEMS[0], valueCodeableConcept=answer))
    assert ehr.wanted("measure_response")[0]["total"] == 12.0
    assert ehr.wanted("measure_item")[0]["value"] == 3.0


def test_observations_of_other_codes_never_land(ehr: RawBench) -> None:
    read(ehr, phq9("g", "8867-4", valueInteger=70))
    assert ehr.counts["measure_observation"].out_of_scope == {"not_a_measure": 1}


@pytest.mark.parametrize(
    ("status", "reason"),
    [("preliminary", "not_final"), ("registered", "not_final"), ("entered-in-error", "entered_in_error")],
)
def test_a_score_that_does_not_count_is_out_of_scope(ehr: RawBench, status: str, reason: str) -> None:
    read(ehr, phq9("t", "44261-6", valueInteger=3, status=status))
    assert ehr.reasons("measure_response") == [reason]


def test_a_form_belongs_to_the_group_session_and_the_childs_episode(ehr: RawBench) -> None:
    child = encounter("g1", partOf={"reference": "Encounter/g"}, episodeOfCare=[{"reference": "EpisodeOfCare/e1"}])
    seen = {"encounter": {"reference": "Encounter/g1"}}
    read(ehr, encounter("g"), child, phq9("t", "44261-6", valueInteger=3, **seen))
    (row,) = ehr.wanted("measure_response")
    assert (row["session_key"], row["episode_key"]) == (key("session", "g"), key("episode", "e1"))
