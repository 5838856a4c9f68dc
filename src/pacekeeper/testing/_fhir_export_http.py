"""The HTTP side of the loopback FHIR server's exports."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import orjson

from pacekeeper.testing._fhir_export import FILES, KICK_OFF, STATUS, File, UnknownGroup, UnknownType

if TYPE_CHECKING:
    from pacekeeper.testing._fhir_http import Handler
    from pacekeeper.testing.fhir_server import FhirServer

_NDJSON = "application/fhir+ndjson"


def is_export(path: str) -> bool:
    """Whether a path is part of an export."""
    return path.startswith((STATUS, FILES)) or KICK_OFF.fullmatch(path) is not None


def answer_export(handler: Handler, owner: FhirServer, path: str, query: str) -> None:
    """Answer one GET of an export."""
    if path.startswith(FILES):
        _answer_file(handler, owner, path, query)
        return
    if path.startswith(STATUS):
        _answer_status(handler, owner, path, query)
        return
    found = KICK_OFF.fullmatch(path)
    given = parse_qs(query)
    if "respond-async" not in handler.headers.get("Prefer", ""):
        handler.outcome(400, "invalid")
        return
    try:
        number = owner.exports.start(
            only_patients=found is not None and found[1] is not None,
            group=found[2] if found else None,
            types=[kind for text in given.get("_type", []) for kind in text.split(",")],
            since=datetime.fromisoformat(given["_since"][0]) if "_since" in given else None,
            faults=owner.faults.export,
        )
    except UnknownType:
        handler.outcome(400, "not-supported")
    except UnknownGroup:
        handler.outcome(404, "not-found")
    else:
        handler.answer(202, b"", headers={"Content-Location": f"{owner.root}{STATUS}{number}"})


def answer_cancel(handler: Handler, owner: FhirServer, path: str) -> None:
    """Answer a DELETE of a job."""
    number = path.removeprefix(STATUS)
    if not path.startswith(STATUS) or not number.isdigit() or int(number) >= len(owner.exports.jobs):
        handler.outcome(404, "not-found")
        return
    owner.exports.cancel(int(number))
    handler.answer(202, b"")


def _answer_status(handler: Handler, owner: FhirServer, path: str, query: str) -> None:
    faults = owner.faults.export
    text = path.removeprefix(STATUS)
    number, page = int(text) if text.isdigit() else -1, int(parse_qs(query).get("page", ["0"])[0])
    if not 0 <= number < len(owner.exports.jobs):
        handler.outcome(404, "not-found")
        return
    status, _ = owner.exports.poll(number, page, faults)
    if status == 202:
        waits = {"Retry-After": str(faults.retry_after)} if faults.retry_after is not None else {}
        handler.answer(202, b"", headers={"X-Progress": faults.progress, **waits})
    elif status == 500:
        handler.outcome(
            500, "exception" if faults.fails and owner.exports.polls not in faults.poll_500_on else "transient"
        )
    elif status == 404:
        handler.outcome(404, "not-found")
    else:
        for file in owner.exports.jobs[number].files:
            if file.kind in faults.gone_once and file.asked:
                file.kind_is_back = True
        handler.answer(200, orjson.dumps(owner.exports.manifest(number, page, faults, root=owner.root)))


def _answer_file(handler: Handler, owner: FhirServer, path: str, query: str) -> None:
    faults = owner.faults.export
    number, _, name = path.removeprefix(FILES).partition("/")
    place = name.removesuffix(".ndjson")
    file = owner.exports.file(int(number), int(place)) if number.isdigit() and place.isdigit() else None
    authorization = handler.headers.get("Authorization")
    if faults.signed and (authorization is not None or "signature=" not in query):
        handler.outcome(400, "security")
    elif faults.binary_scope and "system/Binary." not in owner.tokens.scope_of(authorization):
        handler.outcome(401, "login")
    elif file is None:
        handler.outcome(404, "not-found")
    elif file.kind in faults.gone or (file.kind in faults.gone_once and not file.kind_is_back):
        handler.outcome(410, "expired")
    else:
        _send(handler, file, cut=file.kind in faults.cut, short=file.kind in faults.short)


def _send(handler: Handler, file: File, *, cut: bool, short: bool) -> None:
    lines = file.lines[:-1] if short else file.lines
    body = b"".join(line + b"\n" for line in lines)
    if cut and file.asked == 1:
        # Behind the first line, so that something has been handed over when it breaks.
        kept = body[: len(body) * 2 // 3]
        handler.answer(200, kept, announce=len(body), kind=_NDJSON)
        handler.close_connection = True
        return
    handler.answer(200, body, kind=_NDJSON)
