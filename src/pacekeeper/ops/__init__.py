"""The operational database."""

from pacekeeper.ops.alert_tables import Alert, AlertDelivery, AlertDrain, AlertEvent, AlertMark, AlertNote, AlertPolicy
from pacekeeper.ops.database import OpsDatabase
from pacekeeper.ops.report_tables import ReportHandover
from pacekeeper.ops.tables import (
    BackfillSlice,
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
    "Alert",
    "AlertDelivery",
    "AlertDrain",
    "AlertEvent",
    "AlertMark",
    "AlertNote",
    "AlertPolicy",
    "BackfillSlice",
    "EntityState",
    "MappingReason",
    "MappingRun",
    "MartRun",
    "OpsDatabase",
    "ReportHandover",
    "Run",
    "SourceRun",
    "StreamGap",
    "StreamReason",
    "StreamRun",
    "StreamState",
    "UnmappedValue",
]
