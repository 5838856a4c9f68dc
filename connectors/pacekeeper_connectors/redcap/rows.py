"""Exported rows as answer sheets: one per record, event, form and instance that holds something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pacekeeper.stream import Rejected
from pacekeeper_connectors.questionnaire import ClientSheet, RespondentSpec, StaffSheet
from pacekeeper_connectors.questionnaire.sheet import Record, day_of, usable, wave_on, with_zone
from pacekeeper_connectors.redcap.dictionary import Dictionary
from pacekeeper_connectors.redcap.site import STAFF, RedcapMeasure, RedcapSite, RedcapStaff
from pacekeeper_connectors.redcap.values import NOT_COMPLETED, date_text, number_text, text_of

EVENT = "redcap_event_name"
REPEAT_FORM = "redcap_repeat_instrument"
INSTANCE = "redcap_repeat_instance"
Row = Record


class RowReader:
    """Reads exported rows by the site file and the dictionary.

    missing: codes that stand for a value missing on purpose. zone: of the server's own time stamps.
    """

    def __init__(self, site: RedcapSite, dictionary: Dictionary, *, missing: frozenset[str], zone: str | None) -> None:
        self._site = site
        self._dictionary = dictionary
        self._missing = missing
        self._zone = zone

    def usable(self, rows: Sequence[Any], *, batch: int) -> tuple[list[Row], list[Rejected]]:
        """Rows that are records of the project, and those that are not."""
        record_id = self._dictionary.record_id
        return usable(rows, lambda row: text_of(row.get(record_id)), kind="record", place=f"batch {batch}")

    def client_sheets(self, rows: Sequence[Row]) -> Iterator[ClientSheet]:
        """Sheets of every measure. rows: all rows of the records they are about, for the client of each."""
        clients = self._clients(rows)
        for row in rows:
            for name, spec in self._site.measures.items():
                form = spec.form or name
                if (spec.events and text_of(row.get(EVENT)) not in spec.events) or not _may_hold(row, form):
                    continue
                sheet = self._client_sheet(row, name, spec, form, clients)
                if sheet is not None:
                    yield sheet

    def staff_sheets(self, rows: Sequence[Row], spec: RedcapStaff) -> Iterator[StaffSheet]:
        """Sheets of the staff survey; the survey's identifier and everything that is not asked for is left behind."""
        form = spec.form or self._dictionary.forms[0]
        for row in rows:
            if not _may_hold(row, form) or not self._is_touched(row, form, spec.items):
                continue
            stamp = text_of(row.get(f"{form}_timestamp"))
            day = day_of(stamp) if stamp and stamp != NOT_COMPLETED else None
            if day is None and spec.date is not None:
                day = day_of(self._date(row, spec.date) or "")
            by_event = {wave.event: name for name, wave in spec.waves.items() if wave.event}
            wave = self._value(row, spec.wave) if spec.wave else by_event.get(text_of(row.get(EVENT)))
            yield StaffSheet(
                identity=self._identity(row, form),
                survey=STAFF,
                instrument=spec.instrument,
                wave=wave or (None if spec.wave else wave_on(day, spec.waves)),
                team=self._value(row, spec.team),
                day=day,
                is_submitted=stamp != NOT_COMPLETED,
                answers={spec.item_codes.get(n, n): code for n, code in self._staff_answers(row, spec.items)},
            )

    def _staff_answers(self, row: Row, items: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Answer code by item; every choice of a checkbox field is an item of its own, 1 or 0."""
        for item in items:
            field = self._dictionary.fields.get(item)
            if field is not None and field.kind == "checkbox":
                values = ((column, self._value(row, column)) for column in field.columns)
                yield from ((column, value) for column, value in values if value is not None)
            elif (code := self._answer(row, item)) is not None:
                yield item, code

    def _client_sheet(
        self, row: Row, name: str, spec: RedcapMeasure, form: str, clients: Mapping[str, str | None]
    ) -> ClientSheet | None:
        items = spec.item_fields(name)
        named = [field for field in (spec.total, spec.date) if field is not None]
        if not self._is_touched(row, form, [*items, *named]):
            return None
        stamp = text_of(row.get(f"{form}_timestamp"))
        is_open = stamp == NOT_COMPLETED
        completed = with_zone(stamp, self._zone) if stamp and not is_open else None
        given = None if spec.date is None else self._date(row, spec.date)
        client = self._site.client
        own = None if client is None else self._value(row, client.field)
        return ClientSheet(
            identity=self._identity(row, form, name),
            client=own or clients.get(text_of(row.get(self._dictionary.record_id))),
            measure=name,
            instrument=spec.instrument or name,
            administered_at=completed or given,
            completed_at=completed,
            is_submitted=None if not stamp else not is_open,
            respondent=self._respondent(row, spec),
            total=None if spec.total is None else self._number(row, spec.total),
            answers={n: code for n, item in enumerate(items, 1) if (code := self._answer(row, item)) is not None},
        )

    def _clients(self, rows: Sequence[Row]) -> dict[str, str | None]:
        """The client of each record: the one identifier its rows hold; null where they hold several."""
        client = self._site.client
        found: dict[str, set[str]] = {}
        for row in rows:
            name = text_of(row.get(self._dictionary.record_id))
            value = None if client is None else self._value(row, client.field)
            found.setdefault(name, set()).update({value} if value else ())
        return {name: next(iter(values)) if len(values) == 1 else None for name, values in found.items()}

    def _is_touched(self, row: Row, form: str, fields: Sequence[str]) -> bool:
        """Whether somebody has opened the form: a value, a status or a time stamp is there."""
        if text_of(row.get(f"{form}_timestamp")) or text_of(row.get(f"{form}_complete")):
            return True
        return any(self._answer(row, name) is not None for name in fields)

    def _identity(self, row: Row, form: str, *more: str) -> tuple[str, ...]:
        record, event = text_of(row.get(self._dictionary.record_id)), text_of(row.get(EVENT))
        return (record, event, form, text_of(row.get(INSTANCE)), *more)

    def _respondent(self, row: Row, spec: RedcapMeasure) -> str | None:
        if isinstance(spec.respondent, RespondentSpec):
            return self._answer(row, spec.respondent.field)
        return spec.respondent

    def _answer(self, row: Row, name: str) -> str | None:
        """The answer code of a field, null where there is none; of a checkbox field the choices ticked, joined by +."""
        field = self._dictionary.fields.get(name)
        if field is None:
            return self._value(row, name)
        if field.kind == "checkbox":
            ticked = [code for column, code in field.columns.items() if self._value(row, column) == "1"]
            return "+".join(code for code in ticked if code not in self._missing) or None
        value = self._value(row, name)
        return None if value is None else number_text(value, field)

    def _number(self, row: Row, name: str) -> str | None:
        value, field = self._value(row, name), self._dictionary.field_of(name)
        return value if value is None or field is None else number_text(value, field)

    def _date(self, row: Row, name: str) -> str | None:
        value, field = self._value(row, name), self._dictionary.field_of(name)
        return value if value is None or field is None else date_text(value, field)

    def _value(self, row: Row, column: str) -> str | None:
        """What stands in a column; null where it is empty or a missing data code."""
        value = text_of(row.get(column))
        return None if not value or value in self._missing else value


def _may_hold(row: Row, form: str) -> bool:
    """Whether a row can hold the form: rows of a repeating instrument hold that one alone."""
    repeated = text_of(row.get(REPEAT_FORM))
    return not repeated or repeated == form
