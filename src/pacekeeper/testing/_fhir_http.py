"""The HTTP side of the loopback FHIR server."""

from __future__ import annotations

import socket
import struct
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import orjson

from pacekeeper.testing._fhir_export_http import answer_cancel, answer_export, is_export
from pacekeeper.testing._fhir_store import UnknownParameter, empty_bundle, history_bundle
from pacekeeper.testing._fhir_tokens import ASSERTION_TYPE, client_of
from pacekeeper.testing._loopback import QuietHandler

if TYPE_CHECKING:
    from pacekeeper.testing.fhir_server import FhirServer

SEARCH_PARAMETERS = ("_id", "_lastUpdated", "_sort", "_count")
_CONFIGURATION = "/.well-known/smart-configuration"


class Handler(QuietHandler):
    """One connection; `owner` is the server it belongs to."""

    owner: ClassVar[FhirServer]

    def do_GET(self) -> None:  # noqa: N802  http.server looks for this name
        parts = urlsplit(self.path)
        self._count(parts.path)
        if parts.path == "/fhir/metadata":
            self.answer(200, orjson.dumps(self._capability()))
            return
        if parts.path.endswith(_CONFIGURATION):
            self._answer_configuration(parts.path)
            return
        is_file = parts.path.startswith("/files/")
        if not parts.path.startswith("/fhir/") and not is_file:
            self.outcome(404, "not-found")
            return
        with self.owner.lock:
            is_open = is_file and self.owner.faults.export.signed
            welcome = is_open or self.owner.tokens.accepts(self.headers.get("Authorization"), self.owner.faults)
            is_data = welcome and not is_export(parts.path)
            self.owner.data_calls += is_data
            number = self.owner.data_calls
        if not welcome:
            self.outcome(401, "login", headers={"WWW-Authenticate": "Bearer"})
            return
        if is_export(parts.path):
            answer_export(self, self.owner, parts.path, parts.query)
            return
        kind, _, identity = parts.path.removeprefix("/fhir/").partition("/")
        if self._show_fault(number, kind):
            return
        if identity == "_history" or identity.endswith("/_history"):
            body = self._history(kind, unquote(identity.removesuffix("_history").rstrip("/")), parts.query)
        else:
            body = self._read(kind, unquote(identity)) if identity else self._search(kind, parts.query, number)
        if body is None:
            return
        if number in self.owner.faults.truncate_on:
            self.answer(200, body[: len(body) // 2], announce=len(body))
            self.close_connection = True
            return
        self.answer(200, body)

    def do_POST(self) -> None:  # noqa: N802  http.server looks for this name
        parts = urlsplit(self.path)
        self._count(parts.path)
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
        if parts.path != "/auth/token":
            self.outcome(404, "not-found")
        else:
            self._answer_token(form)

    def do_DELETE(self) -> None:  # noqa: N802  http.server looks for this name
        parts = urlsplit(self.path)
        self._count(f"DELETE {parts.path}")
        with self.owner.lock:
            welcome = self.owner.tokens.accepts(self.headers.get("Authorization"), self.owner.faults)
        if welcome:
            answer_cancel(self, self.owner, parts.path)
        else:
            self.outcome(401, "login", headers={"WWW-Authenticate": "Bearer"})

    def _answer_token(self, form: dict[str, list[str]]) -> None:
        owner, faults = self.owner, self.owner.faults
        with owner.lock:
            owner.tokens.requests += 1
            number = owner.tokens.requests
            if "client_assertion" in form:
                is_ours = form.get("client_assertion_type") == [ASSERTION_TYPE] and owner.tokens.use_assertion(
                    form["client_assertion"][0], owner.jwks, client_id=owner.client_id, audience=owner.token_url
                )
            else:
                given = client_of(self.headers.get("Authorization"), form)
                is_ours = given == (owner.client_id, owner.client_secret)
        if number in faults.token_500_on:
            self.outcome(500, "transient")
        elif faults.token_error is not None:
            text = f'{{"error":"{faults.token_error}","error_description":"Canary assertion {form}"}}'
            self.answer(400, text.encode())
        elif form.get("grant_type") != ["client_credentials"]:
            self.answer(400, b'{"error":"unsupported_grant_type"}')
        elif not is_ours:
            self.answer(401, b'{"error":"invalid_client"}', headers={"WWW-Authenticate": "Basic"})
        else:
            scope = form.get("scope", [""])[0]
            with owner.lock:
                token = owner.tokens.issue(scope)
            lifetime = faults.token_seconds
            answer = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime or 3600, "scope": scope}
            self.answer(200, orjson.dumps(answer))

    def _answer_configuration(self, path: str) -> None:
        here = _CONFIGURATION if self.owner.faults.configuration_at_root else "/fhir" + _CONFIGURATION
        if path != here:
            self.outcome(404, "not-found")
            return
        configuration = {
            "token_endpoint": self.owner.token_url,
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
            "scopes_supported": ["system/*.rs"],
            "capabilities": ["client-confidential-asymmetric", "permission-v2"],
        }
        self.answer(200, orjson.dumps(configuration))

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
            self.outcome(429, "throttled", headers={"Retry-After": str(faults.retry_after)})
        elif number in faults.error_500_on:
            self.outcome(500, "transient")
        elif number in faults.error_503_on:
            self.outcome(503, "transient")
        elif kind in faults.fail:
            self.outcome(500, "exception")
        elif kind in faults.forbid:
            self.outcome(403, "forbidden")
        elif number in faults.expired_on:
            self.outcome(410, "expired")
        else:
            return False
        return True

    def _read(self, kind: str, identity: str) -> bytes | None:
        status, body = self.owner.store.read(kind, identity)
        if body is None:
            self.outcome(status, "deleted" if status == 410 else "not-found")
        return body

    def _history(self, kind: str, identity: str, query: str) -> bytes | None:
        if ("instance" if identity else "type") not in self.owner.faults.history:
            self.outcome(404, "not-found")
            return None
        since = parse_qs(query).get("_since")
        store = self.owner.store
        found = store.history(kind, identity or None, since=datetime.fromisoformat(since[0]) if since else None)
        return history_bundle(found, base=self.owner.url, now=store.clock)

    def _search(self, kind: str, query: str, number: int) -> bytes | None:
        faults, store, base = self.owner.faults, self.owner.store, self.owner.url
        parameters = parse_qsl(query, keep_blank_values=True)
        asked = f"?{query}" if query else ""
        emptied = faults.unsupported | faults.lies.get(kind, frozenset())
        if kind in faults.empty or any(name in emptied for name, _ in parameters):
            return empty_bundle(kind, base=base, query=asked, now=store.clock)
        cursor = dict(parameters).get("_cursor")
        if cursor is None:
            try:
                cursor = store.search(kind, parameters, query=asked, is_paged=kind not in faults.unpaged)
            except UnknownParameter:
                self.outcome(400, "not-supported")
                return None
        body = store.page(
            kind,
            cursor,
            base=base,
            repeat_next=kind in faults.repeat_next,
            overlap=kind in faults.overlap,
            drop_one=number in faults.entry_429_on,
            stamp=store.clock + timedelta(seconds=number) if kind in faults.volatile else None,
        )
        if body is None:
            self.outcome(410, "expired")
        return body

    def _count(self, path: str) -> None:
        with self.owner.lock:
            self.owner.calls[path] += 1
            self.owner.requests.append(self.path)

    def _capability(self) -> dict[str, object]:
        named = [name for name in SEARCH_PARAMETERS if name not in self.owner.faults.unsupported]
        history = self.owner.faults.history
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": self.owner.store.clock.isoformat(),
            "kind": "instance",
            "fhirVersion": "4.0.1",
            "format": ["json"],
            "rest": [
                {
                    "mode": "server",
                    "resource": [
                        {
                            "type": kind,
                            "interaction": [
                                {"code": code}
                                for code in ("read", "search-type", *sorted(f"history-{level}" for level in history))
                            ],
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

    def outcome(self, status: int, code: str, *, headers: dict[str, str] | None = None) -> None:
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}
        self.answer(status, orjson.dumps(outcome), headers=headers)

    def answer(
        self,
        status: int,
        body: bytes,
        *,
        headers: dict[str, str] | None = None,
        announce: int | None = None,
        kind: str = "application/fhir+json; charset=utf-8",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if self.owner.faults.rate_limit is not None:
            self.send_header("RateLimit", self.owner.faults.rate_limit)
        self.send_header("Content-Length", str(len(body) if announce is None else announce))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
