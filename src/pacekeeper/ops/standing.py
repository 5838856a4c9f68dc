"""What a practice expects of its sources, and what does not work there now."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from pacekeeper.business_calendar import BusinessCalendar, public_holidays
from pacekeeper.home import PracticeHome
from pacekeeper.ops.freshness import Expected
from pacekeeper.ops.problems import Problem, standing_problems


def problems_now(home: PracticeHome, *, now: datetime) -> list[Problem]:
    """What does not work now in a practice, errors first: the list of the command line and of Dagster's page."""
    return standing_problems(home.ops, sources=list(home.sources), now=now, expected=expectations(home, now=now))


def expectations(home: PracticeHome, *, now: datetime) -> Expected:
    """How often something new comes from each source, and when nobody expects anything.

    Closed are the holidays of the settings, and whole days on which a source says that the whole practice is closed, as
    far as they are published.
    """
    practice = home.settings.practice
    paces = {name: source.expected for name, source in home.sources.items() if source.expected is not None}
    closed: set[date] = set()
    if paces:
        closed |= _closures(home)
    if paces and practice.holidays is not None:
        closed |= public_holidays(practice.holidays, years=range(now.year - 1, now.year + 2))
    return Expected(BusinessCalendar(practice.home_tz, frozenset(closed)), paces)


def _closures(home: PracticeHome) -> set[date]:
    if not home.read_copy.exists():
        return set()
    with home.published.connect(read_only=True) as connection:
        if not connection.has_table("canonical", "practice_closure"):
            return set()
        spans: list[tuple[date, date]] = connection.raw.execute(
            "SELECT from_date, to_date FROM canonical.practice_closure WHERE location_key IS NULL AND start_at IS NULL"
        ).fetchall()
    return {first + timedelta(days=n) for first, last in spans for n in range((last - first).days + 1)}
