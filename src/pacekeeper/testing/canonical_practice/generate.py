"""A whole practice in schema `canonical`, made inside DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pacekeeper.contract import ENTITIES
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.calendar import build_calendar
from pacekeeper.mapping.crosswalk_file import Crosswalk
from pacekeeper.mapping.gaps import keep_gaps_of
from pacekeeper.mapping.identity import match_identities
from pacekeeper.mapping.practice import practice_key, write_practice
from pacekeeper.measures.completeness import SourceCompleteness
from pacekeeper.settings import PracticeSettings
from pacekeeper.testing.canonical_practice import (
    appointments,
    charges,
    claims,
    clients,
    days,
    ehr,
    episodes,
    messages,
    notes,
    outcomes,
    people,
    referrals,
    schedule,
    sessions,
    surveys,
    workforce,
)
from pacekeeper.testing.canonical_practice.canvas import BILLING, EHR, HR, SURVEY, ZONES, Canvas
from pacekeeper.testing.canonical_practice.shares import Shares

#: 26 weeks from here hold both changes of clocks.
FIRST_WEEK = date(2025, 10, 6)
PRACTICE_NAME = "Synthetic practice"
SOURCES = (EHR, HR, BILLING, SURVEY)


@dataclass(frozen=True)
class CanonicalPractice:
    """What was generated.

    as_of: end of the last week in the westernmost zone, UTC. rows: by entity, empty ones included. completeness: one
    row per source and entity that it maps, for `materialise`.
    """

    as_of: datetime
    practice: PracticeSettings
    rows: Mapping[str, int]
    completeness: tuple[SourceCompleteness, ...]


def generate_canonical(
    connection: Connection,
    *,
    seed: int,
    clinicians: int,
    weeks: int,
    first_week: date = FIRST_WEEK,
    weeks_ahead: int = 8,
    shares: Shares | None = None,
    ehr_events: bool = True,
    stale_source: str | None = None,
    stale_days: int = 10,
    unmapped: str | None = None,
) -> CanonicalPractice:
    """Fill every table of schema `canonical`; equal arguments give equal rows, whatever the threads and their order.

    connection: to a warehouse without rows; its schemas are made where they are missing. weeks_ahead: weeks of
    appointments after the last one. ehr_events: false leaves `ehr_event` empty and makes `ehr_interval` directly, for
    large practices. stale_source: a source that was last read completely `stale_days` before the end; its rows are
    all there. unmapped: an entity that no source maps. Equal rows need the same version of DuckDB.
    """
    _check(clinicians, weeks, first_week, stale_source, unmapped)
    settings = PracticeSettings(name=PRACTICE_NAME, home_tz=ZONES[0])
    canvas = Canvas(
        connection=connection,
        seed=seed,
        clinicians=clinicians,
        weeks=weeks,
        weeks_ahead=weeks_ahead,
        first_week=first_week,
        as_of=_end(first_week + timedelta(weeks=weeks)),
        shares=shares or Shares(),
        unmapped=unmapped,
    )
    connection.create_schemas()
    keep_gaps_of(connection, configured=SOURCES)
    canvas.run("SET TimeZone = 'UTC'")
    canvas.define_macros()
    write_practice(connection, settings)
    _make(canvas, practice_key(settings.name), ehr_events=ehr_events)
    build_calendar(connection, practice=settings, as_of=canvas.as_of)
    ehr.write_intervals(canvas, events=ehr_events)
    match_identities(connection, Crosswalk())
    _drop_working_tables(connection)
    return CanonicalPractice(
        as_of=canvas.as_of,
        practice=settings,
        rows={name: connection.count(f"SELECT count(*) FROM canonical.{name}") for name in ENTITIES},
        completeness=_completeness(canvas, stale_source, stale_days),
    )


def _check(clinicians: int, weeks: int, first_week: date, stale_source: str | None, unmapped: str | None) -> None:
    if clinicians < 1 or not 1 <= weeks <= 400:
        raise ValueError(f"a practice needs at least one clinician and 1 to 400 weeks, not {clinicians} and {weeks}")
    if first_week.weekday() != 0:
        raise ValueError(f"first_week {first_week} is no Monday; practice weeks begin on Mondays")
    if stale_source is not None and stale_source not in SOURCES:
        raise ValueError(f"stale_source is {stale_source!r}, not one of {', '.join(SOURCES)}")
    if unmapped is not None and (unmapped not in ENTITIES or ENTITIES[unmapped].derived):
        raise ValueError(f"unmapped is {unmapped!r}, not an entity that sources are mapped to")


def _end(day: date) -> datetime:
    return max(datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) for zone in ZONES)


def _make(canvas: Canvas, practice: str, *, ehr_events: bool) -> None:
    people.make_people(canvas, practice)
    days.make_days(canvas)
    schedule.make_schedule(canvas)
    episodes.make_episodes(canvas)
    episodes.make_co_leaders(canvas)
    clients.make_clients(canvas, practice)
    episodes.write_episodes(canvas)
    appointments.make_appointments(canvas)
    sessions.make_sessions(canvas)
    notes.make_notes(canvas)
    messages.make_messages(canvas)
    ehr.make_ehr(canvas, events=ehr_events)
    outcomes.make_outcomes(canvas)
    charges.make_charges(canvas)
    claims.make_claims(canvas)
    referrals.make_referrals(canvas)
    workforce.make_workforce(canvas)
    surveys.make_surveys(canvas)


def _drop_working_tables(connection: Connection) -> None:
    found = connection.raw.execute(
        "SELECT table_name FROM duckdb_tables() WHERE temporary AND starts_with(table_name, 'w_')"
    ).fetchall()
    for (name,) in found:
        connection.raw.execute(f"DROP TABLE temp.{name}")


def _completeness(canvas: Canvas, stale_source: str | None, stale_days: int) -> tuple[SourceCompleteness, ...]:
    return tuple(
        SourceCompleteness(
            source,
            entity,
            canvas.as_of - timedelta(days=stale_days if source == stale_source else 0),
            ever_read=True,
        )
        for source, entity in sorted(canvas.written)
        if source in SOURCES
    )
