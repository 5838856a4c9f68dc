"""A small generated practice and its variants: the same canonical rows changed in one way, and the marts of both."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from pacekeeper.contract import ENTITIES
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.calendar import build_calendar
from pacekeeper.mapping.gaps import keep_gaps_of
from pacekeeper.measures.completeness import SourceCompleteness
from pacekeeper.policy import load_policy
from pacekeeper.testing.canonical_practice import SOURCES, CanonicalPractice, generate_canonical
from pacekeeper_assets import MARTS, materialise

Row = dict[str, Any]
Key = tuple[Any, ...]
Built = Mapping[str, Mapping[Key, Row]]

#: A whole quarter, and a week more, without a change of clocks in any zone of the practice.
FIRST_WEEK = date(2026, 3, 30)
WEEKS = 14
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Variant:
    """Canonical tables in an engine of their own, free to be changed before `build`."""

    raw: duckdb.DuckDBPyConnection
    made: CanonicalPractice

    @classmethod
    def generate(cls, *, seed: int, clinicians: int) -> Variant:
        raw = duckdb.connect()
        made = generate_canonical(Connection(raw), seed=seed, clinicians=clinicians, weeks=WEEKS, first_week=FIRST_WEEK)
        return cls(raw, made)

    def copy(self, *, order: str = "") -> Variant:
        """The same rows elsewhere. order: an expression of SQL over `line`, a row's text, by which they are stored."""
        raw = duckdb.connect()
        raw.execute("SET TimeZone = 'UTC'")
        connection = Connection(raw)
        connection.create_schemas()
        keep_gaps_of(connection, configured=SOURCES)
        for name in ENTITIES:
            rows = self.raw.execute(f"SELECT * FROM canonical.{name}").to_arrow_table()
            raw.register("_rows", rows)
            by = f"ORDER BY {order}" if order else ""
            raw.execute(f"INSERT INTO canonical.{name} BY NAME SELECT * FROM _rows line {by}")
            raw.unregister("_rows")
        return Variant(raw, self.made)

    def shift(self, by: timedelta, *, but: Iterable[str]) -> Variant:
        """Every date and instant later, `as_of` and what was read how far too. but: columns that name whole months."""
        for table in ENTITIES:
            columns = [
                (name, kind)
                for name, kind in self.raw.execute(
                    "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'canonical' "
                    "AND table_name = ? AND (data_type = 'DATE' OR data_type LIKE 'TIMESTAMP%')",
                    [table],
                ).fetchall()
                if f"{table}.{name}" not in but
            ]
            if columns and table != "calendar_day":
                later = ", ".join(f'"{name}" = ("{name}" + INTERVAL {by.days} DAY)::{kind}' for name, kind in columns)
                self.raw.execute(f"UPDATE canonical.{table} SET {later}")
        as_of = self.made.as_of + by
        build_calendar(Connection(self.raw), practice=self.made.practice, as_of=as_of)
        read = tuple(_read_later(each, by) for each in self.made.completeness)
        return Variant(self.raw, replace(self.made, as_of=as_of, completeness=read))

    def join(self, other: Variant, tables: Iterable[str], *, prefix: str, kept: Iterable[str]) -> None:
        """Add another practice's rows. prefix: before every key of theirs but those that are `kept`."""
        for table in tables:
            rows = other.raw.execute(f"SELECT * FROM canonical.{table}").to_arrow_table()
            keys = [name for name in rows.column_names if name.endswith(("_key", "_token")) and name not in kept]
            own = ", ".join(f"'{prefix}' || {key} AS {key}" for key in keys)
            self.raw.register("_rows", rows)
            self.raw.execute(f"INSERT INTO canonical.{table} BY NAME SELECT * REPLACE ({own}) FROM _rows")
            self.raw.unregister("_rows")

    def build(self) -> Built:
        """Rows by mart and primary key, in the order of their keys."""
        materialise(
            Connection(self.raw),
            as_of=self.made.as_of,
            policy=load_policy(),
            completeness=self.made.completeness,
            plans=Path(os.environ["PACEKEEPER_WAREHOUSE__PLANS_DIR"]),
        )
        self.raw.execute("SET TimeZone = 'UTC'")
        return {mart: self._rows(mart) for mart in MARTS}

    def _rows(self, mart: str) -> dict[Key, Row]:
        declared = MARTS[mart]
        names = [column.name for column in declared.columns]
        by = ", ".join(declared.primary_key)
        found = self.raw.execute(f"SELECT {', '.join(names)} FROM {declared.table} ORDER BY {by}").fetchall()
        rows = [dict(zip(names, row, strict=True)) for row in found]
        return {tuple(row[name] for name in declared.primary_key): row for row in rows}


@cache
def the_practice() -> tuple[Variant, Built]:
    """The practice that others are held against, untouched, and its marts."""
    made = Variant.generate(seed=1, clinicians=6)
    return made, made.copy().build()


def _read_later(each: SourceCompleteness, by: timedelta) -> SourceCompleteness:
    return each if each.complete_through is None else replace(each, complete_through=each.complete_through + by)


class Added:
    """The practice with more sessions: half of the people see a client more in every week, the others' sessions are
    documented twice, and after every appointment that somebody missed there is one that the clinician cancelled."""

    HOURS = 50 / 60

    def __init__(self) -> None:
        practice = the_practice()[0].copy()
        self.raw = practice.raw
        people = self.raw.execute(
            "SELECT person_key, min(clinician_key), min(client_key) FROM canonical.session_clinician "
            "JOIN canonical.session_participant USING (session_key) JOIN canonical.person_match USING (clinician_key) "
            "WHERE role = 'primary' AND attended GROUP BY 1 ORDER BY 1"
        ).fetchall()
        self.seen_more, self.clients = set(), set()
        self.twice = {person for person, _, _ in people[1::2]}
        for person, clinician, client in people[::2]:
            self.seen_more.add(person)
            self.clients.add(client)
            for week in range(WEEKS):
                self._see(clinician, client, week)
        for person in self.twice:
            self._document_again(person)
        self._cancel_after_no_shows()
        self.marts = practice.build()

    def _see(self, clinician: str, client: str, week: int) -> None:
        """Between 15 and 24 o'clock UTC, morning to evening in every zone: in free hours, and over other sessions."""
        key = f"more-{clinician}-{week}"
        day = FIRST_WEEK + timedelta(weeks=week, days=week % 5)
        start = f"TIMESTAMPTZ '{day} {15 + 3 * week % 9}:10:00+00'"
        seat = f"'{key}' AS appointment_key, '{client}' AS client_key, '{clinician}' AS clinician_key"
        times = f"{start} AS start_at, {start} + INTERVAL 50 MINUTE AS end_at, {start} - INTERVAL 3 DAY AS booked_at"
        self._add(
            "appointment", f"{seat}, {times}, 'staff' AS booked_via, 'video' AS modality_planned, 'kept' AS status"
        )
        held = (
            f"'{key}' AS session_key, '{key}' AS appointment_key, '{clinician}' AS clinician_key, 'video' AS modality"
        )
        times = f"{start} AS started_at, {start} + INTERVAL 50 MINUTE AS ended_at, 'actual' AS duration_source"
        kind = "'individual' AS session_type, 'completed' AS status, false AS is_intake"
        self._add("session", f"{held}, {times}, {kind}")
        who = f"'{key}' AS session_key, '{clinician}' AS clinician_key"
        self._add("session_clinician", f"{who}, 'primary' AS role, true AS counts_direct")
        self._add("session_participant", f"'{key}' AS session_key, '{client}' AS client_key, true AS attended")

    def _document_again(self, person: str) -> None:
        records = f"SELECT clinician_key FROM canonical.person_match WHERE person_key = '{person}'"
        own = f"session_key IN (SELECT session_key FROM canonical.session WHERE clinician_key IN ({records}))"
        alone = f"{own} AND clinician_key IN ({records})"
        for table, where in (("session_clinician", alone), ("session_participant", own), ("session", alone)):
            self.raw.execute(
                f"INSERT INTO canonical.{table} BY NAME SELECT * REPLACE ('twice-' || session_key AS session_key) "
                f"FROM canonical.{table} WHERE {where}"
            )

    def _cancel_after_no_shows(self) -> None:
        self.raw.execute(
            "INSERT INTO canonical.appointment BY NAME SELECT * REPLACE ('off-' || appointment_key AS appointment_key, "
            "start_at + INTERVAL 1 DAY AS start_at, end_at + INTERVAL 1 DAY AS end_at, 'cancelled' AS status, "
            "start_at AS cancelled_at, 'clinician' AS cancelled_by, NULL AS group_key) "
            "FROM canonical.appointment WHERE status = 'no_show'"
        )

    def _add(self, table: str, values: str) -> None:
        self.raw.execute(f"INSERT INTO canonical.{table} BY NAME SELECT 'ehr' AS source, {values}")
