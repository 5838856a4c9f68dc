"""What a REDCap mapping file may say, and what a person reads when it says something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.site_files import assert_told, fault_of
from tests.unit.connectors.survey_bench import (
    CLIENT_FILE,
    STAFF_FILE,
    TOKEN,
    client_project,
    redcap,
    staff_project,
)

from pacekeeper.errors import ConfigError
from pacekeeper.landing.fingerprint import changed, fingerprints
from pacekeeper.testing.redcap_project import RedcapProject
from pacekeeper.testing.redcap_server import RedcapServer
from pacekeeper_connectors.redcap.site import load_site


def test_both_examples_are_accepted_with_their_defaults(tmp_path: Path) -> None:
    file = tmp_path / "redcap.toml"
    file.write_text(CLIENT_FILE)
    (measure,) = load_site(file).known_measures
    assert (measure.label, measure.instrument, measure.items[8]) == ("phq9", "phq9", "phq9_9")
    assert measure.scores == {"0": "0", "1": "1", "2": "2", "3": "3"}
    file.write_text(STAFF_FILE)
    assert [staff.label for staff in load_site(file).known_staff] == ["staff"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('client = "mrn"', "", 'client is missing: name the field .* client = "mrn"'),
        ('client = "mrn"', 'client = { field = "mrn", domain = "ssn" }', r"domain in \[client\]: .*'mrn', 'member'"),
        ('date = "phq9_date"', 'dat = "phq9_date"', r"dat in \[measures.phq9\] is not a known key; .*'date'"),
        ("[measures.phq9]", "[measures.weekly]", r"\[measures.weekly\]: instrument is missing, and 'weekly' is none"),
        ("[measures.phq9]", '[measures.phq9]\ninstrument = "phq2"', r"instrument in \[measures.phq9\]: .*'phq9'"),
        ("[measures.phq9]", '[measures.phq9]\nitems = ["a", "b"]', "items should name 9 fields, those of the PHQ-9"),
        ('total = "phq9_total"', "items = []", "items is empty and total is missing: one of the two is needed"),
        ("[measures.phq9]", "[measures.phq9]\nreversed_items = [12]", "reversed_items names 12; the PHQ-9 has 9 items"),
        ("[measures.phq9]", "[measures.phq9]\nanswers = { A = 9 }", "answers gives 'A' a score outside 0 to 3"),
        ("[measures.phq9]", '[measures.phq9]\ninstrument = "epds"', "reversed_items is missing: name"),
        ('respondent = "self"', 'respondent = "mother"', r"respondent in \[measures.phq9\]: .*'self'"),
        ("[measures.phq9]", '[measures."a b"]\ninstrument = "phq9"', "its name should be letters, digits and _"),
        ("[measures.phq9]", "[measures.phq9", "cannot be read as TOML"),
        ("[measures.phq9]", "[mesures.phq9]", r"\[mesures\] is not a known key; it should be 'measures'"),
    ],
)  # fmt: skip
def test_a_fault_names_file_table_key_and_what_is_allowed(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    file = tmp_path / "redcap.toml"
    assert_told(load_site, file, CLIENT_FILE, before=before, after=after, expected=expected)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('team = "team"', "", r"team in \[staff_survey\] is missing"),
        ('instrument = "pulse"', 'instrument = "Pulse 2026"', "should be a code: lower_snake_case"),
        ("closes_on = 2026-03-15", "closes_on = 2026-01-15", "closes_on should not lie before opens_on"),
        ("opens_on = 2026-02-02", 'opens_on = "soon"', r"opens_on in \[staff_survey.waves.winter\]"),
        ("east = 9", "east = -1", r"east in \[staff_survey.waves.winter.invited\]: .*greater than or equal to 0"),
        ("[staff_survey.waves.winter]", "[staff_survey.waves.b]\nopens_on = 2026-03-01\ncloses_on = 2026-04-01\n"
         "invited = {}\n[staff_survey.waves.winter]", "waves winter and b overlap"),
        ("[staff_survey]", 'client = "mrn"\n[measures.phq9]\n[staff_survey]', "two sources, each with its own token"),
    ],
)  # fmt: skip
def test_a_fault_of_a_staff_survey_is_named_too(tmp_path: Path, before: str, after: str, expected: str) -> None:
    file = tmp_path / "redcap.toml"
    assert_told(load_site, file, STAFF_FILE, before=before, after=after, expected=expected)


def test_a_missing_file_and_an_empty_one_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"redcap\.toml does not exist: create it \(docs/connectors/redcap\.md"):
        load_site(tmp_path / "redcap.toml")
    assert "there is neither [measures.<name>] nor [staff_survey]" in fault_of(load_site, tmp_path / "redcap.toml", "")


def health_of(tmp_path: Path, project: RedcapProject, file: str, **settings: Any) -> str:
    with RedcapServer({TOKEN: project}) as server:
        health = redcap(server, tmp_path, file, **settings).connector.check()
    assert not health.ok
    return health.message


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('date = "phq9_date"', 'date = "phq9_dat"', "date in [measures.phq9] names field 'phq9_dat'; it should be 'p"),
        ('client = "mrn"', 'client = "mnr"', "field in [client] names field 'mnr'; it should be 'mrn'"),
        ("[measures.phq9]", '[measures.phq9]\nform = "intake"', "which is on form 'phq9', not on 'intake'"),
        ("[measures.phq9]", '[measures.phq9]\nform = "phq"', "form of [measures.phq9] is 'phq'; it should be 'phq9'"),
        ("[measures.phq9]", '[measures.phq9]\nevents = ["a_arm_1"]', "the project is not longitudinal: leave it out"),
    ],
)  # fmt: skip
def test_names_the_project_does_not_have_are_told_with_the_nearest(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    text = health_of(tmp_path, client_project(), CLIENT_FILE.replace(before, after))
    assert expected in text


def test_an_event_that_is_none_is_told(tmp_path: Path) -> None:
    events = [{"event_name": "W", "arm_num": "1", "unique_event_name": "week_1_arm_1", "event_id": "1"}]
    file = CLIENT_FILE + 'events = ["week_2_arm_1"]\n'
    assert "it should be 'week_1_arm_1'" in health_of(tmp_path, client_project(events=events), file)


@pytest.mark.parametrize(
    ("item", "expected"),
    [("remark", "a field for free text: answers are codes or numbers"), ("staff_email", "flagged as an identifier")],
)
def test_a_staff_survey_takes_neither_free_text_nor_identifiers(tmp_path: Path, item: str, expected: str) -> None:
    assert expected in health_of(tmp_path, staff_project(), STAFF_FILE.replace('"hours"', f'"{item}"'))


@pytest.mark.parametrize(
    ("file", "zone", "expected"),
    [
        (CLIENT_FILE, None, "incremental = true needs server_tz or default_tz"),
        (STAFF_FILE, "America/New_York", "incremental = true is not for a staff survey"),
    ],
    ids=["zone", "staff"],
)
def test_incremental_wants_a_zone_and_clients(tmp_path: Path, file: str, zone: str | None, expected: str) -> None:
    with RedcapServer({}) as server, pytest.raises(ConfigError, match=expected):
        redcap(server, tmp_path, file, zone=zone, incremental=True)


def test_a_changed_file_has_everything_read_again_and_another_size_of_calls_nothing(tmp_path: Path) -> None:
    def made_by(file: str, **settings: Any) -> dict[str, str]:
        return fingerprints(redcap(server, tmp_path, file, incremental=True, **settings).connector)

    with RedcapServer({}) as server:
        before = made_by(CLIENT_FILE)
        assert made_by(CLIENT_FILE, batch_size=3) == before
        now = made_by(CLIENT_FILE.replace('date = "phq9_date"', ""))
    reasons = [(name, changed(found, now[name])) for name, found in before.items()]
    assert reasons == [(name, "a file that describes the source changed") for name in ("response", "client")]
