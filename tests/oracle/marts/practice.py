"""The canonical rows of a practice as the oracle asks for them: by person, by week, and by what a source knows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from tests.oracle import weeks as older
from tests.oracle.intervals import Stretch, Stretches, tick, union
from tests.oracle.rows import Employment
from tests.oracle.weeks import Week, day_stretch, local_day, monday_of

Row = dict[str, Any]
Key = tuple[Any, ...]
MartRows = dict[Key, Row]

_QUIET_FOR_LONG = timedelta(days=365)


class Completeness(Protocol):
    """What a source's last complete read covers, for an entity it maps."""

    @property
    def source(self) -> str: ...
    @property
    def entity(self) -> str: ...
    @property
    def complete_through(self) -> datetime | None: ...
    @property
    def ever_read(self) -> bool: ...


@dataclass
class Practice:
    """rows: by canonical table. policy: the shipped profile as TOML says it. marts: rows of the marts under test,
    for verdicts only, which judge a mart's column. gaps: days of an entity that a source is known to lack.
    """

    rows: Mapping[str, Sequence[Row]]
    completeness: Sequence[Completeness]
    policy: Mapping[str, Any]
    as_of: datetime
    marts: Mapping[str, Sequence[Row]]
    gaps: Sequence[Row] = ()

    def setting(self, *path: str) -> Any:
        """The value at a place of the policy, as `setting("guardrails", "no_show", "thresholds", "breach")`."""
        found: Any = self.policy
        for name in path:
            found = found[name]
        return found.get("value") if isinstance(found, dict) else found

    def threshold(self, guardrail: str, name: str) -> Any:
        return self.setting("guardrails", guardrail, "thresholds", name)

    def rule(self, guardrail: str, name: str) -> Any:
        return self.setting("guardrails", guardrail, "settings", name)

    # --- people ---

    @cached_property
    def _person_of(self) -> dict[str, str]:
        return {r["clinician_key"]: r["person_key"] for r in self.rows["person_match"]}

    @cached_property
    def _client_of(self) -> dict[str, str]:
        return {r["client_key"]: r["person_key"] for r in self.rows["client_match"]}

    def person(self, clinician_key: str | None) -> str | None:
        return None if clinician_key is None else self._person_of.get(clinician_key, clinician_key)

    def client(self, client_key: str | None) -> str | None:
        return None if client_key is None else self._client_of.get(client_key, client_key)

    @cached_property
    def people(self) -> list[str]:
        return sorted(set(self._person_of.values()))

    @cached_property
    def home_tz(self) -> str:
        return str(self.rows["practice"][0]["home_tz"])

    @cached_property
    def homes(self) -> dict[str, str]:
        """Home location by person: of the first record that has one."""
        found: dict[str, str] = {}
        for row in sorted(self.rows["clinician"], key=lambda r: r["clinician_key"]):
            if row["home_location_key"] is not None:
                found.setdefault(self._person_of[row["clinician_key"]], row["home_location_key"])
        return found

    @cached_property
    def tz_of_location(self) -> dict[str, str]:
        return {r["location_key"]: r["tz"] for r in self.rows["location"]}

    def zone(self, person: str) -> str:
        return self.tz_of_location.get(self.homes.get(person, ""), self.home_tz)

    def day(self, person: str, instant: datetime) -> date:
        return local_day(instant, self.zone(person))

    @cached_property
    def _tables_by_person(self) -> dict[str, dict[str, list[Row]]]:
        return {}

    def by_person(self, table: str) -> dict[str, list[Row]]:
        """Rows of a table by the person whose clinician_key they have."""
        if table not in self._tables_by_person:
            found: dict[str, list[Row]] = defaultdict(list)
            for row in self.rows[table]:
                person = self.person(row["clinician_key"])
                if person is not None:
                    found[person].append(row)
            self._tables_by_person[table] = found
        return self._tables_by_person[table]

    # --- what sources know ---

    @cached_property
    def _sources_of(self) -> dict[str, set[str]]:
        """Sources by person they have a row about."""
        found: dict[str, set[str]] = defaultdict(set)
        for table, rows in self.rows.items():
            if table in {"person_match", "ehr_interval"} or not rows or "clinician_key" not in rows[0]:
                continue
            for row in rows:
                known = self.person(row["clinician_key"])
                if known is not None:
                    found[known].add(row["source"])
        return found

    def sources_of(self, person: str) -> set[str]:
        """Sources with a row about the person."""
        return self._sources_of.get(person, set())

    def reads(self, person: str | None, *entities: str) -> list[Completeness]:
        """Reads that count for a person (for anybody where person is None), of sources that map one of the entities."""
        return [
            c
            for c in self.completeness
            if c.entity in entities
            and (person is None or not c.ever_read or c.source in self._sources_of.get(person, set()))
        ]

    def knows(self, person: str | None, *entities: str) -> bool:
        """Whether a source that counts for the person maps one of the entities (decision 1.11)."""
        return bool(self.reads(person, *entities))

    # --- weeks ---

    @cached_property
    def employments(self) -> dict[str, list[Employment]]:
        found: dict[str, list[Employment]] = defaultdict(list)
        for row in self.rows["employment"]:
            person = self._person_of[row["clinician_key"]]
            found[person].append(Employment(person, row["start_date"], row["end_date"], row["fte"]))
        return found

    @cached_property
    def data_begins(self) -> datetime | None:
        """The practice's first appointment, were it not for mistyped years (decision 1.1)."""
        starts = sorted(r["start_at"] for r in self.rows["appointment"] if r["status"] != "entered_in_error")
        past = [start for start in starts if start < self.as_of]
        if not past:
            return starts[0] if starts else None
        begins = past[0]
        for earlier, later in pairwise(past):
            if later.date() - earlier.date() > _QUIET_FOR_LONG:
                begins = later
        return begins  # type: ignore[no-any-return]

    @cached_property
    def weeks(self) -> dict[str, list[Week]]:
        """Ended weeks by person, oldest first; nobody without a week (decision 1.1)."""
        appointments = self.by_person("appointment")
        found = {}
        for person in self.people:
            zone, contracts = self.zone(person), self.employments.get(person, [])
            firsts = [c.start for c in contracts]
            firsts += [
                local_day(r["start_at"], zone)
                for r in appointments.get(person, [])
                if r["status"] != "entered_in_error" and self.data_begins and r["start_at"] >= self.data_begins
            ]
            if not firsts:
                continue
            monday = monday_of(min(firsts))
            if self.data_begins is not None:
                monday = max(monday, monday_of(local_day(self.data_begins, zone)))
            ends = [c.end for c in contracts if c.end is not None]
            last = max(ends) if contracts and len(ends) == len(contracts) else date.max
            mine = []
            while Week(monday, zone).ends_at <= self.as_of and monday <= last:
                mine.append(Week(monday, zone))
                monday += timedelta(days=7)
            if mine:
                found[person] = mine
        return found

    def by_week(self, person: str, rows: Iterable[Row], at: str) -> dict[date, list[Row]]:
        """Rows by the Monday of the person's local week in which they happen."""
        found: dict[date, list[Row]] = defaultdict(list)
        for row in rows:
            if row[at] is not None:
                found[monday_of(self.day(person, row[at]))].append(row)
        return found

    @cached_property
    def _touching(self) -> dict[str, dict[str, dict[date, list[Row]]]]:
        return {}

    def touching(self, person: str, week: Week, table: str, start: str, end: str) -> list[Row]:
        """Rows of a person that touch a local week, if only in part."""
        by_person = self._touching.setdefault(table, {})
        if person not in by_person:
            found = by_person[person] = defaultdict(list)
            for row in self.by_person(table).get(person, []):
                monday = monday_of(self.day(person, row[start]))
                last = monday_of(self.day(person, row[end]))
                while monday <= last:
                    found[monday].append(row)
                    monday += timedelta(days=7)
        return by_person[person].get(week.monday, [])

    def is_outside(self, person: str, week: Week) -> bool:
        return older.is_outside_employment(self.employments.get(person, []), week)

    # --- sessions ---

    @cached_property
    def clinicians_of_session(self) -> dict[str, set[str]]:
        """Persons for whom a session counts as direct time: those listed as such, and whoever is in charge unless the
        list says that it does not count for them.
        """
        listed: dict[str, set[str]] = defaultdict(set)
        counted: dict[str, set[str]] = defaultdict(set)
        for row in self.rows["session_clinician"]:
            listed[row["session_key"]].add(row["clinician_key"])
            if row["counts_direct"]:
                counted[row["session_key"]].add(self._person_of[row["clinician_key"]])
        for row in self.rows["session"]:
            if row["clinician_key"] not in listed[row["session_key"]]:
                counted[row["session_key"]].add(self._person_of[row["clinician_key"]])
        return counted

    @cached_property
    def attended(self) -> dict[str, set[str]]:
        """Clients (persons) who attended, by session."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self.rows["session_participant"]:
            if row["attended"]:
                found[row["session_key"]].add(self._client_of[row["client_key"]])
        return found

    @cached_property
    def sessions(self) -> dict[str, list[Row]]:
        """All sessions by person for whom they count, whatever their status."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows["session"]:
            for person in self.clinicians_of_session[row["session_key"]]:
                found[person].append(row)
        return found

    @cached_property
    def countable(self) -> set[str]:
        return set(self.rule("direct_hours", "countable"))

    def counts(self, session: Row) -> bool:
        """Whether a session took place and is of a kind that is counted."""
        return session["status"] in {"completed", "partial"} and session["session_type"] in self.countable


def stretches(rows: Iterable[Row], start: str, end: str) -> Stretches:
    return union((tick(r[start]), tick(r[end])) for r in rows if r[end] is not None)


def clip(found: Stretches, span: Stretch) -> Stretches:
    """What lies in a span, of sorted and disjoint stretches."""
    start, end = span
    first = bisect_right(found, start, key=lambda s: s[1])
    last = bisect_left(found, end, key=lambda s: s[0])
    return [(max(a, start), min(b, end)) for a, b in found[first:last]]


def day_of(found: Stretches, day: date, zone: str) -> Stretches:
    return clip(found, day_stretch(day, zone))


def at_clock(day: date, minute: int, zone: str) -> int:
    """Tick of a wall-clock time, minutes after local midnight."""
    naive = datetime.combine(day, time()) + timedelta(minutes=minute)
    return tick(naive.replace(tzinfo=ZoneInfo(zone)))


def ratio(numerator: Any, denominator: Any) -> Any:
    """Null where a part is null or the denominator is not above 0."""
    if numerator is None or denominator is None or denominator <= 0:
        return None
    return numerator / denominator
