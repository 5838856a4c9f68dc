"""Which canonical rows are about a subject in a period, as SQL: by conventions on the contract's columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import ContractColumn, columns, primary_key
from pacekeeper.sql_text import sql_literal, sql_name

#: Keys that name a person; many rows of many days have them. Any other key names what the number is about.
PEOPLE = ("clinician_key", "client_key")
#: Columns that name a clinician, where not by `clinician_key`.
_ALSO_NAMED_BY = MappingProxyType({"clinician_key": ("primary_clinician_key", "supervisor_key")})
#: Entities that a person is found in through the rows of another one, which has their key and the person's.
_THROUGH = MappingProxyType(
    {
        ("session", "clinician_key"): "session_clinician",
        ("session", "client_key"): "session_participant",
        ("client", "clinician_key"): "case_assignment",
    }
)
#: Entities of which a person's rows are a series: a number about one rests on those before it.
_SERIES = frozenset({"measure_response"})
#: Columns from and to which an entity holds: its rows are listed that overlap the period. Null there is open.
_SPANS = (
    ("start_date", "end_date"),
    ("from_date", "to_date"),
    ("valid_from", "valid_to"),
    ("effective_from", "effective_to"),
    ("opened_on", "closed_on"),
    ("period_start", "period_end"),
    ("opens_on", "closes_on"),
    ("before_from", "after_to"),
)
#: Where time is cut at the ends of a period. What else lasts belongs to the period in which it starts.
_CUT = MappingProxyType({"schedule_block": ("start_at", "end_at"), "ehr_interval": ("started_at", "ended_at")})
#: Columns that say when something was, the first that is filled: its rows are listed that lie in the period.
_POINTS = (
    "entry_date", "service_date", "submitted_on", "reported_on", "paid_on", "posted_on", "month", "submitted_week",
    "period_month", "start_at", "started_at", "administered_at", "at", "due_at", "sent_at", "received_at", "service_at",
    "created_at", "authored_at", "acted_at", "raised_at", "delivered_at", "inquiry_at", "responded_at", "service_from",
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """What a row of a mart is about: keys by column. primary: those of its primary key; clinicians and clients with
    the keys of all their records.
    """

    primary: Mapping[str, tuple[str, ...]]
    others: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Period:
    """Local days of a zone, both included; null last_day = without an end."""

    first_day: date
    last_day: date | None
    zone: str

    def reaching(self, *, days: int, ahead: bool) -> Period:
        """The period with so many days before it, and ahead without an end."""
        first_day = self.first_day - timedelta(days=days)
        return replace(self, first_day=first_day, last_day=None if ahead else self.last_day)

    @property
    def day_after(self) -> date | None:
        """The first local day after it."""
        return None if self.last_day is None else self.last_day + timedelta(days=1)

    def begin_of(self, day: date) -> datetime:
        """First moment of a local day, UTC."""
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)


@dataclass(frozen=True)
class Choice:
    """How rows of an entity are chosen. where: SQL; told: in words. times: columns with the entity's own time."""

    where: str
    told: str
    times: tuple[str, ...]


def chosen(entity: str, subject: Subject, period: Period | None) -> Choice:
    """The rows of an entity that are about the subject, in the period; what is about one thing needs no period."""
    link, about, is_exact = _link(entity, subject)
    when = None if is_exact or period is None else _in_period(entity, period)
    where = " AND ".join(f"({part})" for part in (link, when) if part)
    return Choice(where or "true", f"{about}, {_told(entity) if when else 'of any time'}", _time_columns(entity))


@cache
def _columns(entity: str) -> Mapping[str, ContractColumn]:
    return {column.name: column for column in columns(ENTITIES[entity])}


@cache
def _owners() -> Mapping[str, str]:
    """The entity whose rows a key column names."""
    found = {name: primary_key(entity) for name, entity in ENTITIES.items() if not entity.derived}
    return {key[0]: name for name, key in found.items() if len(key) == 1}


def _link(entity: str, subject: Subject) -> tuple[str | None, str, bool]:
    """SQL that is true of rows about the subject, in words, and whether it needs no period beside it."""
    everything = {**subject.others, **subject.primary}
    own = primary_key(ENTITIES[entity])
    if entity in _SERIES and "client_key" in everything:
        return (
            among("client_key", everything["client_key"]),
            "all those by client_key",
            not {*subject.primary} <= {*PEOPLE},
        )
    if len(own) == 1 and own[0] in everything and own[0] not in PEOPLE:
        return among(own[0], everything[own[0]]), f"by {own[0]}", True
    found = {name: sql for name, keys in subject.primary.items() if (sql := _about(entity, name, keys))}
    for name in sorted(subject.others, key=PEOPLE.__contains__):
        if not found and (sql := _about(entity, name, subject.others[name])):
            found[name] = sql
    if not found:
        return None, "those of everybody", False
    for name in set(found) - {*PEOPLE}:
        person = next((one for one in PEOPLE if one in everything and one in _columns(entity)), None)
        if person and name in _columns(entity) and _columns(entity)[name].nullable:
            found[name] += f" OR ({name} IS NULL AND {among(person, everything[person])})"
    return " AND ".join(f"({sql})" for sql in found.values()), f"by {' and '.join(found)}", not set(found) <= {*PEOPLE}


def _about(entity: str, name: str, keys: Sequence[str], seen: frozenset[str] = frozenset()) -> str | None:
    """SQL that is true of rows about one of the keys: by their own column, or through what they are part of."""
    parts = [among(own, keys) for own in (name, *_ALSO_NAMED_BY.get(name, ())) if own in _columns(entity)]
    if (entity, name) in _THROUGH:
        (own,) = primary_key(ENTITIES[entity])
        parts.append(f"{own} IN (SELECT {own} FROM canonical.{_THROUGH[entity, name]} WHERE {among(name, keys)})")
    if parts:
        return " OR ".join(parts)
    return _by_parents(entity, lambda owner: _about(owner, name, keys, seen | {entity}), seen | {entity})


def _by_parents(entity: str, condition: Callable[[str], str | None], seen: frozenset[str]) -> str | None:
    """SQL that is true of rows part of something of which the condition is true.

    A key column that is part of the entity's own key decides alone, the first of them; any other one may.
    """
    own = primary_key(ENTITIES[entity])
    parts = []
    for name in (*own, *(name for name in _columns(entity) if name not in own)):
        owner = _owners().get(name)
        if owner is None or owner in seen:
            continue
        sql = condition(owner)
        if sql:
            parts.append(f"{name} IN (SELECT {name} FROM canonical.{owner} WHERE {sql})")
            if name in own:
                break
    return " OR ".join(parts) or None


def _span(entity: str) -> tuple[str, ...]:
    if entity in _CUT:
        return _CUT[entity]
    found = next((span for span in _SPANS if span[0] in _columns(entity)), ())
    return tuple(name for name in found if name in _columns(entity))


def _points(entity: str) -> tuple[str, ...]:
    known = _columns(entity)
    found = [name for name in _POINTS if name in known]
    return tuple(name for name in found if known[name].type == known[found[0]].type)


def _time_columns(entity: str) -> tuple[str, ...]:
    return _span(entity) or _points(entity)


def _told(entity: str) -> str:
    span, points = _span(entity), _points(entity)
    if span:
        return f"{' to '.join(span)} in the period"
    return f"{' or else '.join(points)} in the period" if points else "what it is part of in the period"


def _in_period(entity: str, period: Period, seen: frozenset[str] = frozenset()) -> str | None:
    """SQL that is true of rows in the period; null where neither the entity has a time, nor what it is part of."""
    known, names = _columns(entity), _time_columns(entity)
    own = _own_time(entity, period)
    is_told = bool(names) and (bool(_span(entity)) or not all(known[name].nullable for name in names))
    if is_told and any(name in known for name in PEOPLE):
        return own
    above = _by_parents(entity, lambda owner: _in_period(owner, period, seen | {entity}), seen | {entity})
    return " OR ".join(part for part in (own, above) if part) or None


def _own_time(entity: str, period: Period) -> str | None:
    names = _time_columns(entity)
    if not names:
        return None
    is_date = _columns(entity)[names[0]].duckdb_type == "DATE"
    begin, end = _moment(period, period.first_day, is_date=is_date), None
    if period.day_after is not None:
        end = _moment(period, period.day_after, is_date=is_date)
    if not _span(entity):
        at = f"coalesce({', '.join(map(sql_name, names))})"
        return f"{at} >= {begin}" + (f" AND {at} < {end}" if end else "")
    since, *until = map(sql_name, names)
    parts = [f"({name} IS NULL OR {name} >= {begin})" for name in until]
    parts += [f"({since} IS NULL OR {since} < {end})"] if end else []
    return " AND ".join(parts) or "true"


def _moment(period: Period, day: date, *, is_date: bool) -> str:
    if is_date:
        return f"DATE {sql_literal(day.isoformat())}"
    return f"TIMESTAMPTZ {sql_literal(period.begin_of(day).isoformat())}"


def among(name: str, keys: Iterable[str]) -> str:
    return f"{sql_name(name)} IN ({', '.join(map(sql_literal, keys))})"
