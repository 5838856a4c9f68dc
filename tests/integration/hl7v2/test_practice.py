"""The synthetic practice as batch files of messages, all the way to canonical tables, and again."""

from __future__ import annotations

from collections import Counter

import pytest

from pacekeeper.testing import Practice, build_practice
from pacekeeper.testing.hl7v2_messages import NAME
from pacekeeper.testing.hl7v2_practice import practice_messages, write_messages
from tests.integration.hl7v2.message_site import MessageSite

STATES = {
    "booked": "booked",
    "fulfilled": "kept",
    "noshow": "no_show",
    "cancelled": "cancelled",
    "entered-in-error": "entered_in_error",
}


@pytest.fixture(scope="module")
def practice() -> Practice:
    return build_practice(clinicians=2, weeks=4)


@pytest.fixture(scope="module")
def site(practice: Practice, tmp_path_factory: pytest.TempPathFactory) -> MessageSite:
    site = MessageSite(tmp_path_factory.mktemp("practice"))
    write_messages(practice, site.folder)
    site.night()
    return site


def appointments(practice: Practice) -> dict[str, str]:
    return {found["id"]: STATES[found["status"]] for found in practice.resources["Appointment"]}


def test_every_message_is_in_the_ledger(site: MessageSite, practice: Practice) -> None:
    messages = practice_messages(practice)
    assert site.ledger("message").inserted == len(messages)
    kinds = Counter(text.split("|")[8].partition("^")[0] for text in messages)
    assert site.ledger("appointment_message").read == kinds["SIU"]
    assert site.ledger("visit_message").read == kinds["ADT"] - len(practice.resources["Patient"])


def test_appointments_end_as_the_practice_says(site: MessageSite, practice: Practice) -> None:
    found: dict[str, int] = dict(site.query("SELECT status, count(*) FROM canonical.appointment GROUP BY 1"))
    assert found == Counter(appointments(practice).values())
    booked = site.query("SELECT count(*) FROM canonical.appointment WHERE booked_at IS NULL OR end_at IS NULL")
    assert booked == [(0,)]


def test_every_cancellation_has_its_time(site: MessageSite, practice: Practice) -> None:
    rows = site.query("SELECT count(*), count(cancelled_at) FROM canonical.appointment WHERE status = 'cancelled'")
    expected = Counter(appointments(practice).values())["cancelled"]
    assert rows == [(expected, expected)]


def test_each_appointment_has_the_events_of_its_messages(site: MessageSite, practice: Practice) -> None:
    messages = Counter(text.split("|")[8] for text in practice_messages(practice))
    changes: dict[str, int] = dict(site.query("SELECT change, count(*) FROM canonical.appointment_event GROUP BY 1"))
    ended = sum(messages[f"SIU^{event}"] for event in ("S14", "S15", "S17", "S26"))
    assert changes == {"created": messages["SIU^S12"], "time": messages["SIU^S13"], "status": ended}


def test_sessions_are_the_visits_and_groups_are_one(site: MessageSite, practice: Practice) -> None:
    whole = [e for e in practice.resources["Encounter"] if "partOf" not in e and e["status"] == "finished"]
    assert site.query("SELECT count(*) FROM canonical.session") == [(len(whole),)]
    seats = {
        (e.get("partOf", {"reference": e["id"]})["reference"], e["subject"]["reference"])
        for e in practice.resources["Encounter"]
        if "subject" in e
    }
    assert site.query("SELECT count(*) FROM canonical.session_participant WHERE attended") == [(len(seats),)]
    dangling = site.query(
        "SELECT count(*) FROM canonical.session s LEFT JOIN canonical.appointment a USING (appointment_key) "
        "WHERE s.appointment_key IS NOT NULL AND a.appointment_key IS NULL"
    )
    assert dangling == [(0,)]


def test_no_name_lands(site: MessageSite) -> None:
    family, given = NAME.encode().split(b"^")
    files = [file for file in site.folder.parent.rglob("*") if file.is_file() and site.folder not in file.parents]
    assert len(files) > 3
    for file in files:
        content = file.read_bytes()
        assert family not in content
        assert given not in content


def test_a_second_night_and_other_file_borders_change_nothing(site: MessageSite, practice: Practice) -> None:
    before = site.content()
    site.night()
    assert site.content() == before
    assert (site.ledger("message").inserted, site.ledger("message").updated) == (0, 0)
    for file in site.folder.iterdir():
        file.unlink()
    site.write({"MSG-1.hl7": "".join(reversed(practice_messages(practice)))})
    site.night()
    assert site.content() == before
