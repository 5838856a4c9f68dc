r"""HL7 v2 messages, made up: one function per kind, the rest of the fields by number.

Timestamps are texts as HL7 writes them (`20260105100000-0500`); a message's segments end in `\r`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Fields = Mapping[int, str]
#: Family and given name of everybody in these messages; neither may ever land.
NAME = "QUILLFEATHER^MARIGOLD"


def segment(name: str, fields: Fields) -> str:
    """A segment with its fields by number, from 1."""
    last = max(fields, default=0)
    return "|".join([name, *(fields.get(n, "") for n in range(1, last + 1))])


def message(
    kind: str,
    event: str,
    *segments: str,
    sent: str = "20260102090000-0500",
    control: str = "1",
    facility: str = "RIVERBEND",
    charset: str = "",
) -> str:
    """A message of version 2.5.1. The header's own separators are the usual ones."""
    header = ["MSH", "^~\\&", "DESK", facility, "PACEKEEPER", "", sent, "", f"{kind}^{event}", control, "P", "2.5.1"]
    header += ["", "", "", "", "", charset] if charset else []
    return "\r".join(["|".join(header), *segments, ""])


def pid(client: str, *, born: str = "19840614", area: str = "10047", more: Fields | None = None) -> str:
    """A PID with an identifier of type MR."""
    fields = {1: "1", 3: f"{client}^^^RIVERBEND^MR", 5: NAME, 7: born, 11: f"1 Mill Lane^^Riverbend^NY^{area}"}
    return segment("PID", {**fields, **(more or {})})


def person(identity: str, npi: str | None = None) -> str:
    """An XCN: own identifier, and the NPI as a second one of the same person."""
    own = f"{identity}^{NAME}"
    return own if npi is None else f"{own}~{npi}^{NAME}^^^^^^^^^^NPI"


def siu(
    event: str,
    *,
    appointment: str = "ap1",
    start: str | None = "20260105100000-0500",
    end: str | None = "20260105105000-0500",
    status: str = "",
    clients: Sequence[str] = ("pt1",),
    clinicians: Sequence[str] = ("pr1",),
    reason: str = "",
    kind: str = "",
    service: str = "individual",
    visit: str = "",
    sch: Fields | None = None,
    sent: str = "20260102090000-0500",
    control: str = "1",
) -> str:
    """A scheduling message; its times in TQ1. start null: no TQ1."""
    lines = [segment("SCH", {2: appointment, 6: reason, 8: kind, 25: status, **(sch or {})})]
    if start is not None:
        lines.append(segment("TQ1", {1: "1", 7: start, 8: end or ""}))
    lines += [pid(client) for client in clients]
    if visit:
        lines.append(segment("PV1", {1: "1", 2: "O", 19: visit}))
    lines.append(segment("RGS", {1: "1"}))
    if service:
        lines.append(segment("AIS", {1: "1", 3: service}))
    lines += [segment("AIP", {1: str(n), 3: person(c)}) for n, c in enumerate(clinicians, 1)]
    return message("SIU", event, *lines, sent=sent, control=control)


def adt(
    event: str,
    *,
    client: str = "pt1",
    visit: str = "",
    clinician: str = "pr1",
    setting: str = "O",
    service: str = "",
    admitted: str = "",
    discharged: str = "",
    more: Fields | None = None,
    sent: str = "20260105100000-0500",
    control: str = "1",
) -> str:
    """A message about a client and, where it has a visit, about that."""
    lines = [segment("EVN", {1: event, 2: sent}), pid(client, more=more)]
    if visit:
        fields = {1: "1", 2: setting, 7: person(clinician), 10: service, 19: visit, 44: admitted, 45: discharged}
        lines.append(segment("PV1", fields))
    return message("ADT", event, *lines, sent=sent, control=control)


def merge(gone: str, into: str, *, event: str = "A40", sent: str = "20260105100000-0500", control: str = "1") -> str:
    """A message that merges a client into another one."""
    mrg = segment("MRG", {1: f"{gone}^^^RIVERBEND^MR"})
    return message("ADT", event, segment("EVN", {1: event, 2: sent}), pid(into), mrg, sent=sent, control=control)


def dft(*lines: Fields, client: str = "pt1", visit: str = "", control: str = "1", sent: str = "20260106") -> str:
    """A message of financial transactions; each FT1 by its fields, a charge of 150.00 where they say nothing else."""
    usual = {2: "tx1", 4: "20260105", 5: "20260106", 6: "CG", 10: "1", 11: "150.00&USD", 20: "pr1", 25: "90837"}
    ft1 = [segment("FT1", {1: str(n), **usual, **fields}) for n, fields in enumerate(lines, 1)]
    pv1 = [segment("PV1", {1: "1", 2: "O", 19: visit})] if visit else []
    at = sent if len(sent) > 8 else f"{sent}080000-0500"
    return message("DFT", "P03", segment("EVN", {1: "P03", 2: at}), pid(client), *pv1, *ft1, sent=at, control=control)


def mdm(
    event: str, fields: Fields, *, client: str = "pt1", sent: str = "20260105120000-0500", control: str = "1"
) -> str:
    """A message about a document; TXA by its fields, a progress note `nt1` in progress where they say nothing else."""
    usual = {1: "1", 2: "PN", 4: "20260105100000-0500", 6: "20260105110000-0500", 9: "pr1", 12: "nt1", 17: "IP"}
    txa = segment("TXA", {**usual, **fields})
    return message("MDM", event, segment("EVN", {1: event, 2: sent}), pid(client), txa, sent=sent, control=control)


def oru(
    answers: Mapping[str, str],
    *,
    order: str = "or1",
    client: str = "pt1",
    taken: str = "20260105094500-0500",
    state: str = "F",
    visit: str = "",
    sent: str = "20260105120000-0500",
    control: str = "1",
) -> str:
    """A message of results: values by LOINC code under one order."""
    lines = [pid(client), *([segment("PV1", {1: "1", 2: "O", 19: visit})] if visit else [])]
    lines.append(segment("OBR", {1: "1", 3: order, 4: "PANEL", 7: taken}))
    for n, (loinc, value) in enumerate(answers.items(), 1):
        lines.append(segment("OBX", {1: str(n), 2: "NM", 3: f"{loinc}^^LN", 5: value, 11: state, 14: taken}))
    return message("ORU", "R01", *lines, sent=sent, control=control)
