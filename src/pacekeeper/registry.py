"""The connectors that are installed: found by entry points, loaded only when a source names them.

A distribution registers one in the entry-point group `pacekeeper.connectors`. Listing imports nothing; whatever is
wrong with one plugin becomes a PluginError about that plugin, and touches no other.
"""

from __future__ import annotations

import difflib
import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from pacekeeper.connector import API_VERSION, Connector, ConnectorSettings, SourceContext
from pacekeeper.errors import ConfigError, PluginError
from pacekeeper.privacy import code_text, describe
from pacekeeper.stream import Stream, check_streams

if TYPE_CHECKING:
    from pacekeeper.http import SourceClient
    from pacekeeper.settings import Settings, SourceSettings

GROUP = "pacekeeper.connectors"
#: Makes the connector of a source, as `build_source` does: name, its settings, all settings, clock.
Builder: TypeAlias = "Callable[[str, SourceSettings, Settings, Callable[[], datetime]], Connector[Any]]"
_UNKNOWN = "unknown"


@dataclass(frozen=True, order=True)
class ConnectorEntry:
    """One registered connector. value: where its class is, as `module:Class`."""

    name: str
    distribution: str
    version: str
    value: str


def available() -> list[ConnectorEntry]:
    """Every registered connector, sorted by name; names registered twice appear twice. Imports nothing."""
    return list(_available(tuple((place, _changed_at(place)) for place in sys.path)))


def _changed_at(place: str) -> int:
    """When a folder of the import path got or lost a distribution; 0 where it is no folder."""
    try:
        return Path(place or ".").stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=1)
def _available(places: tuple[tuple[str, int], ...]) -> tuple[ConnectorEntry, ...]:
    """Reading what every distribution registers takes long, and a night asks for every source several times."""
    del places
    found: dict[str, list[ConnectorEntry]] = {}
    for position, distribution in enumerate(metadata.distributions()):
        name, version = _identity(distribution)
        # The first on the path is the one that is imported; an older copy behind it does not count. Distributions so
        # damaged that they have no name are no copies of each other.
        copies = f"{_UNKNOWN} {position}" if name == _UNKNOWN else re.sub(r"[-_.]+", "-", name).lower()
        if copies not in found:
            found[copies] = _entries(distribution, name, version)
    return tuple(sorted(entry for entries in found.values() for entry in entries))


def load(name: str) -> type[Connector[Any]]:
    """The connector class registered as `name`; PluginError says which plugin is at fault, why, and what to do."""
    return _loaded(_entry(name))


def build_source(
    name: str, source: SourceSettings, settings: Settings, clock: Callable[[], datetime]
) -> Connector[Any]:
    """The connector of source `name`, with validated settings and an HTTP client where it wants one. Does no I/O.

    Raises ConfigError for settings that a person must edit, PluginError for a plugin at fault.
    """
    entry = _entry(source.connector)
    connector_type = _loaded(entry)
    from pacekeeper.settings import connector_settings

    context = SourceContext(source=name, default_tz=source.default_tz, clock=clock, home=settings.home)
    with _faults_of(entry, f"source {name} cannot be set up"):
        own = connector_settings(connector_type, name, source, file=settings.file)
        http = _client(connector_type, own, name, source)
        connector = connector_type(own, context, http)
        streams = tuple(connector.streams)
        _check_stream_types(entry, streams)
        check_streams(streams, connector=entry.name)
        if source.value_maps:
            from pacekeeper.value_maps import merged_value_maps

            merged_value_maps(name, connector.site_value_maps(), source.value_maps)
    return connector


def _identity(distribution: metadata.Distribution) -> tuple[str, str]:
    try:
        told = distribution.metadata  # read once: `name` and `version` would each read the file
        return told["Name"] or _UNKNOWN, told["Version"] or _UNKNOWN
    except Exception:  # noqa: BLE001  a damaged distribution is still listed; metadata raises whatever it likes
        return _UNKNOWN, _UNKNOWN


def _entries(distribution: metadata.Distribution, name: str, version: str) -> list[ConnectorEntry]:
    try:
        points = [point for point in distribution.entry_points if point.group == GROUP]
    except Exception:  # noqa: BLE001  an entry_points.txt that cannot be parsed must not hide other plugins
        return []
    return [ConnectorEntry(point.name, name, version, point.value) for point in points]


def _entry(name: str) -> ConnectorEntry:
    entries = available()
    named = [entry for entry in entries if entry.name == name]
    if len(named) == 1:
        return named[0]
    if named:
        raise PluginError(
            connector=name,
            distribution=" and ".join(entry.distribution for entry in named),
            version=" and ".join(entry.version for entry in named),
            reason="registered more than once, so that it is not clear which one is meant",
            fix=f"uninstall all but one: {', '.join(sorted({entry.distribution for entry in named}))}",
        )
    names = sorted({entry.name for entry in entries})
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise PluginError(
        connector=name,
        distribution="none",
        version="none",
        reason=f"not installed; installed are {', '.join(names) or 'no connectors at all'}",
        fix=f"{hint}correct `connector` in the source's settings, or install the distribution that registers it",
    )


def _loaded(entry: ConnectorEntry) -> type[Connector[Any]]:
    found = _connector_class(entry, _imported(entry))
    with _faults_of(entry, "its declarations cannot be read"):
        _check_declarations(entry, found)
    return found


def _imported(entry: ConnectorEntry) -> Any:
    module_name, _, attribute = entry.value.partition(":")
    attribute = attribute.partition("[")[0].strip()
    if not attribute or not module_name.strip():
        _refuse(entry, f"its entry point {entry.value!r} is not of the form module:Class", _REPORT)
    try:
        module: Any = importlib.import_module(module_name.strip())
    except ModuleNotFoundError as error:
        missing = error.name or "unknown"
        if module_name == missing or module_name.startswith(missing + "."):
            _refuse(entry, f"its module {missing} does not exist", "reinstall it, or report this to its author")
        _refuse(entry, f"it needs the module {missing}, which is not installed", f"install what provides {missing}")
    except ImportError as error:
        wanted = error.name or "another module"
        _refuse(entry, f"what it imports from {wanted} is not there", f"install the version of {wanted} it asks for")
    except (Exception, SystemExit) as error:  # noqa: BLE001  one of the two plugin borders
        _refuse(entry, f"importing {module_name} failed with {describe(error)}", _REPORT)
    try:
        for part in attribute.split("."):
            module = getattr(module, part)
    except AttributeError:
        _refuse(entry, f"its module {module_name} has no {attribute}", "reinstall it, or report this to its author")
    return module


_REPORT = "update or uninstall the distribution, or report this to its author"


def _connector_class(entry: ConnectorEntry, found: Any) -> type[Connector[Any]]:
    if not (isinstance(found, type) and issubclass(found, Connector)):
        _refuse(entry, f"{entry.value} is no subclass of pacekeeper.Connector", "register the connector class itself")
    version = found.api_version
    if not isinstance(version, int) or isinstance(version, bool):
        _refuse(entry, "its api_version is no whole number", f"set api_version = {API_VERSION}")
    if version != API_VERSION:
        older, newer = (
            ("the distribution", "Pacekeeper") if version < API_VERSION else ("Pacekeeper", "the distribution")
        )
        _refuse(
            entry,
            f"it is built for connector API {version}, this is connector API {API_VERSION}",
            f"update {older}, or install an older version of {newer}",
        )
    return found


def _check_declarations(entry: ConnectorEntry, found: type[Connector[Any]]) -> None:
    name = getattr(found, "name", None)
    if name != entry.name:
        shown = repr(name) if isinstance(name, str) else "no text"
        _refuse(entry, f"its class has the name {shown}", f"set name = {entry.name!r}, as it is registered")
    if not (isinstance(found.settings_type, type) and issubclass(found.settings_type, ConnectorSettings)):
        _refuse(entry, "its settings_type is no subclass of pacekeeper.ConnectorSettings", "derive it from that")
    if found.read is Connector.read and found.read_stream is Connector.read_stream:
        _refuse(entry, "it implements neither read nor read_stream", "implement one of the two")
    _check_texts(entry, found)
    streams = found.streams
    if isinstance(streams, property | cached_property):  # depends on settings; build_source checks the instance
        return
    _check_stream_types(entry, streams)
    check_streams(streams, connector=entry.name)
    declared = {stream.name for stream in streams}
    for mapping in found.mappings if streams else ():
        if mapping.of.removesuffix("@versions") not in declared:
            _refuse(
                entry,
                f"its mapping to {mapping.entity} is of stream {mapping.of!r}, which is not declared",
                f"use one of {', '.join(sorted(declared))}",
            )


def _check_texts(entry: ConnectorEntry, found: type[Connector[Any]]) -> None:
    """What is shown to people about a connector is there in the form in which it is shown."""
    for name in ("known_limits", "authentication"):
        texts = getattr(found, name)
        if not (isinstance(texts, tuple | list) and all(isinstance(text, str) for text in texts)):
            _refuse(entry, f"its {name} is no sequence of texts", f'set {name} = ("...",)')
    skips = found.conformance_skips
    if not isinstance(skips, Mapping) or not all(isinstance(why, str) and why.strip() for why in skips.values()):
        _refuse(
            entry,
            "its conformance_skips has an entry without a written reason",
            'set conformance_skips = {"<name of the test>": "<why it does not apply>"}',
        )


def _check_stream_types(entry: ConnectorEntry, streams: Any) -> None:
    if not isinstance(streams, tuple | list) or not all(isinstance(stream, Stream) for stream in streams):
        _refuse(entry, "its streams are no sequence of pacekeeper.Stream", "declare streams = (Stream(...), ...)")


def _client(
    connector: type[Connector[Any]], own: ConnectorSettings, name: str, source: SourceSettings
) -> SourceClient | None:
    config = connector.http_config(own)
    if config is None:
        return None
    from pacekeeper.http import SourceClient

    return SourceClient(config, source=name, requests_per_second=source.requests_per_second)


@contextmanager
def _faults_of(entry: ConnectorEntry, doing: str) -> Iterator[None]:
    """Every error of the plugin's code as a PluginError about it; its ConfigErrors stay ConfigErrors."""
    try:
        yield
    except PluginError as error:
        raise PluginError(
            connector=entry.name,
            distribution=entry.distribution,
            version=entry.version,
            reason=error.reason if _reason_is_ours(error) else describe(error),
            fix=error.fix if _reason_is_ours(error) else _REPORT,
        ) from None
    except ConfigError as error:
        if code_text(error) == str(error):
            raise error from None
        raise ConfigError(f"{doing}: {code_text(error) or describe(error)}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  one of the two plugin borders
        _refuse(entry, f"{doing}: {describe(error)}", _REPORT)


def _reason_is_ours(error: PluginError) -> bool:
    return code_text(error) == str(error)


def _refuse(entry: ConnectorEntry, reason: str, fix: str) -> NoReturn:
    raise PluginError(
        connector=entry.name, distribution=entry.distribution, version=entry.version, reason=reason, fix=fix
    ) from None
