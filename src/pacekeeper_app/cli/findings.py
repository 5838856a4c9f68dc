"""What a run found, as tables on a terminal. Reads published copies and the operational database only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from pacekeeper_app.cli.console import short_subject

if TYPE_CHECKING:
    from rich.console import Console

    from pacekeeper.home import PracticeHome
    from pacekeeper_app.night import CheckOutcome

STATES = ("pass", "warn", "breach", "unknown", "exempt")
STYLE = {"pass": "green", "warn": "yellow", "breach": "bold red", "unknown": "magenta", "exempt": "cyan"}
_JUDGED = "FROM marts.guardrail_result WHERE is_current AND NOT is_retracted"
#: Column of the landing ledger by what it is called here.
_COUNTS = {
    "read": "read",
    "new": "inserted",
    "changed": "updated",
    "same": "unchanged",
    "double": "duplicate",
    "rejected": "rejected",
    "out of scope": "out_of_scope",
    "gone": "tombstones",
    "suspect": "suspect",
}


def print_sources(console: Console, home: PracticeHome, run_id: str) -> None:
    """Rows per source and stream of a run, streams that gave none in one line; why a source failed or was not read."""
    from pacekeeper.ops import SourceRun, StreamRun

    streams = home.ops.rows(StreamRun, run_id=run_id)
    columns = [name for name in _COUNTS if name != "suspect" or any(row.suspect for row in streams)]
    table = _table("Rows per source", ("source", "stream"), columns)
    sources = home.ops.rows(SourceRun, run_id=run_id)
    for source in sources:
        if source.state == "ok" and source.message:
            table.add_row(source.source, f"[dim]not read: {escape(source.message)}[/]")
            continue
        empty = 0
        for row in (row for row in streams if row.source == source.source):
            counts = [getattr(row, _COUNTS[name]) for name in columns]
            empty += not any(counts)
            if any(counts):
                table.add_row(source.source, row.stream, *(f"{n:,}" if n else "·" for n in counts))
        if empty:
            table.add_row(source.source, f"[dim]no rows from {empty} other stream{'s' if empty > 1 else ''}[/]")
        if source.state != "ok":
            table.add_row(source.source, "[bold red]failed[/]")
    console.print(table)
    for source in sources:
        if source.state != "ok":
            console.print(f"[bold red]{source.source}[/]  {escape(source.message or '')}", soft_wrap=True)


def print_notes(console: Console, home: PracticeHome, run_id: str) -> None:
    """What connectors said about their reads."""
    from pacekeeper.ops import StreamReason

    for row in home.ops.rows(StreamReason, run_id=run_id, kind="note"):
        console.print(f"[yellow]{row.source}[/]  {escape(row.reason)}", soft_wrap=True)


def print_incomplete(console: Console, home: PracticeHome) -> None:
    """What the latest reads are known to lack: what rests on it is unknown."""
    from pacekeeper.measures.doubt import days_of
    from pacekeeper.ops import StreamGap

    gaps = [gap for gap in home.ops.rows(StreamGap) if gap.source in home.sources]
    if not gaps:
        return
    title = "Known to be incomplete (what rests on it is unknown)"
    table = plain_table(title, ("source", "stream", "reason", "lacks", "what to do"))
    for gap in sorted(gaps, key=lambda gap: (gap.source, gap.stream, gap.number)):
        days = days_of(gap.first_day, gap.last_day)
        table.add_row(gap.source, gap.stream, gap.reason, days, escape(gap.advice))
    console.print(table)


def print_quarantine(console: Console, home: PracticeHome) -> None:
    """Quarantined rows by source, table and reason."""
    from pacekeeper.mapping import list_quarantine

    with home.published.connect(read_only=True) as connection:
        counts = list_quarantine(connection)
    if not counts:
        console.print("Nothing in quarantine.")
        return
    table = _table("Quarantined rows", ("source", "table", "reason"), ("rows",), ("what it means",))
    for count in counts:
        table.add_row(count.source, count.table, count.reason, f"{count.rows:,}", escape(count.sentence))
    console.print(table)


def print_unmapped(console: Console, home: PracticeHome, run_id: str) -> None:
    """Vendor codes that no value map knows."""
    from pacekeeper.ops import UnmappedValue

    values = home.ops.rows(UnmappedValue, run_id=run_id)
    if not values:
        return
    table = _table(
        "Codes no value map knows (they count as unknown)", ("source", "entity", "column", "code"), ("rows",)
    )
    for value in sorted(values, key=lambda v: -v.rows):
        table.add_row(value.source, value.entity, value.column, escape(value.code), f"{value.rows:,}")
    console.print(table)
    console.print(
        "Say what they mean in [bold]\\[sources.<name>.value_maps.<map>][/]; `pacekeeper try` names the map of each.",
        soft_wrap=True,
    )


_MEASURABLE = "_measurable"
#: Subjects shown of a guardrail that is breached, the most often first.
_PER_GUARDRAIL = 6


def print_verdicts(console: Console, home: PracticeHome) -> None:
    """Current verdicts of all judged weeks, by guardrail and state."""
    with home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(f"SELECT guardrail_id, state, count(*) {_JUDGED} GROUP BY 1, 2").fetchall()
        weeks = connection.raw.execute(
            "SELECT min(period), max(period) FROM marts.guardrail_result WHERE is_current"
        ).fetchone()
    counts: dict[str, dict[str, int]] = {}
    for guardrail, state, number in rows:
        counts.setdefault(guardrail, {})[state] = number
    span = f", periods of {weeks[0]} to {weeks[1]}" if weeks and weeks[0] else ""
    table = _table(f"Verdicts by state{span}", ("guardrail",), STATES)
    never = []
    for guardrail, by_state in sorted(counts.items()):
        if set(by_state) == {"unknown"}:
            never.append(guardrail)
            continue
        cells = (f"[{STYLE[s]}]{by_state[s]:,}[/]" if by_state.get(s) else "·" for s in STATES)
        table.add_row(guardrail, *cells)
    console.print(table)
    if never:
        console.print(
            f"[{STYLE['unknown']}]Unknown throughout[/]: {', '.join(never)}. `pacekeeper doctor` says what is missing.",
            soft_wrap=True,
        )


def print_breaches(console: Console, home: PracticeHome) -> None:
    """Breaches, one line per guardrail and subject: how many periods, which, and the worst value."""
    with home.published.connect(read_only=True) as connection:
        rows = connection.raw.execute(
            "SELECT guardrail_id, subject_key, count(*), min(period), max(period), "
            "CASE WHEN reason = 'below_floor' THEN min(value) ELSE max(value) END, reason, any_value(unit) "
            f"{_JUDGED} AND state = 'breach' "
            "GROUP BY guardrail_id, subject_key, reason ORDER BY 1, 3 DESC, 2, 7"
        ).fetchall()
        verdicts = connection.count(f"SELECT count(*) {_JUDGED}")
        unknown = connection.count(f"SELECT count(*) {_JUDGED} AND state = 'unknown'")
    if not verdicts:
        console.print("There is no verdict: no source has delivered anything that can be judged.")
        return
    if not rows:
        known = f" ({unknown:,} of {verdicts:,} verdicts are unknown)" if unknown else ""
        console.print(f"No guardrail is known to be breached{known}.")
        return
    table = _table(
        "Breaches of practice policy", ("guardrail", "subject"), ("periods", "first", "last", "worst"), ("unit", "why")
    )
    for guardrail, found in groupby(rows, key=lambda row: str(row[0])):
        own = list(found)
        for _, key, weeks, first, last, worst, reason, unit in own[:_PER_GUARDRAIL]:
            table.add_row(
                guardrail, short_subject(key), str(weeks), str(first), str(last), f"{worst:.2f}", unit, reason
            )
        if len(own) > _PER_GUARDRAIL:
            table.add_row(guardrail, f"[dim]{len(own) - _PER_GUARDRAIL:,} more[/]", "", "", "", "", "", "")
    console.print(table)


def print_checks(console: Console, checks: Sequence[CheckOutcome]) -> None:
    """Asset checks that are not green, after how many are."""
    red = [check for check in checks if not check.passed]
    console.print(f"{len(checks) - len(red)} of {len(checks)} asset checks passed.")
    unmeasured = [check for check in red if check.name.endswith(_MEASURABLE)]
    if unmeasured:
        names = ", ".join(check.name.removesuffix(_MEASURABLE) for check in unmeasured)
        console.print(f"  [yellow]warn [/]  not measurable throughout in their last period: {names}", soft_wrap=True)
    for check in red:
        if check in unmeasured:
            continue
        severity = "[bold red]error[/]" if check.severity == "ERROR" else "[yellow]warn [/]"
        console.print(
            f"  {severity}  {check.asset}  {check.name}  [dim]{escape(check.description)}[/]",
            soft_wrap=True,
        )


def _table(title: str, texts: Sequence[str], numbers: Sequence[str], last: Sequence[str] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for name in texts:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for name in last:
        table.add_column(name)
    return table


def plain_table(title: str, columns: Sequence[str]) -> Table:
    """A table of texts in the house look."""
    return _table(title, columns[:-1], (), columns[-1:])
