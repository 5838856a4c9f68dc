"""Records of ADT messages, and what every message says about people."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pacekeeper.hl7v2 import Segment, UnreadableError
from pacekeeper_connectors.hl7v2.envelope import Envelope, Row, code, person_of

#: Events that merge one client into another, or give a client another identifier. Merges of accounts (A35, A41) and
#: visits (A42) and moves of them (A43 to A45, A50, A51) leave the client as it is.
MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"})
_PEOPLE = (("AIP", 3), ("PV1", 7), ("FT1", 20), ("TXA", 9))
_YEAR = re.compile(r"(1[89]|20|21)\d\d")
_AREA = re.compile(r"[A-Za-z0-9]{3}[A-Za-z0-9 -]{0,7}")
_TRUTH = {"Y": "true", "N": "false"}


def message_row(envelope: Envelope) -> Row:
    """The record of a message of any type."""
    people: dict[str, Row] = {}
    for name, number in _PEOPLE:
        for segment in envelope.message.all(name):
            if person := person_of(segment, number):
                people.setdefault(f"{person['id']}|{person['npi']}", person)
    row = {"id": envelope.identity, "kind": envelope.kind, "event": code(envelope.event), **envelope.order}
    row["clinicians"] = list(people.values())
    pid = envelope.message.first("PID")
    if pid is not None and envelope.client is not None:
        year, area = pid.text(7)[:4], pid.text(11, 5)
        row["client"] = envelope.client
        row["birth_year"] = year if _YEAR.fullmatch(year) else None
        row["area"] = area if _AREA.fullmatch(area) else None
        row["is_deceased"] = "true" if pid.text(29) else _TRUTH.get(pid.text(30))
    return row


def visit_rows(envelope: Envelope) -> Iterator[Row]:
    """The visit an ADT message is about; none where it names no visit. Raises UnreadableError (Clock's)."""
    pv1 = envelope.message.first("PV1")
    if pv1 is None or envelope.visit is None or envelope.event in MERGES:
        return
    clinician = person_of(pv1, 7)
    yield {
        "id": envelope.identity,
        "visit": envelope.visit,
        "event": envelope.event,
        **envelope.order,
        "client": envelope.client,
        "clinician": clinician["id"] if clinician else None,
        "setting": code(pv1.text(2)),
        "service": code(pv1.text(10)),
        "started_at": envelope.clock.time(pv1.text(44)),
        "ended_at": envelope.clock.time(pv1.text(45)),
        "tz_source": envelope.clock.source_of(pv1.text(44)),
    }


def merge_rows(envelope: Envelope) -> Iterator[Row]:
    """One record per MRG, into the client of the PID in front of it; none for other events.

    Raises UnreadableError: `missing_segment` (no MRG), `no_patient_id` (either identifier is not there).
    """
    if envelope.event not in MERGES:
        return
    if not envelope.message.all("MRG"):
        raise UnreadableError("missing_segment")
    evn = envelope.message.first("EVN")
    at = (evn.text(6) or evn.text(2)) if evn is not None else ""
    pid: Segment | None = None
    count = 0
    for segment in envelope.message:
        if segment.name == "PID":
            pid = segment
        elif segment.name == "MRG":
            into = envelope.client_of(pid) if pid is not None else None
            gone = envelope.merged_client(segment)
            if into is None or gone is None:
                raise UnreadableError("no_patient_id")
            count += 1
            yield {
                "id": f"{envelope.identity}#{count}",
                **envelope.order,
                "from_client": gone,
                "into_client": into,
                "at": envelope.clock.instant(at) or envelope.clock.sent_at,
            }
