"""Held sessions and charges, with session, service line and people."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, ifelse, literal
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.care import CARE_EPISODE, CLIENT_SESSION, NONE, with_episode
from pacekeeper_assets.charge_session import day_session
from pacekeeper_assets.people import crosswalk, with_client_person
from pacekeeper_assets.productivity import HELD, PERSON_SESSION

UNKNOWN_LINE = "unknown"


def held_session(tables: CanonicalTables) -> Table:
    """One row per held session: local day (`day_no`), ends, type and `service_line`.

    The line is its own, else that of the episodes it belongs to.
    """
    own = tables.person_session.filter(tables.person_session.status.isin(HELD))
    days = own.group_by("session_key").aggregate(
        day_no=own.day_no.min(), from_s=own.from_s.min(), to_s=own.to_s.max(), session_type=own.session_type.min()
    )
    places = tables.client_session.inner_join(_line_of_episode(tables), "episode_key")
    lines = places.group_by("session_key").aggregate(episode_line=places.episode_line.min())
    named = tables.session.select("session_key", own_line="service_line")
    found = days.inner_join(named, "session_key").left_join(lines, "session_key")
    line = ibis.coalesce(found.own_line, found.episode_line, literal(UNKNOWN_LINE))
    return found.mutate(service_line=line).drop("session_key_right", "own_line", "episode_line")


def _line_of_episode(tables: CanonicalTables) -> Table:
    episodes = tables.care_episode.filter(tables.care_episode.service_line != NONE)
    return episodes.select("episode_key", episode_line="service_line")


def named_charge(tables: CanonicalTables) -> Table:
    """One row per charge that is not voided, with the session it names, else the one its appointment was kept by.

    `is_missed_fee`: its appointment was missed or cancelled and it names no held session, so that it is for none,
    whatever its code says.
    `renderer`, `biller`: persons; the biller is the renderer where nobody else is named.
    """
    charges = tables.charge.filter(tables.charge.status != "voided")
    charges = with_client_person(charges.mutate(service_no=day_number(charges.service_date)), tables)
    seats = tables.appointment.select("appointment_key", seat_status="status", seat_episode="episode_key")
    found = charges.left_join(seats, "appointment_key").drop("appointment_key_right")
    held = tables.session.filter(tables.session.status.isin(HELD))
    by_seat = held.filter(held.appointment_key.notnull())
    by_seat = by_seat.group_by("appointment_key").aggregate(seat_session=by_seat.session_key.min())
    found = found.left_join(by_seat, "appointment_key").drop("appointment_key_right")
    told = held.select(held_session="session_key")
    found = found.left_join(told, found.session_key == told.held_session)
    is_missed = ibis.coalesce(found.seat_status.isin(["no_show", "cancelled"]), literal(value=False))
    is_missed_fee = is_missed & found.held_session.isnull()
    named = ibis.coalesce(found.session_key, found.seat_session)
    found = found.mutate(is_missed_fee=is_missed_fee, session_key=ifelse(is_missed_fee, ibis.null("string"), named))
    found = _with_people(found, tables)
    return found.select(
        "charge_key",
        "claim_key",
        "session_key",
        "seat_episode",
        "client_key",
        "service_no",
        "service_line",
        "procedure_code",
        "units",
        "charge_cents",
        "payer_class",
        "contract_code",
        "is_missed_fee",
        "renderer",
        "biller",
    )


def standing_charge(tables: CanonicalTables, policy: Policy) -> Table:
    """`named_charge` with every charge's session and service line. `is_held`: whether its session took place.

    `session_key`: the one named, else one of those that the client attended on the day. `service_line`: the charge's,
    else its session's, else that of its appointment's or its client's episode.
    """
    by_day = day_session(tables, policy)
    found = tables.named_charge.left_join(by_day, "charge_key").drop("charge_key_right")
    found = found.mutate(session_key=ibis.coalesce(found.session_key, found.day_session)).drop("day_session")
    lines = tables.held_session.select("session_key", session_line="service_line")
    found = found.left_join(lines, "session_key").drop("session_key_right")
    line = ibis.coalesce(found.service_line, found.session_line.nullif(UNKNOWN_LINE))
    found = found.mutate(is_held=found.session_line.notnull(), service_line=line)
    rest = found.filter(found.service_line.isnull())
    rest = rest.select("charge_key", "client_key", episode_key="seat_episode", day_no="service_no")
    rest = with_episode(rest, tables, key="charge_key").inner_join(_line_of_episode(tables), "episode_key")
    found = found.left_join(rest.select("charge_key", "episode_line"), "charge_key").drop("charge_key_right")
    line = ibis.coalesce(found.service_line, found.episode_line, literal(UNKNOWN_LINE))
    return found.mutate(service_line=line).drop("session_line", "seat_episode", "episode_line")


def _with_people(charges: Table, tables: CanonicalTables) -> Table:
    links = crosswalk(tables)
    renderers = links.select(renderer_record="clinician_key", renderer="person_key")
    billers = links.select(biller_record="clinician_key", named_biller="person_key")
    found = charges.left_join(renderers, charges.clinician_key == renderers.renderer_record)
    found = found.left_join(billers, found.billing_clinician_key == billers.biller_record)
    return found.mutate(biller=ibis.coalesce(found.named_biller, found.renderer))


HELD_SESSION = Step(
    "held_session", lambda tables, policy: held_session(tables), (PERSON_SESSION, CLIENT_SESSION, CARE_EPISODE)
)
NAMED_CHARGE = Step("named_charge", lambda tables, policy: named_charge(tables))
STANDING_CHARGE = Step("standing_charge", standing_charge, (HELD_SESSION, NAMED_CHARGE, CARE_EPISODE))
