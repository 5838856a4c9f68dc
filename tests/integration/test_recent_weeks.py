"""Weeks that a build keeps are as a build of every week would make them, whatever changed meanwhile."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache

import pytest

from pacekeeper.engine.duckdb import Connection
from pacekeeper.measures import recent
from pacekeeper.measures.materialise import materialise_marts
from pacekeeper.measures.plan import Plan, PlannedMart, compile_plan
from pacekeeper.policy import load_policy
from pacekeeper_assets import CATALOGUE
from tests.integration.varied_practice import Variant, the_practice

#: What a night may bring, as statements; {seed} differs from night to night, {day} is a day of the practice.
EDITS = {
    "a session is longer": "UPDATE canonical.session SET ended_at = ended_at + INTERVAL 7 MINUTE WHERE {one_session}",
    "a session is moved": "UPDATE canonical.session SET started_at = started_at + INTERVAL 9 DAY, "
    "ended_at = ended_at + INTERVAL 9 DAY WHERE {one_session}",
    "a session is deleted": "DELETE FROM canonical.session WHERE {one_session}",
    "a session is voided": "UPDATE canonical.session SET status = 'voided' WHERE {one_session}",
    "who held a session is another": "UPDATE canonical.session_clinician SET counts_direct = NOT counts_direct "
    "WHERE {one_session}",
    "nobody came": "UPDATE canonical.session_participant SET attended = false WHERE {one_session}",
    "a seat is cancelled late": "UPDATE canonical.appointment SET status = 'cancelled', cancelled_by = 'client', "
    "cancelled_at = start_at - INTERVAL 3 HOUR WHERE {one_seat}",
    "a seat is longer": "UPDATE canonical.appointment SET end_at = end_at + INTERVAL 26 HOUR WHERE {one_seat}",
    "a seat is gone": "DELETE FROM canonical.appointment WHERE {one_seat}",
    "a block is deleted": "DELETE FROM canonical.schedule_block WHERE block_key = "
    "(SELECT min(block_key) FROM canonical.schedule_block WHERE start_at::DATE >= DATE '{day}')",
    "work in the EHR lasted longer": "UPDATE canonical.ehr_interval SET ended_at = ended_at + INTERVAL 90 MINUTE "
    "WHERE started_at::DATE = DATE '{day}' AND hash(clinician_key, started_at, {seed}) % 3 = 0",
    "the log is lost": "DELETE FROM canonical.ehr_event WHERE CAST(\"at\" AS DATE) = DATE '{day}'",
    "entries are written late": "UPDATE canonical.time_entry SET minutes = minutes + 30 "
    "WHERE entry_date = DATE '{day}'",
    "an entry is gone": "DELETE FROM canonical.time_entry WHERE entry_key = "
    "(SELECT min(entry_key) FROM canonical.time_entry WHERE entry_date >= DATE '{day}')",
    "leave is entered": "UPDATE canonical.pto_ledger SET hours = hours + 2 WHERE entry_date >= DATE '{day}'",
    "a message took longer": "UPDATE canonical.message SET minutes = coalesce(minutes, 0) + 4 "
    "WHERE coalesce(replied_at, sent_at, received_at)::DATE = DATE '{day}'",
    "a charge is voided": "UPDATE canonical.charge SET status = 'void' WHERE charge_key = "
    "(SELECT min(charge_key) FROM canonical.charge WHERE service_date >= DATE '{day}')",
    "two records are of one client": "UPDATE canonical.client_match SET person_key = (SELECT min(person_key) FROM "
    "canonical.client_match) WHERE client_key = (SELECT client_key FROM canonical.client_match ORDER BY "
    "hash(client_key, {seed}) LIMIT 1)",
    "somebody leaves": "UPDATE canonical.employment SET end_date = DATE '{day}' WHERE {one_job}",
    "somebody works less": "UPDATE canonical.employment SET fte = fte / 2 WHERE {one_job}",
    "a template changes": "UPDATE canonical.availability_template SET end_minute = end_minute - 30 "
    "WHERE template_key = (SELECT template_key FROM canonical.availability_template "
    "ORDER BY hash(template_key, {seed}) LIMIT 1)",
    "a day is closed": "INSERT INTO canonical.practice_closure BY NAME SELECT * REPLACE ('closed-{seed}' AS "
    "closure_key, DATE '{day}' AS from_date, DATE '{day}' AS to_date, NULL AS location_key, NULL AS start_at, "
    "NULL AS end_at) FROM canonical.practice_closure LIMIT 1",
    "another role": "UPDATE canonical.clinician SET role = 'prescriber' WHERE clinician_key = "
    "(SELECT clinician_key FROM canonical.clinician ORDER BY hash(clinician_key, {seed}) LIMIT 1)",
    "another team": "UPDATE canonical.supervision_link SET valid_to = DATE '{day}' "
    "WHERE hash(valid_from, {seed}) % 5 = 0",
    "nothing": "SELECT 1",
}
WEEKLY = tuple(name for name, mart in CATALOGUE.marts.items() if mart.weekly_reach is not None)


@cache
def plan() -> Plan:
    return compile_plan(CATALOGUE.only(WEEKLY), load_policy())


class Practice:
    """A practice night after night; what `made` was asked for stays there."""

    def __init__(self) -> None:
        self.variant: Variant = the_practice()[0].copy()
        self.raw = self.variant.raw
        self.as_of = self.variant.made.as_of - timedelta(days=16)
        self.made(keeps=False)

    def made(self, *, keeps: bool) -> dict[str, str]:
        connection = Connection(self.raw)
        read = self.variant.made.completeness
        materialise_marts(connection, plan(), as_of=self.as_of, completeness=read, keeps=keeps)
        tables = [CATALOGUE.marts[name].table for name in WEEKLY]
        return {table: connection.content_hash(table) for table in (*tables, "contract.week_digest")}

    def edit(self, statement: str, *, seed: int, day: date) -> None:
        def one(key: str, table: str, at: str) -> str:
            of_day = (
                f"(SELECT {key} FROM canonical.{table} WHERE {at}::DATE >= DATE '{day}' ORDER BY {at}, {key} LIMIT 1)"
            )
            return f"{key} = {of_day}"

        self.raw.execute(
            statement.format(
                seed=seed,
                day=day,
                one_session=one("session_key", "session", "started_at"),
                one_seat=one("appointment_key", "appointment", "start_at"),
                one_job=f"employment_key = (SELECT employment_key FROM canonical.employment "
                f"ORDER BY hash(employment_key, {seed}) LIMIT 1)",
            )
        )


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[date | None]:
    """From when on each build made its weeks again."""
    seen: list[date | None] = []
    found = recent.changed_weeks

    def watched(*args: object, **named: object) -> recent.Window:
        window = found(*args, **named)  # type: ignore[arg-type]  # handed on as they are
        seen.append(window.since)
        return window

    monkeypatch.setattr("pacekeeper.measures.materialise.changed_weeks", watched)
    return seen


@pytest.mark.parametrize("seed", [1, 2])
def test_random_nights_come_to_what_a_full_build_comes_to(seed: int, windows: list[date | None]) -> None:
    rng = random.Random(seed)
    practice, whole = Practice(), 0
    for night, edits in enumerate(_nights(rng), start=1):
        last = practice.as_of.date()
        for edit in edits:
            day = last - timedelta(days=rng.choice([0, 1, 1, 2, 3, 9, 30, 60]))
            practice.edit(EDITS[edit], seed=seed * 100 + night, day=day)
        practice.as_of += timedelta(days=rng.choice([1, 1, 1, 2, 0]), hours=rng.choice([0, 1]))
        kept = practice.made(keeps=True)
        whole += windows[-1] is None
        assert kept == practice.made(keeps=False), f"night {night}: {edits}"
    assert whole == 0, "something of every night was kept"


def _nights(rng: random.Random) -> Iterator[list[str]]:
    """Every edit once, some together, in any order."""
    left = sorted(EDITS)
    rng.shuffle(left)
    while left:
        edits = rng.choice([1, 2, 4])
        yield left[:edits]
        left = left[edits:]


def test_an_ordinary_night_makes_the_last_weeks_again_and_an_old_edit_those_since_it(
    windows: list[date | None],
) -> None:
    practice = Practice()
    night = practice.as_of
    practice.as_of += timedelta(days=1)
    practice.made(keeps=True)
    assert _days(night, windows) <= 14
    practice.edit(EDITS["a session is longer"], seed=1, day=night.date() - timedelta(days=45))
    practice.made(keeps=True)
    # The week of that day, the days in which a debriefing counts, and the slack.
    assert 45 <= _days(night, windows) <= 63


def test_what_has_no_day_of_its_own_has_every_week_made_again(windows: list[date | None]) -> None:
    practice = Practice()
    practice.raw.execute("UPDATE canonical.location SET tz = 'Asia/Tokyo'")
    practice.made(keeps=True)
    assert windows[-1] is None


def test_marts_that_a_build_left_half_made_are_not_kept(windows: list[date | None]) -> None:
    practice = Practice()
    practice.made(keeps=False)
    assert windows[-1] is None


def test_every_weekly_mart_is_tried() -> None:
    planned = {item.mart.name for item in plan().items if isinstance(item, PlannedMart) and item.is_weekly}
    assert planned == set(WEEKLY)
    assert len(WEEKLY) >= 3


def _days(night: datetime, windows: list[date | None]) -> int:
    since = windows[-1]
    assert since is not None
    return (night.date() - since).days
