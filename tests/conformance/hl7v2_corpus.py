"""Records in the form the HL7 v2 connector makes of messages, and the messages they are written as.

Times are texts as HL7 writes them, without offset: the sending facility's zone is in the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pacekeeper.testing.hl7v2_messages import message, segment
from pacekeeper_connectors.hl7v2.oru import ITEM_CODES, TOTALS

Record = Mapping[str, Any]
SENT = "20260106090000"
_TOTAL = {name: loinc for loinc, name in reversed([*TOTALS.items()])}


def _head(sequence: int, event: str, **more: Any) -> dict[str, Any]:
    """What every message has; `content` and `tz_source` are made of it, and written nowhere."""
    made = {"sent_at": SENT, "control_no": str(sequence), "content": "the message itself", "tz_source": "facility"}
    return {"id": f"msg{sequence}", "event": event, **made, "client": "pt1", **more}


def booking(number: int, event: str, status: str | None, **more: Any) -> dict[str, Any]:
    """A message about the appointment of the same number, at two o'clock on the n-th of January."""
    usual = {
        "appointment": f"ap{number}",
        "occurrence": None,
        "clinician": "pr1",
        "personnel": "pr1|pr2",
        "people": [{"id": "pr1"}, {"id": "pr2"}],
        "visit": f"vi{number}",
        "start_at": f"202601{number:02d}140000",
        "end_at": f"202601{number:02d}145000",
        "minutes": "50",
        "status": status,
        "event_reason": None,
        "service": "individual",
        "kind": "video",
    }
    return _head(number, event, **{**usual, **more})


def visit(number: int, event: str, **more: Any) -> dict[str, Any]:
    day = f"202601{number:02d}"
    times = {"started_at": f"{day}140200", "ended_at": f"{day}145200"}
    usual = {"visit": f"vi{number}", "clinician": "pr1", "setting": "O", "service": "individual", **times}
    return _head(20 + number, event, **{**usual, **more})


def transaction(number: int, kind: str, **more: Any) -> dict[str, Any]:
    usual = {
        "number": f"tx{number}",
        "kind": kind,
        "service_date": "20260101",
        "posted_on": "20260106",
        "transaction_code": "Payer",
        "procedure": "90837",
        "units": "1",
        "amount_cents": 15010,
        "currency": "USD",
        "plan": "PPO",
        "clinician": "pr1",
        "visit": "vi1",
        "modifiers": [{"position": 1, "modifier": "95"}],
    }
    return _head(40 + number, "P03", **{**usual, **more})


def note(number: int, event: str, **more: Any) -> dict[str, Any]:
    usual = {
        "note": f"nt{number}",
        "parent": None,
        "type": "PN",
        "completion": "AU",
        "service_at": "20260101140200",
        "created_at": "20260101150000",
        "signed_at": "20260102080000",
        "cosigned_at": "20260103080000",
        "clinician": "pr1",
        "visit": "vi1",
    }
    return _head(60 + number, event, **{**usual, **more})


def questionnaire(number: int, instrument: str, total: str) -> dict[str, Any]:
    items = [{"item_no": str(n), "value": "1", "state": "F"} for n in (1, 2)]
    usual = {"instrument": instrument, "taken_at": "20260101133000", "total": total, "state": "F", "visit": "vi1"}
    return _head(80 + number, "R01", **usual, response=f"or{number}#{instrument}", items=items)


def corpus() -> dict[str, list[dict[str, Any]]]:
    """Records by stream; a message holds exactly one."""
    person = {"kind": "ADT", "birth_year": "19840614", "area": "80201", "is_deceased": "N"}
    people = [{"id": "pr1", "npi": "1000000004"}]
    merged = {"from_client": "pt9", "into_client": "pt1", "at": "20260106083000"}
    return {
        "message": [
            _head(101, "A04", **person, clinicians=people),
            _head(102, "A04", **{**person, "client": "pt2", "area": "80202"}, clinicians=[{"id": "pr2", "npi": None}]),
        ],
        "appointment_message": [
            booking(1, "S12", "Booked"),
            booking(2, "S15", "Cancelled", event_reason="Patient", sent_at="20260102103000"),
            booking(3, "S14", "Complete", end_at=None),
            booking(4, "S26", None),
            booking(5, "S12", "Booked", occurrence="ap5"),
        ],
        "visit_message": [visit(1, "A03"), visit(2, "A11"), visit(3, "A03", setting="I")],
        "merge": [_head(31, "A40", **merged), _head(32, "A40", **{**merged, "from_client": "pt8"})],
        "transaction": [transaction(1, "CG"), transaction(2, "PY"), transaction(3, "CO")],
        "note_message": [note(1, "T02"), note(2, "T06", parent="nt1", completion="IP")],
        "questionnaire": [questionnaire(1, "phq9", "7"), questionnaire(2, "gad7", "3")],
    }


def written(name: str, record: Record) -> str:
    """The message of a record of that stream."""
    return _WRITERS[name](record)


def _message(kind: str, record: Record, *segments: str) -> str:
    remark = record.get("pacekeeper_suite_remark")
    more = (segment("NTE", {1: "1", 3: remark}),) if remark else ()
    control = f"{record['id']}-{record['control_no']}"
    return message(kind, record["event"], *segments, *more, sent=record["sent_at"], control=control)


def _fields(**named: Any) -> dict[int, str]:
    """Fields by number from `f3=...`; an empty one is left out."""
    return {int(name[1:]): str(value) for name, value in named.items() if value is not None}


def _pid(client: Any, **named: Any) -> str:
    name = "QUILLFEATHER^MARIGOLD"
    return segment("PID", _fields(f1="1", f3=f"{client}^^^RIVERBEND^MR" if client else None, f5=name, **named))


def _pv1(**named: Any) -> str:
    return segment("PV1", _fields(f1="1", **{"f2": "O", **named}))


def _evn(record: Record, **named: Any) -> str:
    return segment("EVN", _fields(f1=record["event"], f2=record["sent_at"], **named))


def _person(record: Record) -> str:
    area, born = f"1 Mill Lane^^Riverbend^CO^{record['area']}", record["birth_year"]
    pid = _pid(record["client"], f7=born, f11=area, f30=record["is_deceased"])
    named = [p["id"] for p in record["clinicians"]]
    named += [f"{p['npi']}^^^^^^^^^^^^NPI" for p in record["clinicians"] if p["npi"]]
    return _message(record["kind"], record, _evn(record), pid, _pv1(f7="~".join(named)))


def _appointment(record: Record) -> str:
    """A record with an occurrence is one seat of a group of two."""
    clients = [record["client"], *(["pt2"] if record["occurrence"] else [])]
    lines = [
        segment(
            "SCH", _fields(f2=record["appointment"], f6=record["event_reason"], f8=record["kind"], f25=record["status"])
        ),
        segment("TQ1", _fields(f1="1", f7=record["start_at"], f8=record["end_at"])),
        *(_pid(client) for client in clients),
        *([] if record["occurrence"] else [_pv1(f19=record["visit"])]),
        segment("RGS", _fields(f1="1")),
        segment("AIS", _fields(f1="1", f3=record["service"], f7=record["minutes"], f8="min")),
        *(segment("AIP", _fields(f1=n, f3=person["id"])) for n, person in enumerate(record["people"], 1)),
    ]
    return _message("SIU", record, *lines)


def _visit(record: Record) -> str:
    pv1 = _pv1(
        f2=record["setting"],
        f7=record["clinician"],
        f10=record["service"],
        f19=record["visit"],
        f44=record["started_at"],
        f45=record["ended_at"],
    )
    return _message("ADT", record, _evn(record), _pid(record["client"]), pv1)


def _merge(record: Record) -> str:
    gone = segment("MRG", _fields(f1=f"{record['from_client']}^^^RIVERBEND^MR"))
    return _message("ADT", record, _evn(record, f6=record["at"]), _pid(record["into_client"]), gone)


def _transaction(record: Record) -> str:
    amount = record["amount_cents"]
    dollars = f"{amount // 100}.{amount % 100:02d}" if isinstance(amount, int) else amount
    line = _fields(
        f1="1",
        f2=record["number"],
        f4=record["service_date"],
        f5=record["posted_on"],
        f6=record["kind"],
        f7=record["transaction_code"],
        f10=record["units"],
        f11=f"{dollars}&{record['currency']}",
        f20=record["clinician"],
        f25=record["procedure"],
        f26="~".join(str(found["modifier"]) for found in record["modifiers"]),
    )
    plan = segment("IN1", _fields(f1="1", f15=record["plan"]))
    pv1 = _pv1(f19=record["visit"])
    return _message("DFT", record, _evn(record), _pid(record["client"]), pv1, segment("FT1", line), plan)


def _note(record: Record) -> str:
    signed = [("pr1", record["signed_at"]), ("pr2", record["cosigned_at"])]
    txa = _fields(
        f1="1",
        f2=record["type"],
        f4=record["service_at"],
        f6=record["created_at"],
        f9=record["clinician"],
        f12=record["note"],
        f13=record["parent"],
        f17=record["completion"],
        f22="~".join(f"{who}{'^' * 14}{at}" for who, at in signed),
    )
    pv1 = _pv1(f19=record["visit"])
    return _message("MDM", record, _evn(record), _pid(record["client"]), pv1, segment("TXA", txa))


def _questionnaire(record: Record) -> str:
    instrument = record["instrument"]
    items = ITEM_CODES.get(instrument, ())
    order = str(record["response"]).replace(f"#{instrument}", "")
    answers = [(_TOTAL.get(instrument, instrument), record["total"], record["state"])]
    for item in record["items"]:
        number = str(item["item_no"])
        loinc = items[int(number) - 1] if number.isdigit() and int(number) <= len(items) else number
        answers.append((loinc, item["value"], item["state"]))
    lines = [
        segment("OBX", _fields(f1=n, f2="NM", f3=f"{loinc}^^LN", f5=value, f11=state, f14=record["taken_at"]))
        for n, (loinc, value, state) in enumerate(answers, 1)
    ]
    obr = segment("OBR", _fields(f1="1", f3=order, f4="PANEL", f7=record["taken_at"]))
    return _message("ORU", record, _pid(record["client"]), _pv1(f19=record["visit"]), obr, *lines)


_WRITERS = {
    "message": _person,
    "appointment_message": _appointment,
    "visit_message": _visit,
    "merge": _merge,
    "transaction": _transaction,
    "note_message": _note,
    "questionnaire": _questionnaire,
}
