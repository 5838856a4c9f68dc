"""An OpenEMR 7.0.2 on loopback, with what it does differently from the standards it names.

Facts: answers recorded from a real OpenEMR 7.0.2. A deviation that is switched off is what the standard says.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
from pacekeeper.testing import Call, Endpoint, Faults, Reply, Simulator

SITE = "/apis/default"
FHIR = f"{SITE}/fhir"
TOKEN = "/oauth2/default/token"  # noqa: S105  a path
#: Search parameters that its CapabilityStatement names, by type.
NAMED = {
    "Appointment": ("patient", "_id", "date", "_lastUpdated"),
    "Encounter": ("_id", "patient", "date", "_lastUpdated"),
    "Patient": ("_id", "identifier", "name", "birthdate", "_lastUpdated"),
    "Practitioner": ("_id", "name", "_lastUpdated"),
}
Corpus = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Deviations:
    """What OpenEMR 7.0.2 does in its own way; each can be switched off.

    empty_on_unknown: a parameter it does not know, `_count` and `_sort` among them, finds nothing. lies: so does
    `_lastUpdated` of Appointment, which it names. made_up_stamps: an Appointment claims to have changed just now.
    unexported: types whose export file is empty. object_time: transactionTime as PHP writes it. all_types: `_type` is
    ignored. binary_scope: export files want system/Binary.read. looks_ahead: a page of its own API has a row too many.
    token_seconds: how long a backend token lives. hidden: types whose search is empty although they are referred to.
    """

    empty_on_unknown: bool = True
    lies: bool = True
    made_up_stamps: bool = True
    unexported: frozenset[str] = frozenset({"Appointment"})
    object_time: bool = True
    all_types: bool = True
    binary_scope: bool = True
    looks_ahead: bool = True
    token_seconds: float = 300.0
    hidden: frozenset[str] = frozenset()


@dataclass
class _Token:
    scope: str
    ends_at: float
    calls: int = 0


@dataclass(frozen=True)
class Accounts:
    """Who is let in: a user by an API client, and a backend service by its public key (JWK; null = none)."""

    username: str = "nightly"
    password: str = "open-sesame-9"  # noqa: S105  of nobody
    user_client_id: str = "calendar-client"
    client_id: str = "backend-client"
    public_key: Mapping[str, Any] | None = None


class OpenEmrSimulator(Simulator):
    """Serves lists `facility` and `appointment` by its own API; `Patient`, `Encounter`, `Practitioner` by FHIR.

    FHIR's Appointment is made from the calendar. base_url: what a source's setting of that name wants. refusals: calls
    that were not let in.
    """

    def __init__(
        self, corpus: Corpus, *, deviations: Deviations | None = None, accounts: Accounts | None = None
    ) -> None:
        self.deviations = deviations or Deviations()
        self.accounts = accounts or Accounts()
        self.tokens: dict[str, _Token] = {}
        self.token_requests: list[Call] = []
        self.refusals = 0
        self.export_types: tuple[str, ...] = ("Appointment", "Encounter", "Location", "Patient", "Practitioner")
        endpoints = [
            Endpoint(f"{FHIR}/metadata", handler=_metadata),
            Endpoint(f"{FHIR}/.well-known/smart-configuration", handler=_smart_configuration),
            *(Endpoint(f"{FHIR}/{kind}", kind, handler=_search) for kind in NAMED),
            Endpoint(f"{FHIR}/$export", handler=_kick_off),
            Endpoint(f"{FHIR}/$bulkdata-status", handler=_manifest),
            Endpoint(f"{FHIR}/Binary/{{kind}}", handler=_file),
            Endpoint(f"{SITE}/api/facility", "facility", handler=_envelope),
            Endpoint(f"{SITE}/api/patient", "patient", handler=_envelope),
            Endpoint(f"{SITE}/api/appointment", "appointment", key="pc_uuid", handler=_bare_list),
        ]
        super().__init__(corpus, endpoints)

    @property
    def base_url(self) -> str:
        return f"{self.url}{FHIR}"

    def reset(self, faults: Faults | None = None) -> None:
        super().reset(faults)
        with self.lock:
            self.tokens.clear()
            self.token_requests.clear()

    def answer(self, call: Call) -> Reply:
        """Tokens first; OpenEMR asks for none where it describes itself."""
        with self.lock:
            if call.path == TOKEN:
                self.token_requests.append(call)
                return self._token(call)
            is_open = call.path.endswith(("/metadata", "/smart-configuration"))
            refusal = None if is_open else self._refusal(call)
            self.refusals += refusal is not None
        return refusal or super().answer(call)

    def _token(self, call: Call) -> Reply:
        form, known = call.form, self.accounts
        if form.get("grant_type") == "password":
            wanted = {
                "user_role": "users",
                "client_id": known.user_client_id,
                "username": known.username,
                "password": known.password,
            }
            is_good, seconds = all(form.get(name) == value for name, value in wanted.items()), 3600.0
        else:
            is_good, seconds = self._is_signed(form.get("client_assertion", "")), self.deviations.token_seconds
        if not is_good:
            return Reply(status=401, content={"error": "invalid_client"})
        token = f"token-{len(self.tokens) + 1}-{secrets.token_hex(4)}"
        seconds = seconds if self.faults.token_seconds is None else self.faults.token_seconds
        self.tokens[token] = _Token(form.get("scope", ""), time.monotonic() + seconds)
        return Reply(content={"access_token": token, "token_type": "Bearer", "expires_in": seconds})

    def _is_signed(self, assertion: str) -> bool:
        import jwt

        key = self.accounts.public_key
        try:
            algorithm = jwt.get_unverified_header(assertion)["alg"]
            claims = jwt.decode(
                assertion, jwt.PyJWK(dict(key or {}), algorithm), [algorithm], audience=f"{self.url}{TOKEN}"
            )
        except (jwt.PyJWTError, KeyError):
            return False
        return bool(claims["iss"] == claims["sub"] == self.accounts.client_id)

    def _refusal(self, call: Call) -> Reply | None:
        """401 where the token is none, has ended, or has not the scope; null where the call is let in."""
        given = self.tokens.get(call.headers.get("authorization", "").removeprefix("Bearer "))
        limit = self.faults.token_calls
        if given is None or time.monotonic() > given.ends_at or (limit is not None and given.calls >= limit):
            return _denied("Missing or ended token")
        given.calls += 1
        scopes = set(given.scope.split())
        below = call.path.removeprefix(SITE).split("/")  # "", "fhir" or "api", name ...
        wanted = (
            {f"user/{below[2]}.read"} if below[1] == "api" else {f"{who}/{below[2]}.read" for who in ("system", "user")}
        )
        if below[1] == "api" and "api:oemr" not in scopes:
            return _denied("insufficient scope")
        if below[2].startswith("$"):
            wanted = {"system/*.$export", "system/*.$bulkdata-status"}
        elif below[2] == "Binary":
            wanted = {"system/Binary.read"} if self.deviations.binary_scope else scopes
        return None if wanted & scopes else _denied("insufficient scope")

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """What FHIR tells of a type; an Appointment's lastUpdated moves with every call."""
        if kind != "Appointment":
            return [] if kind in self.deviations.hidden else self.rows(kind)
        asked_at = self.now + timedelta(seconds=len(self.requests) if self.deviations.made_up_stamps else 0)
        return [_fhir_appointment(row, asked_at) for row in self.rows("appointment")]


def _denied(hint: str) -> Reply:
    return Reply(status=401, content={"error": "access_denied", "hint": hint})


def _of(simulator: Simulator) -> OpenEmrSimulator:
    if not isinstance(simulator, OpenEmrSimulator):
        raise TypeError("these endpoints belong to an OpenEmrSimulator")
    return simulator


def _metadata(call: Call, simulator: Simulator) -> Any:
    del call, simulator
    resources = [
        {
            "type": kind,
            "interaction": [{"code": "search-type"}, {"code": "read"}],
            "searchParam": [{"name": name} for name in names],
        }
        for kind, names in NAMED.items()
    ]
    rest = [{"mode": "server", "resource": resources}]
    return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest}


def _smart_configuration(call: Call, simulator: Simulator) -> Any:
    """Its list of scopes lies in another list."""
    del call
    scopes = [f"system/{kind}.read" for kind in (*NAMED, "Binary")]
    return {
        "token_endpoint": f"{simulator.url}{TOKEN}",
        "scopes_supported": [["openid", "api:fhir", *scopes, "system/*.$export", "system/*.$bulkdata-status"]],
        "capabilities": ["permission-user", "permission-patient"],
    }


def _search(call: Call, simulator: Simulator) -> Any:
    """Everything on one page, with a `self` link only."""
    server, kind = _of(simulator), call.path.rpartition("/")[2]
    found = server.resources(kind)
    since = call.query.get("_lastUpdated", "")
    if since and not (kind == "Appointment" and server.deviations.lies):
        moment = _instant(since.removeprefix("ge"))
        found = [one for one in found if _instant(one["meta"]["lastUpdated"]) >= moment]
    elif since:
        found = []
    if server.deviations.empty_on_unknown and set(call.query) - {"_id", "_lastUpdated", "patient"}:
        found = []
    bundle: dict[str, Any] = {
        "meta": {"lastUpdated": server.now.replace(tzinfo=None).isoformat()},
        "resourceType": "Bundle",
        "type": "collection",
        "total": len(found),
        "link": [{"relation": "self", "url": f"{server.base_url}/{kind}"}],
    }
    if found:
        bundle["entry"] = [{"fullUrl": f"{server.base_url}/{kind}/{one['id']}", "resource": one} for one in found]
    return bundle


def _kick_off(call: Call, simulator: Simulator) -> Reply:
    server = _of(simulator)
    if not server.deviations.all_types:
        server.export_types = tuple(call.query["_type"].split(","))
    return Reply(status=202, content=b"", headers={"Content-Location": f"{server.base_url}/$bulkdata-status?job=1"})


def _manifest(call: Call, simulator: Simulator) -> Any:
    """Ready when it is first asked for, a minute old; nothing is said of deletions, and `request` is relative."""
    del call
    server = _of(simulator)
    made_at = server.now - timedelta(minutes=1)
    at: Any = made_at.isoformat()
    if server.deviations.object_time:
        at = {"date": f"{made_at:%Y-%m-%d %H:%M:%S}.000000", "timezone_type": 3, "timezone": "UTC"}
    return {
        "transactionTime": at,
        "request": "/fhir/$export",
        "requiresAccessToken": True,
        "output": [{"url": f"{server.base_url}/Binary/{kind}", "type": kind} for kind in server.export_types],
        "error": [],
    }


def _file(call: Call, simulator: Simulator) -> Reply:
    server, kind = _of(simulator), call.path_values["kind"]
    rows = [] if kind in server.deviations.unexported else server.resources(kind)
    lines = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    return Reply(content=lines, headers={"Content-Type": "application/fhir+ndjson"})


def _envelope(call: Call, simulator: Simulator) -> Any:
    """Rows in an envelope, paged by `_limit` and `_offset`."""
    server, name = _of(simulator), call.path.rpartition("/")[2]
    rows = server.rows(name)
    if "_limit" in call.query:
        size = int(call.query["_limit"]) + (1 if server.deviations.looks_ahead else 0)
        start = 0 if name in server.faults.repeat_next else int(call.query.get("_offset", 0))
        overlap = 1 if start and name in server.faults.overlap and start < len(rows) else 0
        rows = rows[start - overlap : start + size]
    first = f"{server.url}{urlsplit(call.target).path}?_offset=0&_count=0"
    return {"validationErrors": [], "internalErrors": [], "data": rows, "links": {"first": first}}


def _bare_list(call: Call, simulator: Simulator) -> Any:
    """All rows, whatever is asked."""
    return simulator.rows(call.path.rpartition("/")[2])


def _fhir_appointment(row: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "id": row["pc_uuid"],
        "meta": {"versionId": "1", "lastUpdated": at.isoformat()},
        "status": "proposed",
        "start": f"{row['pc_eventDate']}T{row['pc_startTime']}+00:00",
        "participant": [{"actor": {"reference": f"Patient/{row['puuid']}"}, "status": "accepted"}],
    }


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
