"""What a calendar says: blocks cut at local midnight, the weekly template, leave, and one sweep over all."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal, nearest
from pacekeeper.measures.in_force import holds
from pacekeeper.measures.instant import MINUTES_PER_DAY, SECONDS_PER_HOUR, day_number, seconds
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.coverage import segments
from pacekeeper_assets.people import crosswalk, on_local_day, person, with_person

OPEN = "client_available"
LEAVE_BLOCKS = ("pto", "sick")
CLOSED_BLOCKS = ("holiday", "closure")
ADMIN_BLOCKS = ("admin", "documentation")
SUPERVISION = "supervision"
MEETING = "team_meeting"
MODALITIES = ("in_person", "video", "audio", "other")
LAYERS = ("open", "leave", "closed", "protected", "meeting", "scheduled", *MODALITIES)

_SECONDS_PER_MINUTE = 60
# Clocks change between midnight and three: what begins later is counted back from the end of the local day.
_AFTER_CLOCK_CHANGE_MIN = 180


def block_pieces(tables: CanonicalTables, days: Table) -> Table:
    """One row per schedule block and local day of the spine it touches (decision 1.2)."""
    blocks = with_person(tables.schedule_block, tables)
    intervals = blocks.select(
        "person_key",
        "kind",
        "is_protected",
        "block_source",
        piece_key=blocks.block_key,
        from_s=seconds(blocks.start_at),
        to_s=seconds(blocks.end_at),
    )
    return cut_at_midnight(intervals, days)


def template_pieces(tables: CanonicalTables, days: Table) -> Table:
    """The weekly template laid over every local day of the spine: `person_key`, `week_id`, `from_s`, `to_s`.

    Minutes are wall-clock minutes of the location's zone, else of the clinician's.
    """
    template = with_person(tables.availability_template, tables)
    placed = template.left_join(tables.location.select("location_key", "tz"), "location_key")
    placed = placed.select(
        "template_key", "person_key", "weekday", "start_minute", "end_minute", location_tz=placed.tz
    ).inner_join(person(tables).select("person_key", "zone"), "person_key")
    placed = placed.mutate(zone=ibis.coalesce(placed.location_tz, placed.zone))
    calendar = tables.calendar_day
    dates = calendar.select(
        "zone",
        "weekday",
        date_no=day_number(calendar.local_date),
        day_from_s=seconds(calendar.starts_at),
        day_to_s=seconds(calendar.ends_at),
    )
    laid = placed.inner_join(dates, ["zone", "weekday"])
    intervals = laid.select(
        "person_key",
        piece_key=laid.template_key.concat("#").concat(laid.date_no.cast("string")),
        from_s=wall_clock(laid, laid.start_minute),
        to_s=wall_clock(laid, laid.end_minute),
    )
    return cut_at_midnight(intervals.filter(intervals.to_s > intervals.from_s), days)


def open_pieces(blocks: Table, template: Table) -> Table:
    """Client-available time per week: from the calendar, or from the template where the calendar has none (1.4)."""
    offered = blocks.filter(blocks.kind == OPEN)
    in_calendar = offered.filter(offered.block_source == "calendar")
    weeks = in_calendar.select("person_key", "week_id").distinct()
    standing_in = ibis.union(_bare(offered.filter(offered.block_source != "calendar")), _bare(template))
    return ibis.union(_bare(in_calendar), standing_in.anti_join(weeks, ["person_key", "week_id"]))


def closed_pieces(tables: CanonicalTables, days: Table) -> Table:
    """Time in which the practice, or the clinician's home location, is closed, within local days of the spine."""
    closures = tables.practice_closure
    is_part = closures.start_at.notnull() & closures.end_at.notnull()
    spans = closures.select(
        "location_key",
        is_part=is_part,
        # Local dates of a closure of some hours may be those of another zone.
        first_no=day_number(closures.from_date) - ifelse(is_part, 1, 0),
        last_no=day_number(closures.to_date) + ifelse(is_part, 1, 0),
        start_s=seconds(closures.start_at),
        end_s=seconds(closures.end_at),
    )
    homes = crosswalk(tables).filter(lambda link: link.home_location_key.notnull())
    homes = homes.select(home_person="person_key", home_key="home_location_key").distinct()
    met = days.inner_join(spans, [days.day_no >= spans.first_no, days.day_no <= spans.last_no])
    met = met.left_join(homes, [met.person_key == homes.home_person, met.location_key == homes.home_key])
    met = met.filter(met.location_key.isnull() | met.home_key.notnull())
    cut = met.select(
        "person_key",
        "week_id",
        from_s=ifelse(met.is_part, ibis.greatest(met.from_s, met.start_s), met.from_s),
        to_s=ifelse(met.is_part, ibis.least(met.to_s, met.end_s), met.to_s),
    )
    return cut.filter(cut.to_s > cut.from_s)


def scheduled_pieces(tables: CanonicalTables, days: Table) -> Table:
    """Planned time of appointments in the week they start; those entered in error or rescheduled are left out."""
    seats = tables.appointment
    seats = seats.filter(seats.status.notin(["entered_in_error", "rescheduled"]) & seats.end_at.notnull())
    planned = with_person(seats, tables)
    intervals = planned.select("person_key", from_s=seconds(planned.start_at), to_s=seconds(planned.end_at))
    return _bare(on_local_day(intervals.filter(intervals.to_s > intervals.from_s), days, at="from_s"))


def week_segments(tables: CanonicalTables, days: Table, *, direct: Table, blocks: Table) -> Table:
    """One sweep per person and week over all layers; `mark` is the local day number of each stretch.

    direct: `person_key`, `week_id`, `from_s`, `to_s`, `modality`, in the week the session starts.
    """
    protected = blocks.filter(blocks.is_protected & (blocks.kind != OPEN))
    layers = [
        _layer(open_pieces(blocks, template_pieces(tables, days)), "open"),
        _layer(blocks.filter(blocks.kind.isin(LEAVE_BLOCKS)), "leave"),
        _layer(blocks.filter(blocks.kind.isin(CLOSED_BLOCKS)), "closed"),
        _layer(closed_pieces(tables, days), "closed"),
        _layer(protected, "protected"),
        _layer(blocks.filter(blocks.kind == MEETING), "meeting"),
        _layer(scheduled_pieces(tables, days), "scheduled"),
        direct.select(
            "person_key",
            "week_id",
            "from_s",
            "to_s",
            layer=ifelse(direct.modality.isin(MODALITIES), direct.modality, "other"),
        ),
    ]
    marks = days.select("person_key", "week_id", at_s=days.from_s, mark=days.day_no)
    swept = segments(ibis.union(*layers), by=["person_key", "week_id"], layers=LAYERS, marks=marks)
    return swept.mutate(
        length_s=swept.to_s - swept.from_s,
        direct_n=swept.in_person_n + swept.video_n + swept.audio_n + swept.other_n,
        taken_n=swept.leave_n + swept.closed_n + swept.protected_n,
    )


def availability_day(swept: Table) -> Table:
    """Seconds per person and local day: open, what remains of it, what leave took, direct time and its parts."""
    remains = (swept.open_n > 0) & (swept.taken_n == 0)

    def total(condition: Value) -> Value:
        return ifelse(condition, swept.length_s, 0).sum()

    return swept.group_by(["person_key", "week_id"], day_no=swept.mark).aggregate(
        open_s=total(swept.open_n > 0),
        remains_s=total(remains),
        leave_s=total((swept.open_n > 0) & (swept.leave_n > 0)),
        leave_block_s=total(swept.leave_n > 0),
        scheduled_s=total(swept.scheduled_n > 0),
        direct_s=total(swept.direct_n > 0),
        unblocked_s=total((swept.direct_n > 0) & ~remains),
        **{f"{modality}_s": total(swept[f"{modality}_n"] > 0) for modality in MODALITIES},
    )


def ledger_day(tables: CanonicalTables, days: Table, policy: Policy) -> Table:
    """Seconds of leave per person and day from the PTO ledger: `ledger_s`, and `paid_s` of paid kinds."""
    entries = with_person(tables.pto_ledger, tables)
    entries = entries.filter(ibis.coalesce(entries.is_approved, literal(value=True)))
    dated = entries.select("person_key", "kind", "hours", day_no=day_number(entries.entry_date))
    dated = dated.inner_join(days.select("person_key", "week_id", "day_no"), ["person_key", "day_no"])
    is_leave = holds(policy, dated.week_id, lambda rev: dated.kind.isin(rev.section("leave").words("kinds")))
    is_paid = holds(policy, dated.week_id, lambda rev: dated.kind.isin(rev.section("leave").words("paid_kinds")))
    taken_s = ibis.greatest(dated.hours, 0.0) * float(SECONDS_PER_HOUR)
    return dated.group_by("person_key", "week_id", "day_no").aggregate(
        ledger_s=nearest(ifelse(is_leave, taken_s, 0.0).sum()),
        paid_s=nearest(ifelse(is_paid, taken_s, 0.0).sum()),
    )


def availability_week(swept: Table, ledger: Table) -> Table:
    """Seconds per person and week, the ledger's leave taken off day by day (decision 1.4)."""
    daily = availability_day(swept)
    keys = ["person_key", "week_id", "day_no"]
    joined = daily.left_join(ledger, keys)
    ledger_took = ifelse(
        joined.leave_block_s > 0, literal(0, "int64"), ibis.least(joined.remains_s, joined.ledger_s.fill_null(0))
    )
    joined = joined.mutate(ledger_took_s=ledger_took)
    summed = ("open_s", "scheduled_s", "direct_s", "unblocked_s", *[f"{m}_s" for m in MODALITIES])
    return joined.group_by("person_key", "week_id").aggregate(
        **{name: joined[name].sum() for name in summed},
        kept_open_s=(joined.remains_s - joined.ledger_took_s).sum(),
        leave_s=(joined.leave_s + joined.ledger_took_s).sum(),
        paid_leave_s=joined.paid_s.fill_null(0).sum(),
    )


def protected_admin_week(blocks: Table, swept: Table, policy: Policy) -> Table:
    """Seconds of protected admin blocks per person and week, less overlap with sessions and team meetings.

    A block of which the policy's share or more is taken (`protected_admin.encroached_from`) counts 0, and among
    `encroached_blocks_n`.
    """
    admin = blocks.filter(blocks.kind.isin(ADMIN_BLOCKS) & blocks.is_protected)
    busy = swept.filter((swept.direct_n > 0) | (swept.meeting_n > 0))
    busy = busy.select("person_key", "week_id", busy_from_s=busy.from_s, busy_to_s=busy.to_s)
    joined = admin.left_join(busy, ["person_key", "week_id"]).drop("person_key_right", "week_id_right")
    overlap_s = ibis.least(joined.to_s, joined.busy_to_s) - ibis.greatest(joined.from_s, joined.busy_from_s)
    per_block = joined.group_by("person_key", "week_id", "piece_key", "day_no", "from_s", "to_s").aggregate(
        taken_s=ifelse(joined.busy_from_s.notnull() & (overlap_s > 0), overlap_s, 0).sum()
    )
    length_s = per_block.to_s - per_block.from_s
    limit = holds(
        policy,
        per_block.week_id,
        lambda rev: per_block.taken_s >= length_s * rev.section("protected_admin").number("encroached_from"),
    )
    return per_block.group_by("person_key", "week_id").aggregate(
        admin_protected_s=ifelse(limit, 0, length_s - per_block.taken_s).sum(),
        encroached_blocks_n=ifelse(limit, 1, 0).sum(),
    )


def wall_clock(days: Table, minute: Value) -> Value:
    """The instant, in seconds, at which local clocks show a minute of a day (`day_from_s`, `day_to_s`)."""
    forward = days.day_from_s + minute * _SECONDS_PER_MINUTE
    backward = days.day_to_s - (literal(MINUTES_PER_DAY, "int64") - minute) * _SECONDS_PER_MINUTE
    return ifelse(minute >= _AFTER_CLOCK_CHANGE_MIN, backward, forward)


def cut_at_midnight(intervals: Table, days: Table) -> Table:
    """Intervals with a unique `piece_key` as pieces within local days, with `week_id` and `day_no`."""
    started = on_local_day(intervals, days, at="from_s")
    within = started.filter(started.to_s <= started.day_to_s).drop("day_from_s", "day_to_s")
    rest = intervals.anti_join(within, "piece_key").select(*intervals.columns)
    spans = days.select("person_key", "week_id", "day_no", day_from_s="from_s", day_to_s="to_s")
    reached = rest.inner_join(spans, "person_key")
    crossing = reached.filter((reached.from_s < reached.day_to_s) & (reached.to_s > reached.day_from_s))
    cut = crossing.mutate(
        from_s=ibis.greatest(crossing.from_s, crossing.day_from_s),
        to_s=ibis.least(crossing.to_s, crossing.day_to_s),
    )
    return ibis.union(within, cut.select(*within.columns))


def _bare(pieces: Table) -> Table:
    return pieces.select("person_key", "week_id", "from_s", "to_s")


def _layer(pieces: Table, layer: str) -> Table:
    return _bare(pieces).mutate(layer=literal(layer))
