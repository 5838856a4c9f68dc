"""From messages to what is true now: order, copies, values carried forward.

The messages about one thing are in order of MSH-7, then of the digits of the control id. A message that was sent again
(same sender, control id, event and content) counts once, at its first time.
"""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import Table, Value


def in_order(table: Table, of: str) -> Table:
    """The messages with is_copy, message_no (from 1, among those about one `of`) and is_latest.

    Copies are numbered among themselves, so that they touch nothing else.
    """
    copies = expr.window(group_by=[table[of], table.content], order_by=[table.sent_at, table.id])
    table = table.mutate(is_copy=expr.row_number().over(copies) > 0)
    messages = expr.window(group_by=[table[of], table.is_copy], order_by=[table.sent_at, table.control_no, table.id])
    table = table.mutate(message_no=expr.row_number().over(messages) + 1)
    last = table.message_no.max().over(expr.window(group_by=[table[of], table.is_copy]))
    return table.mutate(is_latest=~table.is_copy & (table.message_no == last))


def carried(table: Table, of: str, *names: str) -> Table:
    """The messages with each named column filled from the message before, where a message does not say it."""
    so_far = expr.window(group_by=[table[of], table.is_copy], order_by=[table.message_no], preceding=None, following=0)
    table = table.mutate(**{f"_said_{name}": table[name].count().over(so_far) for name in names})
    filled = {
        name: table[name].max().over(expr.window(group_by=[table[of], table.is_copy, table[f"_said_{name}"]]))
        for name in names
    }
    return table.mutate(**filled).drop(*(f"_said_{name}" for name in names))


def before(table: Table, of: str, name: str) -> Value:
    """A column's value in the message before; null in the first."""
    return table[name].lag().over(expr.window(group_by=[table[of], table.is_copy], order_by=[table.message_no]))


def not_current(table: Table) -> tuple[tuple[Value, str], ...]:
    """Why a message is not the one that speaks for its thing."""
    return ((table.is_copy, "sent_again"), (~table.is_latest, "superseded"))
