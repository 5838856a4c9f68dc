"""Records of ORU messages: one per OBR and instrument that its OBX hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pacekeeper.hl7v2 import Segment, UnreadableError
from pacekeeper_connectors.hl7v2.envelope import Envelope, Row, code
from pacekeeper_connectors.loinc import INSTRUMENTS

#: Instrument by LOINC code of a total. Both codes of the EPDS are in use for its score.
TOTALS: Mapping[str, str] = {loinc: each.code for each in INSTRUMENTS for loinc in each.scores}
#: LOINC codes of the items, in the order of the questionnaire.
ITEM_CODES: Mapping[str, tuple[str, ...]] = {each.code: each.items for each in INSTRUMENTS if each.items}
_ITEMS = {loinc: (name, n) for name, codes in ITEM_CODES.items() for n, loinc in enumerate(codes, 1)}
#: LOINC answers of the PHQ-9 and the GAD-7.
_ANSWERS = {"LA6568-5": "0", "LA6569-3": "1", "LA6570-1": "2", "LA6571-9": "3"}
_LOINC_NAMES = frozenset({"", "LN", "LOINC", "2.16.840.1.113883.6.1"})
_OTHER = "other"


def questionnaire_rows(envelope: Envelope) -> Iterator[Row]:
    """Records of the message's OBR; one without an instrument we know is a record of instrument `other`.

    Raises UnreadableError: `missing_segment` (no OBX), and those of Clock.
    """
    groups = _groups(envelope)
    if not any(observations for _, observations in groups):
        raise UnreadableError("missing_segment")
    for position, (obr, observations) in enumerate(groups, 1):
        order = (obr.text(3) or obr.text(2)) if obr is not None else ""
        response = order or f"{envelope.content}#{position}"
        drawn = obr.text(7) if obr is not None else ""
        rows: dict[str, Row] = {}
        for obx in observations:
            _add(rows, obx)
        for name, row in (rows or {_OTHER: {}}).items():
            at = envelope.clock.instant(str(row.pop("at", "")) or drawn) if name != _OTHER else None
            yield {
                "id": f"{envelope.identity}#{position}#{name}",
                "response": f"{response}#{name}",
                "instrument": name,
                **envelope.order,
                "taken_at": at,
                "client": envelope.client,
                "visit": envelope.visit,
                **row,
            }


def _groups(envelope: Envelope) -> list[tuple[Segment | None, list[Segment]]]:
    """Each OBR with its OBX; OBX in front of the first OBR are about something else, unless there is no OBR."""
    groups: list[tuple[Segment | None, list[Segment]]] = []
    before: list[Segment] = []
    for segment in envelope.message:
        if segment.name == "OBR":
            groups.append((segment, []))
        elif segment.name == "OBX":
            (groups[-1][1] if groups else before).append(segment)
    return groups or [(None, before)]


def _add(rows: dict[str, Row], obx: Segment) -> None:
    """Put a total or an answer into its instrument's record."""
    for first in (1, 4):
        loinc, system = obx.text(3, first), obx.text(3, first + 2)
        name, item_no = _ITEMS.get(loinc, (TOTALS.get(loinc), 0))
        if name is None or system not in _LOINC_NAMES:
            continue
        row = rows.setdefault(name, {"items": []})
        state = code(obx.text(11))
        row["at"] = obx.text(14) or row.get("at", "")
        if item_no:
            row["items"].append({"item_no": item_no, "value": _value(obx), "state": state})
            row.setdefault("state", state)
        else:
            row["total"] = _value(obx)
            row["state"] = state
        return


def _value(obx: Segment) -> str | None:
    """The number as text; of a coded answer its ordinal, of a structured number (SN) one that is exact."""
    if obx.text(2) == "SN":
        return obx.text(5, 2) if obx.text(5) in {"", "="} else "inexact"
    answer = obx.text(5)
    return _ANSWERS.get(answer, answer) or None
