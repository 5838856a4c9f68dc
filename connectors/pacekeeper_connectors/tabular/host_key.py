"""Which SSH server is the right one: the one whose key is pinned in the settings, or that this machine knows."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from pacekeeper.errors import ConfigError


def known_host_policy(pinned: str | None) -> Any:  # Any: paramiko is imported only where it is used
    """A paramiko policy for a server whose key the process does not know. Nothing is trusted at first sight.

    pinned: `SHA256:...`, as `ssh-keygen -lf` prints it; null = the key has to be in ~/.ssh/known_hosts.
    """
    import paramiko  # type: ignore[import-untyped]  # it has no types

    class Pinned(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # for the same reason
        def missing_host_key(self, client: object, hostname: str, key: Any) -> None:
            if pinned is None:
                known = paramiko.HostKeys()
                file = Path("~/.ssh/known_hosts").expanduser()
                if file.is_file():
                    known.load(str(file))
                if known.check(hostname, key):
                    return
            elif fingerprint(key.asbytes()) == pinned.strip().rstrip("="):
                return
            del client
            raise ConfigError(
                f"the SSH server shows a key that is not {'known' if pinned is None else 'the pinned one'}: "
                f"{fingerprint(key.asbytes())}. Ask its operator whether that is right, then set `host_key` to it"
            )

    return Pinned()


def fingerprint(key: bytes) -> str:
    """A public key's fingerprint, as OpenSSH writes it."""
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"
