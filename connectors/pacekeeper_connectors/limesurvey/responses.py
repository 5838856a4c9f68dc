"""Exported responses as answer sheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from pacekeeper.stream import Rejected
from pacekeeper_connectors.limesurvey.site import LimeMeasure, LimeSurveySpec, label_of, staff_label
from pacekeeper_connectors.questionnaire import ClientSheet, RespondentSpec, StaffSheet, StaffSpec, sheet
from pacekeeper_connectors.questionnaire.sheet import Record as Response
from pacekeeper_connectors.questionnaire.sheet import day_of, wave_on, with_zone

#: Columns of a response that are LimeSurvey's own. `submitdate` is empty until the response is handed in.
ID, SUBMITTED, TOKEN = "id", "submitdate", "token"
#: What an anonymised survey without time stamps has for every response.
_NO_TIME = "1980-01-01"


def usable(rows: Sequence[Any], *, survey: int) -> tuple[list[Response], list[Rejected]]:
    """Rows that are responses, and those that are not."""
    return sheet.usable(rows, lambda row: _text(row, ID), kind="response", place=f"survey {survey}")


def client_sheets(
    rows: Sequence[Response], survey: int, spec: LimeSurveySpec, *, clients: Mapping[str, str], zone: str | None
) -> Iterator[ClientSheet]:
    """Sheets of every measure. clients: identifier by access code; zone: of the server's own times, null = default."""
    for row in rows:
        stamp = submitted(row)
        client = _client(row, spec, clients)
        for name, measure in spec.measures.items():
            items = measure.item_fields(name)
            answers = {n: code for n, item in enumerate(items, 1) if (code := _text(row, item))}
            completed = None if stamp is None else with_zone(stamp, zone)
            given = None if measure.date is None else _text(row, measure.date) or None
            yield ClientSheet(
                identity=(str(survey), _text(row, ID), name),
                client=client,
                measure=label_of(survey, name),
                instrument=measure.instrument or name,
                administered_at=completed or given or _started(row, zone),
                completed_at=completed,
                is_submitted=bool(_text(row, SUBMITTED)),
                respondent=_respondent(row, measure),
                total=None if measure.total is None else _text(row, measure.total) or None,
                answers=answers,
            )


def staff_sheets(rows: Sequence[Response], survey: int, spec: StaffSpec) -> Iterator[StaffSheet]:
    """Anonymous sheets. Where the survey keeps no time, a sheet counts as handed in on the last day of its wave."""
    for row in rows:
        stamp = submitted(row)
        day = None if stamp is None else day_of(stamp)
        if day is None and spec.date is not None:
            day = day_of(_text(row, spec.date))
        wave = (_text(row, spec.wave) or None) if spec.wave else wave_on(day, spec.waves)
        yield StaffSheet(
            identity=(str(survey), _text(row, ID)),
            survey=staff_label(survey),
            instrument=spec.instrument,
            wave=wave,
            team=_text(row, spec.team) or None,
            day=day or _last_day(spec, wave),
            is_submitted=bool(_text(row, SUBMITTED)),
            answers={spec.item_codes.get(item, item): code for item in spec.items if (code := _text(row, item))},
        )


def submitted(row: Response) -> str | None:
    """Local time it was handed in; null where it was not, or where the survey keeps no times."""
    stamp = _text(row, SUBMITTED)
    return None if not stamp or stamp.startswith(_NO_TIME) else stamp


def _started(row: Response, zone: str | None) -> str | None:
    stamp = _text(row, "startdate")
    return with_zone(stamp, zone) if stamp and not stamp.startswith(_NO_TIME) else None


def _client(row: Response, spec: LimeSurveySpec, clients: Mapping[str, str]) -> str | None:
    where = spec.client
    if where is None:
        return None
    if where.field is not None:
        return _text(row, where.field) or None
    token = _text(row, TOKEN)
    return (token or None) if where.participant == TOKEN else clients.get(token)


def _respondent(row: Response, measure: LimeMeasure) -> str | None:
    if isinstance(measure.respondent, RespondentSpec):
        return _text(row, measure.respondent.field) or None
    return measure.respondent


def _last_day(spec: StaffSpec, wave: str | None) -> date | None:
    found = None if wave is None else spec.waves.get(wave)
    return None if found is None else found.closes_on


def _text(row: Response, heading: str) -> str:
    value = row.get(heading)
    return "" if value is None else str(value).strip()
