"""The directory file and the routing table: who is told, and what a person can get wrong in them."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from pacekeeper.alerts.directory import Person, QuietHours, load_directory
from pacekeeper.alerts.route import due_at
from pacekeeper.alerts.routing import Routes
from pacekeeper.errors import ConfigError
from pacekeeper_assets import CATALOGUE

ZONE = "America/New_York"


def directory(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "directory.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def refusal(folder: Path, text: str, mode: int = 0o600) -> str:
    with pytest.raises(ConfigError) as raised:
        load_directory(directory(folder, text, mode))
    return str(raised.value)


def test_a_directory_that_others_can_read_is_refused(tmp_path: Path) -> None:
    assert "has mode 0640: others can reach it. Run: chmod 600" in refusal(tmp_path, "", mode=0o640)


def test_a_directory_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_directory(tmp_path / "directory.toml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[people.ana]\nroles = []", "people.ana.name is missing"),
        ('[people.ana]\nname = "A"\nroles = ["boss"]', "people.ana.roles.0 is not accepted"),
        ('[people.ana]\nname = "A"\nurl = "mailto://secret"', "people.ana.url is not a known setting"),
        ('[people.ana]\nname = "A"\nsupervises = ["zoe-secret"]', "supervises should name ids of this file"),
        ('[people.ana]\nname = "A"\nclinician = "secret"', "should be a key of 32 hex digits"),
        ('[people.ana\nname = "secret"', "is not valid TOML at line 1"),
    ],
    ids=["no-name", "no-such-role", "misspelt", "unknown-id", "no-key", "no-toml"],
)
def test_a_mistake_is_named_and_no_value_with_it(tmp_path: Path, text: str, told: str) -> None:
    message = refusal(tmp_path, text)
    assert told in message
    assert "secret" not in message


def test_addresses_are_no_part_of_what_is_printed(tmp_path: Path) -> None:
    text = '[people.ana]\nname = "A"\nurls = ["mailto://secret@x"]\nclinician = {domain = "npi", value = "secret"}'
    assert "secret" not in repr(load_directory(directory(tmp_path, text)))


@pytest.mark.parametrize(
    ("clock", "end"),
    [((18, 59), None), ((19, 0), (2, 7)), ((23, 30), (2, 7)), ((6, 59), (1, 7)), ((7, 0), None)],
    ids=["before", "from", "at-night", "in-the-morning", "to"],
)
def test_quiet_hours_go_over_midnight(clock: tuple[int, int], end: tuple[int, int] | None) -> None:
    quiet = QuietHours.model_validate({"from": time(19), "to": time(7)})
    found = quiet.end(datetime(2026, 6, 1, *clock, tzinfo=UTC))
    assert (None if found is None else (found.day, found.hour)) == end


def test_what_is_weekly_goes_on_the_digest_day_and_what_is_monthly_on_the_first() -> None:
    person = Person(name="A", digest_day="friday")
    tuesday = datetime(2026, 6, 2, 12, tzinfo=UTC)
    assert due_at(person, "same_run", tuesday, practice_zone=ZONE) == tuesday
    assert due_at(person, "weekly", tuesday, practice_zone=ZONE) == datetime(2026, 6, 5, 4, tzinfo=UTC)
    assert due_at(person, "monthly", tuesday, practice_zone=ZONE) == datetime(2026, 7, 1, 4, tzinfo=UTC)
    friday = datetime(2026, 6, 5, 12, tzinfo=UTC)
    assert due_at(person, "weekly", friday, practice_zone=ZONE) == friday


def test_every_guardrail_has_a_route_of_its_own_class() -> None:
    named = Routes({}).named
    assert sorted(set(CATALOGUE.guardrails) - named) == []
    assert sorted(named - set(CATALOGUE.guardrails)) == ["off_track"]


def test_off_track_goes_to_therapist_and_supervisor_and_a_workload_to_the_clinician_first() -> None:
    routes = Routes({})
    assert routes.of("off_track", "alert").notify == ("clinician", "supervisor")
    assert routes.of("off_track", "alert").latency == "same_run"
    assert routes.of("after_hours_ehr", "clinician").notify[0] == "clinician"
    assert routes.of("utilization", "clinician").latency == "weekly"
    assert routes.of("denial_rate", "practice").notify == ("owner", "billing")
    assert routes.of("somebodys_plugin", "client").notify == ("clinician", "supervisor")


def test_a_practice_lays_its_own_routes_over_a_class_or_a_guardrail() -> None:
    routes = Routes({"workload": {"latency": "monthly"}, "direct_hours": {"notify": ["owner"]}})
    assert routes.of("night_ehr", "clinician").latency == "monthly"
    assert routes.of("direct_hours", "clinician").notify == ("owner",)
    assert routes.of("direct_hours", "clinician").latency == "monthly"
    with pytest.raises(ConfigError, match=r"\[alerts.routes.workload\] of the settings is not usable: latency"):
        Routes({"workload": {"latency": "hourly"}})
    with pytest.raises(
        ConfigError, match=r"\[alerts.routes.workloads\] of the settings names no guardrail and no class"
    ):
        Routes({"workloads": {"latency": "weekly"}})
