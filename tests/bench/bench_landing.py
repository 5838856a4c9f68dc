"""First load of 300,000 FHIR Appointments from NDJSON, three ways, measured in turn in the same run.

duckdb: a hand-written `create table as select * from read_json(...)` into a database file.
ours: file to raw tables: connector, boundary, spool, dlt load; identifiers hashed, values typed, versions kept, in a
    new data folder. Imports are done before the clock starts, as they are for duckdb.
dlt with dicts: `json.loads`, the same columns picked in Python (nothing hashed or checked), yielded to dlt as dicts; on
    a sample of 20,000, scaled up in proportion, because all of them would take half an hour.

Prints seconds and two ratios, medians over the rounds. Run: python tests/bench/bench_landing.py [appointments] [rounds]
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pacekeeper.connector import SourceContext
from pacekeeper.engine.duckdb import Warehouse
from pacekeeper.fhir import FhirSettings
from pacekeeper.landing.boundary import Boundary
from pacekeeper.landing.load import load_source
from pacekeeper.landing.spool import Manifest, SpoolWriter, stream_manifest
from pacekeeper.ops import OpsDatabase
from pacekeeper.privacy import HashKey
from pacekeeper.stream import Stream, Window
from pacekeeper_connectors.fhir import Fhir

APPOINTMENTS = 300_000
ROUNDS = 3
DICT_SAMPLE = 20_000
DICT_PAGE = 1_000
AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
_PATH_STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
CANCELLED_AT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.cancellationDate"


def write_appointments(file: Path, count: int) -> None:
    """Synthetic Appointments of about 700 bytes: a client, a clinician, a place; one in ten is cancelled."""
    rng = random.Random(20260102)
    first = datetime(2026, 1, 5, 13, tzinfo=UTC)
    with file.open("w", encoding="utf-8") as lines:
        for number in range(count):
            start = first + timedelta(minutes=15 * rng.randrange(25_000))
            record: dict[str, Any] = {
                "resourceType": "Appointment",
                "id": f"appointment-{number}",
                "meta": {"versionId": "1", "lastUpdated": f"{start:%Y-%m-%dT%H:%M:%S}.000Z"},
                "status": "fulfilled",
                "serviceType": [{"coding": [{"code": "individual"}]}],
                "appointmentType": {"coding": [{"code": "office"}]},
                "description": "Follow-up",
                "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                "end": f"{start + timedelta(minutes=50):%Y-%m-%dT%H:%M:%SZ}",
                "minutesDuration": 50,
                "created": "2025-12-01T09:00:00Z",
                "comment": "free text that never lands",
                "participant": [
                    {
                        "actor": {"reference": f"Patient/client-{rng.randrange(3_000)}", "display": "Q"},
                        "status": "accepted",
                    },
                    {"actor": {"reference": f"Practitioner/clinician-{rng.randrange(40)}"}, "status": "accepted"},
                ],
            }
            if number % 10 == 0:
                record["status"] = "cancelled"
                record["cancelationReason"] = {"coding": [{"code": "pat"}]}
                record["extension"] = [{"url": CANCELLED_AT, "valueDateTime": "2026-01-01T10:00:00Z"}]
            lines.write(json.dumps(record) + "\n")


def by_duckdb(file: Path, folder: Path) -> None:
    with duckdb.connect(folder / "by_hand.duckdb") as connection:
        connection.execute(f"CREATE TABLE appointment AS SELECT * FROM read_json('{file}')")


def by_pacekeeper(file: Path, folder: Path) -> None:
    connector = Fhir(FhirSettings(folder=file.parent), SourceContext("bench", None, lambda: AS_OF))
    streams = list(connector.streams)
    boundary = Boundary(
        streams,
        source="bench",
        key=HashKey.of(b"k" * 32),
        default_tz=None,
        sink=SpoolWriter(folder / "spool", streams, batch_id="bench", as_of=AS_OF),
    )
    for page in connector.read(streams, Window(until=AS_OF)):
        boundary.add(page)
    boundary.close()
    counted = {s.name: stream_manifest(boundary.counts[s.name], watermark=None, was_full=True) for s in streams}
    ledger = load_source(
        Warehouse(folder / "warehouse.duckdb"),
        OpsDatabase(folder / "ops.sqlite"),
        folder=folder / "spool",
        manifest=Manifest(source="bench", key_id="bench", streams=counted),
        streams=streams,
        run_id="bench",
        as_of=AS_OF,
        work_dir=folder / "work",
    )
    assert all(row.read == row.inserted for row in ledger)


def by_dlt_with_dicts(file: Path, folder: Path, streams: dict[str, Stream]) -> None:
    import dlt

    def pages() -> Iterator[list[dict[str, Any]]]:
        with file.open(encoding="utf-8") as lines:
            page = []
            for _, line in zip(range(DICT_SAMPLE), lines, strict=False):
                page.append(json.loads(line))
                if len(page) == DICT_PAGE:
                    yield page
                    page = []
            yield page

    def appointments() -> Iterator[list[dict[str, Any]]]:
        for page in pages():
            yield [_picked(record, streams["appointment"]) for record in page]

    def participants() -> Iterator[list[dict[str, Any]]]:
        for page in pages():
            yield [
                {"appointment": record["id"], **_picked(one, streams["appointment_participant"])}
                for record in page
                for one in record["participant"]
            ]

    pipeline = dlt.pipeline(
        "bench_dicts",
        pipelines_dir=str(folder / "dlt"),
        destination=dlt.destinations.duckdb(str(folder / "dicts.duckdb")),
        dataset_name="raw_dicts",
    )
    pipeline.run(
        [
            dlt.resource(appointments, name="appointment"),
            dlt.resource(participants, name="appointment_participant"),
        ]
    )


def _picked(record: dict[str, Any], stream: Stream) -> dict[str, Any]:
    """A declared column's value for every column; a filtered path takes the first element."""
    return {name: _at(record, column.path or name) for name, column in stream.columns.items()}


def _at(value: Any, path: str) -> Any:
    for place, name in _PATH_STEP.findall(path):
        if name:
            value = value.get(name) if isinstance(value, dict) else None
        else:
            position = int(place) if place.isdigit() else 0
            value = value[position] if isinstance(value, list) and len(value) > position else None
        if value is None:
            return None
    return value


def timed(work: Callable[[Path], None]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        work(Path(folder))
        return time.perf_counter() - started


def main(count: int = APPOINTMENTS, rounds: int = ROUNDS) -> None:
    """Measure and print."""
    os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"})
    logging.disable(logging.WARNING)
    import dlt  # noqa: F401  so that its import is in nobody's time

    streams = {stream.name: stream for stream in Fhir.streams}
    times: dict[str, list[float]] = {"duckdb": [], "ours": [], "dlt with dicts": []}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "Appointment.ndjson"
        write_appointments(file, count)
        megabytes = file.stat().st_size / 1e6
        print(f"{count:,} appointments, {megabytes:.0f} MB, {os.cpu_count()} cores, {rounds} rounds")  # noqa: T201
        os.environ["DLT_DATA_DIR"] = folder
        for _ in range(rounds):
            times["duckdb"].append(timed(lambda to: by_duckdb(file, to)))
            times["ours"].append(timed(lambda to: by_pacekeeper(file, to)))
        for _ in range(min(rounds, 3)):
            sample = timed(lambda to: by_dlt_with_dicts(file, to, streams))
            times["dlt with dicts"].append(sample * count / min(DICT_SAMPLE, count))
    for name, seconds in times.items():
        scaled = f" (scaled from {DICT_SAMPLE:,})" if name == "dlt with dicts" else ""
        listed = ", ".join(f"{s:.1f}" for s in seconds)
        print(f"{name:15} {statistics.median(seconds):7.1f} s   [{listed}]{scaled}")  # noqa: T201
    ours = statistics.median(times["ours"])
    print(f"ours / duckdb         {ours / statistics.median(times['duckdb']):5.2f}   aim: at most 4")  # noqa: T201
    print(f"dlt with dicts / ours {statistics.median(times['dlt with dicts']) / ours:5.2f}   aim: at least 5")  # noqa: T201


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
