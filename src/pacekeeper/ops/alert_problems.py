"""What does not work about alerts: messages that did not arrive, or may not have, and alerts that found nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pacekeeper.ops.alert_tables import Alert, AlertDelivery, AlertDrain

if TYPE_CHECKING:
    from pacekeeper.ops.database import OpsDatabase
    from pacekeeper.ops.problems import Problem

#: A message that could have gone for so long has nobody to send it.
_WAITS_AT_MOST = timedelta(hours=36)


def alert_problems(ops: OpsDatabase, *, now: datetime) -> Iterator[Problem]:
    """Problems of the outbox as it is."""
    from pacekeeper.ops.problems import Problem

    for drain in ops.rows(AlertDrain, name="last"):
        if drain.error is not None:
            fix = "mend it, then pacekeeper alerts send"
            yield Problem("error", "alerts_not_sent", "", drain.at, drain.error, fix)
    failed = ops.rows(AlertDelivery, state="failed")
    if failed:
        text = f"{len(failed)} messages' lines were not delivered, and are not tried again: {_reasons(failed)}"
        fix = "correct the addresses in the directory file, then pacekeeper alerts send --again"
        yield Problem("error", "alert_not_delivered", "", min(row.at for row in failed), text, fix)
    unsure = ops.rows(AlertDelivery, state="sent_unconfirmed")
    if unsure:
        text = f"{len(unsure)} messages' lines may not have arrived: the process that sent them was killed"
        fix = "ask the recipients, or pacekeeper alerts send --again"
        yield Problem("error", "alert_unconfirmed", "", min(row.at for row in unsure), text, fix)
    waiting = ops.rows(AlertDelivery, state="pending")
    retried = [row for row in waiting if row.attempts]
    if retried:
        text = f"{len(retried)} messages' lines have not been delivered yet: {_reasons(retried)}"
        yield Problem("warn", "alert_retried", "", min(row.at for row in retried), text, "pacekeeper alerts list")
    late = [row for row in waiting if row.is_alone and now - row.due_at > _WAITS_AT_MOST]
    if late:
        text = f"{len(late)} messages' lines wait although they could have gone"
        fix = "pacekeeper alerts send, every hour: quiet hours end when no run does"
        yield Problem("warn", "alert_waits", "", min(row.due_at for row in late), text, fix)
    open_refs = {alert.ref for alert in ops.rows(Alert, state="open")}
    nobody = [row for reason in _NOBODY for row in ops.rows(AlertDelivery, reason=reason)]
    lost = [row for row in nobody if row.ref in open_refs]
    if lost:
        roles = ", ".join(sorted({row.role for row in lost}))
        text = f"{len({row.ref for row in lost})} open alerts found nobody to tell as {roles}"
        yield Problem("warn", "alert_without_recipient", "", min(row.at for row in lost), text, "the directory file")


_NOBODY = ("no_recipient", "no_address")


def _reasons(rows: Iterable[AlertDelivery]) -> str:
    return ", ".join(sorted({str(row.reason) for row in rows}))
