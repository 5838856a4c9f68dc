"""Faults the loopback FHIR server can show, as real servers have shown them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong. Calls are counted from 1, over every authorised search and read below /fhir but /metadata.

    too_many_on: calls answered 429 with `Retry-After: retry_after` (seconds); error_500_on, error_503_on: answered by
    that status once, with an OperationOutcome of issue `transient`; truncate_on: 200 and half a body; reset_on:
    connection reset before any answer; hang_on: no answer until `hang_seconds` passed or the server stops.
    slow_seconds: added to every answer.
    token_calls, token_seconds: calls or seconds after which a token, the fixed one too, is refused by 401;
    a new one comes from /auth/token.
    fail: types always answered 500; forbid: types always answered 403; empty: types answered by an empty Bundle;
    unsupported: search parameters that the CapabilityStatement does not name and that make any search come back empty.
    repeat_next: types whose `next` link always leads to the same page; overlap: types each of whose pages begins with
    the last row of the page before.
    """

    too_many_on: frozenset[int] = frozenset()
    retry_after: int = 1
    error_500_on: frozenset[int] = frozenset()
    error_503_on: frozenset[int] = frozenset()
    truncate_on: frozenset[int] = frozenset()
    reset_on: frozenset[int] = frozenset()
    hang_on: frozenset[int] = frozenset()
    hang_seconds: float = 60.0
    slow_seconds: float = 0.0
    token_calls: int | None = None
    token_seconds: float | None = None
    fail: frozenset[str] = frozenset()
    forbid: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()
    unsupported: frozenset[str] = frozenset()
    repeat_next: frozenset[str] = frozenset()
    overlap: frozenset[str] = frozenset()
