"""LimeSurvey's RemoteControl 2 (JSON-RPC) on loopback, with the manners of version 6.4.

Refusals are a 200 whose result is `{"status": ...}`; an unknown method, or too few parameters, is a page of HTML with
status 500; exports are base64; CSV has a byte order mark and semicolons; a response not handed in has submitdate "".
"""

from __future__ import annotations

import base64
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from pacekeeper.testing._faults import Faults
from pacekeeper.testing.limesurvey_survey import Survey, export
from pacekeeper.testing.simulator import planned_fault
from pacekeeper.testing.simulator_http import Call, LoopbackServer, Reply

_PATH = "/index.php/admin/remotecontrol"
_HTML = {"Content-Type": "text/html; charset=UTF-8"}
_PAGE = b"\n\n<!DOCTYPE html>\n<html><head><title>500: Internal Server Error</title></head><body></body></html>"
_INVALID_SESSION = {"status": "Invalid session key"}
_NO_PERMISSION = {"status": "No permission"}


@dataclass(frozen=True, kw_only=True)
class LimeSurveyFaults:
    """LimeSurvey's own ways to fail; calls are counted from 1 over all.

    session_calls: calls after which a session has expired. switched_off: the interface answers nothing. damage: exports
    that are no base64. rows: what stands in place of an export's responses. error_on: calls answered 200 with `error`.
    html_on: calls answered 200 by a page for browsers. statuses: a refusal by method.
    """

    session_calls: int | None = None
    switched_off: bool = False
    damage: bool = False
    rows: Any = None  # Any: JSON
    error_on: frozenset[int] = frozenset()
    html_on: frozenset[int] = frozenset()
    statuses: tuple[tuple[str, str], ...] = ()


class LimeSurveyServer(LoopbackServer):
    """Serves surveys by their numbers at `remote_control_url`. logins: sessions given so far; methods: those called.

    data_calls: calls so far, but for those that give a session back.
    """

    def __init__(
        self,
        surveys: Mapping[int, Survey],
        *,
        user: str = "api",
        password: str = "let-me-in",  # noqa: S107  a simulator's
        faults: Faults | None = None,
        own_faults: LimeSurveyFaults | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.surveys = dict(surveys)
        self.user, self.password = user, password
        self.faults = faults or Faults()
        self.own_faults = own_faults or LimeSurveyFaults()
        self.methods: list[str] = []
        self.logins = 0
        self.data_calls = 0
        self._sessions: dict[str, int] = {}

    @property
    def remote_control_url(self) -> str:
        return f"{self.url}{_PATH}"

    def reset(self, faults: Faults | None = None, own_faults: LimeSurveyFaults | None = None) -> None:
        """Forget calls and sessions so far, and show these faults (default: none) from now on."""
        with self.lock:
            self.faults, self.own_faults = faults or Faults(), own_faults or LimeSurveyFaults()
            self.requests.clear()
            self.methods.clear()
            self._sessions.clear()
            self.logins = self.data_calls = 0

    @property
    def open_sessions(self) -> int:
        return len(self._sessions)

    def answer(self, call: Call) -> Reply:
        with self.lock:
            self.requests.append(call)
            number, own = len(self.requests), self.own_faults
            self.data_calls += b"release_session_key" not in call.body
            if call.path != _PATH or call.method != "POST":
                return Reply(status=404, content=b"not found", headers=_HTML)
            planned = planned_fault(self.faults, number, "response")
            if planned is not None:
                return planned
            if own.switched_off:
                return Reply(content=b"", headers=_HTML)
            if number in own.html_on:
                return Reply(content=_PAGE, headers=_HTML)
            asked = call.json
            if not isinstance(asked, Mapping) or "method" not in asked:
                return Reply(content={"id": None, "result": None, "error": "unable to decode malformed json"})
            reply = self._invoke(asked, has_error=number in own.error_on)
        return replace(reply, cut=number in self.faults.truncate_on)

    def _invoke(self, asked: Mapping[str, Any], *, has_error: bool) -> Reply:
        name, params = str(asked["method"]), list(asked.get("params") or [])
        self.methods.append(name)
        method = getattr(self, f"_rpc_{name}", None)
        is_login = name == "get_session_key"
        session, own = ("", params) if is_login else (str(params[0]) if params else "", params[1:])
        if method is None or not (params and _takes(method, own)):
            return Reply(status=500, content=_PAGE, headers=_HTML)
        refused = dict(self.own_faults.statuses).get(name)
        if has_error:
            return Reply(content={"id": asked.get("id"), "result": None, "error": "something went wrong"})
        if refused is not None:
            result: Any = {"status": refused}
        elif name == "release_session_key":
            self._sessions.pop(session, None)
            result = "OK"
        elif is_login or self._is_open(session):
            result = method(*own)
        else:
            result = _INVALID_SESSION
        return Reply(content={"id": asked.get("id"), "result": result, "error": None})

    def _is_open(self, session: str) -> bool:
        """Whether a session is still good; counts one call of it."""
        if session not in self._sessions:
            return False
        limit = self.own_faults.session_calls
        if limit is not None and self._sessions[session] >= limit:
            del self._sessions[session]
            return False
        self._sessions[session] += 1
        return True

    def _rpc_get_session_key(self, user: str, password: str, _plugin: str = "Authdb") -> Any:
        if (user, password) != (self.user, self.password):
            return {"status": "Invalid user name or password"}
        self.logins += 1
        session = f"session-{self.logins:024d}"
        self._sessions[session] = 0
        return session

    def _rpc_release_session_key(self) -> Any:
        raise NotImplementedError("the session is not handed to methods")

    def _rpc_list_surveys(self, _user: str | None = None, _group: int | None = None) -> Any:
        return [
            {"sid": number, "surveyls_title": survey.title, "startdate": None, "expires": None, "active": "Y"}
            for number, survey in self.surveys.items()
        ]

    def _rpc_get_survey_properties(self, number: int, names: Sequence[str] | None = None) -> Any:
        survey = self.surveys.get(int(number))
        if survey is None:
            return {"status": "Error: Invalid survey ID"}
        known = {"sid": number, "active": "Y", "language": "en", "anonymized": "Y" if survey.is_anonymous else "N"}
        return {name: value for name, value in known.items() if not names or name in names}

    def _rpc_get_fieldmap(self, number: int, _language: str | None = None) -> Any:
        survey = self.surveys.get(int(number))
        return _NO_PERMISSION if survey is None else survey.fieldmap(int(number))

    def _rpc_list_questions(self, number: int, _group: int | None = None, _language: str | None = None) -> Any:
        survey = self.surveys.get(int(number))
        return {"status": "Error: Invalid survey ID"} if survey is None else survey.question_list(int(number))

    def _rpc_get_summary(self, number: int, name: str = "all") -> Any:
        survey = self.surveys.get(int(number))
        if survey is None:
            return {"status": "Invalid surveyid"}
        complete = sum(1 for response in survey.responses if response["submitdate"])
        found = {
            "token_count": len(survey.participants),
            "completed_responses": complete,
            "incomplete_responses": len(survey.responses) - complete,
            "full_responses": len(survey.responses),
        }
        return found if name == "all" else found[name]

    def _rpc_export_responses(
        self,
        number: int,
        how: str,
        _language: str | None = None,
        completion: str = "all",
        heading: str = "code",
        kind: str = "short",
        first: int | None = None,
        last: int | None = None,
        fields: Sequence[str] | None = None,
        _more: Any = None,
    ) -> Any:
        survey = self.surveys.get(int(number))
        if survey is None:
            return _NO_PERMISSION
        if self.own_faults.damage:
            return "no base64 at all!"
        if self.own_faults.rows is not None:
            return base64.b64encode(orjson.dumps({"responses": self.own_faults.rows})).decode()
        chosen = survey.between(first, last, completion)
        content = export(survey, int(number), chosen, how=how, heading=heading, kind=kind, fields=fields)
        return base64.b64encode(content).decode()

    def _rpc_list_participants(
        self,
        number: int,
        start: int = 0,
        limit: int = 10,
        _unused: Any = None,
        attributes: Any = None,
        _conditions: Any = None,
    ) -> Any:
        survey = self.surveys.get(int(number))
        if survey is None:
            return {"status": "Error: Invalid survey ID"}
        if not survey.participants:
            return {"status": "No survey participants found."}
        names = attributes if isinstance(attributes, list) else []
        return [
            {
                "tid": person["tid"],
                "token": person["token"],
                "participant_info": {name: person.get(name, "") for name in ("firstname", "lastname", "email")},
                **{name: person.get(name) for name in names},
            }
            for person in survey.participants[start : start + limit]
        ]


def _takes(method: Any, params: Sequence[Any]) -> bool:
    try:
        inspect.signature(method).bind(*params)
    except TypeError:
        return False
    return True
