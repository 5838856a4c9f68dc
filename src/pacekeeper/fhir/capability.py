"""What a server says it can do: its CapabilityStatement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pacekeeper.errors import DataError, FatalError
from pacekeeper.fhir.parts import parts

if TYPE_CHECKING:
    from pacekeeper.http import SourceClient


@dataclass(frozen=True)
class Capability:
    """Search parameters and interactions by resource type.

    A statement may be silent, incomplete or wrong: what it says is a reason to ask differently, never to believe that
    there is nothing.
    """

    parameters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shared_parameters: frozenset[str] = frozenset()
    interactions: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, statement: Mapping[str, Any]) -> Capability:
        parameters: dict[str, frozenset[str]] = {}
        interactions: dict[str, frozenset[str]] = {}
        shared: set[str] = set()
        for rest in parts(statement, "rest"):
            shared |= {str(found.get("name")) for found in parts(rest, "searchParam")}
            for resource in parts(rest, "resource"):
                kind = str(resource.get("type"))
                parameters[kind] = frozenset(str(p.get("name")) for p in parts(resource, "searchParam"))
                interactions[kind] = frozenset(str(i.get("code")) for i in parts(resource, "interaction"))
        return cls(parameters, frozenset(shared), interactions)

    @classmethod
    def read(cls, http: SourceClient) -> Capability:
        """The server's own; an empty one where it has none."""
        try:
            statement = http.get_json("metadata")
        except (DataError, FatalError):
            statement = None
        return cls.of(statement if isinstance(statement, Mapping) else {})

    def offers(self, kind: str) -> bool:
        """Whether the server names a resource type; true where it names none at all."""
        return not self.parameters or kind in self.parameters

    def can_search(self, kind: str, parameter: str) -> bool:
        """Whether it says it can search a type by a parameter; a type for which it lists none can be.

        `_count` and `_sort` hold for every search, and are often listed nowhere.
        """
        named = self.parameters.get(kind, frozenset())
        return (
            not named or parameter in named or parameter in self.shared_parameters or parameter in {"_count", "_sort"}
        )

    def names(self, kind: str, parameter: str) -> bool:
        """Whether it says so itself that a type can be searched by a parameter."""
        return parameter in self.parameters.get(kind, frozenset()) | self.shared_parameters

    def says_searchable(self, kind: str) -> bool:
        """Whether it says so itself that a type can be searched."""
        return "search-type" in self.interactions.get(kind, frozenset())

    def has_history(self, kind: str, level: Literal["type", "instance"]) -> bool:
        """Whether it says so itself that there is a history of a type, or of each of its resources."""
        return f"history-{level}" in self.interactions.get(kind, frozenset())
