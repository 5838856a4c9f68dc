"""`alert_response`: every alert about a client, recorded or derived, and what was done about it."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.instant import SECONDS_PER_DAY, SECONDS_PER_HOUR, day_number, seconds
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.measures.trajectory import trajectory_rules
from pacekeeper.policy import Policy
from pacekeeper_assets.care import NONE, about_session, outcome_policy, with_practice_day
from pacekeeper_assets.no_shows import NO_SHOW_ALERT
from pacekeeper_assets.offtrack import OFFTRACK
from pacekeeper_assets.people import crosswalk, with_client_person

OFF_TRACK = ("off_track", "reliable_drop")
REVIEWED_WITHIN_SESSIONS = (*OFF_TRACK, "alliance_low")
_REVIEWS = ("reviewed", "discussed_with_client", "plan_changed", "referred")
HOURS_PER_DAY = 24
_PREFERRED = ("self", "caregiver", "clinician", "unknown")


def alert(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per alert: those that a source recorded, and those that follow from scores and attendance.

    What a source recorded is not derived again: the same kind, client and, where they are named, instrument and
    response. `answered_at`: when the answer behind it was given; where none is named, when it was raised.
    """
    recorded = _recorded(tables)
    derived = ibis.union(_score_runs(tables, policy), _safety_answers(tables), _missed(tables)).filter(
        lambda t: t.created_s <= seconds(tables.as_of)
    )
    known = recorded.select(
        known_client="client_key",
        known_group="dedup",
        known_instrument="instrument",
        known_trigger="trigger_response_key",
        known_s="created_s",
    )
    met = derived.inner_join(known, [derived.client_key == known.known_client, derived.dedup == known.known_group])
    is_same = ibis.coalesce(met.known_trigger == met.trigger_response_key, literal(value=False)) | (
        (met.known_s >= met.created_s - SECONDS_PER_DAY)
        & (met.known_s < met.until_s)
        & (met.known_instrument.isnull() | (met.known_instrument == met.instrument))
    )
    told = met.filter(is_same).select("alert_key").distinct()
    own = derived.anti_join(told, "alert_key").drop("until_s")
    both = ibis.union(recorded.select(own.columns), own)
    return _with_clinician(with_practice_day(both, tables, at="created_s"), tables)


def _dedup(kind: Value) -> Value:
    return ifelse(kind.isin(OFF_TRACK), literal("off_track"), kind)


def _recorded(tables: CanonicalTables) -> Table:
    found = with_client_person(tables.clinical_alert, tables)
    links = crosswalk(tables).select("clinician_key", "person_key")
    found = found.left_join(links, "clinician_key")
    asked = tables.measure_response.select(
        asked_key="response_key", instrument="instrument", given_at="administered_at"
    )
    found = found.left_join(asked, found.trigger_response_key == asked.asked_key)
    return found.select(
        "alert_key",
        "client_key",
        "kind",
        "state",
        "instrument",
        "trigger_response_key",
        origin=literal("recorded"),
        dedup=_dedup(found.kind),
        clinician_key=found.person_key,
        created_at=found.created_at,
        created_s=seconds(found.created_at),
        answered_at=ibis.coalesce(found.given_at, found.created_at),
        therapist_notified_at=found.therapist_notified_at,
        supervisor_notified_at=found.supervisor_notified_at,
    )


def _derived(rows: Table, *, key: str, kind: Value, until_s: Value) -> Table:
    return rows.select(
        "client_key",
        "instrument",
        "created_at",
        alert_key=literal("derived:").concat(kind).concat(":").concat(rows[key]),
        kind=kind,
        state=literal("open"),
        trigger_response_key=rows.response_key,
        origin=literal("derived"),
        dedup=_dedup(kind),
        clinician_key=rows.clinician_key,
        created_s=seconds(rows.created_at),
        answered_at=rows.created_at,
        therapist_notified_at=ibis.null("timestamp('UTC', 6)"),
        supervisor_notified_at=ibis.null("timestamp('UTC', 6)"),
        until_s=until_s,
    )


def _score_runs(tables: CanonicalTables, policy: Policy) -> Table:
    """The first off-track response after one on track, and the first of a low alliance: one open alert at a time."""
    scores = tables.measure_trajectory
    alliance = {code: rule.alliance_band for code, rule in trajectory_rules().items() if rule.alliance_band}
    is_low = ibis.cases(
        *[(scores.instrument == code, scores.severity_band == band) for code, band in alliance.items()],
        else_=ibis.null("boolean"),
    )
    measures_alliance = scores.instrument.isin(list(alliance))
    kind = OFFTRACK.named(outcome_policy(policy).word("offtrack_algorithm")).alert_kind
    place = ibis.cases(*[(scores.respondent == who, n) for n, who in enumerate(_PREFERRED)], else_=len(_PREFERRED))
    told = scores.mutate(
        place=place,
        kind=ifelse(measures_alliance, literal("alliance_low"), literal(kind)),
        is_bad=ifelse(measures_alliance, is_low, ~scores.on_track),
    )
    told = told.filter(told.is_bad.notnull() & told.sequence_no.notnull())
    by = ["client_key", "instrument"]
    # One respondent speaks for the client: self before caregiver before clinician.
    told = told.mutate(first_place=told.place.min().over(ibis.window(group_by=by)))
    told = told.filter(told.place == told.first_place)
    in_order = ibis.window(group_by=by, order_by=["administered_at", "response_key"])
    told = told.mutate(
        was_bad=told.is_bad.lag().over(in_order),
        good_s=ifelse(told.is_bad, ibis.null("int64"), seconds(told.administered_at)),
    )
    ahead = ibis.window(group_by=by, order_by=["administered_at", "response_key"], rows=(1, None))
    told = told.mutate(next_good_s=told.good_s.min().over(ahead))
    begun = told.filter(told.is_bad & ~ibis.coalesce(told.was_bad, literal(value=False)))
    begun = begun.mutate(created_at=begun.administered_at, clinician_key=ibis.null("string"))
    never_s = seconds(tables.as_of) + SECONDS_PER_DAY
    return _derived(begun, key="response_key", kind=begun.kind, until_s=ibis.coalesce(begun.next_good_s, never_s))


def _safety_answers(tables: CanonicalTables) -> Table:
    scores = tables.measure_trajectory
    found = scores.filter(ibis.coalesce(scores.safety_flag, literal(value=False)) & ~scores.is_duplicate)
    found = found.mutate(created_at=found.administered_at, clinician_key=ibis.null("string"))
    until_s = seconds(found.administered_at) + SECONDS_PER_DAY
    return _derived(found, key="response_key", kind=literal("safety_item"), until_s=until_s)


def _missed(tables: CanonicalTables) -> Table:
    found = tables.no_show_alert
    found = found.mutate(created_at=found.start_at, instrument=ibis.null("string"), response_key=ibis.null("string"))
    return _derived(found, key="appointment_key", kind=literal("no_show_run"), until_s=found.until_s + SECONDS_PER_DAY)


def _with_clinician(rows: Table, tables: CanonicalTables) -> Table:
    """Whoever is named, else whom the client saw last, else nobody; and their clinical supervisor on that day."""
    held = tables.client_session.select(saw_client="client_key", saw="clinician_key", saw_s="start_s")
    nameless = rows.filter(rows.clinician_key.isnull()).select("alert_key", "client_key", "created_s")
    met = nameless.inner_join(held, nameless.client_key == held.saw_client)
    met = met.filter(met.saw_s <= met.created_s)
    latest = ibis.row_number().over(ibis.window(group_by="alert_key", order_by=[met.saw_s.desc(), met.saw]))
    met = met.mutate(place=latest).filter(lambda t: t.place == 0).select(met_key="alert_key", met_person="saw")
    joined = rows.left_join(met, rows.alert_key == met.met_key)
    joined = joined.mutate(clinician_key=ibis.coalesce(joined.clinician_key, joined.met_person, literal(NONE))).drop(
        "met_key", "met_person"
    )
    return _with_supervisor(joined, tables)


def _with_supervisor(rows: Table, tables: CanonicalTables) -> Table:
    links = tables.supervision_link
    people = crosswalk(tables)
    clinical = links.filter(links.kind == "clinical")
    clinical = clinical.inner_join(
        people.select(own_key="clinician_key", supervised="person_key"), clinical.clinician_key == people.clinician_key
    )
    heads = people.select(head_key="clinician_key", head="person_key")
    clinical = clinical.inner_join(heads, clinical.supervisor_key == heads.head_key)
    clinical = clinical.select(
        "supervised", "head", from_no=day_number(clinical.valid_from), to_no=day_number(clinical.valid_to)
    )
    met = rows.select("alert_key", "clinician_key", "day_no").inner_join(
        clinical, rows.clinician_key == clinical.supervised
    )
    met = met.filter((met.day_no >= met.from_no) & (met.to_no.isnull() | (met.day_no <= met.to_no)))
    met = met.filter(met["head"] != met.clinician_key)
    found = met.group_by(headed_key=met.alert_key).aggregate(supervisor_key=met["head"].min())
    return rows.left_join(found, rows.alert_key == found.headed_key).drop("headed_key")


def alert_followed(tables: CanonicalTables, policy: Policy) -> Table:
    """`alert` with what was done: first action, first review, first review of risk, and the sessions since."""
    rail, safety = policy.guardrail("offtrack_review").settings, policy.guardrail("safety_review").settings
    rows = tables.alert
    acted = _actions(tables)
    acted = acted.mutate(is_after=acted.acted_s >= acted.created_s)
    done = acted.group_by(done_key=acted.alert_key).aggregate(
        action_s=acted.acted_s.min(where=acted.is_after),
        reviewed_at=acted.acted_at.min(where=acted.is_after & acted.action.isin(_REVIEWS)),
        risk_acted_at=acted.acted_at.min(where=acted.is_after & acted.action.isin([*_REVIEWS, "safety_plan"])),
    )
    rows = rows.left_join(done, rows.alert_key == done.done_key).drop("done_key")
    noted = _risk_notes(tables, policy)
    rows = rows.left_join(noted, rows.alert_key == noted.noted_key).drop("noted_key")
    acted_at, noted_at = rows.risk_acted_at, rows.noted_at
    rows = rows.mutate(risk_reviewed_at=ibis.least(acted_at.coalesce(noted_at), noted_at.coalesce(acted_at)))
    held = tables.client_session.select("client_key", "start_s", "end_s", "ended_at", "session_key")
    met = rows.select("alert_key", "client_key", "created_s", "reviewed_at").inner_join(held, "client_key")
    met = met.filter((met.start_s > met.created_s) & (met.end_s <= seconds(tables.as_of)))
    in_order = ibis.window(group_by="alert_key", order_by=["start_s", "session_key"])
    met = met.mutate(place=ibis.row_number().over(in_order) + 1)
    enough, latest = rail.whole("sessions"), ibis.interval(hours=rail.whole("latest") * HOURS_PER_DAY)
    since = met.group_by(since_key=met.alert_key).aggregate(
        enough_at=met.ended_at.max(where=met.place == enough),
        sessions_n=met.count(),
        sessions_to_review=met.count(where=met.start_s <= seconds(met.reviewed_at)),
    )
    rows = rows.left_join(since, rows.alert_key == since.since_key).drop("since_key")
    by_day = rows.created_at + latest
    return rows.mutate(
        review_due_at=ibis.least(rows.enough_at.coalesce(by_day), by_day),
        safety_due_at=rows.answered_at + ibis.interval(seconds=int(safety.number("within") * SECONDS_PER_HOUR)),
        sessions_n=rows.sessions_n.fill_null(0),
        sessions_to_review=ifelse(rows.reviewed_at.isnull(), ibis.null("int64"), rows.sessions_to_review.fill_null(0)),
    )


def _actions(tables: CanonicalTables) -> Table:
    """Actions on an alert; of a derived one, those on any alert of the same client and kind."""
    alerts, actions = tables.alert, tables.alert_action
    done = actions.select(done_on="alert_key", action="action", acted_at="acted_at", acted_s=seconds(actions.acted_at))
    done = done.filter(done.acted_s <= seconds(tables.as_of))
    columns = ("alert_key", "created_s", "action", "acted_at", "acted_s")
    recorded = alerts.filter(alerts.origin == "recorded")
    own = recorded.inner_join(done, recorded.alert_key == done.done_on).select(*columns)
    of_client = recorded.inner_join(done, recorded.alert_key == done.done_on).select(
        "client_key", "dedup", "action", "acted_at", "acted_s"
    )
    derived = alerts.filter(alerts.origin == "derived").select("alert_key", "created_s", "client_key", "dedup")
    return ibis.union(own, derived.inner_join(of_client, ["client_key", "dedup"]).select(*columns))


def _risk_notes(tables: CanonicalTables, policy: Policy) -> Table:
    """`noted_at`: of the first note marked as reviewed for risk, of a session about or after the answer."""
    rows = tables.alert
    rows = rows.filter(rows.kind == "safety_item")
    rows = rows.select("alert_key", "client_key", answered_s=seconds(rows.answered_at))
    notes = tables.note
    is_reviewed = ibis.coalesce(notes.is_risk_reviewed, literal(value=False)) & (notes.status != "entered_in_error")
    notes = notes.filter(is_reviewed)
    by_seat = tables.session.filter(tables.session.appointment_key.notnull())
    by_seat = by_seat.select(seat_key="appointment_key", seat_session="session_key")
    notes = notes.left_join(by_seat, notes.appointment_key == by_seat.seat_key)
    notes = with_client_person(notes, tables)
    notes = notes.select(
        noted_person=notes.client_key,
        session_key=ibis.coalesce(notes.session_key, notes.seat_session),
        written_at=ibis.coalesce(notes.signed_at, notes.created_at),
    )
    held = tables.client_session.select("session_key", "client_key", "start_s", "end_s").inner_join(
        notes, "session_key"
    )
    met = rows.inner_join(held, "client_key")
    # The notes of a group are one for each client.
    met = met.filter(met.noted_person.isnull() | (met.noted_person == met.client_key))
    about = about_session(met.answered_s, met.start_s, met.end_s, outcome_policy(policy))
    about = about | (met.start_s > met.answered_s)
    written_s = seconds(met.written_at)
    met = met.filter(about & (written_s >= met.answered_s) & (written_s <= seconds(tables.as_of)))
    return met.group_by(noted_key=met.alert_key).aggregate(noted_at=met.written_at.min())


ALERT = Step("alert", alert, (NO_SHOW_ALERT,), marts=("measure_trajectory",))
ALERT_FOLLOWED = Step("alert_followed", alert_followed, (ALERT,))
