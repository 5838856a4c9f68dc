"""The HTTP side of the loopback FHIR server."""

from __future__ import annotations

import base64
import binascii
import socket
import struct
import time
from dataclasses import dataclass, field
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import orjson

from pacekeeper.testing._fhir_store import UnknownParameter, empty_bundle

if TYPE_CHECKING:
    from pacekeeper.testing._faults import Faults
    from pacekeeper.testing.fhir_server import FhirServer

SEARCH_PARAMETERS = ("_id", "_lastUpdated", "_sort", "_count")


@dataclass
class _Token:
    issued_at: float
    calls: int = 0


@dataclass
class Tokens:
    """Tokens that were given out; the fixed one counts as given out when the server started."""

    fixed: str | None
    given: dict[str, _Token] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.fixed is not None:
            self.given[self.fixed] = _Token(time.monotonic())

    def issue(self) -> str:
        token = f"token-{len(self.given)}"
        self.given[token] = _Token(time.monotonic())
        return token

    def accepts(self, header: str | None, faults: Faults) -> bool:
        """Is this Authorization header good? Counts one call of its token."""
        if self.fixed is None:
            return True
        found = self.given.get((header or "").removeprefix("Bearer ")) if (header or "").startswith("Bearer ") else None
        if found is None:
            return False
        if faults.token_calls is not None and found.calls >= faults.token_calls:
            return False
        if faults.token_seconds is not None and time.monotonic() - found.issued_at > faults.token_seconds:
            return False
        found.calls += 1
        return True


class Handler(BaseHTTPRequestHandler):
    """One connection; `owner` is the server it belongs to."""

    owner: ClassVar[FhirServer]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Silence: a log line would hold ids."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The server's own time, so that nothing depends on the machine's clock."""
        del timestamp
        return format_datetime(self.owner.store.now, usegmt=True)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._count(parts.path)
        if parts.path == "/fhir/metadata":
            self._answer(200, orjson.dumps(self._capability()))
            return
        if not parts.path.startswith("/fhir/"):
            self._outcome(404, "not-found")
            return
        with self.owner.lock:
            welcome = self.owner.tokens.accepts(self.headers.get("Authorization"), self.owner.faults)
            if welcome:
                self.owner.data_calls += 1
            number = self.owner.data_calls
        if not welcome:
            self._outcome(401, "login", headers={"WWW-Authenticate": "Bearer"})
            return
        kind, _, identity = parts.path.removeprefix("/fhir/").partition("/")
        if self._show_fault(number, kind):
            return
        body = self._read(kind, unquote(identity)) if identity else self._search(kind, parts.query)
        if body is None:
            return
        if number in self.owner.faults.truncate_on:
            self._answer(200, body[: len(body) // 2], announce=len(body))
            self.close_connection = True
            return
        self._answer(200, body)

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        self._count(parts.path)
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
        if parts.path != "/auth/token":
            self._outcome(404, "not-found")
        elif form.get("grant_type") != ["client_credentials"]:
            self._answer(400, b'{"error":"unsupported_grant_type"}')
        elif self._credentials(form) != (self.owner.client_id, self.owner.client_secret):
            self._answer(401, b'{"error":"invalid_client"}', headers={"WWW-Authenticate": "Basic"})
        else:
            with self.owner.lock:
                token = self.owner.tokens.issue()
            lifetime = self.owner.faults.token_seconds
            answer = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime or 3600}
            self._answer(200, orjson.dumps(answer))

    def _credentials(self, form: dict[str, list[str]]) -> tuple[str, str]:
        kind, _, encoded = (self.headers.get("Authorization") or "").partition(" ")
        if kind == "Basic":
            try:
                name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return "", ""
            return unquote(name), unquote(secret)
        return form.get("client_id", [""])[0], form.get("client_secret", [""])[0]

    def _show_fault(self, number: int, kind: str) -> bool:
        """Answer with the fault planned for this call; false where there is none."""
        faults = self.owner.faults
        if faults.slow_seconds:
            self.owner.stopping.wait(faults.slow_seconds)
        if number in faults.reset_on:
            # Lingering for zero seconds makes close() send RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif number in faults.hang_on:
            self.owner.stopping.wait(faults.hang_seconds)
            self.close_connection = True
        elif number in faults.too_many_on:
            self._outcome(429, "throttled", headers={"Retry-After": str(faults.retry_after)})
        elif number in faults.error_500_on:
            self._outcome(500, "transient")
        elif number in faults.error_503_on:
            self._outcome(503, "transient")
        elif kind in faults.fail:
            self._outcome(500, "exception")
        elif kind in faults.forbid:
            self._outcome(403, "forbidden")
        else:
            return False
        return True

    def _read(self, kind: str, identity: str) -> bytes | None:
        status, body = self.owner.store.read(kind, identity)
        if body is None:
            self._outcome(status, "deleted" if status == 410 else "not-found")
        return body

    def _search(self, kind: str, query: str) -> bytes | None:
        faults, store, base = self.owner.faults, self.owner.store, self.owner.url
        parameters = parse_qsl(query, keep_blank_values=True)
        asked = f"?{query}" if query else ""
        if kind in faults.empty or any(name in faults.unsupported for name, _ in parameters):
            return empty_bundle(kind, base=base, query=asked, now=store.now)
        cursor = dict(parameters).get("_cursor")
        if cursor is None:
            try:
                cursor = store.search(kind, parameters, query=asked)
            except UnknownParameter:
                self._outcome(400, "not-supported")
                return None
        body = store.page(
            kind, cursor, base=base, repeat_next=kind in faults.repeat_next, overlap=kind in faults.overlap
        )
        if body is None:
            self._outcome(410, "expired")
        return body

    def _count(self, path: str) -> None:
        with self.owner.lock:
            self.owner.calls[path] += 1
            self.owner.requests.append(self.path)

    def _capability(self) -> dict[str, object]:
        named = [name for name in SEARCH_PARAMETERS if name not in self.owner.faults.unsupported]
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": self.owner.store.now.isoformat(),
            "kind": "instance",
            "fhirVersion": "4.0.1",
            "format": ["json"],
            "rest": [
                {
                    "mode": "server",
                    "resource": [
                        {
                            "type": kind,
                            "interaction": [{"code": "read"}, {"code": "search-type"}],
                            "searchParam": [
                                {"name": name, "type": "date" if name == "_lastUpdated" else "special"}
                                for name in (*named, *(("code",) if kind == "Observation" else ()))
                            ],
                        }
                        for kind in self.owner.store.types
                    ],
                }
            ],
        }

    def _outcome(self, status: int, code: str, *, headers: dict[str, str] | None = None) -> None:
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}
        self._answer(status, orjson.dumps(outcome), headers=headers)

    def _answer(
        self, status: int, body: bytes, *, headers: dict[str, str] | None = None, announce: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/fhir+json; charset=utf-8")
        self.send_header("Content-Length", str(len(body) if announce is None else announce))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
