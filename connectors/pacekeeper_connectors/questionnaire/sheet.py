"""Answer sheets as records for the boundary: identifiers joined, staff times coarsened before anything lands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pacekeeper.stream import Page, Rejected
from pacekeeper_connectors.questionnaire.spec import WaveSpec

#: Between the parts of a key; no identifier of a survey system holds it.
_SEPARATOR = "\x1f"
Record = Mapping[str, Any]  # what a survey system exports is open by design


@dataclass(frozen=True, kw_only=True)
class ClientSheet:
    """One form of one client. identity: what names it within the source. answers: code by item number, from 1."""

    identity: Sequence[str]
    client: str | None
    measure: str
    instrument: str
    administered_at: str | None
    completed_at: str | None = None
    is_submitted: bool | None = None
    respondent: str | None = None
    total: str | None = None
    answers: Mapping[int, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        return {
            "id": _SEPARATOR.join(self.identity),
            "client": self.client,
            "measure": self.measure,
            "instrument": self.instrument,
            "administered_at": self.administered_at,
            "completed_at": self.completed_at,
            "is_submitted": self.is_submitted,
            "respondent": self.respondent,
            "total": self.total,
            "state": "filled" if self.answers or self.total else "empty",
            "answers": [{"item_no": number, "answer": code} for number, code in sorted(self.answers.items())],
        }


@dataclass(frozen=True, kw_only=True)
class StaffSheet:
    """One anonymous sheet. day: local day it was handed in, null where the system keeps none; it never lands.

    answers: code by item. wave, team: as the survey system names them.
    """

    identity: Sequence[str]
    survey: str
    instrument: str
    wave: str | None
    team: str | None
    day: date | None
    is_submitted: bool = True
    answers: Mapping[str, str] = field(default_factory=dict)

    def record(self, *, today: date) -> dict[str, Any]:
        """today: local day of the run; a sheet of its week does not land yet."""
        week = None if self.day is None else monday(self.day)
        is_over = week is None or week + timedelta(days=7) <= today
        return {
            "id": _SEPARATOR.join(self.identity),
            "survey": self.survey,
            "wave": wave_name(self.survey, self.wave),
            "team": self.team,
            "instrument": self.instrument,
            "week": None if week is None else week.isoformat(),
            "state": "filled" if self.answers and self.is_submitted and is_over else "waiting",
            "answers": [{"item": item, "answer": code} for item, code in self.answers.items()],
        }


def usable(
    rows: Sequence[Any], identity: Callable[[Record], str], *, kind: str, place: str
) -> tuple[list[Record], list[Rejected]]:
    """Rows that are records with an identity, and those that are not. kind, place: name them in the reasons."""
    kept: list[Record] = []
    rejected: list[Rejected] = []
    for number, row in enumerate(rows, 1):
        where = f"{place}, row {number}"
        if not isinstance(row, Mapping):
            rejected.append(Rejected("not_an_object", where))
        elif not identity(row):
            rejected.append(Rejected(f"{kind}_without_id", where))
        else:
            kept.append(row)
    return kept, rejected


def client_pages(
    sheets: Sequence[ClientSheet],
    *,
    rejected: Sequence[Rejected] = (),
    read_at: datetime | None = None,
    seen: set[str] | None = None,
) -> list[Page]:
    """Pages of client sheets and of the clients on them that are not in `seen`, which takes them up."""
    seen = set() if seen is None else seen
    stamp = {} if read_at is None else {"read_at": read_at.isoformat()}
    new = {sheet.client for sheet in sheets if sheet.client} - seen
    seen |= new
    return [
        Page("response", [sheet.record() | stamp for sheet in sheets], rejected=rejected, watermark=read_at),
        Page("client", [{"id": client} | stamp for client in sorted(new)], watermark=read_at),
    ]


def wave_page(survey: str, waves: Mapping[str, WaveSpec]) -> Page:
    """The waves of a staff survey, one row per wave and team."""
    rows = [
        {
            "id": _SEPARATOR.join((survey, name, team)),
            "wave": wave_name(survey, name),
            "team": team,
            "invited": invited,
            "opens_on": wave.opens_on.isoformat(),
            "closes_on": wave.closes_on.isoformat(),
        }
        for name, wave in waves.items()
        for team, invited in wave.invited.items()
    ]
    return Page("staff_wave", rows)


def wave_name(survey: str, wave: str | None) -> str | None:
    """A wave as its key is made of it: two surveys of a source may both have a wave `2026-1`."""
    return None if wave is None else _SEPARATOR.join((survey, wave))


def wave_on(day: date | None, waves: Mapping[str, WaveSpec]) -> str | None:
    """The wave that was open on a day; the only wave where there is no day."""
    if day is None:
        return next(iter(waves)) if len(waves) == 1 else None
    return next((name for name, wave in waves.items() if wave.opens_on <= day <= wave.closes_on), None)


def monday(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def local_day(moment: datetime, zone: str | None) -> date:
    """The day of an instant in a zone; in UTC where none is known."""
    return moment.astimezone(ZoneInfo(zone or "UTC")).date()


def with_zone(text: str, zone: str | None) -> str:
    """A local time of a server whose zone is known, with its offset; anything else as it is."""
    if zone is None:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)).isoformat()


def day_of(text: str) -> date | None:
    """The day an ISO date or time begins with; null where it is none."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
