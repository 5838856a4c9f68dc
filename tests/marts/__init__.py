"""A practice small enough to redo by hand: canonical rows in, marts out, in an in-memory engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import arrow_schema, ddl
from pacekeeper.contract.vocabulary import WeekStart
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.calendar import calendar_days
from pacekeeper.measures import Catalogue, SourceCompleteness
from pacekeeper.measures.materialise import materialise_marts
from pacekeeper.measures.plan import Plan, compile_plan
from pacekeeper.policy import Policy, load_policy
from pacekeeper_assets import CATALOGUE

EAST = "America/New_York"
MONDAY = date(2026, 1, 5)
Row = dict[str, Any]  # a mart row or a canonical row, checked by the contract's Arrow schema

_OF_HR = ("employment", "pto_ledger")
_NOT_MAPPED = ("practice", "location")
_MAPPED = tuple(name for name, entity in ENTITIES.items() if not entity.derived and name not in _NOT_MAPPED)

#: The first four guardrails, and scores.
CORE = ("direct_hours", "utilization", "active_caseload", "no_show", "measure_trajectory")

_in_use = [CATALOGUE]
_plans: dict[tuple[str, ...], Plan] = {}


def plan_of(policy: Policy, only: tuple[str, ...] = ()) -> Plan:
    """The SQL of marts and guardrails under a policy, compiled once per process."""
    revisions = [(revision.effective_from, revision.version) for revision in policy.revisions]
    key = (repr(revisions), repr(policy.layers), *sorted(only))
    if key not in _plans:
        catalogue = _in_use[-1]
        _plans[key] = compile_plan(catalogue.only(only) if only else catalogue, policy)
    return _plans[key]


@cache
def _shipped_policy() -> Policy:
    return load_policy()


@cache
def _tables_ddl() -> str:
    """Every canonical table, without the comments that take most of the time."""
    statements = [line for entity in ENTITIES.values() for line in ddl(entity).split(";\n")]
    return ";\n".join(line for line in statements if line.startswith("CREATE"))


@contextmanager
def using(catalogue: Catalogue) -> Iterator[None]:
    """Worlds build marts of another catalogue meanwhile."""
    kept = dict(_plans)
    _plans.clear()
    _in_use.append(catalogue)
    try:
        yield
    finally:
        _in_use.pop()
        _plans.clear()
        _plans.update(kept)


def every_guardrail(folder: Path) -> Policy:
    """The default policy with every guardrail switched on, also those that wait for a number: 1, or ten o'clock."""
    stated = {"clock": '"10:00"'}
    lines = ['extends = "default"', 'profile = "all"', 'title = "All"', "acknowledge_conflict = true"]
    for name, rail in load_policy().latest.guardrails.items():
        lines.append(f"[guardrails.{name}]\nenabled = true")
        for part, section in (("thresholds", rail.thresholds), ("settings", rail.settings)):
            open_values = {key: entry.unit for key, entry in section.values.items() if entry.value is None}
            lines += [f"[guardrails.{name}.{part}]"] if open_values else []
            lines += [
                f'{key} = {{ value = {stated.get(unit, "1")}, unit = "{unit}", provenance = "test" }}'
                for key, unit in open_values.items()
            ]
    file = folder / "all.toml"
    file.write_text("\n".join(lines))
    return load_policy(file=file)


class World:
    """Clinician `c1`, employed since 2025 unless a test says otherwise. Times are local to the zone, `week` counts
    from 0 for the week of Monday 2026-01-05."""

    def __init__(
        self,
        *,
        zone: str = EAST,
        first: date = date(2025, 12, 1),
        days: int = 200,
        only: tuple[str, ...] = CORE,
    ) -> None:
        """only: the marts and guardrails that `run` builds, with what they read."""
        self.zone = zone
        self.only = only
        self.con = ibis.duckdb.connect()
        self.rows: dict[str, list[Row]] = {name: [] for name in ENTITIES}
        self.calendar = calendar_days([zone], first, first + timedelta(days=days), week_start=WeekStart.MONDAY)
        self.completeness: dict[tuple[str, str], datetime | None] = {}
        self.never_read: set[str] = set()
        self.add("practice", practice_key="p", name="Riverbend", home_tz=zone, week_start="monday", source="settings")
        self.clinician("c1")

    def add(self, entity: str, **values: object) -> Row:
        row: Row = {"source": "ehr", **values}
        self.rows[entity].append(row)
        return row

    def at(self, day: date, clock: str, *, fold: int = 0) -> datetime:
        """Local wall-clock time `HH:MM` on a day, as an instant."""
        hour, minute = (int(part) for part in clock.split(":"))
        moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(self.zone), fold=fold)
        return moment.astimezone(UTC)

    def day(self, week: int, weekday: int = 0) -> date:
        return MONDAY + timedelta(days=7 * week + weekday)

    def clinician(self, key: str, *, person: str | None = None, source: str = "ehr", **over: Any) -> None:
        values: Row = {"practice_key": "p", "role": "therapist", "license_level": "licensed", **over}
        self.add("clinician", clinician_key=key, source=source, **values)
        self.add("person_match", clinician_key=key, person_key=person or key, matched_on="npi", source="derived")

    def employ(
        self, start: date, end: date | None = None, *, fte: float | None = 1.0, key: str = "c1", **over: Any
    ) -> None:
        values: Row = {"employment_type": "w2", "contract_h_week": 40.0 if fte is None else 40.0 * fte, **over}
        number = len(self.rows["employment"])
        self.add(
            "employment",
            employment_key=f"e{number}",
            clinician_key=key,
            start_date=start,
            end_date=end,
            fte=fte,
            **{"source": "hr", **values},
        )

    def session(
        self, day: date, clock: str, minutes: int, *, key: str = "c1", clients: Iterable[str] = ("k1",), **over: Any
    ) -> str:
        number = len(self.rows["session"])
        name = str(over.pop("session_key", f"s{number}"))
        start = self.at(day, clock)
        values: Row = {
            "duration_source": "actual",
            "session_type": "individual",
            "modality": "in_person",
            "status": "completed",
            "is_intake": False,
            **over,
        }
        self.add(
            "session",
            session_key=name,
            clinician_key=key,
            started_at=start,
            ended_at=start + timedelta(minutes=minutes),
            **values,
        )
        self.add("session_clinician", session_key=name, clinician_key=key, role="primary", counts_direct=True)
        for client in clients:
            self.add("session_participant", session_key=name, client_key=client, attended=True)
        return name

    def hold(self, week: int, hours: float, *, weekday: int = 0, key: str = "c1", **over: Any) -> None:
        """Direct time on one day, from 08:00, in one stretch."""
        self.session(self.day(week, weekday), "08:00", round(hours * 60), key=key, **over)

    def seat(self, day: date, clock: str, *, key: str = "c1", client: str | None = "k1", **over: Any) -> str:
        number = len(self.rows["appointment"])
        start = self.at(day, clock)
        values: Row = {
            "booked_via": "staff",
            "modality_planned": "in_person",
            "status": "kept",
            "end_at": start + timedelta(minutes=50),
            **over,
        }
        self.add(
            "appointment", appointment_key=f"a{number}", client_key=client, clinician_key=key, start_at=start, **values
        )
        return f"a{number}"

    def seats(self, week: int, *, kept: int, missed: int, weekday: int = 0) -> None:
        for _ in range(kept):
            self.seat(self.day(week, weekday), "09:00", status="kept")
        for _ in range(missed):
            self.seat(self.day(week, weekday), "09:00", status="no_show")

    def block(
        self, day: date, start: str, end: str, *, kind: str = "client_available", key: str = "c1", **over: Any
    ) -> None:
        number = len(self.rows["schedule_block"])
        from_at = self.at(day, start)
        to_at = self.at(day + timedelta(days=1), "00:00") if end == "24:00" else self.at(day, end)
        values: Row = {"is_protected": False, "block_source": "calendar", "start_at": from_at, "end_at": to_at, **over}
        self.add("schedule_block", block_key=f"b{number}", clinician_key=key, kind=kind, **values)

    def open_week(self, week: int, hours_a_day: int = 4, *, key: str = "c1", days: int = 5) -> None:
        """Client-available from 08:00 on Monday to Friday."""
        for weekday in range(days):
            self.block(self.day(week, weekday), "08:00", f"{8 + hours_a_day:02d}:00", key=key)

    def leave(self, day: date, hours: float, *, kind: str = "take", key: str = "c1", **over: Any) -> None:
        number = len(self.rows["pto_ledger"])
        self.add(
            "pto_ledger",
            pto_entry_key=f"l{number}",
            clinician_key=key,
            entry_date=day,
            kind=kind,
            hours=hours,
            **{"source": "hr", "is_approved": True, **over},
        )

    def assign(self, client: str, start: date, end: date | None = None, *, key: str = "c1") -> None:
        number = len(self.rows["case_assignment"])
        self.add(
            "case_assignment",
            assignment_key=f"g{number}",
            episode_key=f"ep-{client}",
            client_key=client,
            clinician_key=key,
            from_date=start,
            to_date=end,
            share=1.0,
        )

    def answer(self, day: date, total: int | None, *, client: str = "k1", item9: int | None = None, **over: Any) -> str:
        name = f"r{len(self.rows['measure_response'])}"
        values: Row = {"status": "complete" if total is not None else "partial", "respondent": "self"}
        values |= {"instrument": "phq9", "scoring_version": "phq9-1", **over}
        self.add(
            "measure_response",
            response_key=name,
            client_key=client,
            total=total,
            administered_at=self.at(day, "10:00"),
            **values,
        )
        if item9 is not None:
            self.add("measure_item", response_key=name, item_no=9, value=item9)
        return name

    def tables(self) -> None:
        """Write the canonical rows into the engine, replacing what is there."""
        self.con.con.execute("SET TimeZone='UTC'; DROP SCHEMA IF EXISTS canonical CASCADE; CREATE SCHEMA canonical")
        self.con.con.execute(_tables_ddl())
        for name, entity in ENTITIES.items():
            if name == "calendar_day":
                table = self.calendar
                if "source" not in table.column_names:
                    table = table.append_column("source", pa.array(["derived"] * len(table)))
            elif self.rows[name]:
                schema = arrow_schema(entity)
                rows = [{field.name: row.get(field.name) for field in schema} for row in self.rows[name]]
                table = pa.Table.from_pylist(rows, schema=schema)
            else:
                continue
            self.con.con.register("_rows", table)
            self.con.con.execute(f"INSERT INTO canonical.{name} BY NAME SELECT * FROM _rows")
            self.con.con.unregister("_rows")

    def run(
        self,
        *,
        weeks: int,
        policy: Policy | None = None,
        as_of: datetime | None = None,
        reads: list[SourceCompleteness] | None = None,
    ) -> dict[str, int]:
        """Build the world's marts as of the end of the given number of weeks.

        reads: what was read how far; without it, everything until `as_of`, but for `completeness` and `never_read`.
        """
        as_of = as_of or self.at(self.day(weeks), "00:00")
        self.tables()
        plan = plan_of(policy or _shipped_policy(), self.only)
        found = self._reads(as_of) if reads is None else reads
        return materialise_marts(Connection(self.con.con), plan, as_of=as_of, completeness=found)

    def _reads(self, as_of: datetime) -> list[SourceCompleteness]:
        reads = {("ehr", entity): as_of for entity in _MAPPED if entity not in _OF_HR}
        reads |= {("hr", entity): as_of for entity in (*_OF_HR, "clinician")}
        return [
            SourceCompleteness(
                source, entity, None if source in self.never_read else until, source not in self.never_read
            )
            for (source, entity), until in {**reads, **self.completeness}.items()
            if until is not None or (source, entity) not in self.completeness
        ]

    def select(self, sql: str) -> list[Row]:
        rows: list[Row] = self.con.raw_sql(sql).to_arrow_table().to_pylist()
        return rows

    def week_row(self, mart: str, week: int, *, key: str = "c1") -> Row:
        rows = self.select(
            f"SELECT * FROM marts.{mart} WHERE clinician_key = '{key}' AND week_id = DATE '{self.day(week)}'"
        )
        assert len(rows) == 1, f"{len(rows)} rows of {mart} in week {week}"
        return rows[0]

    def verdict(self, guardrail: str, week: int, *, key: str = "c1") -> Row:
        rows = self.select(
            f"SELECT * FROM marts.guardrail_result WHERE is_current AND subject_key = '{key}'"
            f" AND guardrail_id = '{guardrail}' AND period = '{self.day(week)}'"
        )
        assert len(rows) == 1, f"{len(rows)} current verdicts of {guardrail} in week {week}"
        return rows[0]

    def says(self, guardrail: str, week: int, *, key: str = "c1") -> tuple[str, str | None]:
        row = self.verdict(guardrail, week, key=key)
        return row["state"], row["reason"]


def two_clinicians(weeks: int, *, since: date, booked: str | None = None) -> World:
    """c1 and c2, each with ten kept appointments and two hours of sessions in every week.

    since: of employment and assignment. booked: at what time of the same day; null = nobody knows when.
    """
    made = World()
    made.clinician("c2")
    for key in ("c1", "c2"):
        made.employ(since, key=key)
        made.assign("k1", since, key=key)
        for week in range(weeks):
            made.hold(week, 2, key=key)
            made.open_week(week, key=key)
            day = made.day(week)
            booked_at = None if booked is None else made.at(day, booked)
            for _ in range(10):
                made.seat(day, "09:00", key=key, booked_at=booked_at)
    return made
