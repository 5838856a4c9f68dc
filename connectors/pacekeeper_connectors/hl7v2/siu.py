"""Records of SIU messages: one per message and client."""

from __future__ import annotations

from collections.abc import Iterator

from pacekeeper.hl7v2 import Segment, UnreadableError
from pacekeeper_connectors.hl7v2.envelope import Envelope, Row, code, person_of

#: Events that end an appointment; their AIP segments may all be marked as deleted.
_ENDING = frozenset({"S15", "S16", "S17", "S26"})
#: Minutes of one unit, by what senders write in SCH-10 and AIS-8; lower case.
_MINUTES = {
    **dict.fromkeys(("", "m", "min", "mins", "minute", "minutes", "n"), 1),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 60),
}
_SECONDS = frozenset({"s", "sec", "second", "seconds"})


def appointment_rows(envelope: Envelope) -> Iterator[Row]:
    """One record per client of the message; a message without client is one.

    Raises UnreadableError: `missing_segment` (no SCH), `no_appointment_id`, and those of Clock.
    """
    message = envelope.message
    sch = message.first("SCH")
    if sch is None:
        raise UnreadableError("missing_segment")
    number = sch.text(2) or sch.text(1)
    if not number:
        raise UnreadableError("no_appointment_id")
    people = _people(envelope)
    pv1 = message.first("PV1")
    attending = person_of(pv1, 7) if pv1 is not None else None
    first = people[0] if people else attending
    shared = {
        "event": envelope.event,
        **envelope.order,
        "clinician": first["id"] if first else None,
        "personnel": "|".join(sorted(str(person["id"]) for person in people)) or None,
        "visit": envelope.visit,
        **_timing(envelope, sch),
        "status": sch.text(25) or None,
        "event_reason": code(sch.text(6)),
        "service": _service(envelope),
        "kind": code(sch.text(8)),
        "people": people,
    }
    clients = list(dict.fromkeys(c for pid in message.all("PID") if (c := envelope.client_of(pid))))
    if len(clients) < 2:
        client = clients[0] if clients else None
        yield {"id": envelope.identity, "appointment": number, "client": client, **shared}
        return
    for client in clients:
        seat = f"{number}#{client}"
        yield {
            "id": f"{envelope.identity}#{client}",
            "appointment": seat,
            "occurrence": number,
            "client": client,
            **shared,
        }


def _people(envelope: Envelope) -> list[Row]:
    """Everybody AIP names, once each; one that the message takes off the appointment (AIP-2 D) is left out."""
    found: dict[str, Row] = {}
    for aip in envelope.message.all("AIP"):
        person = person_of(aip, 3)
        if person is not None and (aip.text(2) != "D" or envelope.event in _ENDING):
            found.setdefault(str(person["id"]), person)
    return list(found.values())


def _timing(envelope: Envelope, sch: Segment) -> Row:
    clock = envelope.clock
    tq1 = envelope.message.first("TQ1")
    ais = envelope.message.first("AIS")
    aip = envelope.message.first("AIP")
    starts = [
        tq1.text(7) if tq1 is not None else "",
        sch.text(11, 4),
        ais.text(4) if ais is not None else "",
        aip.text(6) if aip is not None else "",
    ]
    start = next((text for text in starts if text), "")
    end = (tq1.text(8) if tq1 is not None else "") or sch.text(11, 5)
    minutes = _minutes(ais.text(7), ais.text(8)) if ais is not None else None
    return {
        "start_at": clock.time(start),
        "end_at": clock.time(end),
        "minutes": minutes or _minutes(sch.text(9), sch.text(10)),
        "tz_source": clock.source_of(start),
    }


def _minutes(number: str, unit: str) -> str | None:
    """Minutes as text; null where there is no number, or its unit is not known."""
    try:
        length = float(number)
    except ValueError:
        return None
    name = unit.lower()
    if not 0 < length < 1e6:
        return None
    if name in _SECONDS:
        return f"{length / 60:.4f}"
    return f"{length * _MINUTES[name]:.4f}" if name in _MINUTES else None


def _service(envelope: Envelope) -> str | None:
    ais = envelope.message.first("AIS")
    return code(ais.text(3)) if ais is not None else None
