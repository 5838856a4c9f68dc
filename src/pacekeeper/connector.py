"""The connector API: declare streams and mappings, implement a read.

A connector knows its vendor, and neither Dagster nor dlt. Construction does no I/O; HTTP client, clock and settings
are passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from pacekeeper.errors import FatalError
from pacekeeper.stream import Page, Stream, Window

if TYPE_CHECKING:
    from pacekeeper.expr import RawTables, Table
    from pacekeeper.http import HttpConfig, SourceClient

#: The version of this API. A connector built for another major version is refused with a PluginError.
API_VERSION = 1


class ConnectorSettings(BaseModel):
    """Base of a connector's own settings: what `[sources.<name>]` holds besides `connector` and the common keys.

    Secrets are `pydantic.SecretStr`; unknown keys are refused. A source whose settings have changed is read whole once,
    unless only such have as `without_effect` names, or secrets.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    #: Names of settings that do not decide what a read finds: sizes of pages, time limits, where a key lies.
    without_effect: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **how: Any) -> None:
        super().__pydantic_init_subclass__(**how)
        strange = sorted(cls.without_effect - set(cls.model_fields))
        if strange:
            raise TypeError(f"{cls.__name__}.without_effect names {', '.join(strange)}, which it has no setting for")


S = TypeVar("S", bound=ConnectorSettings)
#: How far a read can be bounded: by what changed since and before, by what changed since, or not at all.
Reach: TypeAlias = Literal["window", "since", "all"]
MappingFunction = Callable[["RawTables"], "Table"]


@dataclass(frozen=True)
class EntityMapping:
    """How a connector's raw rows become canonical rows of one entity.

    of: the stream of which every current row gives exactly one row of the mapping's result; landing proves it.
    build: pure function from raw tables to a table with the entity's columns. Columns of the entity that it leaves
    out are null. A row that this entity does not want carries a reason in the extra column `out_of_scope` (null =
    wanted), so that nothing disappears uncounted.
    """

    entity: str
    of: str
    build: MappingFunction


@dataclass(frozen=True)
class Health:
    """What `pacekeeper check` found: ok, and what to tell a person. No client data."""

    ok: bool
    message: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceContext:
    """What a source hands its connector.

    source: the configured name, default_tz: IANA zone for local times without one (null = refuse them),
    clock: the only clock a connector may read. home: the folder that relative paths in settings start from.
    """

    source: str
    default_tz: str | None
    clock: Callable[[], datetime]
    home: Path = Path()


class Connector(Generic[S]):
    """Base of every connector. Subclass it, name it, declare `streams`, implement `read_stream` or `read`."""

    name: ClassVar[str]
    api_version: ClassVar[int] = API_VERSION
    settings_type: ClassVar[type[ConnectorSettings]] = ConnectorSettings
    #: Canonical value by vendor code, by name of the map; a site overrides single codes in its settings.
    value_maps: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    mappings: ClassVar[tuple[EntityMapping, ...]] = ()
    #: Why a test of the conformance suite does not apply, by name of the test; shown by `pacekeeper connectors`.
    conformance_skips: ClassVar[Mapping[str, str]] = {}
    #: What this connector cannot do, in sentences; listed in the generated connector matrix.
    known_limits: ClassVar[tuple[str, ...]] = ()
    #: How it proves itself to a source, in words; empty = by the secrets its settings name, if there are any.
    authentication: ClassVar[tuple[str, ...]] = ()
    streams: Sequence[Stream] = ()

    def __init__(self, settings: S, context: SourceContext, http: SourceClient | None = None) -> None:
        self.settings = settings
        self.context = context
        self._http = http

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.mappings = tuple(cls.mappings)

    @property
    def http(self) -> SourceClient:
        """The SDK's HTTP client, with this source's rate budget, retries and scrubbed logs."""
        if self._http is None:
            raise FatalError(f"source {self.context.source}: connector {self.name} was given no HTTP client")
        return self._http

    @property
    def http_or_none(self) -> SourceClient | None:
        """The HTTP client, where the connector has one."""
        return self._http

    @classmethod
    def maps(cls, entity: str, *, of: str) -> Callable[[MappingFunction], MappingFunction]:
        """Register a mapping to a canonical entity; see EntityMapping."""

        def register(build: MappingFunction) -> MappingFunction:
            cls.mappings = (*cls.mappings, EntityMapping(entity, of, build))
            return build

        return register

    @classmethod
    def http_config(cls, settings: S) -> HttpConfig | None:
        """Base URL and authentication of `self.http`; null for a connector that does not talk HTTP."""
        del settings
        return None

    def site_value_maps(self) -> Mapping[str, Mapping[str, str]]:
        """Value maps of the source, before the site's overrides."""
        return self.value_maps

    def site_files(self) -> Sequence[Path]:
        """Files of the site that decide what a read finds, such as a mapping file; one that changed is one more reason
        to read everything once more.
        """
        return ()

    def content_mark(self, window: Window) -> object | None:
        """What tells the content that a read would find from any other, without reading it: JSON-like.

        Of files their names, sizes and times. A source whose mark is the one of its last good read is not read.
        null: nothing tells, and every run reads. Raises what `read` raises.
        """
        del window
        return None

    def reach(self) -> Reach:
        """How far the source can be asked for what changed in a `Window`; `window` where it honours `before`."""
        tops = [stream for stream in self.streams if stream.child_of is None]
        return "since" if any(stream.cursor is not None for stream in tops) else "all"

    def entity_mappings(self) -> Sequence[EntityMapping]:
        """Mappings of this source; a connector whose mappings depend on its settings overrides this."""
        return self.mappings

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """Yield pages of the streams asked for. Override where one call to the vendor serves several streams."""
        for stream in streams:
            if stream.child_of is None:
                yield from self.read_stream(stream, window)

    def read_stream(self, stream: Stream, window: Window) -> Iterator[Page]:
        """Yield pages of one stream. Raise RetryableError, FatalError, ConfigError or DataError."""
        raise NotImplementedError(f"{type(self).__name__} implements neither read nor read_stream ({stream.name})")

    def check(self) -> Health:
        """One cheap call that proves settings and access; never raises for an unreachable source."""
        return Health(ok=True, message=f"{self.name} needs no connection")
