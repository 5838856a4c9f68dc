"""Real receivers on loopback: an SMTP server, and a web server that takes notices as JSON."""

from __future__ import annotations

import email
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Mailbox:
    """What arrived by mail: subject and text, and for whom."""

    port: int = 0
    mails: list[tuple[str, str, str]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        del server, session
        mail = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        body = mail.get_body(("plain", "html"))
        assert body is not None
        self.mails.append((envelope.rcpt_tos[0], str(mail["Subject"]), str(body.get_content())))
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    box = Mailbox()
    # The library asks itself for an answer at the port it was given, so that 0 will not do.
    with socket.create_server(("127.0.0.1", 0)) as free:
        box.port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Webhook:
    """What arrived by web: path, title and text. answer: the status it gives."""

    port: int = 0
    answer: int = 200
    notices: list[tuple[str, str, str]] = field(default_factory=list)
    calls: int = 0

    def to(self, path: str) -> list[str]:
        """Texts that arrived at a path."""
        return [text for at, _, text in self.notices if at == path]


@contextmanager
def webhook_server() -> Iterator[Webhook]:
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.calls += 1
            if hook.answer == 200:
                hook.notices.append((self.path, said["title"], said["message"]))
            self.send_response(hook.answer)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
