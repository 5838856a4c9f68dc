"""Who is judged and in which local weeks: persons across sources, the spine of weeks, and their local days."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, literal
from pacekeeper.measures.instant import SECONDS_PER_DAY, day_number, seconds, utc_day
from pacekeeper.measures.tables import CanonicalTables

_DAYS_PER_WEEK = 7
# A longer time without any appointment of the practice separates its record from dates that are mistyped.
_LONGEST_QUIET_DAYS = 365


def crosswalk(tables: CanonicalTables) -> Table:
    """One row per clinician key of a known person: `clinician_key`, `person_key` and what its record says.

    A source may know a clinician's identifier and map no record, as a file of schedule blocks does: its keys count
    where they meet a person of whom another source has one.
    """
    records, match = tables.clinician, tables.person_match.select("clinician_key", "person_key")
    joined = records.left_join(match, "clinician_key")
    known = joined.select(
        clinician_key=joined.clinician_key,
        person_key=ibis.coalesce(joined.person_key, joined.clinician_key),
        home_location_key=joined.home_location_key,
        is_client_facing=joined.is_client_facing,
    )
    met = match.anti_join(records, "clinician_key").semi_join(known, "person_key")
    without_record = met.select(
        "clinician_key", "person_key", home_location_key=ibis.null("string"), is_client_facing=ibis.null("boolean")
    )
    return ibis.union(known, without_record)


def with_person(rows: Table, tables: CanonicalTables) -> Table:
    """The rows with `person_key` for their `clinician_key`; rows about clinicians nobody knows are left out."""
    links = crosswalk(tables).select("clinician_key", "person_key")
    return rows.inner_join(links, "clinician_key")


def with_client_person(rows: Table, tables: CanonicalTables) -> Table:
    """The rows with the key of the client's person as their `client_key`; one that meets nobody keeps its own."""
    links = tables.client_match.select(client_record="client_key", client_person="person_key")
    joined = rows.left_join(links, rows.client_key == links.client_record)
    joined = joined.mutate(client_key=joined.client_person.coalesce(joined.client_key))
    return joined.drop("client_record", "client_person")


def person(tables: CanonicalTables) -> Table:
    """One row per person: `person_key`, `zone` (decision 1.2) and `is_client_facing`.

    Where records of one person name locations in several zones, the first zone by name stands.
    """
    links = crosswalk(tables)
    places = tables.location.select(home_location_key="location_key", tz="tz")
    placed = links.left_join(places, "home_location_key")
    people = placed.group_by("person_key").aggregate(tz=placed.tz.min(), is_client_facing=placed.is_client_facing.any())
    home = tables.practice.aggregate(home_tz=tables.practice.home_tz.min())
    both = people.cross_join(home)
    return both.select("person_key", zone=ibis.coalesce(both.tz, both.home_tz), is_client_facing=both.is_client_facing)


def employment_of(tables: CanonicalTables) -> Table:
    """Employments by person, with `start_no` and `end_no` as day numbers; `end_no` is null while it lasts."""
    jobs = with_person(tables.employment, tables)
    return jobs.select(
        "person_key",
        "employment_key",
        "fte",
        "contract_h_week",
        "start_date",
        "end_date",
        start_no=day_number(jobs.start_date),
        end_no=day_number(jobs.end_date),
    )


def week(tables: CanonicalTables) -> Table:
    """One row per zone and whole practice week, with its ends as instants, seconds and day numbers."""
    days = tables.calendar_day
    weeks = days.group_by("zone", "week_id").aggregate(
        days_n=days.count(),
        week_start_at=days.starts_at.min(),
        week_end_at=days.ends_at.max(),
        last_date=days.local_date.max(),
    )
    whole = weeks.filter(weeks.days_n == _DAYS_PER_WEEK)
    return whole.select(
        "zone",
        "week_id",
        "week_start_at",
        "week_end_at",
        week_start_s=seconds(whole.week_start_at),
        week_end_s=seconds(whole.week_end_at),
        first_no=day_number(whole.week_id),
        last_no=day_number(whole.last_date),
    )


def data_begins(seats: Table, as_of: Value) -> Table:
    """One row, `data_begins_s`: the first appointment after the last long quiet time (decision 1.1); null without any.

    What still lies ahead of `as_of` ends no quiet time.
    """
    starts = seats.select(start_s=seconds(seats.start_at))
    days = starts.group_by(day_no=utc_day(starts.start_s)).aggregate(first_s=starts.start_s.min())
    days = days.mutate(day_before_no=days.day_no.lag().over(ibis.window(order_by="day_no")))
    is_after_quiet = days.day_no - days.day_before_no > _LONGEST_QUIET_DAYS
    has_been = days.first_s < seconds(as_of)
    begins = days.filter(days.day_before_no.isnull() | (is_after_quiet & has_been))
    return begins.aggregate(data_begins_s=begins.first_s.max())


def spine(tables: CanonicalTables) -> Table:
    """One row per person and judged week (decision 1.1), with zone, week ends and `has_employment`."""
    jobs = employment_of(tables)
    employed = jobs.group_by("person_key").aggregate(
        first_start_no=jobs.start_no.min(),
        last_end_no=jobs.end_no.max(),
        open_n=jobs.count(where=jobs.end_no.isnull()),
    )
    seats = tables.appointment.filter(tables.appointment.status != "entered_in_error")
    beginning = data_begins(seats, tables.as_of)
    seats = with_person(seats, tables)
    seats = seats.select("person_key", start_s=seconds(seats.start_at)).cross_join(beginning)
    seats = seats.filter(seats.start_s >= seats.data_begins_s)
    booked = seats.group_by("person_key").aggregate(first_seat_s=seats.start_s.min())
    ended = week(tables)
    ended = ended.filter(ended.week_end_s <= seconds(tables.as_of))
    people = person(tables).left_join(employed, "person_key").drop("person_key_right")
    people = people.left_join(booked, "person_key").drop("person_key_right")
    rows = people.inner_join(ended, "zone").cross_join(beginning)
    begun = ibis.coalesce(rows.last_no >= rows.first_start_no, literal(value=False)) | ibis.coalesce(
        rows.week_end_s > rows.first_seat_s, literal(value=False)
    )
    # Where no appointment is known at all the weeks stay: their verdicts say that nothing can be judged.
    seen = rows.data_begins_s.isnull() | (rows.week_end_s > rows.data_begins_s)
    over = ibis.coalesce((rows.open_n == 0) & (rows.first_no > rows.last_end_no), literal(value=False))
    return rows.filter(begun & seen & ~over).select(
        "person_key",
        "zone",
        "is_client_facing",
        "week_id",
        "week_start_at",
        "week_end_at",
        "week_start_s",
        "week_end_s",
        "first_no",
        "last_no",
        has_employment=rows.first_start_no.notnull(),
    )


def spine_day(weeks: Table, tables: CanonicalTables) -> Table:
    """One row per person and local day of the spine: `day_no`, `from_s`, `to_s`, and the week it belongs to."""
    calendar = tables.calendar_day
    days = calendar.select(
        "zone",
        "week_id",
        day_no=day_number(calendar.local_date),
        from_s=seconds(calendar.starts_at),
        to_s=seconds(calendar.ends_at),
    )
    return weeks.select("person_key", "zone", "week_id").inner_join(days, ["zone", "week_id"])


def on_local_day(rows: Table, days: Table, *, at: str) -> Table:
    """The rows that start on a day of the spine, with `week_id` and `day_no`. at: column with the start in seconds.

    Joined on the UTC day as well: a local day touches two of them, three when it has 25 hours.
    """
    reach = [
        days.select("person_key", "week_id", "day_no", "from_s", "to_s", utc_no=utc_day(days.from_s) + offset)
        for offset in range(3)
    ]
    touched = ibis.union(*reach).filter(lambda day: day.utc_no * SECONDS_PER_DAY < day.to_s)
    touched = touched.rename(day_from_s="from_s", day_to_s="to_s")
    keyed = rows.mutate(utc_no=utc_day(rows[at]))
    joined = keyed.inner_join(touched, ["person_key", "utc_no"])
    return joined.filter((joined[at] >= joined.day_from_s) & (joined[at] < joined.day_to_s)).drop("utc_no")


def session_clinician_person(tables: CanonicalTables) -> Table:
    """One row per session and person whose time counts: `session_key`, `person_key` (decision 1.3).

    The session's own clinician counts too, unless `session_clinician` says otherwise.
    """
    listed = tables.session_clinician.select("session_key", "clinician_key", "counts_direct")
    own = tables.session.select("session_key", "clinician_key")
    unlisted = own.anti_join(listed, ["session_key", "clinician_key"])
    both = ibis.union(listed.filter(listed.counts_direct).select("session_key", "clinician_key"), unlisted)
    return with_person(both, tables).select("session_key", "person_key").distinct()
