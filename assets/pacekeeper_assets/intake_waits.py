"""How long people wait: days of every request, with those who still wait as censored, and their quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.mart import MartColumn, Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.people import on_local_day, with_client_person
from pacekeeper_assets.periods import PRACTICE_DAY, PRACTICE_MONTH
from pacekeeper_assets.productivity import HELD

if TYPE_CHECKING:
    import pyarrow as pa

_DAYS_PER_WEEK = 7
_WORKING_DAYS = 5
# Day 0, 1970-01-01, was a Thursday.
_WEEKDAY_OF_DAY_0 = 3
_BETWEEN_KEYS = "|"
# What ends the waiting although nobody was seen.
_FINAL = ("declined", "refer_out", "unreachable")
_QUANTILES = {"p50": 0.5, "p90": 0.9}
#: Rows of all channels and services together, and of requests in which neither is said.
ALL, NOT_SAID = "all", "not_said"
GROUP = ("month_id", "channel", "service_line")
#: What is waited for, the column of its local day, and which requests wait for it.
WAITS = {"offer": "offered", "attend": "attended", "out_response": "responded"}


def practice_business_day(tables: CanonicalTables) -> Table:
    """Local days of the practice with `business_no`, business days up to and including the day.

    Business days are Monday to Friday without holidays of the whole practice.
    """
    days = tables.practice_day
    closures = tables.practice_closure
    holidays = closures.filter((closures.kind == "holiday") & closures.location_key.isnull()).select(
        from_no=day_number(closures.from_date), to_no=day_number(closures.to_date)
    )
    met = days.select("day_no").inner_join(holidays, [days.day_no >= holidays.from_no, days.day_no <= holidays.to_no])
    free = met.select(free_no="day_no").distinct()
    joined = days.left_join(free, days.day_no == free.free_no)
    weekday = (joined.day_no + _WEEKDAY_OF_DAY_0) % _DAYS_PER_WEEK
    joined = joined.mutate(is_business=ifelse((weekday < _WORKING_DAYS) & joined.free_no.isnull(), 1, 0))
    so_far = ibis.window(order_by="day_no", rows=(None, 0))
    return joined.select("day", "day_no", "from_s", "to_s", business_no=joined.is_business.sum().over(so_far))


def referral_request(tables: CanonicalTables) -> Table:
    """One row per request that counts, in or out: its month, group, and the local days of what became of it.

    `<event>_no` and `<event>_business`, with the events asked, offered, attended, responded and over; over is the day
    it stopped waiting, or that of `as_of`. Null: has not happened. A request without a known day of asking has no
    month.
    """
    asked = tables.referral.filter(tables.referral.outcome != "entered_in_error")
    asked = with_client_person(asked.filter(asked.direction.isin(["in", "out"])), tables)
    asked = asked.left_join(_first_attended(asked, tables), "referral_key").drop("referral_key_right")
    attended_at = asked.first_attended_at.coalesce(asked.seen_at)
    asked = asked.mutate(attended_at=ifelse(attended_at <= tables.as_of, attended_at, ibis.null(attended_at.type())))
    rows = asked.select(
        "referral_key",
        "direction",
        "outcome",
        "screen_result",
        channel=asked.channel,
        service_line=asked.service_line.coalesce(NOT_SAID),
        is_screened=asked.screened_at.notnull() | asked.screen_result.notnull(),
        is_accepted=asked.accepted_at.notnull() | (asked.outcome == "accepted"),
        asked_at=asked.inquiry_at,
        # Whoever came was offered it, at the latest on that day.
        offered_at=asked.first_offered_at.coalesce(asked.attended_at),
        attended_at=asked.attended_at,
        responded_at=asked.responded_at,
        gone_at=_gone_at(asked),
        over_at=_gone_at(asked).coalesce(tables.as_of),
    )
    for event in ("asked", "offered", "attended", "responded", "over"):
        rows = _with_day(rows, tables, event)
    months = tables.practice_month.select("month_id", "first_no", "last_no")
    joined = rows.left_join(months, [rows.asked_no >= months.first_no, rows.asked_no <= months.last_no])
    return joined.drop("first_no", "last_no")


def _gone_at(asked: Table) -> Value:
    """When a request stopped waiting without being seen; null while it waits.

    Of a final outcome without a time of its own it is when screening or the first answer gave it, or at once.
    """
    at_once = ibis.coalesce(asked.screened_at, asked.responded_at, asked.inquiry_at)
    is_final = asked.outcome.isin(_FINAL)
    return asked.closed_at.coalesce(ifelse(is_final, at_once, ibis.null(at_once.type())))


def _first_attended(asked: Table, tables: CanonicalTables) -> Table:
    """Of requests that name a client: `seen_at`, the first session attended from the moment of asking on."""
    held = tables.session.filter(tables.session.status.isin(HELD)).select("session_key", "started_at")
    places = with_client_person(tables.session_participant.filter(tables.session_participant.attended), tables)
    seen = places.select("session_key", "client_key").inner_join(held, "session_key")
    inbound = asked.filter((asked.direction == "in") & asked.client_key.notnull())
    joined = inbound.select("referral_key", "client_key", "inquiry_at").inner_join(seen, "client_key")
    later = joined.filter(joined.started_at >= joined.inquiry_at)
    return later.group_by("referral_key").aggregate(seen_at=later.started_at.min())


def _with_day(rows: Table, tables: CanonicalTables, event: str) -> Table:
    """`<event>_no` and `<event>_business` of `<event>_at`, in the practice's zone."""
    days = tables.practice_business_day
    days = days.mutate(person_key=literal("practice"), week_id=days.day)
    dated = rows.filter(rows[f"{event}_at"].notnull())
    dated = dated.select("referral_key", person_key=literal("practice"), at_s=seconds(dated[f"{event}_at"]))
    found = on_local_day(dated, days, at="at_s")
    counts = days.select("day_no", "business_no")
    found = found.inner_join(counts, "day_no").select(
        "referral_key", **{f"{event}_no": "day_no", f"{event}_business": "business_no"}
    )
    return rows.left_join(found, "referral_key").drop("referral_key_right")


def referral_wait(tables: CanonicalTables) -> Table:
    """One row per request, wait and group it belongs to: `days`, `business_days`, and whether it `happened`."""
    rows = tables.referral_request
    rows = rows.filter(rows.month_id.notnull())
    waits = [_wait(rows.filter(rows.direction == _direction(wait)), wait) for wait in WAITS]
    each = ibis.union(*waits)
    together = each.mutate(channel=literal(ALL), service_line=literal(ALL))
    both = ibis.union(each, together)
    key = both.wait
    for name in GROUP:
        key = key.concat(_BETWEEN_KEYS).concat(both[name].cast("string"))
    return both.mutate(wait_group=key)


def _direction(wait: str) -> str:
    return "out" if wait == "out_response" else "in"


def _wait(rows: Table, wait: str) -> Table:
    event = WAITS[wait]
    happened = rows[f"{event}_no"].notnull()

    def length(part: str) -> Value:
        until = ifelse(happened, rows[f"{event}_{part}"], rows[f"over_{part}"])
        return ibis.greatest(until - rows[f"asked_{part}"], literal(0, "int64")).cast("float64")

    return rows.select(
        *GROUP, wait=literal(wait), days=length("no"), business_days=length("business"), happened=happened
    )


def wait_quantiles(rows: pa.Table, policy: Policy) -> pa.Table:
    """Kaplan-Meier quantiles per wait and group; `longest_open` is the longest time that somebody has waited so far."""
    import numpy as np
    import pyarrow as pa

    from pacekeeper.measures.statistics import waiting_time

    keys = ["wait", *GROUP]
    groups = rows["wait_group"].to_numpy().astype(str)
    happened = rows["happened"].to_numpy()
    labels, first, codes = np.unique(groups, return_index=True, return_inverse=True)
    out = rows.select(keys).take(first)
    for unit in ("days", "business_days"):
        lengths = rows[unit].to_numpy()
        quantiles = waiting_time(groups, lengths, happened, quantiles=tuple(_QUANTILES.values())).values
        for place, name in enumerate(_QUANTILES):
            out = out.append_column(f"{unit}_{name}", pa.array(quantiles[:, place], from_pandas=True))
    longest = np.full(len(labels), np.nan)
    open_days = np.where(happened, np.nan, rows["business_days"].to_numpy())
    np.fmax.at(longest, codes, open_days)
    return out.append_column("longest_open", pa.array(longest, from_pandas=True))


PRACTICE_BUSINESS_DAY = Step(
    "practice_business_day", lambda tables, policy: practice_business_day(tables), (PRACTICE_DAY,)
)
REFERRAL_REQUEST = Step(
    "referral_request", lambda tables, policy: referral_request(tables), (PRACTICE_BUSINESS_DAY, PRACTICE_MONTH)
)
REFERRAL_WAIT = Step(
    "referral_wait",
    lambda tables, policy: referral_wait(tables),
    (REFERRAL_REQUEST,),
    refine=wait_quantiles,
    columns=(
        MartColumn("wait", "text", "", "offer, attend or out_response."),
        MartColumn("month_id", "date", "", "First local day of the month of asking."),
        MartColumn("channel", "text", "", "Way it came, or all."),
        MartColumn("service_line", "text", "", "Service asked for, not_said, or all."),
        *(
            MartColumn(f"{unit}_{name}", "number", "days", "Null: too many still wait.")
            for unit in ("days", "business_days")
            for name in _QUANTILES
        ),
        MartColumn("longest_open", "number", "business days", "Longest wait that is not over. Null: nobody waits."),
    ),
)
