"""One more day on one, two and four years of history: from changed canonical rows to marts, beside the full build.

For each length a practice is generated at canonical level and built whole. Then a day happens (the same weekday a week
before comes again under other keys, some sessions of the weeks before are edited, one is deleted), `as_of` moves on by
that day, and the marts are built once as a night does and once whole. Both must come to the same rows.

Run: python -m tests.bench.bench_night [clinicians] [weeks ...] [--folder FOLDER]
The folder has practices that were generated before, and keeps those that are generated now; they are changed by it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.bench.bench_marts import MEMORY, Clocked, completeness_of, generate

from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.measures.materialise import materialise_marts
from pacekeeper.measures.plan import Plan, compile_plan
from pacekeeper.policy import load_policy
from pacekeeper_assets import CATALOGUE

CLINICIANS, WEEKS = 500, (52, 104, 208)
#: Facts of a day: what tells the day, and the columns that move along with it.
_FACTS = {
    "appointment": ("start_at", ("start_at", "end_at", "booked_at", "cancelled_at", "source_updated_at")),
    "session": ("started_at", ("started_at", "ended_at")),
    "note": ("created_at", ("service_at", "created_at", "signed_at", "cosigned_at")),
    "message": ("sent_at", ("sent_at", "received_at", "read_at", "replied_at")),
    "time_entry": ("entry_date", ("entry_date", "started_at")),
    "ehr_event": ("at", ("at", "ended_at")),
    "ehr_interval": ("started_at", ("started_at", "ended_at")),
    "charge": ("service_date", ("service_date",)),
}
_OF_SESSIONS = ("session_clinician", "session_participant")


def a_day(connection: Connection, as_of: datetime) -> int:
    """The day from `as_of` on happens; how many rows are new."""
    raw, day = connection.raw, as_of - timedelta(days=7)
    raw.execute("SET VARIABLE day = ?::TIMESTAMPTZ", [day])
    of_day = "\"{at}\" >= getvariable('day') AND \"{at}\" < getvariable('day') + INTERVAL 1 DAY"

    added = 0
    for table, (at, moved) in _FACTS.items():
        columns = [row[0] for row in raw.execute(f"DESCRIBE canonical.{table}").fetchall()]
        later = [f'CAST("{name}" + INTERVAL 7 DAY AS {_type(connection, table, name)}) AS "{name}"' for name in moved]
        keys = [
            f'\'next\' || "{name}" AS "{name}"'
            for name in columns
            if name in {f"{table}_key", "session_key", "appointment_key", "event_key", "entry_key", "charge_key"}
        ]
        chosen = of_day.format(at=at)
        added += raw.execute(
            f"INSERT INTO canonical.{table} BY NAME SELECT * REPLACE ({', '.join([*later, *keys])}) "
            f"FROM canonical.{table} WHERE {chosen}"
        ).fetchall()[0][0]
        if table == "session":
            for other in _OF_SESSIONS:
                added += raw.execute(
                    f"INSERT INTO canonical.{other} BY NAME SELECT * REPLACE ('next' || session_key AS session_key) "
                    f"FROM canonical.{other} WHERE session_key IN (SELECT session_key FROM canonical.session "
                    f"WHERE {chosen})"
                ).fetchall()[0][0]
    raw.execute(
        "UPDATE canonical.session SET ended_at = ended_at + INTERVAL 5 MINUTE WHERE started_at BETWEEN "
        "getvariable('day') - INTERVAL 7 DAY AND getvariable('day') AND hash(session_key) % 200 = 0"
    )
    raw.execute(
        "DELETE FROM canonical.session WHERE session_key = (SELECT max(session_key) FROM canonical.session "
        "WHERE started_at BETWEEN getvariable('day') - INTERVAL 7 DAY AND getvariable('day'))"
    )
    return added


def _type(connection: Connection, table: str, column: str) -> str:
    found = connection.raw.execute(
        "SELECT data_type FROM information_schema.columns WHERE table_schema = 'canonical' AND table_name = ? "
        "AND column_name = ?",
        [table, column],
    ).fetchall()
    return str(found[0][0])


def measure(file: Path, plan: Plan) -> tuple[float, float]:
    """CPU seconds of a night and of a full build. Both come to the same rows, or SystemExit says where not."""
    with Warehouse(file, memory_limit=MEMORY).connect() as connection:
        as_of = connection.raw.execute("SELECT as_of FROM contract.bench_as_of").fetchall()[0][0]
        known = completeness_of(connection, as_of)
        materialise_marts(connection, plan, as_of=as_of, completeness=known)
        rows = a_day(connection, as_of)
        tomorrow = as_of + timedelta(days=1)
        seconds, hashes = [], []
        for keeps in (True, False):
            clocked, started = Clocked(connection), time.process_time()
            materialise_marts(clocked, plan, as_of=tomorrow, completeness=known, keeps=keeps)
            seconds.append(time.process_time() - started)
            hashes.append({name: connection.content_hash(mart.table) for name, mart in CATALOGUE.marts.items()})
            longest = sorted(clocked.seconds.items(), key=lambda item: -item[1])[:12]
            which = "night" if keeps else "full build"
            print(f"  {which}: " + ", ".join(f"{name} {took:.1f}" for name, took in longest), flush=True)  # noqa: T201
        differing = [name for name in hashes[0] if hashes[0][name] != hashes[1][name]]
        if differing:
            raise SystemExit(f"a night comes to other rows than a full build in {', '.join(differing)}")
        print(f"  {rows:,} new rows", flush=True)  # noqa: T201
        connection.raw.execute("UPDATE contract.bench_as_of SET as_of = ?", [tomorrow])
    return seconds[0], seconds[1]


def main(clinicians: int, lengths: list[int], folder: Path) -> None:
    plan = compile_plan(CATALOGUE, load_policy())
    first: float | None = None
    for weeks in lengths:
        kept = folder / f"practice-{clinicians}x{weeks}.duckdb"
        folder.mkdir(parents=True, exist_ok=True)
        if not kept.exists():
            generate(kept, clinicians, weeks)
        night, full = measure(kept, plan)
        first = first or night
        print(  # noqa: T201
            f"{clinicians} clinicians x {weeks} weeks: night {night:.1f} s, full {full:.1f} s, night / full "
            f"{night / full:.2f}   aim: at most 0.15; night / night of {lengths[0]} weeks {night / first:.2f}   "
            "aim: at most 1.3; rows that differ: none",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clinicians", type=int, nargs="?", default=CLINICIANS)
    parser.add_argument("weeks", type=int, nargs="*", default=list(WEEKS))
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args(sys.argv[1:])
    with tempfile.TemporaryDirectory() as temporary:
        main(given.clinicians, given.weeks or list(WEEKS), given.folder or Path(temporary))
