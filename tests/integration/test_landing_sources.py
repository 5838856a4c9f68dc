"""A night's landing of several sources: none waits for another, and what changed its declaration is read whole."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.connector import ConnectorSettings
from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.ops import SourceRun, StreamRun, StreamState
from pacekeeper.settings import load_settings
from tests.integration.plugin_site import PluginSite

FIRST = datetime(2026, 3, 24, 12, tzinfo=UTC)
#: Reads until a file named `release` lies in the practice's folder.
WAITING = """
    import time
    from pacekeeper import Code, Connector, Key, Page, Stream

    class Plugin(Connector):
        name = "{name}"
        streams = (Stream("visits", columns={"id": Key("session"), "state": Code()}),)

        def read_stream(self, stream, window):
            while not (self.context.home / "release").exists():
                time.sleep(0.05)
            yield Page("visits", [])
"""
#: A day's records come every day; a read asks for those of days after its watermark. The site chooses the columns.
GROWING = """
    from datetime import timedelta
    from pydantic import SecretStr
    from pacekeeper import Code, Connector, ConnectorSettings, Instant, Key, Page, Stream

    class Settings(ConnectorSettings):
        without_effect = frozenset({"page_size"})
        columns: tuple[str, ...] = ()
        page_size: int = 10
        ward: str = "a"
        token: SecretStr = SecretStr("")

    class Plugin(Connector):
        name = "{name}"
        settings_type = Settings

        def site_files(self):
            return [file for file in [self.context.home / "visits.map"] if file.exists()]

        @property
        def streams(self):
            more = {name: Code() for name in self.settings.columns}
            own = {"id": Key("session"), "at": Instant(), **more}
            return (
                Stream("visits", columns=own, cursor="at", lag=timedelta(hours=1)),
                Stream("rooms", columns={"id": Key("location"), "at": Instant()}, cursor="at"),
            )

        def read_stream(self, stream, window):
            since = window.since_of(stream.name)
            days = [window.until - timedelta(days=n) for n in range(5)]
            rows = [{"id": f"{stream.name}-{at:%Y%m%d}", "at": at.isoformat(), "state": "kept"} for at in days]
            yield Page(stream.name, [row for row, at in zip(rows, days) if since is None or at > since])
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    site = PluginSite(tmp_path / "site")
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(site.folder))
    return site


def practice(folder: Path, sources: str) -> PracticeHome:
    config = folder / "pacekeeper.toml"
    config.write_text(f'[practice]\nname = "S"\nhome_tz = "UTC"\ndata_dir = "data"\n{sources}')
    home = PracticeHome(load_settings(config))
    home.create()
    return home


def test_a_source_is_on_record_while_another_still_hangs(site: PluginSite, tmp_path: Path) -> None:
    site.install("waiting", WAITING)
    site.install("growing", GROWING)
    home = practice(tmp_path, '[sources.a]\nconnector = "waiting"\n[sources.z]\nconnector = "growing"\n')
    landing = threading.Thread(target=land_sources, args=(home,), kwargs={"run_id": "one", "as_of": FIRST})
    landing.start()
    try:
        deadline = time.monotonic() + 60
        while not home.ops.rows(SourceRun, source="z") and landing.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        states = {row.source: row.state for row in home.ops.rows(SourceRun)}
        landed = {row.stream: row.inserted for row in home.ops.rows(StreamRun)}
    finally:
        (tmp_path / "release").touch()
        landing.join()
    assert states == {"z": "ok"}
    assert landed == {"visits": 5, "rooms": 5}
    assert {row.source: row.state for row in home.ops.rows(SourceRun)} == {"a": "ok", "z": "ok"}


def test_a_changed_declaration_or_setting_has_its_stream_read_whole_once(
    site: PluginSite, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pacekeeper")
    site.install("growing", GROWING)
    nights = 0

    def land(options: str) -> tuple[dict[str, int], list[tuple[Any, ...]]]:
        """Rows read by stream, and the reasons for reading whole."""
        nonlocal nights
        nights += 1
        caplog.clear()
        home = practice(tmp_path, f'[sources.ehr]\nconnector = "growing"\n{options}')
        land_sources(home, run_id=str(nights), as_of=FIRST + timedelta(days=nights))
        told = [(r.stream, r.reason) for r in caplog.records if r.getMessage() == "stream read whole"]  # type: ignore[attr-defined]
        return {row.stream: row.read for row in home.ops.rows(StreamRun, run_id=str(nights))}, told

    assert land("") == ({"visits": 5, "rooms": 5}, [])
    assert land("") == ({"visits": 2, "rooms": 1}, [])
    assert land('token = "new"\n') == ({"visits": 2, "rooms": 1}, []), "a secret changes nothing that is read"
    wider = 'columns = ["state"]\n'
    both = "its declaration changed; the source's settings changed"
    assert land(wider) == ({"visits": 5, "rooms": 5}, [("visits", both), ("rooms", "the source's settings changed")])
    assert land(wider) == ({"visits": 2, "rooms": 1}, [])
    zoned = land(wider + 'default_tz = "Europe/Paris"\n')
    assert zoned == ({"visits": 5, "rooms": 5}, [(s, "the source's default_tz changed") for s in ("visits", "rooms")])

    home = practice(tmp_path, f'[sources.ehr]\nconnector = "growing"\n{wider}')
    with home.warehouse.connect() as connection:
        rows = connection.raw.execute(
            "SELECT version_no, state FROM raw_ehr.visits WHERE row_key IN "
            "(SELECT row_key FROM raw_ehr.visits WHERE batch_id = '1') AND batch_id IN ('1', '4') "
            "ORDER BY version_no, state"
        ).fetchall()
    assert rows.count((1, None)) == 5
    assert rows.count((2, "kept")) >= 2, "old rows have the new column in a new version"


def test_a_changed_file_has_its_source_read_whole_once_and_a_size_of_pages_does_not(
    site: PluginSite, tmp_path: Path
) -> None:
    site.install("growing", GROWING)
    described, nights = tmp_path / "visits.map", iter(range(100))

    def land(options: str = "") -> dict[str, int]:
        night = next(nights)
        home = practice(tmp_path, f'[sources.ehr]\nconnector = "growing"\n{options}')
        land_sources(home, run_id=f"{night}", as_of=FIRST + timedelta(days=night))
        return {row.stream: row.read for row in home.ops.rows(StreamRun, run_id=f"{night}")}

    whole, changes = {"visits": 5, "rooms": 5}, {"visits": 2, "rooms": 1}
    described.write_text("state = a")
    assert [land(), land()] == [whole, changes]
    assert land("page_size = 3\n") == changes
    described.write_text("state = b")
    assert [land(), land()] == [whole, changes]


def test_settings_without_effect_are_settings() -> None:
    with pytest.raises(TypeError, match=r"without_effect names page_sise, which it has no setting for"):
        type("Mistaken", (ConnectorSettings,), {"without_effect": frozenset({"page_sise"})})


def test_a_state_without_a_fingerprint_is_read_whole_and_gains_one(site: PluginSite, tmp_path: Path) -> None:
    site.install("growing", GROWING)
    home = practice(tmp_path, '[sources.ehr]\nconnector = "growing"\n')
    land_sources(home, run_id="one", as_of=FIRST)
    states = home.ops.rows(StreamState)
    assert all(state.fingerprint for state in states)
    for state in states:
        state.fingerprint = None
    home.ops.add(states)
    land_sources(home, run_id="two", as_of=FIRST + timedelta(days=1))
    assert {row.stream: row.read for row in home.ops.rows(StreamRun, run_id="two")} == {"visits": 5, "rooms": 5}
    assert all(state.fingerprint for state in home.ops.rows(StreamState))


def test_every_stream_and_run_has_one_log_line(
    site: PluginSite, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pacekeeper")
    site.install("growing", GROWING)
    home = practice(tmp_path, '[sources.ehr]\nconnector = "growing"\n')
    land_sources(home, run_id="one", as_of=FIRST)
    lines = [vars(record) for record in caplog.records if record.getMessage() == "stream loaded"]
    assert [(r["source"], r["stream"], r["read"], r["kept"], r["rejected"]) for r in lines] == [
        ("ehr", "visits", 5, 5, 0),
        ("ehr", "rooms", 5, 5, 0),
    ]
    assert all(record["seconds"] > 0 for record in lines)
