"""What tests and demos share: the synthetic practice, its FHIR server, canaries."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pacekeeper.testing.canary import plant
    from pacekeeper.testing.fhir_server import Faults, FhirServer
    from pacekeeper.testing.practice import PlantedBreach, Practice, build_practice

__all__ = ["Faults", "FhirServer", "PlantedBreach", "Practice", "build_practice", "plant"]

_HOMES = {
    "Faults": "fhir_server",
    "FhirServer": "fhir_server",
    "PlantedBreach": "practice",
    "Practice": "practice",
    "build_practice": "practice",
    "plant": "canary",
}


def __getattr__(name: str) -> Any:  # Any: the type depends on the name; importers see it through TYPE_CHECKING
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
