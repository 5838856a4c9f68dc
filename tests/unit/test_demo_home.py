"""The demo's home: ports that are kept, and what it prints of a run."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from pacekeeper.home import PracticeHome
from pacekeeper.ops import MappingRun, Run, SourceRun, StreamRun
from pacekeeper.settings import load_settings
from pacekeeper_app.cli import findings
from pacekeeper_app.cli.status import status
from pacekeeper_app.demo_home import port_before
from pacekeeper_app.demo_systems import DemoSystems, build_systems, serve_practice
from pacekeeper_assets import MARTS

AS_OF = datetime(2026, 4, 6, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def systems() -> DemoSystems:
    return build_systems(clinicians=3, weeks=5)


@pytest.fixture
def home(tmp_path: Path) -> PracticeHome:
    """A home with two sources of files and no run yet."""
    (tmp_path / "pacekeeper.toml").write_text(
        '[practice]\nname = "P"\nhome_tz = "UTC"\ndata_dir = "data"\n'
        + "".join(f'[sources.{name}]\nconnector = "x12"\nfolder = "."\n' for name in ("billing", "payer"))
    )
    found = PracticeHome(load_settings(tmp_path / "pacekeeper.toml"))
    found.create(MARTS.values())
    return found


def addresses(folder: Path) -> list[str]:
    lines = (folder / "pacekeeper.toml").read_text().splitlines()
    return [line for line in lines if line.startswith(("base_url", "url"))]


def test_a_repeated_demo_has_its_sources_at_the_addresses_of_the_first(systems: DemoSystems, tmp_path: Path) -> None:
    with serve_practice(systems, tmp_path):
        first = addresses(tmp_path)
    with serve_practice(systems, tmp_path):
        assert addresses(tmp_path) == first
    assert len(first) == 3
    assert port_before(tmp_path, "ehr") not in {0, port_before(tmp_path, "surveys")}


def test_a_port_that_is_taken_is_left_to_its_owner(systems: DemoSystems, tmp_path: Path) -> None:
    with serve_practice(systems, tmp_path):
        taken = port_before(tmp_path, "ehr")
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        with serve_practice(systems, tmp_path) as served:
            assert served.ehr.url != f"http://127.0.0.1:{taken}/fhir"
            assert f'base_url = "{served.ehr.url}"' in addresses(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        "[sources.staff]\nfolder = 'files'",
        "sources = 3",
        "[sources.ehr]\nconnector = 'fhir'",
        "[sources.ehr]\nbase_url = 8080",
        "[sources.ehr]\nbase_url = 'https://ehr.example:8443/fhir'",
        "[sources.ehr]\nbase_url = 'http://127.0.0.1:99999/fhir'",
        "[sources.ehr]\nbase_url = 'http://127.0.0.1/fhir'",
    ],
)
def test_settings_that_name_no_loopback_port_give_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "pacekeeper.toml").write_text(text)
    assert port_before(tmp_path, "ehr") == 0
    assert port_before(tmp_path / "nowhere", "ehr") == 0


def test_nobody_is_asked_the_same_in_the_ehr_and_the_survey_system(systems: DemoSystems) -> None:
    resources = systems.practice.resources
    asked = {observation["subject"]["reference"] for observation in resources["Observation"]}
    numbers = {p["identifier"][0]["value"]: f"Patient/{p['id']}" for p in resources["Patient"]}
    assert asked
    assert systems.surveys.mrns
    assert not {numbers[mrn] for mrn in systems.surveys.mrns} & asked


def shown(home: PracticeHome) -> str:
    console = Console(width=130, highlight=False)
    with console.capture() as captured:
        findings.print_sources(console, home, "r")
    return captured.get()


def test_a_source_that_was_not_read_says_so_in_place_of_its_streams(home: PracticeHome) -> None:
    why = "its content is as it was at the last read"
    home.ops.add([SourceRun(run_id="r", source="billing", connector="x12", state="ok", message=why)])
    home.ops.add([StreamRun(run_id="r", source="billing", stream="claim")])
    text = shown(home)
    assert f"not read: {why}" in text
    assert "no rows" not in text


def test_streams_without_rows_are_counted_in_one_line(home: PracticeHome) -> None:
    home.ops.add([SourceRun(run_id="r", source="billing", connector="x12", state="ok")])
    home.ops.add(StreamRun(run_id="r", source="billing", stream=name) for name in ("remit", "provider"))
    home.ops.add([StreamRun(run_id="r", source="billing", stream="claim", read=1200, inserted=1200)])
    home.ops.add([StreamRun(run_id="r", source="billing", stream="patient", tombstones=2)])
    text = shown(home)
    assert "no rows from 2 other streams" in text
    assert "1,200" in text
    assert "patient" in text
    assert "provider" not in text
    assert "suspect" not in text


def test_suspect_records_have_a_column_where_there_are_any(home: PracticeHome) -> None:
    home.ops.add([SourceRun(run_id="r", source="billing", connector="x12", state="ok")])
    home.ops.add([StreamRun(run_id="r", source="billing", stream="claim", suspect=3)])
    lines = shown(home).splitlines()
    assert lines[1].split()[-1] == "suspect"
    assert lines[2].split()[-1] == "3"


def test_after_a_replay_status_still_shows_the_latest_read_of_every_source(
    home: PracticeHome, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (run_id, read) in enumerate((("first", ("billing", "payer")), ("second", ("billing",)), ("again", ()))):
        at = AS_OF.replace(hour=number)
        home.ops.add([Run(run_id=run_id, as_of=AS_OF, started_at=at, ended_at=at, state="success")])
        home.ops.add(SourceRun(run_id=run_id, source=name, connector="x12", state="ok") for name in read)
        home.ops.add([MappingRun(run_id=run_id, source="billing", entity="claim", state="swapped")])
    status(home.settings.file)
    text = capsys.readouterr().out
    assert "Last replay (no source read) again: success" in text
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith(("billing", "payer"))}
    assert rows["billing"].split()[:3] == ["billing", "x12", "ok"]
    assert "on 2026-" not in rows["billing"]
    assert "ok on 2026-04-06 00:00 UTC" in rows["payer"]
