"""A real HTTP server on loopback, in a thread, that asks its owner for every answer."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

#: The time every server says it is, unless told otherwise: nothing depends on the machine's clock.
DEFAULT_NOW = datetime(2026, 2, 1, tzinfo=UTC)
#: Headers that a handler sets itself.
_OWN_HEADERS = frozenset({"content-length", "date", "server", "transfer-encoding", "connection"})


@dataclass(frozen=True)
class Call:
    """One request. number: its place among the calls that were let in, from 1; 0 = not let in.

    target: path with query as sent. path_values: what stands in the place of `{name}` in the endpoint's path.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    number: int = 0
    path_values: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters in the address; of one that is given twice, the last."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a form in the body; of one that is given twice, the last."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cached_property
    def json(self) -> Any:  # Any: JSON
        """The JSON document in the body; null where there is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer. content: JSON, or bytes as they are. cut: half the body, then the connection ends.

    reset: no answer, the connection is reset. hang_seconds: silence so long, then the connection ends.
    """

    status: int = 200
    content: Any = None  # Any: JSON, or bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    reset: bool = False
    hang_seconds: float = 0.0

    @property
    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else orjson.dumps(self.content)


class LoopbackServer:
    """Listens at `url` on an ephemeral port of 127.0.0.1 inside a `with` block; subclasses answer.

    requests: every call so far, in order. now: what the `Date` header says.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.requests: list[Call] = []
        self.now = DEFAULT_NOW
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self._port = port
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def answer(self, call: Call) -> Reply:
        """The answer to one call."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """http://127.0.0.1:port"""
        if self._http is None:
            raise RuntimeError(f"the {type(self).__name__} is not running; use it in a `with` block or call start()")
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def start(self) -> Self:
        """Listen, in a thread of its own."""
        handler = type("BoundHandler", (_Handler,), {"owner": self})
        self.stopping.clear()
        self._http = _Server(("127.0.0.1", self._port), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening; calls that hang are let go."""
        self.stopping.set()
        if self._http is not None and self._thread is not None:
            self._http.shutdown()
            self._http.server_close()
            self._thread.join(timeout=5)
            self._http = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # Any: socketserver's own signature
        """Clients that go away are part of the tests, not news; anything else is a fault of this server."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection; `owner` is the server it belongs to."""

    owner: ClassVar[LoopbackServer]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Silence: a log line would hold ids."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        del timestamp
        return format_datetime(self.owner.now, usegmt=True)

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, self.path, headers, self.rfile.read(length) if length else b"")
        self._send(self.owner.answer(call))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _do  # noqa: N815  the base class names them so

    def _send(self, reply: Reply) -> None:
        if reply.hang_seconds:
            self.owner.stopping.wait(reply.hang_seconds)
            self.close_connection = True
            return
        if reply.reset:
            # Lingering for zero seconds makes close() send RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        body = reply.body
        self.send_response(reply.status)
        given = {name: value for name, value in reply.headers.items() if name.lower() not in _OWN_HEADERS}
        if "content-type" not in {name.lower() for name in given}:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        for name, value in given.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if reply.cut else body)
        self.wfile.flush()
        self.close_connection = self.close_connection or reply.cut
