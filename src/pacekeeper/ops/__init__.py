"""The operational database."""

from pacekeeper.ops.database import OpsDatabase
from pacekeeper.ops.tables import (
    EntityState,
    MappingReason,
    MappingRun,
    MartRun,
    Run,
    SourceRun,
    StreamGap,
    StreamReason,
    StreamRun,
    StreamState,
    UnmappedValue,
)

__all__ = [
    "EntityState",
    "MappingReason",
    "MappingRun",
    "MartRun",
    "OpsDatabase",
    "Run",
    "SourceRun",
    "StreamGap",
    "StreamReason",
    "StreamRun",
    "StreamState",
    "UnmappedValue",
]
