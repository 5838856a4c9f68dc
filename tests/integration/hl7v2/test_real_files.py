"""Message files of an interface engine's own tests (Microsoft FHIR-Converter), all the way to canonical tables.

A text search of the folder finds 53 messages, one a file: 48 land, 5 are out of scope. All other numbers are what the
connector made of them when they were pinned; they have not been counted by hand, and tell that something changed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.hl7v2.message_site import MessageSite

pytestmark = pytest.mark.testdata

#: 53 files with one message each: ADT 30, SIU 8, MDM 6, BAR 3, DFT 2, ORU 2, REF 2. BAR and REF are none of ours.
LANDED = {
    "message": (53, 48, {"other_message_type": 5}),
    "appointment_message": (8, 8, {}),
    "appointment_personnel": (10, 10, {}),
    "visit_message": (27, 27, {}),
    "merge": (2, 2, {}),
    "transaction": (4, 4, {}),
    "transaction_modifier": (2, 2, {}),
    "note_message": (6, 6, {}),
    "questionnaire": (2, 0, {"other_observation": 2}),
}
#: Eight messages about one appointment. Two visits are stays, two have no discharge. FT1-2 12345 stands in both DFT
#: files: one charge. All six MDM have one TXA-12; the addenda and replacements among them (T05, T06, T09, T10) are
#: about its parent (TXA-13), so that there are two notes.
MAPPED = {
    "appointment": (1, {"superseded": 7}),
    "appointment_event": (6, {"no_tracked_change": 2}),
    "session": (0, {"superseded": 23, "not_outpatient": 2, "no_times": 2}),
    "charge": (3, {"superseded": 1}),
    "charge_modifier": (1, {"superseded": 1}),
    "payment": (0, {"charge": 4}),
    "note": (2, {"superseded": 4}),
    "key_merge": (2, {}),
    "client": (9, {"superseded": 39}),
    "clinician": (14, {"named_again": 44}),
    "measure_response": (0, {}),
}


@pytest.fixture(scope="module")
def site(testdata: Path, tmp_path_factory: pytest.TempPathFactory) -> MessageSite:
    folder = testdata / "hl7v2-microsoft"
    return MessageSite(tmp_path_factory.mktemp("real"), folder=folder, default_tz=None)


def test_every_file_comes_to_the_counts_agreed_with_it_twice(site: MessageSite) -> None:
    results = site.night()
    landed = {}
    for stream in LANDED:
        run = site.ledger(stream)
        landed[stream] = (run.read, run.inserted, site.reasons(stream, "out_of_scope"))
        assert run.rejected == 0
    assert landed == LANDED
    assert {name: (results[name].mapped, dict(results[name].out_of_scope)) for name in MAPPED} == MAPPED
    assert sum(result.quarantined_rows for result in results.values()) == 0
    before = site.content()
    site.night()
    assert site.content() == before


def test_the_appointment_went_through_six_states(site: MessageSite) -> None:
    site.night()
    events = site.query("SELECT seq, to_status, change FROM canonical.appointment_event ORDER BY seq")
    assert events == [
        (1, "booked", "created"),
        (2, "cancelled", "status"),
        (3, "booked", "status"),
        (6, "cancelled", "status"),
        (7, "entered_in_error", "status"),
        (8, "no_show", "status"),
    ]
    (found,) = site.query(
        "SELECT status, start_at::VARCHAR, end_at::VARCHAR, source_updated_at::VARCHAR FROM canonical.appointment"
    )
    assert found == ("no_show", "2021-09-24 07:15:00+00", "2021-09-24 08:05:00+00", "2021-09-24 07:45:00+00")
