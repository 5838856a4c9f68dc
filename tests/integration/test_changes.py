"""Changes between nights: every version is kept, deletions are told, and a corrected value map needs no reading."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.ops import SourceRun, StreamRun, UnmappedValue
from pacekeeper.privacy import keyed_hash
from pacekeeper.settings import load_settings
from pacekeeper.testing import FhirServer
from pacekeeper.testing import _resources as fhir
from tests.integration.practice_run import night_without_dagster

Resource = dict[str, Any]  # FHIR JSON is open by design

FIRST = datetime(2026, 3, 24, 12, tzinfo=UTC)
SECOND, THIRD = FIRST + timedelta(days=1), FIRST + timedelta(days=2)
#: The server's clock on the first night, which the second read starts from, less ten minutes of lag.
SERVER_TIME = datetime(2026, 3, 24, 11, tzinfo=UTC)
LAST_WEEK = "2026-03-16"
ODD_STATUS = "arrived-late"
TOML = """\
[practice]
name = "Small"
home_tz = "America/New_York"
data_dir = "data"

[sources.ehr]
connector = "fhir"
base_url = "{base_url}"

[sources.calendar]
connector = "tabular"
folder = "calendar"
default_tz = "America/New_York"
"""
MAPPING = """\
[streams.block]
files = "blocks.csv"
[streams.block.columns]
block_id = { type = "key", entity = "schedule_block" }
npi = { type = "match", domain = "npi" }
staff = { type = "ref", entity = "clinician", required = true }
start = { type = "instant", required = true }
end = { type = "instant", required = true }

[[map]]
entity = "schedule_block"
of = "block"
[map.columns]
block_key = "block_id"
clinician_key = "staff"
start_at = "start"
end_at = "end"
kind = { value = "client_available" }
is_protected = { value = false }
block_source = { value = "calendar" }

[[map]]
entity = "clinician_identifier"
of = "block"
once = true
[map.columns]
clinician_key = "staff"
domain = { value = "npi" }
match_key = "npi"
"""
#: On 8 March 2026 New York's clocks go from 02:00 to 03:00: 01:00 to 04:00 are two hours.
BLOCKS = "block_id,npi,staff,start,end\nb1,1234567893,s1,2026-03-08 01:00,2026-03-08 04:00\n"
REMAPPED = f"""
[sources.ehr.value_maps.appointment_status]
{ODD_STATUS} = "booked"
"""


def appointment(identity: str, day: str, *, status: str = "fulfilled", updated: datetime = SERVER_TIME) -> Resource:
    """A seat at 15:00 UTC of a day in March 2026."""
    return fhir.appointment(
        identity,
        status=status,
        start=f"2026-03-{day}T15:00:00+00:00",
        end=f"2026-03-{day}T16:00:00+00:00",
        created="2026-03-01T12:00:00+00:00",
        updated=updated.isoformat(),
        client="p1",
        episode="e1",
        practitioner="c1",
        location="l1",
        service="individual",
        modality="video",
        via="staff",
    )


def corpus() -> dict[str, list[Resource]]:
    """One clinician, one client, twenty-four kept seats, one that changes, one of an unknown status, one DST night."""
    updated = SERVER_TIME.isoformat()
    dst = fhir.encounter(
        "dst",
        session_type="crisis",
        modality="audio",
        start="2026-03-08T01:30:00-05:00",
        end="2026-03-08T03:30:00-04:00",
        updated=updated,
        practitioner="c1",
        client="p1",
        episode="e1",
    )
    return {
        "Location": [fhir.location("l1", name="Clinic", zone="America/New_York", physical="bu", updated=updated)],
        "Practitioner": [
            fhir.practitioner("c1", npi="1234567893", first="A", last="B", email="a@b.example", updated=updated)
        ],
        "PractitionerRole": [
            fhir.practitioner_role(
                "r1",
                practitioner="c1",
                location="l1",
                role="therapist",
                start="2025-01-01",
                end=None,
                available=[],
                updated=updated,
            )
        ],
        "Patient": [
            fhir.patient("p1", first="C", last="D", birth_date="1980-01-01", postal_code="02139", updated=updated)
        ],
        "EpisodeOfCare": [
            fhir.episode(
                "e1", patient="p1", practitioner="c1", service_line="outpatient", opened="2026-01-05", updated=updated
            )
        ],
        "Appointment": [
            *(appointment(f"kept-{n}", f"{2 + n % 20:02}") for n in range(24)),
            appointment("back", "18", status="booked"),
            appointment("odd", "19", status=ODD_STATUS),
        ],
        "Encounter": [dst],
    }


@dataclass(frozen=True)
class Nights:
    """Three nights of one practice, then a value map corrected with the server gone.

    unmapped: codes no map knew, by run; no_show: state and reason of the last week's verdict, by run.
    """

    home: PracticeHome
    unmapped: dict[str, set[tuple[str, str, str, int]]]
    no_show: dict[str, tuple[str, str | None]]
    remapped: list[SourceRun]

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.home.warehouse.connect() as connection:
            return connection.raw.execute(sql, list(values)).fetchall()

    def key(self, entity: str, identity: str) -> str:
        return keyed_hash(self.home.hash_key(), "ehr", entity, identity)

    def runs(self, run_id: str) -> dict[str, StreamRun]:
        return {row.stream: row for row in self.home.ops.rows(StreamRun, run_id=run_id, source="ehr")}


def no_show(home: PracticeHome) -> tuple[str, str | None]:
    with home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(
            "SELECT state, reason FROM marts.guardrail_result "
            "WHERE is_current AND guardrail_id = 'no_show' AND period = ?",
            [LAST_WEEK],
        ).fetchall()
    (found,) = rows
    return found


def unmapped(home: PracticeHome, run_id: str) -> set[tuple[str, str, str, int]]:
    return {(u.entity, u.column, u.code, u.rows) for u in home.ops.rows(UnmappedValue, run_id=run_id)}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    folder = tmp_path_factory.mktemp("changes")
    (folder / "calendar").mkdir()
    (folder / "calendar" / "mapping.toml").write_text(MAPPING)
    (folder / "calendar" / "blocks.csv").write_text(BLOCKS)
    config = folder / "pacekeeper.toml"
    with FhirServer(corpus(), token=None) as server:
        config.write_text(TOML.format(base_url=server.url))
        home = PracticeHome(load_settings(config))
        first = night_without_dagster(home, FIRST, run_id="first")
        assert {result.state for result in first.values()} == {"ok"}, first
        verdicts = {"first": no_show(home)}

        server.update("Appointment", appointment("back", "18", status="cancelled"), at=SERVER_TIME + timedelta(hours=3))
        late = SERVER_TIME - timedelta(minutes=5)
        server.update("Appointment", appointment("late", "17"), at=late)
        server.update("Appointment", appointment("too-late", "17"), at=SERVER_TIME - timedelta(minutes=15))
        server.remove("Appointment", "kept-0")
        land_sources(home, run_id="second", as_of=SECOND)

        server.update("Appointment", appointment("back", "18", status="booked"), at=SERVER_TIME + timedelta(hours=30))
        land_sources(home, run_id="third", as_of=THIRD)

    config.write_text(config.read_text() + REMAPPED)
    home = PracticeHome(load_settings(config))
    remapped = night_without_dagster(home, THIRD, run_id="remapped")
    verdicts["remapped"] = no_show(home)
    runs = ("first", "remapped")
    return Nights(home, {run: unmapped(home, run) for run in runs}, verdicts, list(remapped.values()))


def test_a_status_changed_and_changed_back_is_three_versions(nights: Nights) -> None:
    key = nights.key("appointment", "back")
    versions = nights.query(
        "SELECT version_no, status, is_deleted FROM raw_ehr.appointment WHERE row_key = ? ORDER BY 1", key
    )
    assert versions == [(1, "booked", False), (2, "cancelled", False), (3, "booked", False)]
    chain = nights.query(
        "SELECT count(*) FROM raw_ehr.appointment AS new JOIN raw_ehr.appointment AS old "
        "ON new.predecessor_id = old.version_id AND new.version_no = old.version_no + 1 WHERE new.row_key = ?",
        key,
    )
    assert chain == [(2,)]


def test_both_changes_are_events_at_the_servers_time(nights: Nights) -> None:
    events = nights.query(
        'SELECT seq, change, from_status, to_status, "at", at_precision FROM canonical.appointment_event '
        "WHERE appointment_key = ? ORDER BY seq",
        nights.key("appointment", "back"),
    )
    assert [event[:4] for event in events] == [
        (1, "created", None, "booked"),
        (2, "status", "booked", "cancelled"),
        (3, "status", "cancelled", "booked"),
    ]
    assert [event[4].astimezone(UTC) for event in events] == [
        SERVER_TIME,
        SERVER_TIME + timedelta(hours=3),
        SERVER_TIME + timedelta(hours=30),
    ]
    assert {event[5] for event in events} == {"instant"}


def test_a_row_that_shows_up_late_inside_the_lag_is_read(nights: Nights) -> None:
    second = nights.runs("second")["appointment"]
    # What the lag reaches again is read and left alone; the changed one and the late one are new.
    assert (second.inserted, second.updated) == (1, 1)
    assert second.unchanged == second.read - 2
    found = nights.query("SELECT row_key FROM raw_ehr.appointment WHERE batch_id = 'second' AND version_no = 1")
    assert found == [(nights.key("appointment", "late"),)]


def test_a_row_that_shows_up_later_than_the_lag_is_not_seen_by_a_windowed_read(nights: Nights) -> None:
    key = nights.key("appointment", "too-late")
    assert nights.query("SELECT count(*) FROM raw_ehr.appointment WHERE row_key = ?", key) == [(0,)]


def test_a_server_does_not_tell_what_it_deleted(nights: Nights) -> None:
    """FHIR search answers with what is there; a deletion needs the server's history, which few offer."""
    key = nights.key("appointment", "kept-0")
    assert nights.query("SELECT count(*) FROM canonical.appointment WHERE appointment_key = ?", key) == [(1,)]
    assert sum(row.tombstones for run in ("second", "third") for row in nights.runs(run).values()) == 0


def test_an_unmapped_status_is_reported_and_makes_the_verdict_unknown(nights: Nights) -> None:
    assert ("appointment", "status", ODD_STATUS, 1) in nights.unmapped["first"]
    assert nights.no_show["first"] == ("unknown", "partial")


def test_a_site_value_map_makes_it_known_without_reading_again(nights: Nights) -> None:
    assert {result.state for result in nights.remapped if result.source == "ehr"} == {"failed"}
    row = nights.query(
        "SELECT status, status_source_code FROM canonical.appointment WHERE appointment_key = ?",
        nights.key("appointment", "odd"),
    )
    assert row == [("booked", ODD_STATUS)]
    assert [code for _, column, code, _ in nights.unmapped["remapped"] if column == "status"] == []
    assert nights.no_show["remapped"] == ("pass", None)


def test_a_session_over_the_night_the_clocks_change_has_its_true_length(nights: Nights) -> None:
    minutes = nights.query(
        "SELECT epoch(ended_at - started_at) / 60 FROM canonical.session WHERE session_key = ?",
        nights.key("session", "dst"),
    )
    assert minutes == [(60.0,)]
    hours = nights.query("SELECT direct_h FROM marts.clinician_week WHERE week_id = DATE '2026-03-02'")
    assert hours == [(1.0,)]


def test_local_times_over_that_night_have_their_true_length_too(nights: Nights) -> None:
    assert nights.query("SELECT epoch(end_at - start_at) / 3600 FROM canonical.schedule_block") == [(2.0,)]
    hours = nights.query("SELECT available_h FROM marts.clinician_week WHERE week_id = DATE '2026-03-02'")
    assert hours == [(2.0,)]


def write_export(folder: Path, appointments: list[Resource]) -> None:
    for kind, rows in {**corpus(), "Appointment": appointments}.items():
        (folder / f"{kind}.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_an_appointment_missing_from_an_export_is_deleted_and_comes_back(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    config = tmp_path / "pacekeeper.toml"
    config.write_text(
        '[practice]\nname = "S"\nhome_tz = "UTC"\ndata_dir = "data"\n'
        '[sources.ehr]\nconnector = "fhir"\nfolder = "export"\n'
    )
    home = PracticeHome(load_settings(config))
    home.create()
    both = [appointment("stays", "10"), appointment("goes", "11")]
    kept: list[list[tuple[str]]] = []
    for run_id, as_of, found in (("one", FIRST, both), ("two", SECOND, both[:1]), ("three", THIRD, both)):
        write_export(export, found)
        (landed,) = land_sources(home, run_id=run_id, as_of=as_of)
        assert landed.state == "ok", landed.message
        map_sources(home, run_id=run_id, as_of=as_of)
        with home.warehouse.connect() as connection:
            kept.append(connection.raw.execute("SELECT appointment_key FROM canonical.appointment").fetchall())
    assert [len(keys) for keys in kept] == [2, 1, 2]
    with home.warehouse.connect() as connection:
        events = connection.raw.execute(
            "SELECT seq, change, from_status, to_status, at_precision FROM canonical.appointment_event "
            "WHERE appointment_key = ? ORDER BY seq",
            [keyed_hash(home.hash_key(), "ehr", "appointment", "goes")],
        ).fetchall()
    assert events == [
        (1, "created", None, "kept", "instant"),
        (2, "deleted", "kept", "kept", "day"),
        (3, "created", None, "kept", "instant"),
    ]
    two = {row.stream: row for row in home.ops.rows(StreamRun, run_id="two")}
    assert two["appointment"].tombstones == 1
    assert two["appointment_participant"].tombstones == 3
