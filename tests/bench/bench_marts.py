"""Every mart of 2,000 clinicians and two years, and three of them against SQL written by hand, in the same run.

The practice is generated at canonical level (about 5M sessions and 20M EHR events). Then, in a process of its own whose
memory is measured: all marts are built once, each statement is timed, and the rows of `by_hand/<mart>.sql` are made on
the same connection and compared with the mart's, value by value (numbers to 1e-9).

A mart's time is that of its own statement and of the steps that nobody else reads as a frame (`STEPS`); frames that
many marts read (weeks and local days of every person) are in nobody's time, as `marts.clinician_week` is there for the
SQL by hand. Each side runs ROUNDS times in turn; medians are compared.

Run: python tests/bench/bench_marts.py [clinicians] [weeks] [folder of a practice generated before, or to be kept]
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.measures import SourceCompleteness
from pacekeeper.measures.materialise import materialise_marts
from pacekeeper.measures.plan import Plan, PlannedMart, PlannedStep, compile_plan
from pacekeeper.policy import load_policy
from pacekeeper.testing.canonical_practice import SOURCES, generate_canonical
from pacekeeper_assets import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable

CLINICIANS, WEEKS = 2_000, 104
ROUNDS = 3
#: For DuckDB; what Python and Arrow take comes on top.
MEMORY = "7GB"
#: By mart with SQL by hand, the steps that count as its own.
STEPS = {
    "attendance_week": ("person_seat",),
    "note_timeliness": ("note_service", "note_action", "note_clock"),
    "reminder_month": (),
}
BY_HAND = Path(__file__).parent / "by_hand"
_GB = 1_000_000


class Clocked:
    """A session that keeps how long each statement took, by the table it writes."""

    def __init__(self, session: Connection) -> None:
        self.session = session
        self.seconds: dict[str, float] = defaultdict(float)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def execute(self, sql: str) -> None:
        started = time.perf_counter()
        try:
            self.session.execute(sql)
        except Exception:
            print(f"failed in {_target(sql)}", flush=True)  # noqa: T201
            raise
        finally:
            self.seconds[_target(sql)] += time.perf_counter() - started


def _target(sql: str) -> str:
    head = sql[:200].replace("(", " ").split()
    after = [head[place + 1] for place, word in enumerate(head) if word in {"INTO", "TABLE"}]
    return after[0].removeprefix("marts.").removeprefix("restricted.") if after else "other"


def generate(file: Path, clinicians: int, weeks: int) -> None:
    started = time.perf_counter()
    with Warehouse(file).connect() as connection:
        made = generate_canonical(connection, seed=1, clinicians=clinicians, weeks=weeks)
        connection.raw.execute("CREATE TABLE contract.bench_as_of AS SELECT ?::TIMESTAMPTZ AS as_of", [made.as_of])
    sizes = ", ".join(f"{name} {made.rows[name]:,}" for name in ("session", "appointment", "note", "ehr_event"))
    print(f"generated in {time.perf_counter() - started:.0f} s: {sizes}", flush=True)  # noqa: T201


def build(file: Path) -> None:
    """Build everything, compare, print. Memory is that of this process."""
    with Warehouse(file, memory_limit=MEMORY).connect() as connection:
        as_of = connection.raw.execute("SELECT as_of FROM contract.bench_as_of").fetchall()[0][0]
        plan = compile_plan(CATALOGUE, load_policy())
        clocked = Clocked(connection)
        known = completeness_of(connection, as_of)
        started = time.perf_counter()
        rows = materialise_marts(clocked, plan, as_of=as_of, completeness=known)
        took = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _GB
        built = f"{len(rows)} marts, {sum(rows.values()):,} rows in {took:.0f} s"
        print(f"{built}; at most {peak:.1f} GB   aim: under 8 GB")  # noqa: T201
        for name, seconds in sorted(clocked.seconds.items(), key=lambda item: -item[1])[:8]:
            print(f"  {name:28} {seconds:7.1f} s")  # noqa: T201
        sys.stdout.flush()
        connection.raw.execute("SET VARIABLE as_of = ?::TIMESTAMPTZ", [as_of])
        for mart in STEPS:
            _compare(connection, plan, mart, as_of, known)


def _compare(
    connection: Connection, plan: Plan, mart: str, as_of: datetime, known: Iterable[SourceCompleteness]
) -> None:
    by_hand = (BY_HAND / f"{mart}.sql").read_text(encoding="utf-8")
    only = _needed(plan, mart)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        clocked = Clocked(connection)
        materialise_marts(clocked, only, as_of=as_of, completeness=known)
        ours.append(sum(clocked.seconds[name] for name in (mart, *(f"_step_{step}" for step in STEPS[mart]))))
        started = time.perf_counter()
        connection.raw.execute(f"CREATE OR REPLACE TABLE contract.by_hand AS {by_hand}")
        theirs.append(time.perf_counter() - started)
    differing = _differing(connection, mart)
    a, b = statistics.median(ours), statistics.median(theirs)
    print(  # noqa: T201
        f"{mart:18} ours {a:6.2f} s, by hand {b:6.2f} s, ours / by hand {a / b:4.2f}   aim: at most 1.3; "
        f"rows that differ: {differing or 'none'}",
        flush=True,
    )
    if differing:
        raise SystemExit(f"{mart}: the SQL by hand gives other rows: {differing}")


def _needed(plan: Plan, mart: str) -> Plan:
    """The plan of that mart alone, with the steps that it reads; the marts that it reads are there."""
    last = next(item for item in plan.items if isinstance(item, PlannedMart) and item.mart.name == mart)
    before = plan.items[: plan.items.index(last)]
    wanted: list[PlannedStep | PlannedMart] = [last]
    text = last.sql
    for item in reversed(before):
        if isinstance(item, PlannedStep) and f'"{item.table}"' in text:
            wanted.insert(0, item)
            text += "".join(item.sql)
    return Plan(tuple(wanted), plan.policy, plan.policy_tables)


def _differing(connection: Connection, mart: str) -> dict[str, int]:
    """How many rows differ by column; `rows` where one side has a row more."""
    item = CATALOGUE.marts[mart]
    keys = " AND ".join(f'a."{name}" IS NOT DISTINCT FROM b."{name}"' for name in item.primary_key)
    joined = f"marts.{mart} a FULL JOIN contract.by_hand b ON {keys}"
    first = item.primary_key[0]
    found = {
        "rows": connection.count(f'SELECT count(*) FROM {joined} WHERE a."{first}" IS NULL OR b."{first}" IS NULL')
    }
    for column in item.columns:
        left, right = f'a."{column.name}"', f'b."{column.name}"'
        differs = f"{left} IS DISTINCT FROM {right}"
        if column.type == "number":
            differs += f" AND NOT coalesce(abs({left} - {right}) <= 1e-9 * greatest(1, abs({left})), false)"
        found[column.name] = connection.count(f"SELECT count(*) FROM {joined} WHERE {differs}")
    return {name: count for name, count in found.items() if count}


def completeness_of(connection: Connection, as_of: datetime) -> list[SourceCompleteness]:
    """Every source was read to the end, for each entity that it has rows of."""
    tables = connection.raw.execute(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'canonical' AND column_name = 'source'"
    ).fetchall()
    return [
        SourceCompleteness(source, entity, as_of, ever_read=True)
        for (entity,) in sorted(tables)
        for (source,) in connection.raw.execute(f"SELECT DISTINCT source FROM canonical.{entity}").fetchall()
        if source in SOURCES
    ]


def main(clinicians: int, weeks: int, folder: Path) -> None:
    """Generate where needed, then measure in a process of its own."""
    file = folder / "practice.duckdb"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        generate(file, clinicians, weeks)
    subprocess.run([sys.executable, __file__, "--build", str(file)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--build"]:
        build(Path(sys.argv[2]))
    else:
        given = dict(enumerate(sys.argv[1:]))
        with tempfile.TemporaryDirectory() as temporary:
            main(int(given.get(0, CLINICIANS)), int(given.get(1, WEEKS)), Path(given.get(2, temporary)))
