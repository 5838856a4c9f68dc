"""Notes with their author, the moment their clock starts, and when they were signed (formula 17)."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import number, whole
from pacekeeper.measures.instant import hours, seconds
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.people import on_local_day, with_client_person, with_person
from pacekeeper_assets.productivity import PERSON_DAY
from pacekeeper_assets.working_time import SECONDS_PER_MINUTE

SIGNED, OPEN, UNDATED, UNKNOWN = "signed", "open", "signed_undated", "unknown"
_WRITTEN = ("final", "amended")
_UNWRITTEN = ("draft", "preliminary")
_NOTE_WORK = "note"


def note_service(tables: CanonicalTables) -> Table:
    """One row per note of a known author, begun by `as_of` and not entered in error, with `person_key`.

    `service_end_s`, `clock_from`; `signed_s`, `state`, `lag_h` or `open_h`; local days and weeks of both ends, null
    outside the judged weeks.
    """
    notes = _with_service(tables)
    notes = with_client_person(with_person(notes, tables), tables)
    notes = notes.mutate(
        created_s=seconds(notes.created_at), as_of_s=seconds(tables.as_of), signed_s=_signed_s(notes, tables.as_of)
    )
    notes = notes.mutate(state=_state(notes))
    lag_h = hours(notes.signed_s - notes.service_end_s)
    open_h = hours(notes.as_of_s - notes.service_end_s)
    open_h = ifelse(open_h < 0.0, 0.0, open_h)
    notes = notes.mutate(lag_h=lag_h, open_h=ifelse(notes.state == OPEN, open_h, ibis.null("float64")))
    for end in ("service_end", "signed"):
        notes = _with_day(notes, tables.person_day, end)
    return notes


def note_clock(tables: CanonicalTables, policy: Policy) -> Table:
    """The rows of `note_service` with `is_bulk` and `actions_n`."""
    notes = tables.note_service
    for part in (_sittings(notes, policy), tables.note_action):
        notes = notes.left_join(part, "note_key").drop("note_key_right")
    return notes.mutate(is_bulk=ifelse(notes.signed_s.notnull(), notes.is_bulk, ibis.null("boolean")))


def _with_service(tables: CanonicalTables) -> Table:
    """The notes with the end of what they are about, and its clinician where the note names none."""
    notes = tables.note
    notes = notes.filter((notes.status != "entered_in_error") & (notes.created_at <= tables.as_of))
    held = tables.session.filter(tables.session.status != "voided")
    sessions = held.select("session_key", session_end_at="ended_at", session_clinician="clinician_key")
    kept = held.filter(held.appointment_key.notnull())
    kept = kept.group_by("appointment_key").aggregate(
        kept_end_at=kept.ended_at.max(), kept_clinician=kept.clinician_key.min()
    )
    seats = tables.appointment.select("appointment_key", planned_end_at="end_at", planned_clinician="clinician_key")
    joined = notes.left_join(sessions, "session_key").drop("session_key_right")
    joined = joined.left_join(kept, "appointment_key").drop("appointment_key_right")
    joined = joined.left_join(seats, "appointment_key").drop("appointment_key_right")
    session_end = ibis.coalesce(joined.session_end_at, joined.kept_end_at)
    service_end_at = ibis.coalesce(session_end, joined.planned_end_at, joined.service_at)
    return joined.select(
        "note_key",
        "session_key",
        "appointment_key",
        "client_key",
        "note_type",
        "created_at",
        "signed_at",
        "cosigned_at",
        "amended_count",
        "status",
        "authoring_mode",
        "template_id",
        clinician_key=ibis.coalesce(
            joined.clinician_key, joined.session_clinician, joined.kept_clinician, joined.planned_clinician
        ),
        service_end_at=service_end_at,
        service_end_s=seconds(service_end_at),
        clock_from=ibis.cases(
            (session_end.notnull(), literal("session")),
            (joined.planned_end_at.notnull(), literal("appointment")),
            (joined.service_at.notnull(), literal("service")),
            else_=ibis.null("string"),
        ),
    )


def _signed_s(notes: Table, as_of: Value) -> Value:
    return ifelse(notes.signed_at <= as_of, seconds(notes.signed_at), ibis.null("int64"))


def _state(notes: Table) -> Value:
    return ibis.cases(
        (notes.signed_s.notnull(), literal(SIGNED)),
        (notes.signed_at.notnull() | notes.status.isin(_UNWRITTEN), literal(OPEN)),
        (notes.status.isin(_WRITTEN), literal(UNDATED)),
        else_=literal(UNKNOWN),
    )


def _with_day(notes: Table, days: Table, end: str) -> Table:
    moments = notes.filter(notes[f"{end}_s"].notnull()).select("note_key", "person_key", at_s=f"{end}_s")
    dated = on_local_day(moments, days, at="at_s")
    dated = dated.select("note_key", **{f"{end}_day_no": dated.day_no, f"{end}_week": dated.week_id})
    return notes.left_join(dated, "note_key").drop("note_key_right")


def _sittings(notes: Table, policy: Policy) -> Table:
    """`is_bulk` per signed note: whether notes of many sessions were signed in the same sitting."""
    signed = notes.filter(notes.signed_s.notnull())
    gap_s = whole(
        policy,
        signed.signed_week,
        lambda rev: round(rev.section("notes").number("bulk_gap") * SECONDS_PER_MINUTE),
    )
    in_order = ibis.window(group_by="person_key", order_by=["signed_s", "note_key"])
    goes_on = signed.signed_s - signed.signed_s.lag().over(in_order) <= gap_s
    signed = signed.mutate(begins=ifelse(ibis.coalesce(goes_on, literal(value=False)), 0, 1))
    so_far = ibis.window(group_by="person_key", order_by=["signed_s", "note_key"], rows=(None, 0))
    signed = signed.mutate(
        sitting_no=signed.begins.sum().over(so_far),
        about=ibis.coalesce(signed.session_key, signed.appointment_key, signed.note_key),
    )
    sittings = signed.group_by("person_key", "sitting_no").aggregate(sessions_n=signed.about.nunique())
    joined = signed.inner_join(sittings, ["person_key", "sitting_no"])
    least = number(policy, joined.signed_week, lambda rev: float(rev.section("notes").whole("bulk_sessions")))
    return joined.select("note_key", is_bulk=joined.sessions_n >= least)


def note_action(tables: CanonicalTables) -> Table:
    """`actions_n` per note: what its author did on notes of its client, from its beginning until it was signed.

    An action belongs to the note of that client and author that was begun last before it; of several begun at once, to
    the first by key.
    """
    notes, by = tables.note_service, ["person_key", "client_key"]
    entries = tables.ehr_event
    entries = entries.filter((entries.task_type == _NOTE_WORK) & entries.client_key.notnull())
    entries = with_client_person(with_person(entries, tables), tables)
    about = notes.filter(notes.client_key.notnull())
    first = ibis.window(group_by=[*by, "created_s"], order_by="note_key")
    begun = about.select(*by, "created_s", "note_key", "signed_s", nth=ibis.row_number().over(first))
    begun = begun.filter(begun.nth == 0).drop("nth")
    points = ibis.union(
        begun.select(*by, at_s="created_s", begun_s="created_s", place=literal(0, "int8"), actions=literal(0, "int64")),
        entries.select(
            *by,
            at_s=seconds(entries.at),
            begun_s=ibis.null("int64"),
            place=literal(1, "int8"),
            actions=entries.action_count.cast("int64"),
        ),
    )
    so_far = ibis.window(group_by=by, order_by=["at_s", "place"], rows=(None, 0))
    points = points.mutate(created_s=points.begun_s.max().over(so_far))
    met = points.filter(points.place == 1).inner_join(begun, [*by, "created_s"])
    met = met.filter(met.signed_s.isnull() | (met.at_s <= met.signed_s))
    return met.group_by("note_key").aggregate(actions_n=met.actions.sum())


NOTE_SERVICE = Step("note_service", lambda tables, policy: note_service(tables), (PERSON_DAY,), in_parts="note_key")
NOTE_ACTION = Step("note_action", lambda tables, policy: note_action(tables), (NOTE_SERVICE,))
NOTE_CLOCK = Step("note_clock", note_clock, (NOTE_SERVICE, NOTE_ACTION))
