"""What a connector promises: its settings and streams as data, and what a new version takes away from a released one.

A snapshot is kept beside a connector's code as `released.json`, written when a version is released.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pacekeeper import registry
from pacekeeper.columns import Column, Key, MatchKey, Ref
from pacekeeper.connector import Connector
from pacekeeper.errors import ConfigError
from pacekeeper.stream import Stream

FILE_NAME = "released.json"
#: Parts of a stream of which a change is none of the columns', and breaks raw tables or their history all the same.
_STREAM_PARTS = ("key", "child_of", "explode")

Snapshot = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True)
class Comparison:
    """A connector against a snapshot. breaking: what was removed or changed its type. added: what is new."""

    breaking: tuple[str, ...]
    added: tuple[str, ...]


def snapshot(name: str) -> Snapshot:
    """Settings, streams and entities of the installed connector `name`; PluginError where it does not load.

    streams is null where they depend on the settings of a source.
    """
    entry = next(iter(one for one in registry.available() if one.name == name), None)
    found = registry.load(name)
    streams = found.streams if isinstance(found.streams, tuple | list) and found.streams else None
    return {
        "connector": name,
        "distribution": entry.distribution if entry is not None else "unknown",
        "version": entry.version if entry is not None else "unknown",
        "api_version": found.api_version,
        "settings": _settings(found),
        "streams": None if streams is None else {stream.name: _stream(stream) for stream in streams},
        "entities": sorted({mapping.entity for mapping in found.mappings}),
    }


def snapshot_text(taken: Snapshot) -> str:
    """A snapshot as it is kept: sorted, so that two of them can be compared line by line."""
    return json.dumps(taken, indent=2, sort_keys=True) + "\n"


def released(name: str) -> Snapshot | None:
    """The snapshot in the package of a connector's class; null where none was released, or it is in no package."""
    package = sys.modules[registry.load(name).__module__].__package__
    if not package:
        return None
    kept = resources.files(package) / FILE_NAME
    return _parsed(kept.read_text(encoding="utf-8"), str(kept)) if kept.is_file() else None


def read_snapshot(path: Path) -> Snapshot:
    """A snapshot from a file. Raises ConfigError where it is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"snapshot {path} cannot be read ({type(error).__name__}): name the file of one") from None
    return _parsed(text, str(path))


def compare(before: Snapshot, now: Snapshot) -> Comparison:
    """What `now` takes away from `before`, and what it adds."""
    breaking = [*_settings_broken(before["settings"], now["settings"])]
    added = [f"setting {name}" for name in now["settings"] if name not in before["settings"]]
    if before["api_version"] != now["api_version"]:
        breaking.append(f"api_version is {now['api_version']}, it was {before['api_version']}")
    breaking += [f"entity {name} is no longer mapped" for name in before["entities"] if name not in now["entities"]]
    added += [f"entity {name}" for name in now["entities"] if name not in before["entities"]]
    old, new = before["streams"] or {}, now["streams"] or {}
    if before["streams"] is not None and now["streams"] is None:
        breaking.append("streams depend on settings now, so that none can be promised")
        return Comparison(tuple(breaking), tuple(added))
    for name, stream in old.items():
        if name not in new:
            breaking.append(f"stream {name} was removed")
            continue
        breaking += [f"stream {name}: {text}" for text in _stream_broken(stream, new[name])]
        added += [f"column {name}.{column}" for column in new[name]["columns"] if column not in stream["columns"]]
    added += [f"stream {name}" for name in new if name not in old]
    return Comparison(tuple(breaking), tuple(added))


def _parsed(text: str, where: str) -> Snapshot:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {"settings", "streams", "entities", "api_version"} <= set(found):
        raise ConfigError(f"{where} is no snapshot: write one with `pacekeeper connectors snapshot <name>`")
    return found


def _settings_broken(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, setting in before.items():
        if name not in now:
            yield f"setting {name} was removed"
        elif now[name]["type"] != setting["type"]:
            yield f"setting {name} is {now[name]['type']}, it was {setting['type']}"
        elif now[name]["required"] and not setting["required"]:
            yield f"setting {name} is required now"
    for name, setting in now.items():
        if name not in before and setting["required"]:
            yield f"setting {name} is new and required: give it a default"


def _stream_broken(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for part in _STREAM_PARTS:
        if before[part] != now[part]:
            yield f"{part} is {now[part]}, it was {before[part]}"
    if before["cursor"] is not None and now["cursor"] is None:
        yield f"cursor {before['cursor']} was removed: every read is one of everything"
    if before["deletes"] != "none" and now["deletes"] == "none":
        yield "deletions are no longer found"
    for name, kind in before["columns"].items():
        if name not in now["columns"]:
            yield f"column {name} was removed"
        elif now["columns"][name] != kind:
            yield f"column {name} is {now['columns'][name]}, it was {kind}"


def _settings(connector: type[Connector[Any]]) -> dict[str, Any]:
    schema = connector.settings_type.model_json_schema()
    required, definitions = schema.get("required", []), schema.get("$defs", {})
    return {
        name: {"type": _type_of(part, definitions), "required": name in required}
        for name, part in schema.get("properties", {}).items()
    }


def _type_of(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A JSON schema's type in one line; limits and texts left out."""
    if "$ref" in part:
        return _type_of(definitions[part["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in part:
        return " or ".join(sorted({_type_of(one, definitions) for one in part["anyOf"]}))
    if "const" in part or "enum" in part:
        return "one of " + ", ".join(sorted(str(value) for value in part.get("enum", [part.get("const")])))
    if part.get("type") == "array":
        return f"list of {_type_of(part.get('items', {}), definitions)}"
    if part.get("type") == "object" and "properties" in part:
        inner = (f"{name}: {_type_of(one, definitions)}" for name, one in sorted(part["properties"].items()))
        return "{" + ", ".join(inner) + "}"
    return str(part.get("format") or part.get("type") or "anything")


def _stream(stream: Stream) -> dict[str, Any]:
    return {
        "key": stream.key,
        "cursor": stream.cursor,
        "deletes": stream.deletes,
        "child_of": stream.child_of,
        "explode": stream.explode,
        "columns": {name: _column(column) for name, column in stream.columns.items()},
    }


def _column(column: Column) -> str:
    kind = type(column).__name__
    match column:
        case Key(entity=entity) | Ref(entity=entity):
            kind = f"{kind}({entity})"
        case MatchKey(domain=domain):
            kind = f"{kind}({domain})"
    return f"{kind}, required" if column.required else kind
