"""Which weeks have to be made again: those since the first that anything changed in, of the marts that are weekly.

What weekly steps and marts read is digested by the first day on which a row may matter to them. `contract.week_digest`
keeps the digests of the last build that ended well; where one differs, weeks from there on are made again, earlier ones
are kept. What has no day of its own (a location) matters to all of them. It is read off the statements themselves what
they read, so that nothing can be forgotten here.

DuckDB only: another engine makes every week again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pacekeeper.engine.made import digest
from pacekeeper.engine.session import Session
from pacekeeper.measures.completeness import COMPLETENESS_TABLE
from pacekeeper.measures.plan import Plan, PlannedStep
from pacekeeper.measures.tables import step_table
from pacekeeper.measures.timed import CUT, OF_CLINICIAN, OF_PERSON, TIMED, Timed, recent_table
from pacekeeper.sql_text import sql_literal

_TABLE = "contract.week_digest"
_DDL = (
    f"CREATE SCHEMA IF NOT EXISTS contract; CREATE TABLE IF NOT EXISTS {_TABLE} "
    "(relation VARCHAR NOT NULL, first_day DATE, rows_n BIGINT NOT NULL, digest VARCHAR NOT NULL)"
)
_NEW = "_week_digest"
# Rows that name no day matter to no week.
_NEVER = "DATE '9999-12-27'"
# Days of a week before its last, and one more: dates of facts are those of UTC.
_SLACK = timedelta(days=7)
# Facts that begin before the first week may reach into it.
_BEFORE = timedelta(days=8)
_LINEAGE = ("run_id", "batch_id")
_NAMED = re.compile(r'"(?:(\w+)"\.")?(\w+)"')


@dataclass(frozen=True)
class Window:
    """Weeks to make again: all, or those with a `week_id` from `since` on."""

    since: date | None = None


def changed_weeks(session: Session, plan: Plan, *, as_of: datetime, keeps: bool) -> Window:
    """What has to be made again, with the views that weekly items read; `remember` is to follow a build that ends well.

    Whole steps that weekly items read must be there. keeps: whether the marts are as the last build left them.
    """
    if session.dialect != "duckdb":
        window = Window()
    else:
        session.execute(_DDL)
        _digest(session, plan, as_of)
        window = _differing(session, plan) if keeps else Window()
    for name, table in _recents(plan).items():
        session.execute(f"CREATE OR REPLACE TEMP VIEW {recent_table(name)} AS {_view(name, table, window)}")
    return window


def remember(session: Session, plan: Plan) -> None:
    """Keep the digests that `changed_weeks` took, and drop its views."""
    for name in _recents(plan):
        session.execute(f"DROP VIEW {recent_table(name)}")
    if session.dialect == "duckdb":
        with session.transaction():
            session.execute(f"DELETE FROM {_TABLE}; INSERT INTO {_TABLE} SELECT * FROM {_NEW}; DROP TABLE {_NEW}")


def _recents(plan: Plan) -> dict[str, str]:
    """Tables of which weekly items read a part, by name."""
    prefix = recent_table("")
    wanted = {
        name.removeprefix(prefix): None
        for item in plan.items
        if item.is_weekly
        for _, name in _NAMED.findall(item.text)
        if name.startswith(prefix)
    }
    steps = {item.step.name for item in plan.items if isinstance(item, PlannedStep)}
    return {name: step_table(name) if name in steps else f"canonical.{name}" for name in sorted(wanted)}


def _view(name: str, table: str, window: Window) -> str:
    if window.since is None:
        return f"SELECT * FROM {table}"
    if name not in CUT:
        return f"SELECT * FROM {table} WHERE week_id >= DATE '{window.since}'"
    still = str(TIMED[name].still).format(day=f"DATE '{window.since - _BEFORE}'")
    return f"SELECT * FROM {table} t WHERE coalesce({still}, true)"


def _read(plan: Plan) -> Iterable[tuple[str, str]]:
    """Name and table of everything that weekly items read and do not make themselves."""
    made = {item.table if isinstance(item, PlannedStep) else item.mart.name for item in plan.items if item.is_weekly}
    recents = {recent_table(name): (name, table) for name, table in _recents(plan).items()}
    steps = {item.table: item.step.name for item in plan.items if isinstance(item, PlannedStep)}
    found: dict[str, str] = {}
    for item in plan.items:
        for schema, name in _NAMED.findall(item.text) if item.is_weekly else ():
            if name in made:
                continue
            if name in recents:
                found[recents[name][0]] = recents[name][1]
            elif name in steps:
                found[steps[name]] = name
            elif schema in {"canonical", "marts"}:
                found[name] = f"{schema}.{name}"
    return sorted(found.items())


def _digest(session: Session, plan: Plan, as_of: datetime) -> None:
    session.execute(f"DROP TABLE IF EXISTS {_NEW}; CREATE TEMP TABLE {_NEW} AS SELECT * FROM {_TABLE} LIMIT 0")
    version = session.rows("SELECT version()")[0][0]
    code = digest(version, *(item.text for item in plan.items))
    session.execute(
        f"INSERT INTO {_NEW} VALUES ('plan', NULL, 0, {sql_literal(code)}), "
        f"('as_of', NULL, 0, {sql_literal(as_of.date().isoformat())})"
    )
    for name, table in _read(plan):
        columns = [str(row[0]) for row in session.rows(f"DESCRIBE {table}")]
        session.execute(f"INSERT INTO {_NEW} {_digests(name, table, columns)}")


def _digests(name: str, table: str, columns: list[str]) -> str:
    """Rows and digest of a table by the first week in which they may matter."""
    hashed = [f't."{column}"' for column in columns if column not in _LINEAGE]
    if name == COMPLETENESS_TABLE:
        hashed = ["t.source", "t.entity", "t.ever_read", "t.complete_through IS NULL"]
    timed = TIMED.get(name)
    if timed is None and "week_id" in columns:
        timed = Timed("t.week_id")
    elif timed is None and "person_key" in columns:
        timed = Timed("d.day", joined=OF_PERSON)
    elif timed is None and "clinician_key" in columns:
        timed = Timed("d.day", joined=OF_CLINICIAN)
    if timed is None:
        return _summed(name, f"SELECT NULL::DATE AS day, hash({', '.join(hashed)}) AS content FROM {table} t")
    source = f"FROM {table} t {timed.joined}"
    without_end = [column for column in hashed if column != f't."{timed.ends}"']
    query = f"SELECT {_day(timed.first)} AS day, hash({', '.join(without_end)}) AS content {source}"
    if timed.ends:
        query += f" UNION ALL SELECT {_day(f't.{timed.ends}')}, hash({', '.join(hashed)}) {source}"
    return _summed(name, query)


def _day(day: str) -> str:
    return f"coalesce(CAST({day} AS DATE), {_NEVER})"


def _summed(name: str, query: str) -> str:
    return (
        f"SELECT {sql_literal(name)}, day, count(*), CAST(sum(CAST(content AS HUGEINT)) AS VARCHAR) "
        f"FROM ({query}) GROUP BY day"
    )


def _differing(session: Session, plan: Plan) -> Window:
    on = "a.relation = b.relation AND a.first_day IS NOT DISTINCT FROM b.first_day"
    rows = session.rows(
        f"SELECT coalesce(a.relation, b.relation), coalesce(a.first_day, b.first_day), a.digest, b.digest "
        f"FROM {_TABLE} a FULL JOIN {_NEW} b ON {on} "
        "WHERE a.digest IS DISTINCT FROM b.digest OR a.rows_n IS DISTINCT FROM b.rows_n"
    )
    days = []
    for relation, day, before, now in rows:
        if relation == "as_of" and before is not None:
            days.append(min(date.fromisoformat(before), date.fromisoformat(now)))
        elif day is None:
            return Window()
        else:
            days.append(day)
    reach = timedelta(days=plan.weekly_reach)
    # Nothing differs where the instant is another on the same day.
    last = session.rows(f"SELECT min(digest) FROM {_NEW} WHERE relation = 'as_of'")[0][0]
    return Window(min([*days, date.fromisoformat(last)]) - reach - _SLACK)
