"""Installed as a distribution of its own, it is found, read in its own process, and mapped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.settings import load_settings
from pacekeeper.testing import Faults

import pacekeeper_openemr
from openemr_practice import openemr, practice
from openemr_records import DENVER
from pacekeeper_openemr import OpenEmr

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
SETTINGS = """
[practice]
name = "Elm House"
home_tz = "{tz}"

[sources.elm]
connector = "openemr"
base_url = "{base_url}"
default_tz = "{tz}"
username = "{username}"
password = "{password}"
user_client_id = "{client}"
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
    with openemr() as server:
        known = server.accounts
        text = SETTINGS.format(
            tz=DENVER,
            base_url=server.base_url,
            username=known.username,
            password=known.password,
            client=known.user_client_id,
        )
        (tmp_path / "pacekeeper.toml").write_text(text)
        home = PracticeHome(load_settings(tmp_path / "pacekeeper.toml"))
        home.create([])
        first = night(home, 1)
        with home.warehouse.connect() as connection:
            versions = connection.raw.execute("SELECT count(*) FROM raw_elm.appointment").fetchall()
        assert night(home, 2) == first
        with home.warehouse.connect() as connection:
            assert connection.raw.execute("SELECT count(*) FROM raw_elm.appointment").fetchall() == versions
    assert first["appointment"] == 7
    assert first["session"] == 3
    assert first["client"] == 3


def test_check_names_what_is_missing(tmp_path: Path) -> None:
    with openemr() as server:
        assert practice(tmp_path / "good", server).connector().check().ok
        no_zone = practice(tmp_path / "zone", server, tz=None).connector().check()
        stranger = practice(tmp_path / "user", server, username="stranger").connector().check()
        server.reset(Faults(forbid=frozenset({"facility"})))
        no_calendar = practice(tmp_path / "rights", server).connector().check()
    assert not no_zone.ok
    assert "default_tz" in no_zone.message
    assert not stranger.ok
    assert "the token endpoint answered 401" in stranger.message
    assert not no_calendar.ok
    assert "OpenEMR's own API does not" in no_calendar.message


def test_it_needs_the_kernel_only() -> None:
    """A plugin may build on `pacekeeper`; the first-party connectors, Dagster and dlt belong to others."""
    folder = Path(pacekeeper_openemr.__file__).parent
    for module in folder.glob("*.py"):
        for name in ("pacekeeper_connectors", "pacekeeper_assets", "pacekeeper_app", "dagster", "dlt"):
            assert f"import {name}" not in module.read_text()
            assert f"from {name}" not in module.read_text()


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"password": None}, "the calendar is open to users only"),
        ({"client_secret": "x", "client_id": "c", "token_url": "https://e.example/t"}, "of no use"),
        ({"folder": "files"}, "exactly one of"),
    ],
    ids=["no user", "client secret", "folder"],
)
def test_settings_that_cannot_work_are_refused_with_a_reason(change: dict[str, object], hint: str) -> None:
    good = {
        "base_url": "https://emr.example/apis/default/fhir",
        "username": "nightly",
        "password": "open-sesame-9",
        "user_client_id": "calendar",
    }
    OpenEmr.settings_type.model_validate(good)
    with pytest.raises(ValueError, match=hint):
        OpenEmr.settings_type.model_validate({k: v for k, v in {**good, **change}.items() if v is not None})
