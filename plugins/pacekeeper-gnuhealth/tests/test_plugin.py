"""Installed as a distribution of its own, it is found, read in its own process, and mapped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pacekeeper import compatibility
from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.settings import load_settings
from pacekeeper.testing import Faults

import pacekeeper_gnuhealth
from gnuhealth_practice import practice
from gnuhealth_records import corpus
from pacekeeper_gnuhealth import GnuHealth
from pacekeeper_gnuhealth.testing import DATABASE, PASSWORD, USER, GnuHealthSimulator

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
SETTINGS = f"""
[practice]
name = "Elm House"
home_tz = "America/Denver"

[sources.elm]
connector = "gnuhealth"
url = "{{url}}"
database = "{DATABASE}"
user = "{USER}"
password = "{PASSWORD}"
quarantine_limit = 0.0
"""


def night(home: PracticeHome, number: int) -> dict[str, int]:
    """A night's landing and mapping; canonical rows by entity."""
    as_of = AS_OF + timedelta(days=number)
    (read,) = land_sources(home, run_id=f"night-{number}", as_of=as_of)
    assert read.state == "ok", read.message
    mapped = map_sources(home, run_id=f"night-{number}", as_of=as_of)
    assert all(result.is_current for result in mapped)
    return {result.entity: result.mapped for result in mapped}


def test_from_settings_to_canonical_rows_and_the_second_night_changes_nothing(tmp_path: Path) -> None:
    with GnuHealthSimulator(corpus()) as server:
        (tmp_path / "pacekeeper.toml").write_text(SETTINGS.format(url=server.url))
        home = PracticeHome(load_settings(tmp_path / "pacekeeper.toml"))
        home.create([])
        first = night(home, 1)
        with home.warehouse.connect() as connection:
            versions = connection.raw.execute("SELECT count(*) FROM raw_elm.appointment").fetchall()
        assert night(home, 2) == first
        with home.warehouse.connect() as connection:
            assert connection.raw.execute("SELECT count(*) FROM raw_elm.appointment").fetchall() == versions
        assert server.open_sessions == 0
    assert first["appointment"] == 7
    assert first["session"] == 3
    assert first["client"] == 3
    assert first["client_identifier"] == 8  # two numbers each, two e-mail addresses
    assert first["clinician_identifier"] == 2  # an NPI, an e-mail address


def test_check_names_what_is_missing(tmp_path: Path) -> None:
    with GnuHealthSimulator(corpus()) as server:
        assert practice(tmp_path / "good", server.url).connector().check().ok
        assert server.open_sessions == 0
        stranger = practice(tmp_path / "user", server.url, user="stranger").connector().check()
        server.reset(Faults(forbid=frozenset({"evaluation"})))
        no_right = practice(tmp_path / "rights", server.url).connector().check()
    assert not stranger.ok
    assert "check user and password" in stranger.message
    assert not no_right.ok
    assert "the right to read gnuhealth.patient.evaluation" in no_right.message


def test_it_needs_the_kernel_only() -> None:
    """A plugin may build on `pacekeeper`; the first-party connectors, Dagster and dlt belong to others."""
    folder = Path(pacekeeper_gnuhealth.__file__).parent
    for module in folder.glob("*.py"):
        for name in ("pacekeeper_connectors", "pacekeeper_assets", "pacekeeper_app", "dagster", "dlt"):
            assert f"import {name}" not in module.read_text()
            assert f"from {name}" not in module.read_text()


def test_it_keeps_what_its_snapshot_promises() -> None:
    before = compatibility.released("gnuhealth")
    assert before is not None, "released.json is not beside its code"
    found = compatibility.compare(before, compatibility.snapshot("gnuhealth"))
    assert not found.breaking
    assert not found.added, "write the snapshot anew: `pacekeeper connectors snapshot gnuhealth`"


@pytest.mark.parametrize(
    "change",
    [{"url": "ftp://x"}, {"url": "https://x?y=1"}, {"database": ""}, {"database": "../x"}, {"user": "a b"}],
    ids=["scheme", "query", "no database", "path", "blank"],
)
def test_settings_that_cannot_work_are_refused(change: dict[str, object]) -> None:
    good = {"url": "https://gnuhealth.example:8000", "database": DATABASE, "user": USER, "password": PASSWORD}
    GnuHealth.settings_type.model_validate(good)
    with pytest.raises(ValueError, match="pattern"):
        GnuHealth.settings_type.model_validate({**good, **change})
