"""Faults the loopback FHIR server can show, as real servers have shown them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ExportFaults:
    """What goes wrong with `$export`. Polls are counted from 1, over every status call of the server.

    polls: status calls of a job answered 202 before it is done; 0 = the first answers 200. progress: `X-Progress`.
    retry_after: seconds, of a 202; null leaves the header out.
    poll_500_on: polls answered 500 with issue `transient`; fails: every job ends in 500 with issue `exception`.
    only_errors: 200 with no output and one error file; failed: types whose files are error files instead;
    warnings: an error file that holds nothing worse than a warning.
    gone: types whose files are answered 410; gone_once: until the manifest is asked for again.
    cut: types whose first file breaks off in its middle, once. short: types whose files lack their last line.
    manifest_pages: one output file per manifest, the next by `link`, which answers 202 first.
    signed: files need a signature in the address, and refuse a bearer token; requiresAccessToken is false.
    time_as_object: transactionTime as {date, timezone_type, timezone}. all_types: `_type` is ignored.
    binary_scope: files want the scope system/Binary.*, else 401. no_deleted: no `deleted` files.
    rows_per_file: rows of one file at most.
    """

    polls: int = 1
    progress: str = "in progress, 50% complete"
    retry_after: int | None = 1
    poll_500_on: frozenset[int] = frozenset()
    fails: bool = False
    only_errors: bool = False
    failed: frozenset[str] = frozenset()
    warnings: bool = False
    gone: frozenset[str] = frozenset()
    gone_once: frozenset[str] = frozenset()
    cut: frozenset[str] = frozenset()
    short: frozenset[str] = frozenset()
    manifest_pages: bool = False
    signed: bool = False
    time_as_object: bool = False
    all_types: bool = False
    binary_scope: bool = False
    no_deleted: bool = False
    rows_per_file: int = 1000


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
    unpaged: types answered whole, with a `self` link only; lies: search parameters, by type, that the
    CapabilityStatement names although they make a search come back empty; volatile: types whose lastUpdated is the
    time of the answer. expired_on: calls answered 410 with issue `expired`; entry_429_on: calls whose Bundle holds one
    more entry, of status 429, in the place of a row. rate_limit: header `RateLimit` of every answer.
    history: what the CapabilityStatement offers and the server answers: `type`, `instance`.
    token_error: error code with which /auth/token refuses everybody; token_500_on: token calls (from 1) answered 500
    after the assertion has been used up. configuration_at_root: the SMART configuration is at the host's root only.
    export: what goes wrong with `$export`.
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
    unpaged: frozenset[str] = frozenset()
    lies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    volatile: frozenset[str] = frozenset()
    expired_on: frozenset[int] = frozenset()
    entry_429_on: frozenset[int] = frozenset()
    rate_limit: str | None = None
    history: frozenset[str] = frozenset()
    token_error: str | None = None
    token_500_on: frozenset[int] = frozenset()
    configuration_at_root: bool = False
    export: ExportFaults = field(default_factory=ExportFaults)
