"""Note, from Compositions and DocumentReferences (domain C4).

A Composition tells when it was signed: the time of its attester. A DocumentReference does not. A note that a server
shows as both counts once, as the Composition. Psychotherapy process notes have not landed.

A document that appends another, or replaces a signed one, is a change of that note. By the definition of the codes, a
note of status `final` has not been changed since, one of status `amended` has, at least once.
"""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, Value, null, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.fhir.lookup import first_of, with_clinician

_SIGNED = ("final", "amended")


@Fhir.maps("note", of="composition")
def composition_note(raw: RawTables) -> Table:
    """The author's own signature is the first; a later one by somebody else countersigns."""
    notes = raw.composition.mutate(note_status=raw.value_map("note_status", raw.composition.status))
    t = with_clinician(raw, notes, reference="author", role="author_role")
    first = _first_seen(raw, "composition")
    t = t.left_join(first, t.id == first.first_id)
    signed = _signatures(raw, t.select(note_id="id", author_key="clinician_key"))
    t = t.left_join(signed, t.id == signed.signed_id)
    t = _with_changes(t, notes, raw.composition_relation)
    return t.select(
        **_common(raw, t),
        note_key=t.id,
        created_at=expr.coalesce(t.first_date, t.date, t.first_updated),
        signed_at=t.signed_at,
        cosigned_at=t.cosigned_at,
        status_source_code=t.status,
        out_of_scope=reason((t.change_id.notnull(), "change_of_a_note")),
    )


@Fhir.maps("note", of="document_reference")
def document_note(raw: RawTables) -> Table:
    """A scan, a letter or a laboratory report is no note: the value map says which types are."""
    code = raw.document_reference.doc_status.coalesce(raw.document_reference.status)
    notes = raw.document_reference.mutate(status_code=code, note_status=raw.value_map("note_status", code))
    t = with_clinician(raw, notes, reference="author", role="author_role")
    first = _first_seen(raw, "document_reference")
    t = t.left_join(first, t.id == first.first_id)
    known = raw.composition.select(known_composition="id")
    t = t.left_join(known, t.composition == known.known_composition)
    t = _with_changes(t, notes, raw.document_relation)
    return t.select(
        **_common(raw, t),
        note_key=t.id,
        created_at=expr.coalesce(t.first_date, t.date, t.first_updated),
        signed_at=null("timestamp('UTC')"),
        cosigned_at=null("timestamp('UTC')"),
        status_source_code=t.status_code,
        out_of_scope=reason(
            (t.known_composition.notnull(), "of_a_composition"),
            (raw.value_map("note_type", t.type) == "no_note", "no_note"),
            (t.change_id.notnull(), "change_of_a_note"),
        ),
    )


def _common(raw: RawTables, t: Table) -> dict[str, Value]:
    return {
        "session_key": t.encounter,
        "client_key": t.subject,
        "clinician_key": t.is_known_clinician.ifelse(t.clinician_key, null("string")),
        "note_type": raw.value_map("note_type", t.type),
        "note_type_source_code": t.type,
        "service_at": t.service_start,
        "status": t.note_status,
        "amended_count": expr.cases(
            ((t.note_status == "amended") & (t.changes == 0), 1),
            (t.note_status.isin(_SIGNED), t.changes),
            # Nothing is signed that could have been changed after.
            (t.note_status == "preliminary", 0),
        ),
    }


def _with_changes(t: Table, notes: Table, relation: Table) -> Table:
    """The table with `changes`, the signed changes of each note, and change_id: null unless it changes another.

    A change of a change counts for no note: what is known is a least number.
    """
    known = notes.select(note_id="id", is_signed=notes.note_status.isin(_SIGNED))
    pairs = relation.filter(relation.parent_key != relation.target).select(
        "code", change="parent_key", changed="target"
    )
    pairs = pairs.inner_join(known, pairs.changed == known.note_id).drop("note_id")
    # What replaces a draft is the note, and the draft another: neither says that anything was changed after signing.
    pairs = pairs.filter((pairs.code == "appends") | ((pairs.code == "replaces") & pairs.is_signed))
    by = known.select(changing="note_id", is_done="is_signed")
    done = pairs.inner_join(by, pairs.change == by.changing)
    counted = (
        done.filter(done.is_signed & done.is_done)
        .group_by(changed_id="changed")
        .agg(change_count=done.change.nunique())
    )
    t = t.left_join(counted, t.id == counted.changed_id)
    changes = pairs.group_by(change_id="change").agg(changes_n=pairs.count())
    t = t.left_join(changes, t.id == changes.change_id)
    return t.mutate(changes=t.change_count.coalesce(0))


def _first_seen(raw: RawTables, stream: str) -> Table:
    """One row per note: first_id, and date and server time of the earliest version that has landed."""
    versions = raw.versions(stream)
    versions = versions.filter(~versions.is_deleted)
    first = first_of(versions, "id", lambda table: [table.version_no])
    return first.select(first_id="id", first_date="date", first_updated="last_updated")


def _signatures(raw: RawTables, notes: Table) -> Table:
    """One row per signed note: signed_id, signed_at, cosigned_at. Modes: legal and professional (FHIR R4)."""
    t = with_clinician(raw, raw.composition_attester, reference="party", role="party_role")
    t = t.filter(t.mode.isin(["legal", "professional"]) & t.at.notnull())
    t = t.inner_join(notes, t.parent_key == notes.note_id)
    is_author = t.clinician_key.isnull() | t.author_key.isnull() | (t.clinician_key == t.author_key)
    t = t.mutate(is_author=is_author)
    return t.group_by(signed_id="note_id").agg(
        signed_at=t.at.min(where=t.is_author), cosigned_at=t.at.min(where=~t.is_author)
    )
