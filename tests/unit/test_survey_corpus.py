"""The synthetic practice's surveys: equal for equal arguments, of its own clients, with the dirt they say."""

from __future__ import annotations

import pytest

from pacekeeper.testing import Practice, build_practice
from pacekeeper.testing.survey_corpus import MRN_SYSTEM, build_surveys


@pytest.fixture(scope="module")
def practice() -> Practice:
    return build_practice(clinicians=6, weeks=8)


def test_equal_arguments_give_equal_surveys_and_another_seed_others(practice: Practice) -> None:
    assert build_surveys(practice) == build_surveys(practice)
    assert build_surveys(practice).clients.rows != build_surveys(practice, seed=8).clients.rows


def test_every_client_in_the_project_is_one_of_the_ehr(practice: Practice) -> None:
    found = build_surveys(practice)
    known = {
        identifier["value"]
        for patient in practice.resources["Patient"]
        for identifier in patient["identifier"]
        if identifier["system"] == MRN_SYSTEM
    }
    assert found.mrns <= known
    assert {row["mrn"] for row in found.clients.rows if row.get("mrn")} - known == {
        "MRN-NOBODY", "MRN-NOBODY-2", "MRN-NOBODY-3",
    }  # fmt: skip


def test_forms_are_weekly_and_staff_sheets_lie_in_their_waves(practice: Practice) -> None:
    found = build_surveys(practice, every=6)
    forms = [row for row in found.clients.rows if row.get("redcap_repeat_instrument") and row["record_id"] < "9000"]
    assert len(forms) == found.forms
    weeks = {(row["record_id"], row["redcap_repeat_instrument"], row["redcap_repeat_instance"]) for row in forms}
    assert len(weeks) == found.forms
    assert found.sheets == len(found.staff.rows)
    assert 0 < found.sheets < 2 * len(practice.resources["PractitionerRole"])
    assert {name for row in found.staff.rows for name in row} <= {
        "record_id", "pulse_timestamp", "team", "pulse_complete",
        "exhausted", "detached", "notes_at_home", "supported", "fair_load",
    }  # fmt: skip
