"""`pacekeeper alerts`: what stands, who was told, and what people say to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import EXIT_INCOMPLETE, Config, Json, open_home, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from pacekeeper.alerts.notes import Kind
    from pacekeeper.home import PracticeHome
    from pacekeeper.ops import Alert, AlertDelivery

app = typer.Typer(no_args_is_help=True, help="Alerts: what stands, who was told, and what people say to it.")

Ref = Annotated[str, typer.Argument(help="Reference of an alert, as in its message.", show_default=False)]
By = Annotated[str, typer.Option("--by", help="Who says so: a name, or an id of the directory file.")]
Until = Annotated[str, typer.Option("--until", help="Last day, such as 2026-04-30.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a sentence that names no client.")]


@app.command("list")
def list_alerts(
    config: Config = None,
    as_json: Json = False,  # noqa: FBT002 - typer
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,  # noqa: FBT002
) -> None:
    """List the alerts that are open, the gravest first, with what was said to them and who was told."""
    from rich.markup import escape

    from pacekeeper.ops import Alert, AlertDelivery
    from pacekeeper_app.cli.findings import plain_table

    home = open_home(config)
    alerts = list(home.ops.rows(Alert) if everything else home.ops.rows(Alert, state="open"))
    alerts.sort(key=lambda alert: (alert.state != "open", alert.severity, alert.guardrail_id, alert.ref))
    told = _by_ref(home.ops.rows_among(AlertDelivery, "ref", [alert.ref for alert in alerts]))
    said = _said(home, alerts)
    if as_json:
        print_json([_as_json(alert, said[alert.ref], told.get(alert.ref, [])) for alert in alerts])
        return
    if not alerts:
        make_console().print("No alert is open." if not everything else "There has been no alert.")
        return
    table = plain_table("Alerts", ("ref", "guardrail", "about", "severity", "since", "last", "state", "told"))
    for alert in alerts:
        state = ", ".join((alert.state, *said[alert.ref]))
        row = (alert.guardrail_id, alert.subject_kind, alert.severity, alert.since_period, alert.last_period)
        table.add_row(alert.ref, *row, state, escape(_told(told.get(alert.ref, []))))
    make_console().print(table)


@app.command()
def show(ref: Ref, config: Config = None, as_json: Json = False) -> None:  # noqa: FBT002 - typer
    """Show what happened to an alert: events, who was told of each and who was not, and what people said."""
    from rich.markup import escape

    from pacekeeper.alerts.notes import find_alert
    from pacekeeper.ops import AlertDelivery, AlertEvent, AlertNote
    from pacekeeper_app.cli.findings import plain_table

    home = open_home(config)
    alert = find_alert(home.ops, ref)
    events = sorted(home.ops.rows(AlertEvent, ref=alert.ref), key=lambda event: (event.at, event.event_id))
    rows = sorted(home.ops.rows(AlertDelivery, ref=alert.ref), key=lambda row: (row.at, row.delivery_id))
    notes = sorted(home.ops.rows(AlertNote, ref=alert.ref), key=lambda note: note.at)
    if as_json:
        happened = {"events": [dict(one) for one in events], "deliveries": [dict(one) for one in rows]}
        print_json({**alert.model_dump(), **happened, "notes": [dict(one) for one in notes]})
        return
    console = make_console()
    console.print(
        f"[bold]{alert.ref}[/] {alert.guardrail_id}: {alert.state}, {alert.severity}, about a {alert.subject_kind}, "
        f"since {alert.since_period}. [dim]pacekeeper explain {alert.guardrail_id}[/]"
    )
    table = plain_table("What happened", ("when", "event", "period", "version", "told as", "to", "result"))
    for event in events:
        own = [row for row in rows if row.event_id == event.event_id]
        first = (f"{event.at:%Y-%m-%d %H:%M}", event.event, event.period, str(event.version))
        shown: list[AlertDelivery | None] = [*own] or [None]
        for place, row in enumerate(shown):
            result = "" if row is None else row.state + (f" ({row.reason})" if row.reason else "")
            to = "" if row is None else f"{row.recipient} {row.channel}".strip()
            role = "" if row is None else row.role
            table.add_row(*(first if place == 0 else ("", "", "", "")), role, escape(to), escape(result))
    console.print(table)
    for note in notes:
        end = "" if note.until is None else f" until {note.until:%Y-%m-%d}"
        console.print(f"{note.at:%Y-%m-%d %H:%M} {note.kind}{end} by {escape(note.by)}: {escape(note.reason or '')}")


@app.command()
def send(
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would go, and to whom; send nothing.")] = False,  # noqa: FBT002
    again: Annotated[  # noqa: FBT002
        bool, typer.Option("--again", help="Also what failed, and what may not have arrived.")
    ] = False,
) -> None:
    """Announce what is published and has not been announced, and try again what is due.

    Ends with 3 where a message was not delivered. Every run does it, too; quiet hours and retries need it hourly.
    """
    from datetime import UTC, datetime

    from rich.markup import escape

    from pacekeeper.alerts.drain import drain

    home = open_home(config)
    drained = drain(home, now=datetime.now(UTC), dry_run=dry_run, again=again)
    console = make_console()
    if home.settings.directory_file is None:
        console.print(
            f"{drained.events} new events are on record, and nobody is told: name a directory in \\[alerts] of the "
            "settings"
        )
        return
    for message in drained.messages:
        console.rule(escape(f"{message.recipient}, as {', '.join(message.roles)}, by {message.channel}"))
        console.print(escape(f"{message.title}\n\n{message.body}"), soft_wrap=True)
    waits = "" if drained.next_at is None else f" Others wait; the next may go at {drained.next_at:%Y-%m-%d %H:%M} UTC."
    if dry_run:
        console.print(f"{len(drained.messages)} messages would go now; none has been sent.{waits}")
        return
    console.print(f"{drained.events} new events, {drained.sent} messages sent, {drained.failed} not delivered.{waits}")
    if drained.failed:
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command()
def ack(ref: Ref, by: By, config: Config = None) -> None:
    """Say that an alert was seen: people hear of it when it becomes worse or ends, and not in between."""
    _note(config, ref, "acknowledged", by=by)


@app.command()
def snooze(ref: Ref, by: By, until: Until, config: Config = None) -> None:
    """Say nothing of an alert for a while, unless it becomes worse."""
    _note(config, ref, "snoozed", by=by, until=until)


@app.command()
def waive(ref: Ref, by: By, until: Until, reason: Reason, config: Config = None) -> None:
    """Agree that a guardrail may be out of bounds for this subject until a day: why, and who answers for it."""
    _note(config, ref, "waived", by=by, until=until, reason=reason)


@app.command()
def reply(ref: Ref, by: By, reason: Reason, config: Config = None) -> None:
    """Say that an alert is wrong, and why. It is on record, and stands with the alert until the data say otherwise."""
    _note(config, ref, "reply", by=by, reason=reason)


def _note(
    config: Path | None, ref: str, kind: Kind, *, by: str, until: str | None = None, reason: str | None = None
) -> None:
    from datetime import UTC, datetime

    from pacekeeper.alerts.notes import put_note

    home = open_home(config)
    end = None if until is None else _end_of_day(until, home.settings.practice.home_tz)
    note = put_note(home.ops, ref, kind, by=by, now=datetime.now(UTC), until=end, reason=reason)
    make_console().print(f"{note.ref}: {kind}" + ("." if until is None else f" through {until}."))


def _end_of_day(text: str, zone: str) -> datetime:
    from datetime import UTC, date, datetime, time, timedelta
    from zoneinfo import ZoneInfo

    from pacekeeper.errors import ConfigError

    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--until {text!r} is no day; write it as 2026-04-30") from None
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def _by_ref(rows: Sequence[AlertDelivery]) -> dict[str, list[AlertDelivery]]:
    found: dict[str, list[AlertDelivery]] = {}
    for row in rows:
        found.setdefault(row.ref, []).append(row)
    return found


def _said(home: PracticeHome, alerts: Sequence[Alert]) -> dict[str, list[str]]:
    """What people said to each alert that still holds."""
    from datetime import UTC, datetime

    from pacekeeper.ops import AlertNote

    now = datetime.now(UTC)
    found: dict[str, list[str]] = {alert.ref: [] for alert in alerts}
    for note in home.ops.rows_among(AlertNote, "ref", found):
        if note.until is None or note.until > now:
            found[note.ref].append("called wrong" if note.kind == "reply" else note.kind)
    return {ref: sorted(set(kinds)) for ref, kinds in found.items()}


def _told(rows: Sequence[AlertDelivery]) -> str:
    """Recipients who were told; where nobody was, why."""
    sent = sorted({row.recipient for row in rows if row.state in {"sent", "sent_unconfirmed"}})
    waiting = sorted({row.recipient for row in rows if row.state == "pending"} - set(sent))
    if sent or waiting:
        return ", ".join([*sent, *(f"{name} (waits)" for name in waiting)])
    return ", ".join(sorted({row.reason or row.state for row in rows}))


def _as_json(alert: Alert, said: Sequence[str], rows: Sequence[AlertDelivery]) -> dict[str, object]:
    told = [{"recipient": r.recipient, "role": r.role, "state": r.state, "reason": r.reason} for r in rows]
    return {**alert.model_dump(), "said": said, "told": told}
