"""What tests and demos share: simulators, the synthetic practice, its FHIR server, canaries, the conformance suite."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pacekeeper.testing._answers import PlantedBreach
    from pacekeeper.testing.canary import plant
    from pacekeeper.testing.conformance import (
        SOURCE,
        ConnectorSuite,
        Corpus,
        Folder,
        Night,
        NoRow,
        Row,
        Server,
        Site,
        local,
    )
    from pacekeeper.testing.fhir_server import ExportFaults, Faults, FhirServer
    from pacekeeper.testing.practice import Practice, build_practice
    from pacekeeper.testing.simulator import Endpoint, Simulator
    from pacekeeper.testing.simulator_auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth, OAuthAuth
    from pacekeeper.testing.simulator_http import DEFAULT_NOW, Call, LoopbackServer, Reply
    from pacekeeper.testing.simulator_paging import (
        CursorPages,
        LinkedPages,
        LinkHeaderPages,
        NoPages,
        NumberedPages,
        OffsetPages,
    )
    from pacekeeper.testing.simulator_replay import Live, Recorder, Replay
    from pacekeeper.testing.source_tree import installed_from

__all__ = [
    "DEFAULT_NOW",
    "SOURCE",
    "ApiKeyAuth",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "Call",
    "ConnectorSuite",
    "Corpus",
    "CursorPages",
    "Endpoint",
    "ExportFaults",
    "Faults",
    "FhirServer",
    "Folder",
    "LinkHeaderPages",
    "LinkedPages",
    "Live",
    "LoopbackServer",
    "Night",
    "NoPages",
    "NoRow",
    "NumberedPages",
    "OAuthAuth",
    "OffsetPages",
    "PlantedBreach",
    "Practice",
    "Recorder",
    "Replay",
    "Reply",
    "Row",
    "Server",
    "Simulator",
    "Site",
    "build_practice",
    "installed_from",
    "local",
    "plant",
]

_HOMES = {
    "ApiKeyAuth": "simulator_auth",
    "Auth": "simulator_auth",
    "BasicAuth": "simulator_auth",
    "BearerAuth": "simulator_auth",
    "Call": "simulator_http",
    "ConnectorSuite": "conformance",
    "Corpus": "conformance",
    "CursorPages": "simulator_paging",
    "DEFAULT_NOW": "simulator_http",
    "Endpoint": "simulator",
    "ExportFaults": "_faults",
    "Faults": "_faults",
    "FhirServer": "fhir_server",
    "Folder": "conformance",
    "LinkHeaderPages": "simulator_paging",
    "LinkedPages": "simulator_paging",
    "Live": "simulator_replay",
    "LoopbackServer": "simulator_http",
    "Night": "conformance",
    "NoPages": "simulator_paging",
    "NoRow": "conformance",
    "NumberedPages": "simulator_paging",
    "OAuthAuth": "simulator_auth",
    "OffsetPages": "simulator_paging",
    "PlantedBreach": "_answers",
    "Practice": "practice",
    "Recorder": "simulator_replay",
    "Replay": "simulator_replay",
    "Reply": "simulator_http",
    "Row": "conformance",
    "SOURCE": "conformance",
    "Server": "conformance",
    "Simulator": "simulator",
    "Site": "conformance",
    "build_practice": "practice",
    "installed_from": "source_tree",
    "local": "conformance",
    "plant": "canary",
}


def __getattr__(name: str) -> Any:  # Any: the type depends on the name; importers see it through TYPE_CHECKING
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
