"""Episodes of clients, the sessions they attended, and how an episode went on: steps of the marts on outcome."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import SECONDS_PER_DAY, SECONDS_PER_HOUR, day_number, seconds, utc_day
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper.policy.model import Section
from pacekeeper_assets.people import crosswalk, with_client_person
from pacekeeper_assets.periods import PRACTICE_DAY
from pacekeeper_assets.productivity import HELD

NONE = "none"
_NEVER_AN_EPISODE = ("entered_in_error", "cancelled")
_PLANNED = ("planned_complete", "mutual")
_NOT_DROPOUT = ("transferred", "referred_out", "admin", "deceased", "moved")
_AHEAD = ("booked", "kept", "unknown", "unreviewed")
_GIVEN_UP = ("cancelled", "rescheduled")


def outcome_policy(policy: Policy) -> Section:
    """Section `outcome` of the latest revision: a series of scores is read by one rule from end to end."""
    return policy.latest.section("outcome")


def with_practice_day(rows: Table, tables: CanonicalTables, *, at: str, day: str = "day_no") -> Table:
    """The rows with the number of the practice's local day of an instant; null beyond the calendar.

    at: column in seconds. A local day touches two UTC days, three when it has 25 hours.
    """
    days = tables.practice_day
    reach = [
        days.select(day_found="day_no", day_from_s="from_s", day_to_s="to_s", utc_no=utc_day(days.from_s) + offset)
        for offset in range(3)
    ]
    touched = ibis.union(*reach).filter(lambda t: t.utc_no * SECONDS_PER_DAY < t.day_to_s)
    keyed = rows.mutate(at_utc_no=utc_day(rows[at]))
    joined = keyed.left_join(
        touched,
        [keyed.at_utc_no == touched.utc_no, keyed[at] >= touched.day_from_s, keyed[at] < touched.day_to_s],
    )
    return joined.mutate(**{day: joined.day_found}).drop("at_utc_no", "utc_no", "day_found", "day_from_s", "day_to_s")


def care_episode(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per episode that is no mistake, with persons as clients and clinicians, and local day numbers.

    `service_line` and `clinician_key` are `none` where nobody is named. An episode begins to be linked to by date
    `baseline_days` before it is opened.
    """
    before = outcome_policy(policy).whole("baseline_days")
    episodes = with_client_person(tables.episode.filter(tables.episode.status.notin(_NEVER_AN_EPISODE)), tables)
    links = crosswalk(tables).select(listed_key="clinician_key", clinician_person="person_key")
    episodes = episodes.left_join(links, episodes.primary_clinician_key == links.listed_key)
    clients = with_client_person(tables.client, tables)
    died = clients.group_by(died_key=clients.client_key).aggregate(is_deceased=clients.is_deceased.any())
    joined = episodes.left_join(died, episodes.client_key == died.died_key)
    opened_no = day_number(joined.opened_on)
    return joined.select(
        "episode_key",
        "client_key",
        "status",
        "closure_type",
        service_line=joined.service_line.coalesce(literal(NONE)),
        clinician_key=joined.clinician_person.coalesce(literal(NONE)),
        opened_no=opened_no,
        linked_from_no=opened_no - before,
        closed_no=day_number(joined.closed_on),
        planned_end_no=day_number(joined.planned_end_on),
        is_deceased=ibis.coalesce(joined.is_deceased, literal(value=False)),
    )


def with_episode(rows: Table, tables: CanonicalTables, *, key: str) -> Table:
    """The rows with the key of their episode: the one they name, else the client's at their day.

    That is the one open then, of several the latest opened; where none is, the next one that they may run ahead of.
    rows: `client_key` (person), `episode_key`, `day_no` and the unique column `key`.
    """
    episodes = tables.care_episode
    named = rows.left_join(episodes.select(named_key="episode_key"), rows.episode_key == episodes.episode_key)
    by_day = named.filter(named.named_key.isnull()).select(key, "client_key", "day_no")
    met = by_day.inner_join(
        episodes.select("client_key", "opened_no", "linked_from_no", "closed_no", met_key="episode_key"), "client_key"
    )
    met = met.filter((met.day_no >= met.linked_from_no) & (met.closed_no.isnull() | (met.day_no <= met.closed_no)))
    met = met.mutate(days_ahead=ibis.greatest(met.opened_no - met.day_no, literal(0, "int64")))
    best_first = ibis.window(group_by=key, order_by=["days_ahead", met.opened_no.desc(), met.met_key.desc()])
    met = (
        met.mutate(place=ibis.row_number().over(best_first))
        .filter(lambda t: t.place == 0)
        .select(met_row=key, met_key="met_key")
    )
    joined = named.left_join(met, named[key] == met.met_row)
    return joined.mutate(episode_key=ibis.coalesce(joined.named_key, joined.met_key)).drop(
        "named_key", "met_row", "met_key"
    )


def attended_place(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per client and session they attended: times, clinician, local day, and the episode that it names."""
    places = with_client_person(tables.session_participant.filter(tables.session_participant.attended), tables)
    places = places.group_by("session_key", "client_key").aggregate(episode_key=places.episode_key.min())
    held = tables.session
    held = held.filter(held.status.isin(HELD) & (seconds(held.started_at) <= seconds(tables.as_of)))
    links = crosswalk(tables).select("clinician_key", "person_key")
    held = held.left_join(links, "clinician_key")
    held = held.select(
        "session_key",
        "session_type",
        "is_intake",
        "ended_at",
        clinician_key=ibis.coalesce(held.person_key, literal(NONE)),
        start_s=seconds(held.started_at),
        end_s=seconds(held.ended_at),
    )
    rows = places.inner_join(held, "session_key")
    rows = rows.mutate(place_key=rows.session_key.concat("|").concat(rows.client_key))
    return with_practice_day(rows, tables, at="start_s")


def client_session(tables: CanonicalTables, policy: Policy) -> Table:
    """`attended_place` with the episode that it belongs to, and `session_no` within the episode."""
    rows = with_episode(tables.attended_place, tables, key="place_key")
    in_order = ibis.window(group_by="episode_key", order_by=["start_s", "session_key"])
    return rows.mutate(
        session_no=ifelse(rows.episode_key.isnull(), ibis.null("int64"), ibis.row_number().over(in_order) + 1)
    )


def episode_course(tables: CanonicalTables, policy: Policy) -> Table:
    """`care_episode` with attended sessions, whether and how it ended, and the definitions of early termination.

    end_state: recorded; lapsed (nobody recorded an end, and neither a session nor a booking for `gap_days`); open. Who
    was never seen does not lapse. end_no: local day of the end; null while open. is_excluded: transfer, referral, move,
    death, administrative. is_unknown_end: recorded without saying how. is_early_a, _b, _c: see `retention_dropout`;
    is_early: a or c.
    """
    outcome = outcome_policy(policy)
    rows = _with_sessions(tables)
    rows = _with_bookings(rows, tables)
    as_of_s = seconds(tables.as_of)
    idle_s, away_s = as_of_s - rows.last_end_s, as_of_s - rows.contact_s
    is_recorded = (
        rows.closed_no.notnull()
        | (rows.status == "finished")
        | ibis.coalesce(rows.closure_type.notin(["open", "unknown"]), literal(value=False))
    )
    rows = rows.mutate(
        is_recorded=is_recorded,
        is_idle=ibis.coalesce(idle_s >= outcome.whole("idle_days") * SECONDS_PER_DAY, literal(value=False))
        & ~rows.is_booked,
        is_lapsed=ibis.coalesce(away_s >= outcome.whole("gap_days") * SECONDS_PER_DAY, literal(value=False))
        & ~rows.is_booked
        & ~is_recorded,
        is_excluded=ibis.coalesce(rows.closure_type.isin(_NOT_DROPOUT), literal(value=False)) | rows.is_deceased,
        is_planned=ibis.coalesce(rows.closure_type.isin(_PLANNED), literal(value=False))
        | ibis.coalesce(rows.planned_end_no <= rows.last_no + outcome.whole("idle_days"), literal(value=False)),
    )
    kind_known = rows.closure_type.notin(["open", "unknown"])
    rows = rows.mutate(
        is_unknown_end=rows.is_recorded
        & ~rows.is_excluded
        & ~rows.is_planned
        & ~ibis.coalesce(kind_known, literal(value=False)),
        end_state=ibis.cases(
            (rows.is_recorded, literal("recorded")), (rows.is_lapsed, literal("lapsed")), else_=literal("open")
        ),
        end_no=ibis.cases(
            (rows.is_recorded, ibis.coalesce(rows.closed_no, rows.last_no, rows.opened_no)),
            (rows.is_lapsed, rows.contact_no + outcome.whole("gap_days")),
            else_=ibis.null("int64"),
        ),
    )
    may_count = ~rows.is_excluded & ~rows.is_planned & ~rows.is_unknown_end
    rows = rows.mutate(
        # What the practice recorded holds, whatever end was planned.
        is_early_a=~rows.is_excluded & ibis.coalesce(rows.closure_type == "client_unilateral", literal(value=False)),
        is_early_b=may_count & (rows.end_state != "open") & (rows.sessions_n < outcome.whole("early_sessions")),
        is_early_c=may_count & ~rows.is_recorded & rows.is_idle,
    )
    return rows.mutate(is_early=rows.is_early_a | rows.is_early_c)


def _with_sessions(tables: CanonicalTables) -> Table:
    held = tables.client_session
    held = held.filter(held.episode_key.notnull())
    counted = held.group_by(held_key=held.episode_key).aggregate(
        sessions_n=held.count(),
        first_start_s=held.start_s.min(),
        first_end_s=held.end_s.max(where=held.session_no == 1),
        first_no=held.day_no.min(),
        last_no=held.day_no.max(),
        last_end_s=held.end_s.max(),
    )
    episodes = tables.care_episode
    joined = episodes.left_join(counted, episodes.episode_key == counted.held_key).drop("held_key")
    return joined.mutate(sessions_n=joined.sessions_n.fill_null(0))


def _with_bookings(rows: Table, tables: CanonicalTables) -> Table:
    """`is_booked`: whether an appointment is ahead. `contact_s`, `contact_no`: the last attended session, or when an
    appointment last stood, if later; null where nobody was ever seen.
    """
    as_of_s, seats = seconds(tables.as_of), tables.appointment
    start_s, cancelled_s = seconds(seats.start_at), seconds(seats.cancelled_at)
    is_known = seats.status.notin(_GIVEN_UP) | seats.cancelled_at.notnull()
    seats = seats.mutate(
        stood_until_s=ibis.least(start_s, ibis.coalesce(cancelled_s, start_s), as_of_s),
        is_ahead=(start_s > as_of_s) & seats.status.isin(_AHEAD),
    )
    seats = seats.filter(seats.client_key.notnull() & (seats.status != "entered_in_error") & is_known)
    seats = with_client_person(seats, tables).select(
        "appointment_key", "client_key", "episode_key", "stood_until_s", "is_ahead"
    )
    dated = with_practice_day(seats, tables, at="stood_until_s")
    stood = with_episode(dated, tables, key="appointment_key")
    booked = stood.group_by(booked_key=stood.episode_key).aggregate(
        booked_s=stood.stood_until_s.max(), booked_no=stood.day_no.max(), is_ahead=stood.is_ahead.any()
    )
    joined = rows.left_join(booked, rows.episode_key == booked.booked_key)

    def later(seen: Value, booked: Value) -> Value:
        return ifelse(seen.isnull(), ibis.null("int64"), ibis.greatest(seen, booked.coalesce(seen)))

    return joined.mutate(
        is_booked=ibis.coalesce(joined.is_ahead, literal(value=False)),
        contact_s=later(joined.last_end_s, joined.booked_s),
        contact_no=later(joined.last_no, joined.booked_no),
    ).drop("booked_key", "booked_s", "booked_no", "is_ahead")


def about_session(administered_s: Value, start_s: Value, end_s: Value, outcome: Section) -> Value:
    """Whether a response was given about a session: from some hours before its start to some after its end."""
    before, after = (outcome.number(key) * SECONDS_PER_HOUR for key in ("response_before", "response_after"))
    return (administered_s >= start_s - int(before)) & (administered_s <= end_s + int(after))


CARE_EPISODE = Step("care_episode", care_episode)
# A step of its own: places are read twice, and in one statement with their episodes more than memory may hold.
ATTENDED_PLACE = Step("attended_place", attended_place, (PRACTICE_DAY,))
CLIENT_SESSION = Step("client_session", client_session, (CARE_EPISODE, ATTENDED_PLACE))
EPISODE_COURSE = Step("episode_course", episode_course, (CARE_EPISODE, CLIENT_SESSION, PRACTICE_DAY))
