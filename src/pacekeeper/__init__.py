"""Pacekeeper's SDK: what a connector author imports.

Mappings use `pacekeeper.expr`; the HTTP client's types are loaded when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pacekeeper.columns import (
    Area,
    BirthYear,
    Boolean,
    Code,
    Column,
    Date,
    Decimal,
    Instant,
    Integer,
    Key,
    LocalTime,
    MatchKey,
    Ref,
    RefSet,
)
from pacekeeper.connector import API_VERSION, Connector, ConnectorSettings, EntityMapping, Health, SourceContext
from pacekeeper.errors import (
    ConfigError,
    DataError,
    FatalError,
    PacekeeperError,
    PluginError,
    PolicyError,
    RetryableError,
)
from pacekeeper.stream import Incomplete, JsonLines, Keep, Page, Rejected, Stream, Window

if TYPE_CHECKING:
    from pacekeeper.http import BearerToken, ClientCredentials, HttpConfig, SourceClient

__all__ = [
    "API_VERSION",
    "Area",
    "BearerToken",
    "BirthYear",
    "Boolean",
    "ClientCredentials",
    "Code",
    "Column",
    "ConfigError",
    "Connector",
    "ConnectorSettings",
    "DataError",
    "Date",
    "Decimal",
    "EntityMapping",
    "FatalError",
    "Health",
    "HttpConfig",
    "Incomplete",
    "Instant",
    "Integer",
    "JsonLines",
    "Keep",
    "Key",
    "LocalTime",
    "MatchKey",
    "PacekeeperError",
    "Page",
    "PluginError",
    "PolicyError",
    "Ref",
    "RefSet",
    "Rejected",
    "RetryableError",
    "SourceClient",
    "SourceContext",
    "Stream",
    "Window",
]

_HTTP_NAMES = ("BearerToken", "ClientCredentials", "HttpConfig", "SourceClient")


def __getattr__(name: str) -> object:
    # httpx takes a quarter of a second to import, and most commands never call a server.
    if name in _HTTP_NAMES:
        return getattr(import_module("pacekeeper.http"), name)
    raise AttributeError(name)
