"""Nights of a practice whose EHR is a FHIR server: extraction in its own process, landing, and the next night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.ops import StreamRun
from pacekeeper.settings import load_settings
from pacekeeper.testing.fhir_server import ExportFaults, Faults, FhirServer
from tests.integration.fhir_server.site import appointment, corpus, keys, patient

FIRST_NIGHT = datetime(2026, 3, 2, 3, tzinfo=UTC)


class Nights:
    """One practice; every `land` is the next night."""

    def __init__(self, folder: Path, server: FhirServer, **how: Any) -> None:
        toml = folder / "pacekeeper.toml"
        given = {"base_url": server.url, **({"token": "demo-token"} if "client_id" not in how else {}), **how}
        lines = "".join(f"{name} = {orjson.dumps(value).decode()}\n" for name, value in given.items())
        toml.write_text(
            f'[practice]\nname = "Test"\nhome_tz = "America/New_York"\n[sources.ehr]\nconnector = "fhir"\n{lines}'
        )
        self.home = PracticeHome(load_settings(toml))
        self.home.create()
        self.nights = 0

    def land(self) -> dict[str, StreamRun]:
        self.nights += 1
        run_id = f"night-{self.nights}"
        (landed,) = land_sources(self.home, run_id=run_id, as_of=FIRST_NIGHT + timedelta(days=self.nights - 1))
        assert (landed.state, landed.message) == ("ok", None)
        return {row.stream: row for row in self.home.ops.rows(StreamRun, source="ehr", run_id=run_id) if row.read}

    def fail(self) -> str:
        self.nights += 1
        as_of = FIRST_NIGHT + timedelta(days=self.nights - 1)
        (landed,) = land_sources(self.home, run_id=f"night-{self.nights}", as_of=as_of)
        assert landed.state == "failed"
        return f"{landed.error_class}: {landed.message}"

    def count(self, table: str) -> int:
        with self.home.warehouse.connect(read_only=True) as connection:
            return connection.count(f'SELECT count(*) FROM raw_ehr."{table}"')


def changed(runs: dict[str, StreamRun]) -> dict[str, tuple[int, int, int]]:
    """Inserted, updated, tombstones, of streams where anything changed."""
    found = {name: (run.inserted, run.updated, run.tombstones) for name, run in runs.items()}
    return {name: counts for name, counts in found.items() if any(counts)}


def test_appointments_with_made_up_stamps_are_compared_whole_every_night(tmp_path: Path) -> None:
    with FhirServer(corpus(), faults=Faults(volatile=frozenset({"Appointment"}))) as server:
        nights = Nights(tmp_path, server)
        assert changed(nights.land())["appointment"] == (6, 0, 0)
        assert changed(nights.land()) == {}
        server.update("Appointment", appointment(1, status="cancelled"), at=datetime(2026, 2, 2, tzinfo=UTC))
        server.remove("Appointment", "a5")
        runs = nights.land()
        assert changed(runs)["appointment"] == (0, 1, 1)
        assert runs["appointment"].read == 5
        assert nights.count("appointment") == 8


def test_a_filter_that_finds_nothing_does_not_hide_changes_nor_deletions(tmp_path: Path) -> None:
    with FhirServer(corpus(), faults=Faults(lies={"Appointment": frozenset({"_lastUpdated", "_count"})})) as server:
        nights = Nights(tmp_path, server)
        nights.land()
        server.update("Appointment", appointment(1, status="cancelled"), at=datetime(2026, 2, 2, tzinfo=UTC))
        server.remove("Appointment", "a5")
        assert changed(nights.land())["appointment"] == (0, 1, 1)
        assert changed(nights.land()) == {}


def test_nights_by_export_bring_changes_and_deletions(tmp_path: Path) -> None:
    faults = Faults(export=ExportFaults(retry_after=0, rows_per_file=2), token_calls=4)
    with FhirServer(corpus(), faults=faults, jwks=[keys("p384")[1]]) as server:
        private = orjson.dumps(keys("p384")[0]).decode()
        nights = Nights(tmp_path, server, read_by="export", client_id="pacekeeper", private_key=private)
        assert changed(nights.land())["patient"] == (6, 0, 0)
        assert changed(nights.land()) == {}
        server.update("Patient", patient(1) | {"birthDate": "1990-01-01"}, at=datetime(2026, 3, 3, tzinfo=UTC))
        server.remove("Appointment", "a5", at=datetime(2026, 3, 3, tzinfo=UTC))
        runs = nights.land()
        assert changed(runs)["patient"] == (0, 1, 0)
        assert runs["patient"].read == 2, "the one that changed, and the one that changed last before"
        assert nights.count("appointment__current") == 5
        assert all(job.is_cancelled for job in server.exports.jobs)


def test_an_export_with_a_failed_part_fails_the_night_and_buries_nobody(tmp_path: Path) -> None:
    with FhirServer(corpus(), faults=Faults(export=ExportFaults(retry_after=0))) as server:
        nights = Nights(tmp_path, server, read_by="export")
        nights.land()
        server.reset(Faults(export=ExportFaults(retry_after=0, failed=frozenset({"Appointment"}))))
        assert "RetryableError" in nights.fail()
        assert nights.count("appointment__current") == 6
        server.reset(Faults(export=ExportFaults(retry_after=0)))
        assert changed(nights.land()) == {}


def test_a_kept_part_of_an_export_is_made_whole_by_the_next_one(tmp_path: Path) -> None:
    failing = Faults(export=ExportFaults(retry_after=0, failed=frozenset({"Appointment"})))
    with FhirServer(corpus(), faults=failing) as server:
        nights = Nights(tmp_path, server, read_by="export", partial_export="keep")
        assert changed(nights.land())["appointment"] == (6, 0, 0), "by search, as the export had none"
        server.reset(Faults(export=ExportFaults(retry_after=0)))
        server.remove("Patient", "p5")
        assert changed(nights.land()) == {"patient": (0, 0, 1)}, "read whole again, so what it lacks was deleted"
