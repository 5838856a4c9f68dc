"""What a stream's rows were made by: its declaration, the source's time zone, settings and files, as short digests.

Where one of them changes, what has landed is no longer what a read would find now, and the stream is read whole again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from pacekeeper.connector import Connector, ConnectorSettings
from pacekeeper.stream import Stream

#: Parts of a stream's declaration that change no row: prose, and how far back a read reaches.
_WITHOUT_EFFECT = frozenset({"description", "lag"})
_NEVER_RECORDED = "it was read by a version that kept no record of its declaration"
_REASONS = {
    "declaration": "its declaration changed",
    "default_tz": "the source's default_tz changed",
    "settings": "the source's settings changed",
    "files": "a file that describes the source changed",
}


def fingerprints(connector: Connector[Any]) -> dict[str, str]:
    """Fingerprint by name of every stream that is no child; its children's declarations are part of it.

    Secrets in the settings have no part: a new token reads the same records.
    """
    streams = list(connector.streams)
    parts = f"default_tz={_digest(connector.context.default_tz)} settings={_digest(_plain(connector.settings))}"
    if files := connector.site_files():
        parts += f" files={_digest([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])}"
    return {
        stream.name: f"declaration={_digest(_plain(_family(stream, streams)))} {parts}"
        for stream in streams
        if stream.child_of is None
    }


def changed(before: str | None, now: str) -> str | None:
    """Why a stream has to be read whole again, in words; null where nothing changed."""
    if before is None:
        return _NEVER_RECORDED
    known = dict(part.split("=", 1) for part in before.split())
    found = [_REASONS[name] for name, digest in (p.split("=", 1) for p in now.split()) if known.get(name) != digest]
    return "; ".join(found) or None


def _family(stream: Stream, streams: Sequence[Stream]) -> list[Stream]:
    """The stream and all below it, by name."""
    names = {stream.name}
    for _ in streams:
        names |= {other.name for other in streams if other.child_of in names}
    return sorted((other for other in streams if other.name in names), key=lambda other: other.name)


def _plain(value: Any) -> Any:  # Any: whatever a declaration or a settings type holds
    """The value in what JSON knows, without secrets, in an order that does not depend on the process."""
    if isinstance(value, SecretStr | SecretBytes):
        return None
    if isinstance(value, BaseModel):
        idle = value.without_effect if isinstance(value, ConnectorSettings) else frozenset()
        return {name: _plain(getattr(value, name)) for name in sorted({*type(value).model_fields} - idle)}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in _WITHOUT_EFFECT}
        return {"type": type(value).__name__, **parts}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=json.dumps)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
