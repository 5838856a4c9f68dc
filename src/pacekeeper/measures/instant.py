"""Instants and dates as whole numbers: the only arithmetic on time that every engine does alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

SECONDS_PER_DAY = 86_400
SECONDS_PER_HOUR = 3_600
MINUTES_PER_DAY = 1_440


def seconds(instant: ir.Value) -> ir.IntegerValue:
    """Seconds since 1970-01-01 UTC, to the whole second."""
    stamp: ir.TimestampValue = instant
    return stamp.epoch_seconds().cast("int64")


def day_number(day: ir.Value) -> ir.IntegerValue:
    """Days since 1970-01-01 of a local date."""
    stamp: ir.TimestampValue = day.cast("timestamp")
    return (stamp.epoch_seconds().cast("int64") // SECONDS_PER_DAY).cast("int64")


def utc_day(seconds_since_epoch: ir.Value) -> ir.IntegerValue:
    """Number of the UTC day an instant lies in: an equality that makes interval joins cheap."""
    number: ir.IntegerValue = seconds_since_epoch
    return (number // SECONDS_PER_DAY).cast("int64")


def hours(duration_s: ir.Value) -> ir.FloatingValue:
    """Hours of a duration in seconds."""
    number: ir.IntegerValue = duration_s
    return number.cast("float64") / ibis.literal(float(SECONDS_PER_HOUR))
