"""Survey systems through a whole landing and mapping: a REDCap of clients, one of staff, a LimeSurvey."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.mapping.result import MappingResult
from pacekeeper.ops import SourceRun, StreamRun
from pacekeeper.settings import load_settings
from pacekeeper.testing import Practice, build_practice
from pacekeeper.testing.limesurvey_server import LimeSurveyServer
from pacekeeper.testing.limesurvey_survey import Question, Survey
from pacekeeper.testing.redcap_server import RedcapServer
from pacekeeper.testing.survey_corpus import CLIENT_TOKEN, STAFF_TOKEN, SurveyCorpus, build_surveys
from tests.integration.warehouse_content import content_hashes

SETTINGS = """
[practice]
name = "Riverbend"
home_tz = "America/New_York"
data_dir = "data"

[sources.measures]
connector = "redcap"
url = "{redcap}"
token = "{client_token}"
mapping = "measures.toml"
default_tz = "America/New_York"

[sources.pulse]
connector = "redcap"
url = "{redcap}"
token = "{staff_token}"
mapping = "pulse.toml"
default_tz = "America/New_York"

[sources.forms]
connector = "limesurvey"
url = "{limesurvey}"
user = "api"
password = "let-me-in"
default_tz = "America/New_York"
"""
LIME_FILE = """
[surveys.900001]
client = { participant = "attribute_1" }
[surveys.900001.measures.gad7]
answers = { A0 = 0, A1 = 1, A2 = 2, A3 = 3 }
respondent = "self"
"""


@dataclass(frozen=True)
class Site:
    """A home with three survey sources, what they hold, and two nights of them."""

    home: PracticeHome
    practice: Practice
    corpus: SurveyCorpus
    nights: list[tuple[list[SourceRun], list[MappingResult], dict[str, str]]]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.home.warehouse.connect() as connection:
            found: list[dict[str, Any]] = connection.raw.execute(sql).to_arrow_table().to_pylist()
        return found

    def count(self, entity: str, source: str, where: str = "true") -> int:
        sql = f"SELECT count(*) AS n FROM canonical.{entity} WHERE source = '{source}' AND {where}"
        return int(self.rows(sql)[0]["n"])


def lime_survey(corpus: SurveyCorpus) -> Survey:
    """A GAD-7 that the same clients filled in on the web, one of them not to its end."""
    people = [
        {"tid": n, "token": f"tok{n}", "attribute_1": mrn.lower(), "firstname": "Secretfirstname"}
        for n, mrn in enumerate(sorted(corpus.mrns)[:6], 1)
    ]
    survey = Survey([Question("GAD7", parts={f"SQ{n:03d}": "x" for n in range(1, 8)})], participants=people)
    for person in people:
        answers = {f"GAD7[SQ{n:03d}]": "A2" for n in range(1, 8)}
        survey.add(submitdate="2026-03-03 10:00:00", token=person["token"], **answers)
    survey.responses[0] |= {"submitdate": "", "startdate": "2026-03-03 09:50:00", "GAD7[SQ007]": ""}
    return survey


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("surveys")
    practice = build_practice(clinicians=6, weeks=8)
    corpus = build_surveys(practice, every=6)
    with RedcapServer(corpus.projects) as redcap, LimeSurveyServer({900001: lime_survey(corpus)}) as lime:
        text = SETTINGS.format(
            redcap=redcap.api_url,
            limesurvey=lime.remote_control_url,
            client_token=CLIENT_TOKEN,
            staff_token=STAFF_TOKEN,
        )
        (folder / "pacekeeper.toml").write_text(text)
        (folder / "measures.toml").write_text(corpus.client_file)
        (folder / "pulse.toml").write_text(corpus.staff_file)
        (folder / "limesurvey.toml").write_text(LIME_FILE)
        home = PracticeHome(load_settings(folder / "pacekeeper.toml"))
        home.create()
        nights = []
        for night in ("night-1", "night-2"):
            landed = land_sources(home, run_id=night, as_of=practice.as_of)
            mapped = map_sources(home, run_id=night, as_of=practice.as_of)
            nights.append((landed, mapped, content_hashes(home)))
        yield Site(home, practice, corpus, nights)


def test_every_source_is_landed_and_mapped_and_both_ledgers_balance(site: Site) -> None:
    for (landed, mapped, _), state in zip(site.nights, ("swapped", "unchanged"), strict=True):
        assert [(run.source, run.state, run.message) for run in landed] == [
            (name, "ok", None) for name in ("forms", "measures", "pulse")
        ]
        assert {(r.source, r.entity): r.state for r in mapped} == {
            **{("measures", e): state for e in ("measure_response", "measure_item", "client_identifier")},
            **{("forms", e): state for e in ("measure_response", "measure_item", "client_identifier")},
            **{("pulse", e): state for e in ("survey_wave", "staff_survey_response", "staff_survey_item")},
        }
        assert all(result.balances for result in mapped)
    assert all(row.is_balanced for row in site.home.ops.rows(StreamRun))


def test_the_second_night_changes_nothing(site: Site) -> None:
    first, second = (hashes for _, _, hashes in site.nights)
    assert second == first
    again = [row for row in site.home.ops.rows(StreamRun) if row.run_id == "night-2"]
    assert sum(row.inserted + row.updated + row.tombstones for row in again) == 0
    assert sum(row.unchanged for row in again) > 1000


def test_measures_of_redcap_are_what_the_project_holds(site: Site) -> None:
    corpus = site.corpus
    # Dirt: one form has no client (quarantined), one is empty (out of scope), two are of clients nobody knows.
    assert site.count("measure_response", "measures") == corpus.forms + corpus.dirt["unknown_client"]
    clean = [row for row in corpus.clients.rows if row.get("phq9_total")]
    sql = "SELECT sum(total) AS s FROM canonical.measure_response WHERE source = 'measures' AND instrument = 'phq9' "
    expected = sum(int(row["phq9_total"]) for row in clean) + 9
    assert site.rows(sql)[0]["s"] == expected
    assert site.count("measure_response", "measures", "total <> source_total") == 0
    partial = sum(
        any(not row[f"{form}_{n}"].isdigit() for n in range(1, length + 1))
        for row in corpus.clients.rows
        for form, length in (("phq9", 9), ("gad7", 7))
        if row.get("redcap_repeat_instrument") == form and row["record_id"] < "9000"
    )
    assert partial > 0
    assert (
        site.count("measure_response", "measures", "status = 'partial'") == partial + corpus.dirt["item_out_of_range"]
    )


def test_what_is_wrong_is_named(site: Site) -> None:
    mapped = {(r.source, r.entity): r for r in site.nights[0][1]}
    assert mapped["measures", "measure_response"].quarantined == {"missing_required": 1}
    assert mapped["measures", "measure_item"].quarantined == {"item_out_of_range": 1}
    assert mapped["measures", "client_identifier"].quarantined == {}


def test_the_same_client_meets_across_systems_by_the_identifier(site: Site) -> None:
    sql = """
        SELECT count(*) AS n FROM canonical.client_identifier a JOIN canonical.client_identifier b USING (match_key)
        WHERE a.source = 'measures' AND b.source = 'forms' AND a.client_key <> b.client_key
    """
    assert site.rows(sql)[0]["n"] == 6


def test_staff_sheets_land_anonymous_and_by_week(site: Site) -> None:
    corpus = site.corpus
    assert site.count("staff_survey_response", "pulse") == corpus.sheets
    assert site.count("survey_wave", "pulse") == 4
    answers = sum(1 for row in corpus.staff.rows for name in row if name in {"exhausted", "supported", "fair_load"})
    assert site.count("staff_survey_item", "pulse", "item IN ('1', 'supported', 'fair_load')") == answers
    weeks = site.rows("SELECT DISTINCT dayofweek(submitted_week) AS d FROM canonical.staff_survey_response")
    assert weeks == [{"d": 1}]
    joined = "canonical.staff_survey_response JOIN canonical.survey_wave USING (wave_key, team_key)"
    sql = f"SELECT count(*) AS n FROM {joined}"
    assert site.rows(sql)[0]["n"] == corpus.sheets


def test_no_identifier_time_of_day_or_name_is_in_any_file_of_the_home(site: Site) -> None:
    secrets = [mrn.encode() for mrn in sorted(site.corpus.mrns)[:5]] + [b"Secretfirstname", b"MRN-NOBODY"]
    for file in (path for path in site.home.data_dir.rglob("*") if path.is_file()):
        content = file.read_bytes()
        assert not [secret for secret in secrets if secret in content], file.name
    instants = site.rows(
        "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'raw_pulse' AND data_type LIKE 'TIMESTAMP%' "
        "AND NOT starts_with(table_name, '_dlt')"
    )
    assert {row["column_name"] for row in instants} == {"observed_at"}
