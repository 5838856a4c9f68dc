"""Connectors with a fault in what lands, and in what their mappings make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pacekeeper import Code, Column, Instant, Integer, Page, Stream, Window
from pacekeeper.expr import RawTables, Table, ifelse, literal, null
from tests.conformance.faulty import birch
from tests.conformance.faulty.birch import CLIENT, GUEST, STAFF, VISIT, Birch
from tests.conformance.faulty.planted import caught_by, without


def _visits(**columns: Column) -> tuple[Stream, ...]:
    """Birch's streams, with other columns of a visit."""
    return (STAFF, CLIENT, replace(VISIT, columns={**VISIT.columns, **columns}), GUEST)


@caught_by("test_every_declared_column_is_populated", r"visit.minutes")
class WrongPath(Birch):
    streams = _visits(minutes=Integer(path="length"))


@caught_by("test_every_declared_column_is_populated", "`unfilled` names visit.minutes", unfilled={"visit.minutes": "?"})
class ExcusesTooMuch(Birch):
    pass


@caught_by("test_no_row_of_the_corpus_is_rejected", "rows were rejected")
class TooTight(Birch):
    streams = _visits(state=Code(pattern="[A-K]", required=True))


@caught_by("test_undeclared_fields_do_not_land", "holds what stood in an undeclared field")
class LandsEverything(Birch):
    """Puts whole records into a column."""

    streams = _visits(everything=Code(pattern=r"(?s).*", max_length=5000))

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        for page in super().read_stream(stream, window):
            rows: Any = page.rows
            yield replace(page, rows=[{**row, "everything": json.dumps(row)} for row in rows])


@caught_by("test_canaries_do_not_leak", "canaries lie in")
class LandsFreeText(Birch):
    streams = _visits(remark=Code(pattern=r"[^\n]*", max_length=200))


@caught_by("test_canaries_do_not_leak", "a canary shows in an error, a log or on the screen")
class PrintsRows(Birch):
    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        for page in super().read_stream(stream, window):
            print(page.rows)  # noqa: T201  the fault
            yield page


@caught_by("test_mappings_yield_valid_canonical_rows", "session: rows break the contract")
class EndsBeforeItStarts(Birch):
    mappings = without("session")


@EndsBeforeItStarts.maps("session", of="visit")
def _backwards(raw: RawTables) -> Table:
    t = birch.session(raw)
    return t.mutate(started_at=t.ended_at, ended_at=t.started_at)


@caught_by("test_mappings_yield_valid_canonical_rows", "appointment cannot be mapped")
class LosesRows(Birch):
    mappings = without("appointment")


@LosesRows.maps("appointment", of="visit")
def _filtered(raw: RawTables) -> Table:
    t = birch.appointment(raw)
    return t.filter(t.status != "cancelled")


@caught_by("test_value_maps_cover_the_corpus_or_say_what_they_do_not", "appointment.status.*'N'")
class KnowsNoNoShow(Birch):
    value_maps: ClassVar[Mapping[str, Mapping[str, str]]] = {
        **Birch.value_maps,
        "visit_state": {"S": "kept", "B": "booked", "X": "cancelled", "L": "cancelled"},
    }


def _replaced(connector: type[Birch], **columns: Any) -> None:
    """Map appointments as Birch does, but for some columns, each a function of the visits."""

    def build(raw: RawTables) -> Table:
        v = raw.visit
        t = birch.appointment(raw).mutate(state=literal("")).drop("state")
        joined = t.left_join(v.select(of="id", state="state", at="start_at"), t.appointment_key == v.id)
        return joined.mutate(**{name: make(joined) for name, make in columns.items()}).drop("of", "state", "at")

    connector.mappings = (*without("appointment"),)
    connector.maps("appointment", of="visit")(build)


class GuessesKept(Birch):
    """Everything that is not cancelled took place."""


_replaced(GuessesKept, status=lambda t: ifelse(t.state.isin(["X", "L"]), "cancelled", "kept"))
caught_by("test_a_new_code_is_reported_and_not_guessed_at", "a code nobody knows became 'kept'")(GuessesKept)


class ForgetsCodes(Birch):
    """Keeps no source code."""


_replaced(ForgetsCodes, status_source_code=lambda _: null("string"))
caught_by("test_a_new_code_is_reported_and_not_guessed_at", "status_source_code is empty")(ForgetsCodes)


@caught_by("test_expected_rows_are_there", "role is therapist, should be supervisor")
class OneKindOfStaff(Birch):
    value_maps: ClassVar[Mapping[str, Mapping[str, str]]] = {
        **Birch.value_maps,
        "staff_kind": {"TH": "therapist", "SU": "therapist"},
    }


@caught_by("test_expected_rows_are_there", "declare in `expected`", expected=())
class ExpectsNothing(Birch):
    pass


@caught_by("test_a_late_cancel_is_not_mapped_to_kept", "status is kept, should be cancelled")
class LateCancelIsKept(Birch):
    value_maps: ClassVar[Mapping[str, Mapping[str, str]]] = {
        **Birch.value_maps,
        "visit_state": {"S": "kept", "B": "booked", "N": "no_show", "X": "cancelled", "L": "kept"},
    }


@caught_by("test_a_late_cancel_is_not_mapped_to_kept", "has no row with proves", expected=())
class ProvesNothing(Birch):
    pass


@caught_by("test_minutes_are_not_read_as_hours", "is not there")
class MinutesAsHours(Birch):
    mappings = without("session")


@MinutesAsHours.maps("session", of="visit")
def _hours(raw: RawTables) -> Table:
    v = raw.visit
    t = birch.session(raw)
    return (
        t.left_join(v.select(of="id", n="minutes"), t.session_key == v.id)
        .mutate(ended_at=lambda x: x.started_at + x.n.as_interval("h"))
        .drop("of", "n")
    )


@caught_by("test_local_time_is_not_read_as_utc", r"start_at is 2026-01-01 14:00:00.*, should be 2026-01-01 21:00:00")
class LocalAsUtc(Birch):
    """Adds the letter that says UTC to a local time."""

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        for page in super().read_stream(stream, window):
            rows: Any = page.rows
            yield replace(page, rows=[{**row, "start": f"{row['start']}Z"} if "start" in row else row for row in rows])

    streams = _visits(start_at=Instant(path="start", required=True))


@caught_by("test_a_cancelled_session_is_not_counted", "is there, and must not be")
class CountsEverything(Birch):
    mappings = without("session")


@CountsEverything.maps("session", of="visit")
def _all(raw: RawTables) -> Table:
    return birch.session(raw).mutate(out_of_scope=null("string"))
