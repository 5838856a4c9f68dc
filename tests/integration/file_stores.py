"""Real file servers on loopback: SFTP by asyncssh, S3 by moto."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from pacekeeper_connectors.tabular.host_key import fingerprint

USER, PASSWORD = "reports", "sesame-7731"


class _Login(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        del username
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@dataclass(frozen=True)
class SftpSite:
    """A running server. host_key: the fingerprint of its key."""

    port: int
    host_key: str
    folder: Path

    @property
    def url(self) -> str:
        return f"sftp://127.0.0.1:{self.port}/exports"


@contextmanager
def sftp_server(folder: Path, client_key: asyncssh.SSHKey | None = None) -> Iterator[SftpSite]:
    """Serves `folder` as its root, in a thread of its own. client_key: whose holder may enter without a password."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    allowed: dict[str, Any] = {}
    if client_key is not None:
        allowed["authorized_client_keys"] = asyncssh.import_authorized_keys(client_key.export_public_key().decode())

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            _Login,
            "127.0.0.1",
            0,
            server_host_keys=[key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=bytes(folder)),
            **allowed,
        )

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield SftpSite(server.get_port(), fingerprint(key.public_data), folder / "exports")
    finally:

        async def stop() -> None:
            server.close()
            await server.wait_closed()

        asyncio.run_coroutine_threadsafe(stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of an empty S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


def fill_bucket(address: str, bucket: str, files: dict[str, bytes]) -> None:
    """Put files into a bucket, which is made where it is missing."""
    import boto3  # type: ignore[import-untyped]  # it has no types

    client = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1"
    )
    client.create_bucket(Bucket=bucket)
    for name, content in files.items():
        client.put_object(Bucket=bucket, Key=name, Body=content)
