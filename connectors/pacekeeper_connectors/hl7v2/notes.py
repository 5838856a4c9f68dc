"""Note from MDM messages; an addendum, an edit and a replacement are changes of it."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, ifelse, reason
from pacekeeper_connectors.hl7v2.connector import Hl7v2
from pacekeeper_connectors.hl7v2.fold import carried, in_order, not_current
from pacekeeper_connectors.hl7v2.sessions import known_visits

_ADDENDA = ("T05", "T06")
_CHANGES = ("T05", "T06", "T07", "T08", "T09", "T10")
_REPLACEMENTS = ("T09", "T10")
_CANCELLED = "T11"


@Hl7v2.maps("note", of="note_message")
def note(raw: RawTables) -> Table:
    """One row per document. A document that another one replaced or amended is that same note.

    amended_count: addenda (T05, T06), edits (T07, T08) and replacements (T09, T10).
    """
    t = raw.note_message
    # An addendum and a replacement have a number of their own, and name the document they change.
    is_own = t.parent.isnull() | ~t.event.isin([*_ADDENDA, *_REPLACEMENTS]) | (t.parent == t.note)
    t = t.mutate(document=ifelse(is_own, t.note, t.parent))
    t = in_order(t, "document")
    t = t.mutate(
        first_created=ifelse(t.event.isin(_CHANGES), expr.null("timestamp('UTC')"), t.created_at),
        is_change=ifelse(t.event.isin(_CHANGES), 1, 0),
        signed_own=ifelse(t.event.isin(_ADDENDA), expr.null("timestamp('UTC')"), t.signed_at),
        completed=ifelse(t.event.isin(_ADDENDA), expr.null("string"), t.completion),
        # Seen with its own dates: an addendum has dates of its own.
        is_seen=ifelse(t.event.isin(_ADDENDA), 0, 1),
        any_created=ifelse(t.event.isin(_ADDENDA), expr.null("timestamp('UTC')"), t.created_at),
    )
    whole = expr.window(group_by=[t.document, t.is_copy])
    t = carried(t, "document", "type", "service_at", "client", "clinician", "visit", "cosigned_at", "completed")
    t = t.mutate(
        created=t.first_created.min().over(whole).coalesce(t.any_created.min().over(whole)),
        signed=t.signed_own.min().over(whole),
        times_seen=t.is_seen.sum().over(whole),
        changes=t.is_change.sum().over(whole),
    )
    known = known_visits(raw)
    t = t.left_join(known, t.visit == known.known_visit)
    status = raw.value_map("note_status", t.completed)
    return t.select(
        note_key=t.document,
        session_key=t.known_session,
        client_key=t.client,
        clinician_key=t.clinician,
        note_type=raw.value_map("note_type", t.type),
        note_type_source_code=t.type,
        service_at=t.service_at,
        created_at=t.created,
        signed_at=t.signed,
        cosigned_at=t.cosigned_at,
        amended_count=t.changes,
        status=expr.cases(
            (t.event == _CANCELLED, "entered_in_error"),
            ((status == "final") & (t.changes > 0), "amended"),
            else_=status,
        ),
        status_source_code=t.completed,
        out_of_scope=reason(*not_current(t), (t.times_seen == 0, "addendum_only")),
    )
