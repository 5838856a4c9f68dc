"""A GNU Health 5.0 on loopback, by its Tryton server's JSON-RPC: sessions, domains, pages, errors inside a 200.

Facts: answers of a real GNU Health 5.0.6 on trytond 7.0.59.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pacekeeper.testing import Call, Endpoint, Faults, Reply, Simulator

DATABASE = "health"
USER = "nightly"
PASSWORD = "open-sesame-9"  # noqa: S105  of nobody
#: List of the corpus by model.
LISTS = {
    "gnuhealth.institution": "institution",
    "gnuhealth.healthprofessional": "professional",
    "gnuhealth.patient": "patient",
    "gnuhealth.appointment": "appointment",
    "gnuhealth.patient.evaluation": "evaluation",
}
#: Fields of every model, and of each, as far as this server knows them; a path may go on behind the dot.
_ALWAYS = frozenset({"id", "create_date", "write_date"})
_FIELDS = {
    "institution": frozenset({"party", "code", "institution_type", "public_level", "beds"}),
    "professional": frozenset({"party", "institution", "code", "puid", "active", "main_specialty"}),
    "patient": frozenset({"party", "puid", "dob", "deceased", "active", "primary_care_doctor"}),
    "appointment": frozenset(
        {
            "patient",
            "healthprof",
            "institution",
            "appointment_date",
            "checked_in_date",
            "state",
            "urgency",
            "speciality",
        }
        | {"appointment_type", "visit_type", "consultations", "name", "comments"}
    ),
    "evaluation": frozenset(
        {"patient", "appointment", "healthprof", "signed_by", "institution", "evaluation_start", "evaluation_endtime"}
        | {"state", "evaluation_type", "visit_type", "urgency", "specialty", "chief_complaint"}
    ),
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = ("year", "month", "day", "hour", "minute", "second", "microsecond")
Record = Mapping[str, Any]
Corpus = Mapping[str, Sequence[Record]]


@dataclass(frozen=True, kw_only=True)
class GnuHealthFaults:
    """GNU Health's own ways to fail; an ellipsis is none.

    error: what every read answers as `error`. answer: what it answers in place of everything. login: what the login
    answers in place of a session. rows: what stands in place of a read's records.
    """

    error: Any = ...  # Any: JSON
    answer: Any = ...
    login: Any = ...
    rows: Any = ...


@dataclass
class _Session:
    begun_at: float
    calls: int = 0


class GnuHealthSimulator(Simulator):
    """Serves lists `institution`, `professional`, `patient`, `appointment`, `evaluation` at `url`, database `health`.

    A record holds plain values, ISO dates and times (UTC) as texts; what lies behind a reference is a dict with an id.
    They go out as Tryton writes them. logins: sessions begun. open_sessions: those not given back.
    """

    def __init__(self, corpus: Corpus, *, own_faults: GnuHealthFaults | None = None) -> None:
        self.own_faults = own_faults or GnuHealthFaults()
        self.logins = 0
        self._sessions: dict[str, _Session] = {}
        endpoints = [Endpoint(f"/{DATABASE}/", method="POST", handler=_serve)]
        super().__init__(corpus, endpoints)

    @property
    def open_sessions(self) -> int:
        return len(self._sessions)

    @property
    def domains(self) -> list[Any]:
        """What the reads since the last reset asked for, in their order."""
        return [
            call.json["params"][0] for call in self.requests if "search_read" in str((call.json or {}).get("method"))
        ]

    def reset(self, faults: Faults | None = None) -> None:
        super().reset(faults)
        with self.lock:
            self.logins = 0
            self._sessions.clear()

    def end_sessions(self) -> None:
        """Forget every session, as Tryton does after a time."""
        with self.lock:
            self._sessions.clear()

    def serve(self, call: Call) -> Reply:
        asked = call.json
        if not isinstance(asked, Mapping) or set(asked) != {"id", "method", "params"}:
            return _page(500)
        if self.own_faults.answer is not ...:
            return Reply(content=self.own_faults.answer)
        method, params = asked["method"], asked["params"]
        if method == "common.db.login":
            return self._login(asked["id"], params)
        session = self._session_of(call)
        if session is None:
            return Reply(status=401, content=b"", headers={"WWW-Authenticate": 'Basic realm="Tryton"'})
        if method == "common.db.logout":
            self.data_calls -= 1
            del self._sessions[session]
            return _result(asked["id"], None)
        model, _, name = method.removeprefix("model.").rpartition(".")
        if name != "search_read":
            return _page(403)
        return self._search_read(asked["id"], model, *params)

    def _login(self, number: int, params: Sequence[Any]) -> Reply:
        if self.own_faults.login is not ...:
            return Reply(content={"id": number, **self.own_faults.login})
        if list(params[:2]) != [USER, {"password": PASSWORD}]:
            return _page(401)
        self.logins += 1
        session = f"{self.logins:064x}"
        self._sessions[session] = _Session(time.monotonic())
        return _result(number, [7, session])

    def _session_of(self, call: Call) -> str | None:
        """The session a call brings, one call older; null where there is none, or it has ended."""
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        try:
            user, number, name = base64.b64decode(token, validate=True).decode().split(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        found = self._sessions.get(name)
        if (kind, user, number) != ("Session", USER, "7") or found is None:
            return None
        seconds, calls = self.faults.token_seconds, self.faults.token_calls
        is_old = seconds is not None and time.monotonic() - found.begun_at > seconds
        if is_old or (calls is not None and found.calls >= calls):
            del self._sessions[name]
            return None
        found.calls += 1
        return name

    def _search_read(
        self,
        number: int,
        model: str,
        domain: list[Any],
        offset: int,
        limit: int | None,
        order: Sequence[Sequence[str]],
        names: Sequence[str],
        context: Record,
    ) -> Reply:
        known = LISTS.get(model)
        if known is None:
            return _error(number, f"'{model}'")
        if known in self.faults.fail:
            return _page(500)
        if known in self.faults.forbid:
            return _error(number, "UserError", [f'You are not allowed to access "{model}".', "", None])
        if self.own_faults.error is not ...:
            return Reply(content={"id": number, "error": self.own_faults.error})
        if self.own_faults.rows is not ...:
            return _result(number, self.own_faults.rows)
        for name in names:
            if name.partition(".")[0] not in _FIELDS[known] | _ALWAYS:
                return _error(number, f"'{name}'")
        chosen = [row for row in self.rows(known) if context.get("active_test") is False or row.get("active", True)]
        if known in self.faults.repeat_next:
            domain = [clause for clause in domain if clause[0] != "id"]
        found = sorted((row for row in chosen if _is_in(row, domain)), key=lambda row: _order(row["id"]))
        if list(order) != [["id", "ASC"]]:
            found.reverse()
        page = found[offset:][:limit]
        last = next((clause[2] for clause in domain if clause[:2] == ["id", ">"]), None)
        if page and known in self.faults.overlap and last is not None:
            page = [row for row in chosen if row["id"] == last] + page
        return _result(number, [_shown(row, names) for row in page])


def _serve(call: Call, simulator: Simulator) -> Reply:
    if not isinstance(simulator, GnuHealthSimulator):
        raise TypeError("this endpoint belongs to a GnuHealthSimulator")
    return simulator.serve(call)


def _page(status: int) -> Reply:
    """A page for browsers, as werkzeug makes it."""
    html = f"<!doctype html>\n<html lang=en>\n<title>{status}</title>\n".encode()
    return Reply(status=status, content=html, headers={"Content-Type": "text/html; charset=utf-8"})


def _result(number: int, result: Any) -> Reply:
    return Reply(content={"id": number, "result": result})


def _error(number: int, kind: str, more: Any = "") -> Reply:
    return Reply(content={"id": number, "error": [kind, more]})


def _is_in(row: Record, domain: Sequence[Any]) -> bool:
    """Whether a record fits a domain: clauses are joined by AND, or by the word in front."""
    if domain and isinstance(domain[0], str) and domain[0] not in {"AND", "OR"}:
        path, operator, wanted = domain
        return any(_COMPARED[operator](value, wanted) for value in _values(row, path.split(".")))
    joined: Callable[[Any], bool] = any if domain[:1] == ["OR"] else all
    return joined(_is_in(row, clause) for clause in domain if clause not in ("AND", "OR"))


def _values(found: Any, path: Sequence[str]) -> list[Any]:
    """What stands at a path; of references to many, of each."""
    if isinstance(found, list):
        return [value for one in found for value in _values(one, path)]
    if not path:
        return [found]
    return _values(found.get(path[0]) if isinstance(found, Mapping) else None, path[1:])


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """SQL's way: what is null fits no order."""
    return lambda value, wanted: value is not None and compare(_order(value), _order(wanted))


_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, wanted: bool(value == wanted),
    ">": _compared(lambda value, wanted: value > wanted),
    ">=": _compared(lambda value, wanted: value >= wanted),
}


def _order(value: Any) -> tuple[int, Any]:
    """Numbers before texts, instants as instants."""
    if isinstance(value, Mapping):
        return 1, datetime(*(value[part] for part in _MOMENT), tzinfo=UTC).timestamp()  # type: ignore[misc]
    if isinstance(value, str) and (at := _instant(value)) is not None:
        return 1, at.timestamp()
    return (2, value) if isinstance(value, str) else (0, value)


def _shown(row: Record, names: Sequence[str]) -> dict[str, Any]:
    """The fields asked for, and the id; what lies behind a reference under its name with a dot."""
    made: dict[str, Any] = {"id": row.get("id")}
    for name in names:
        first, _, rest = name.partition(".")
        value = row.get(first)
        is_reference = isinstance(value, Mapping) and "__class__" not in value
        if rest:
            behind = [one.partition(".")[2] for one in names if one.startswith(f"{first}.")]
            made[f"{first}."] = _shown(value, behind) if isinstance(value, Mapping) and is_reference else None
        else:
            made[first] = _wire(value["id"] if isinstance(value, Mapping) and is_reference else value)
    return made


def _wire(value: Any) -> Any:
    """A value as Tryton writes it in JSON; a list is one of references to many."""
    if isinstance(value, list):
        return [one["id"] for one in value]
    if not isinstance(value, str):
        return value
    if _DATE.fullmatch(value):
        day = date.fromisoformat(value)
        return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}
    at = _instant(value)
    return value if at is None else {"__class__": "datetime", **{part: getattr(at, part) for part in _MOMENT}}


def _instant(text: str) -> datetime | None:
    """The instant a text writes; null where it writes none."""
    if not _DATE.match(text) or _DATE.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
