"""What a verdict can say, and why."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class State(StrEnum):
    """Ramp and leave are exempt; missing, late or incomplete input is unknown; neither is ever pass."""

    PASS = "pass"  # noqa: S105 - a state, no password
    WARN = "warn"
    BREACH = "breach"
    UNKNOWN = "unknown"
    EXEMPT = "exempt"


@unique
class Reason(StrEnum):
    """Why a verdict is what it is; null for pass.

    no_source: nothing that is configured tells.
    stale: a source was last read completely before the week's end; a read that lacks something is not complete.
    partial: input of unknown status, input that was last rejected, or input of days that a source is known to lack.
    defaulted: nothing but attendance that nobody reviewed: the source's own default stands there.
    low_denominator: too little to judge by.
    ramp, leave: the floor does not hold.
    agreed: a layer of the policy asks nothing of the person.
    above_warning, above_ceiling: the value itself.
    consistently_above: in enough of the last known weeks.
    single_week_above: far above in this one week.
    below_floor: under the floor, for enough periods in a row where the policy says so.
    below_warning: under the warning threshold.
    outside_employment: of a week's evaluability only; such weeks have no utilization verdict.
    """

    NO_SOURCE = "no_source"
    STALE = "stale"
    PARTIAL = "partial"
    DEFAULTED = "defaulted"
    LOW_DENOMINATOR = "low_denominator"
    RAMP = "ramp"
    AGREED = "agreed"
    LEAVE = "leave"
    ABOVE_WARNING = "above_warning"
    ABOVE_CEILING = "above_ceiling"
    CONSISTENTLY_ABOVE = "consistently_above"
    SINGLE_WEEK_ABOVE = "single_week_above"
    BELOW_FLOOR = "below_floor"
    BELOW_WARNING = "below_warning"
    OUTSIDE_EMPLOYMENT = "outside_employment"
