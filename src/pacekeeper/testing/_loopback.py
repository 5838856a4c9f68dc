"""Listening on loopback: what every server for tests and demos does before it answers anything."""

from __future__ import annotations

import sys
import threading
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self


class QuietHandler(BaseHTTPRequestHandler):
    """One connection; `owner` is the server it belongs to. Subclasses answer."""

    owner: ClassVar[Any]  # a Loopback; subclasses say which
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Silence: a log line would hold ids."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The server's own time, so that nothing depends on the machine's clock."""
        del timestamp
        return format_datetime(self.owner.now, usegmt=True)


class Loopback:
    """Listens on an ephemeral port of 127.0.0.1 inside a `with` block, and hands every connection to `handler`."""

    handler: ClassVar[type[QuietHandler]]

    def __init__(self, *, port: int = 0) -> None:
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self._port = port
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def now(self) -> datetime:
        """What the `Date` header says."""
        raise NotImplementedError(f"{type(self).__name__} has no time")

    @property
    def root(self) -> str:
        """http://127.0.0.1:port"""
        if self._http is None:
            raise RuntimeError(f"the {type(self).__name__} is not running; use it in a `with` block or call start()")
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def start(self) -> Self:
        """Listen, in a thread of its own."""
        bound = type("BoundHandler", (self.handler,), {"owner": self})
        self.stopping.clear()
        self._http = _Server(("127.0.0.1", self._port), bound)
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
