"""Records of MDM messages: when a note was begun, signed and changed; never its text."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pacekeeper.hl7v2 import Segment, UnreadableError
from pacekeeper_connectors.hl7v2.envelope import Envelope, Row, code, person_of

#: Events that tell of a new document; without other dates it was begun when they were sent.
_NEW = frozenset({"T01", "T02"})


def note_rows(envelope: Envelope, *, process_notes: Collection[str]) -> Iterator[Row]:
    """The document of the message. process_notes: types (TXA-2) of which nothing may land.

    Raises UnreadableError: `missing_segment` (no TXA), `no_document_id`, and those of Clock.
    """
    txa = envelope.message.first("TXA")
    if txa is None:
        raise UnreadableError("missing_segment")
    if txa.text(2).casefold() in {name.casefold() for name in process_notes}:
        yield {"keep": "process_note"}
        return
    number = txa.text(12)
    if not number:
        raise UnreadableError("no_document_id")
    clock = envelope.clock
    author = person_of(txa, 9) or person_of(txa, 5)
    created = clock.instant(txa.text(6)) or clock.instant(txa.text(7))
    if created is None and envelope.event in _NEW:
        created = clock.sent_at
    signed = _signatures(envelope, txa)
    yield {
        "keep": "note",
        "id": envelope.identity,
        "note": number,
        "parent": txa.text(13) or None,
        "event": envelope.event,
        **envelope.order,
        "type": code(txa.text(2)),
        "completion": code(txa.text(17)),
        "service_at": clock.instant(txa.text(4)),
        "created_at": created,
        "signed_at": signed[0] if signed else None,
        "cosigned_at": signed[1] if len(signed) > 1 else None,
        "client": envelope.client,
        "clinician": author["id"] if author else None,
        "visit": envelope.visit,
    }


def _signatures(envelope: Envelope, txa: Segment) -> list[str | None]:
    """When each person of TXA-22 signed, in order; null where a person's time is not said."""
    found: dict[str, str | None] = {}
    for n, person in enumerate(txa.repetitions(22)):
        at = envelope.clock.instant(person.text(15))
        name = person.text(1) or f"#{n}"
        if at is not None or person.text(1):
            found[name] = found.get(name) or at
    return list(found.values())
