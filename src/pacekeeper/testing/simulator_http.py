"""A real HTTP server on loopback, in a thread, that asks its owner for every answer."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from pacekeeper.testing._loopback import Loopback, QuietHandler

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


class _Handler(QuietHandler):
    owner: ClassVar[LoopbackServer]

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


class LoopbackServer(Loopback):
    """Listens at `url` on an ephemeral port of 127.0.0.1 inside a `with` block; subclasses answer.

    requests: every call so far, in order. now: what the `Date` header says.
    """

    handler = _Handler
    now: datetime = DEFAULT_NOW

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.requests: list[Call] = []

    def answer(self, call: Call) -> Reply:
        """The answer to one call."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """http://127.0.0.1:port"""
        return self.root
