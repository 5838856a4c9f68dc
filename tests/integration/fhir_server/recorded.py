"""Recorded exchanges of real servers, served over loopback."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import orjson


class RecordedServer:
    """Answers as recorded, by method and address; hosts in the bodies become its own.

    An address that was not recorded goes to `unrecorded`, a function of path and query that answers status and body.
    stamped: paths whose resources' lastUpdated is made anew for every answer, which is what the real server does.
    """

    def __init__(self, folder: Path, host: str, *, stamped: frozenset[str] = frozenset()) -> None:
        self.host = host
        self.requests: list[str] = []
        self._stamped = stamped
        self._answers: dict[str, tuple[int, Mapping[str, str], bytes]] = {}
        for file in sorted(folder.glob("*.json")):
            told = orjson.loads(file.read_bytes())
            if "request" in told:
                body = told["body"]
                text = body.encode() if isinstance(body, str) else orjson.dumps(body)
                parts = urlsplit(told["request"]["url"])
                address = f"{told['request']['method']} {parts.path}" + (f"?{parts.query}" if parts.query else "")
                self._answers[address] = (told["status"], told.get("headers", {}), text)
        self._http: ThreadingHTTPServer | None = None

    def put(self, address: str, body: bytes, *, status: int = 200) -> None:
        """Answer an address too, a GET."""
        self._answers[f"GET {address}"] = (status, {}, body)

    def unrecorded(self, path: str, query: str) -> tuple[int, bytes]:
        del path, query
        return 404, b""

    @property
    def root(self) -> str:
        assert self._http is not None
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def answer(self, method: str, target: str) -> tuple[int, Mapping[str, str], bytes]:
        self.requests.append(f"{method} {target}")
        parts = urlsplit(target)
        found = self._answers.get(f"{method} {target}")
        status, headers, body = found or (0, {}, b"")
        if found is None:
            status, body = self.unrecorded(parts.path, parts.query)
        if parts.path in self._stamped and body:
            body = self._stamp(body)
        own = {name: value.replace(self.host, self.root) for name, value in headers.items() if name != "Content-Length"}
        return status, own, body.replace(self.host.encode(), self.root.encode())

    def _stamp(self, body: bytes) -> bytes:
        bundle: dict[str, Any] = orjson.loads(body)
        made = datetime(2026, 11, 22, 16, 12, 6, tzinfo=UTC) + timedelta(seconds=len(self.requests))
        bundle["meta"] = {"lastUpdated": made.replace(tzinfo=None).isoformat()}
        for entry in bundle.get("entry", ()):
            entry["resource"]["meta"]["lastUpdated"] = made.isoformat()
        return orjson.dumps(bundle)

    def __enter__(self) -> Self:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, body = owner.answer(self.command, self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_DELETE = do_GET  # noqa: N815  http.server looks for these names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is inherited
                """Silence."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._http is not None
        self._http.shutdown()
        self._http.server_close()
