"""`quarantine replay` maps again what has landed after a value map was corrected, and calls no vendor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pacekeeper.errors import ConfigError
from pacekeeper.home import PracticeHome
from pacekeeper.ops import MappingRun, Run, SourceRun
from pacekeeper.settings import load_settings
from pacekeeper_app.night import run_night
from tests.integration.plugin_site import PluginSite
from tests.integration.practice_run import night_without_dagster, said_by

pytestmark = pytest.mark.timeout(300)
AS_OF = datetime(2026, 3, 24, 12, tzinfo=UTC)
#: Two people, one with a role no value map knows, and one whose record cannot be read.
STAFF = """
    from pacekeeper import Code, Connector, Key, Page, Stream
    from pacekeeper.expr import literal

    class Plugin(Connector):
        name = "{name}"
        streams = (Stream("people", columns={"id": Key("clinician"), "role": Code()}),)
        value_maps = {"role": {"T": "therapist"}}

        def read_stream(self, stream, window):
            folder = self.context.home
            (folder / "calls").write_text((folder / "calls").read_text() + "x" if (folder / "calls").exists() else "x")
            roles = {"1": "T", "2": "PSY", "3": "a whole sentence"}
            yield Page("people", [{"id": id, "role": role} for id, role in roles.items()])

    @Plugin.maps("clinician", of="people")
    def clinician(raw):
        p = raw.people
        return p.select(
            clinician_key=p.id,
            role=raw.value_map("role", p.role),
            role_source_code=p.role,
            license_level=literal("none"),
        )
"""
TOML = """\
[practice]
name = "S"
home_tz = "UTC"
data_dir = "data"

[sources.staff]
connector = "staff"
quarantine_limit = 1.0
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PracticeHome:
    """A practice after one night."""
    site = PluginSite(tmp_path / "site")
    site.install("staff", STAFF)
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(site.folder))
    config = tmp_path / "pacekeeper.toml"
    config.write_text(TOML)
    home = PracticeHome(load_settings(config))
    results = night_without_dagster(home, AS_OF, run_id="night")
    assert {name: found.state for name, found in results.items()} == {"staff": "ok"}, results
    return home


def roles(home: PracticeHome) -> list[str]:
    with home.published.connect(read_only=True) as connection:
        return [
            role for (role,) in connection.raw.execute("SELECT role FROM canonical.clinician ORDER BY 1").fetchall()
        ]


def test_a_corrected_value_map_reaches_readers_without_a_read(home: PracticeHome, tmp_path: Path) -> None:
    assert roles(home) == ["therapist", "unknown"]
    config = tmp_path / "pacekeeper.toml"
    config.write_text(TOML + '[sources.staff.value_maps.role]\nPSY = "prescriber"\n')
    said = " ".join(said_by("quarantine", "replay", "staff", "clinician", config=config).split())
    assert roles(home) == ["prescriber", "therapist"]
    assert (tmp_path / "calls").read_text() == "x", "the vendor was called once, by the night"
    assert "staff clinician swapped 2 0 0" in said
    assert "1 values of staff were rejected before they landed" in said
    assert "pacekeeper run --reread staff" in said
    runs = {run.run_id: run for run in home.ops.rows(Run)}
    (replayed,) = [run for name, run in runs.items() if name != "night"]
    assert (replayed.state, replayed.as_of) == ("success", AS_OF)
    assert [row.state for row in home.ops.rows(MappingRun, run_id=replayed.run_id)] == ["swapped"]
    assert home.ops.rows(SourceRun, run_id=replayed.run_id) == []
    said_by("quarantine", "replay", config=config)
    assert roles(home) == ["prescriber", "therapist"], "again, all of it, changes nothing"


def test_what_cannot_be_replayed_is_named(home: PracticeHome, tmp_path: Path) -> None:
    config = tmp_path / "pacekeeper.toml"
    assert "no source 'staf'" in said_by("quarantine", "replay", "staf", config=config)
    said = " ".join(said_by("quarantine", "replay", "staff", "clinicians", config=config).split())
    assert "'clinicians' is no entity a source fills" in said
    assert "nothing was mapped again" in said_by("quarantine", "replay", "staff", "session", config=config)
    assert roles(home) == ["therapist", "unknown"], "the slices of other entities stay"


def test_a_run_as_of_before_the_last_read_is_refused(home: PracticeHome) -> None:
    with pytest.raises(ConfigError, match="source staff has been read as of 2026-03-24 12:00 UTC"):
        run_night(home, as_of=AS_OF - timedelta(minutes=1))
    assert [run.run_id for run in home.ops.rows(Run)] == ["night"]
