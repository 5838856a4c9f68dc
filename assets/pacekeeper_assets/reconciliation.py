"""`reconciliation`: what the EHR, billing and measures say of the same week, and where they differ."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.instant import SECONDS_PER_DAY, SECONDS_PER_HOUR, day_number, seconds, utc_day
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.attendance import PERSON_SEAT
from pacekeeper_assets.billing import HELD_SESSION, STANDING_CHARGE
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.people import with_client_person, with_person
from pacekeeper_assets.practice_facts import needs_of, with_known_until
from pacekeeper_assets.productivity import HELD, PERSON_DAY, PERSON_SESSION

_KEYS = ["person_key", "week_id"]
_PER_CLIENT = ("group", "iop")
_SECONDS_PER_MINUTE = 60


def reconciliation(tables: CanonicalTables, policy: Policy) -> Table:
    rows = tables.clinician_week.select("week_id", "week_end_at", person_key="clinician_key")
    parts = [
        _sessions(tables, policy),
        _kept_seats(tables, policy),
        _charges(tables, policy),
        _answers(tables, policy),
    ]
    for part in parts:
        rows = rows.left_join(part, _KEYS).drop("person_key_right", "week_id_right")
    rows = with_known(rows, tables, "session", "appointment")
    rows = with_known_until(rows, tables, "note", "charge", "measure_response")
    due_s = seconds(rows.week_end_at) + _grace_s(policy)
    knows_note = rows.knows_session & rows.note_until_s.notnull()
    knows_charge = rows.knows_session & rows.charge_until_s.notnull()
    is_whole = knows_charge & (rows.charge_until_s >= due_s)
    rows = rows.mutate(
        **{name: _known(rows.knows_session, rows[name]) for name in ("sessions_n", "sessions_not_kept_n")},
        **{name: _known(knows_note, rows[name]) for name in ("note_due_n", "without_note_n")},
        **{
            name: _known(knows_charge, rows[name])
            for name in (
                "charge_due_n",
                "without_charge_n",
                "charges_without_session_n",
                "missed_fee_n",
                "short_for_code_n",
            )
        },
        kept_without_session_n=_known(rows.knows_session & rows.knows_appointment, rows.kept_without_session_n),
        charge_units_n=ifelse(is_whole, rows.charge_units_n.fill_null(0.0), ibis.null("float64")),
        expected_units_n=_known(is_whole, rows.expected_units_n),
        measures_without_session_n=_known(
            rows.knows_session & rows.measure_response_until_s.notnull(), rows.measures_without_session_n
        ),
    )
    return rows.mutate(clinician_key=rows.person_key, units_over_n=rows.charge_units_n - rows.expected_units_n)


def _known(is_known: Value, count: Value) -> Value:
    return ifelse(is_known, count.fill_null(0), ibis.null("int64"))


def _grace_s(policy: Policy) -> Value:
    return literal(policy.latest.section("billing").whole("charge_within") * SECONDS_PER_DAY, "int64")


def _present(rows: Table, key: str, of: Table, name: str) -> Table:
    """The rows with `name`: whether their key is in another table."""
    found = of.filter(of[key].notnull()).select(key).distinct().mutate(is_there=literal("yes"))
    joined = rows.left_join(found, key).drop(f"{key}_right")
    return joined.mutate(**{name: joined.is_there.notnull()}).drop("is_there")


def _sessions(tables: CanonicalTables, policy: Policy) -> Table:
    """Held sessions of the clinician in charge against notes, charges and the appointment."""
    charge_of = with_person(tables.session.select("session_key", "clinician_key", "appointment_key"), tables)
    own = tables.person_session.filter(tables.person_session.status.isin(HELD))
    own = own.select("person_key", "week_id", "session_key", "session_type", "from_s", "to_s")
    rows = own.inner_join(
        charge_of.select("session_key", "person_key", "appointment_key"), ["session_key", "person_key"]
    )
    notes = tables.note.filter(tables.note.status != "entered_in_error").select("session_key", "appointment_key")
    rows = _present(rows, "session_key", notes, "has_own_note")
    rows = _present(rows, "appointment_key", notes, "has_seat_note")
    charges = tables.standing_charge
    rows = _present(rows, "session_key", charges, "has_charge")
    seats = tables.appointment.select("appointment_key", seat_status="status")
    rows = rows.left_join(seats, "appointment_key").drop("appointment_key_right")
    places = tables.session_participant.filter(tables.session_participant.attended)
    attended = places.group_by("session_key").aggregate(attended_n=places.count())
    rows = rows.left_join(attended, "session_key").drop("session_key_right")
    rows = rows.left_join(_least_minutes(charges, policy), "session_key").drop("session_key_right")
    rows = with_known_until(rows, tables, "note", "charge")
    is_late = {
        name: ibis.coalesce(rows.to_s + _grace_s(policy) <= rows[f"{name}_until_s"], literal(value=False))
        for name in ("note", "charge")
    }
    has_note = rows.has_own_note | rows.has_seat_note
    units = ifelse(rows.session_type.isin(_PER_CLIENT), rows.attended_n.fill_null(0), literal(1, "int64"))
    return rows.group_by(*_KEYS).aggregate(
        sessions_n=rows.count(),
        sessions_not_kept_n=rows.count(where=rows.seat_status.isin(["no_show", "cancelled", "booked"])),
        note_due_n=rows.count(where=is_late["note"]),
        without_note_n=rows.count(where=is_late["note"] & ~has_note),
        charge_due_n=rows.count(where=is_late["charge"]),
        without_charge_n=rows.count(where=is_late["charge"] & ~rows.has_charge),
        short_for_code_n=rows.count(where=(rows.to_s - rows.from_s) < rows.least_s),
        expected_units_n=units.sum(),
    )


def _least_minutes(charges: Table, policy: Policy) -> Table:
    """Per session: the seconds that the longest of its timed codes asks for."""
    section = policy.latest.section("billing")
    asked = {code: section.number(f"least_{code}") for code in ("90832", "90834", "90837")}
    timed = charges.filter(charges.procedure_code.isin(list(asked)) & charges.session_key.notnull())
    least = timed.procedure_code.cases(
        *((code, round(minutes * _SECONDS_PER_MINUTE)) for code, minutes in asked.items()), else_=ibis.null("int64")
    )
    timed = timed.mutate(least_s=least.cast("int64"))
    return timed.group_by("session_key").aggregate(least_s=timed.least_s.max())


def _kept_seats(tables: CanonicalTables, policy: Policy) -> Table:
    """Seats that show as kept, and of which neither a session, a note nor a charge is there a week later."""
    seats = tables.person_seat.filter(tables.person_seat.status == "kept")
    held = tables.session.filter(tables.session.status != "voided")
    seats = _present(seats, "appointment_key", held, "has_session")
    seats = _present(seats, "appointment_key", tables.note, "has_note")
    seats = _present(seats, "appointment_key", tables.charge, "has_charge")
    at_that_time = tables.person_session.select("person_key", "day_no", held_from_s="from_s", held_to_s="to_s")
    met = seats.inner_join(at_that_time, ["person_key", "day_no"])
    until_s = ibis.coalesce(met.end_s, met.start_s + 1)
    met = met.filter((met.held_from_s < until_s) & (met.held_to_s > met.start_s))
    seats = seats.anti_join(met.select("appointment_key").distinct(), "appointment_key")
    seats = with_known_until(seats, tables, "session", "appointment")
    is_late = seats.start_s + _grace_s(policy) <= ibis.least(seats.session_until_s, seats.appointment_until_s)
    missing = ~seats.has_session & ~seats.has_note & ~seats.has_charge & ibis.coalesce(is_late, literal(value=False))
    return seats.group_by(*_KEYS).aggregate(kept_without_session_n=seats.count(where=missing))


def _charges(tables: CanonicalTables, policy: Policy) -> Table:
    """Charges of sessions by the rendering clinician: units, and those without a held session."""
    section = policy.latest.section("billing")
    rows = tables.standing_charge
    rows = rows.filter(
        rows.renderer.notnull()
        & ~ibis.coalesce(
            rows.procedure_code.isin(section.words("monthly_codes") + section.words("bundle_codes")),
            literal(value=False),
        )
    ).rename(person_key="renderer", day_no="service_no")
    days = tables.person_day.select("person_key", "week_id", "day_no")
    rows = rows.inner_join(days, ["person_key", "day_no"])
    rows = with_known_until(rows, tables, "session")
    late_no = utc_day(rows.session_until_s - _grace_s(policy))
    is_late = ibis.coalesce(rows.day_no < late_no, literal(value=False))
    is_addon = ibis.coalesce(rows.procedure_code.isin(section.words("session_addons")), literal(value=False))
    return rows.group_by(*_KEYS).aggregate(
        missed_fee_n=rows.count(where=rows.is_missed_fee),
        charges_without_session_n=rows.count(where=is_late & ~rows.is_held & ~rows.is_missed_fee & ~is_addon),
        charge_units_n=rows.units.fill_null(1.0).sum(where=~rows.is_missed_fee & ~is_addon),
    )


def _answers(tables: CanonicalTables, policy: Policy) -> Table:
    """Filled-in measures with no held session of the client near them, by the clinician the client is assigned to.

    One that a session may still follow, or one that was not read yet, waits.
    """
    section = policy.latest.section("billing")
    before_s = round(section.number("measure_before") * SECONDS_PER_HOUR)
    after_s = round(section.number("measure_after") * SECONDS_PER_HOUR)
    answers = tables.measure_response.filter(tables.measure_response.status != "invalid")
    answers = with_client_person(answers, tables)
    answers = answers.select("response_key", "client_key", given_s=seconds(answers.administered_at))
    answers = with_known_until(answers, tables, "session")
    answers = answers.filter(answers.given_s + before_s <= answers.session_until_s)
    places = with_client_person(tables.session_participant.filter(tables.session_participant.attended), tables)
    held = places.select("session_key", "client_key").inner_join(
        tables.held_session.select("session_key", "from_s", "to_s"), "session_key"
    )
    met = answers.inner_join(held, "client_key")
    met = met.filter((met.given_s >= met.from_s - before_s) & (met.given_s <= met.to_s + after_s))
    lonely = answers.anti_join(met.select("response_key").distinct(), "response_key")
    cases = with_person(with_client_person(tables.case_assignment, tables), tables)
    cases = cases.select(
        "client_key", "person_key", case_from_no=day_number(cases.from_date), case_to_no=day_number(cases.to_date)
    )
    days = tables.person_day.select("person_key", "week_id", day_from_s="from_s", day_to_s="to_s", day_no="day_no")
    owned = lonely.inner_join(cases, "client_key")
    met_day = owned.inner_join(days, "person_key")
    met_day = met_day.filter(
        (met_day.given_s >= met_day.day_from_s)
        & (met_day.given_s < met_day.day_to_s)
        & (met_day.case_from_no <= met_day.day_no)
        & ibis.coalesce(met_day.case_to_no >= met_day.day_no, literal(value=True))
    )
    return met_day.group_by(*_KEYS).aggregate(measures_without_session_n=met_day.response_key.nunique())


_SESSION = Input("session", ("session_key", "clinician_key", "started_at", "ended_at", "status"))
_NOTE = (Input("note", ("session_key", "status")), Input("note", ("appointment_key", "status")))
_CHARGE = Input("charge", ("clinician_key", "service_date", "status"))
_LINK = (Input("charge", ("session_key",)), Input("charge", ("appointment_key",)), Input("charge", ("client_key",)))
_SEAT = Input("appointment", ("clinician_key", "client_key", "start_at", "status"))


def _count(name: str, unit: str, description: str, needs: Needs, *rules: str) -> MartColumn:
    return MartColumn(name, "count", unit, description, needs=needs, rules=rules)


_NOTED = needs_of(_SESSION, _NOTE)
_CHARGED = needs_of(_SESSION, _CHARGE, _LINK)
_NO_NOTE = "Null: sessions or notes of the person are not known."
_NO_CHARGE = "Null: sessions of the person or charges are not known."

RECONCILIATION = Mart(
    name="reconciliation",
    description="What the EHR, billing and measures say of the same week, and where they differ. What is not there "
    "counts as missing once policy billing.charge_within has passed and the source was read that far.",
    grain="one row per clinician (a person, across sources) and ended practice week",
    primary_key=("clinician_key", "week_id"),
    inputs=(
        "clinician_week",
        "practice",
        "calendar_day",
        "clinician",
        "person_match",
        "client",
        "client_match",
        "appointment",
        "session",
        "session_clinician",
        "session_participant",
        "episode",
        "note",
        "charge",
        "measure_response",
        "case_assignment",
    ),
    steps=(PERSON_DAY, PERSON_SESSION, PERSON_SEAT, HELD_SESSION, STANDING_CHARGE),
    build=reconciliation,
    columns=(
        MartColumn("clinician_key", "text", "", "Key of the person: `person_match.person_key`."),
        MartColumn("week_id", "date", "", "First local day of the practice week."),
        _count(
            "sessions_n",
            "sessions",
            "Held sessions with the person in charge. Null: no source of sessions knows the person.",
            needs_of(_SESSION),
        ),
        _count(
            "sessions_not_kept_n",
            "sessions",
            "Of them, those whose appointment shows as missed, cancelled or still booked. Null as sessions_n.",
            needs_of(_SESSION, Input("session", ("appointment_key",)), Input("appointment", ("status",))),
        ),
        _count("note_due_n", "sessions", f"Sessions whose note should be there. {_NO_NOTE}", _NOTED),
        _count("without_note_n", "sessions", f"Of them, those that no note names. {_NO_NOTE}", _NOTED, "D19"),
        _count("charge_due_n", "sessions", f"Sessions whose charge should be there. {_NO_CHARGE}", _CHARGED),
        _count(
            "without_charge_n",
            "sessions",
            "Of them, those without a charge that names the session, its appointment, or the client and the day. "
            f"{_NO_CHARGE}",
            _CHARGED,
            "F04",
        ),
        _count(
            "charges_without_session_n",
            "charges",
            "Charges rendered by the person that meet no held session; fees for missed appointments, codes billed by "
            f"the month or day, and codes billed beside another left out. {_NO_CHARGE}",
            _CHARGED,
        ),
        _count(
            "missed_fee_n",
            "charges",
            f"Charges for a missed or cancelled appointment and no held session, whatever their code. {_NO_CHARGE}",
            needs_of(_CHARGE, Input("charge", ("appointment_key",)), Input("appointment", ("status",))),
        ),
        MartColumn(
            "charge_units_n",
            "number",
            "units",
            "Units charged for sessions of the week, 1 where none are said. Null: charges are not known, or not yet.",
            needs=needs_of(_CHARGE, Input("charge", ("units",))),
        ),
        _count(
            "expected_units_n",
            "units",
            "One for each held session; of a group one for each client who attended. Null as charge_units_n.",
            needs_of(_SESSION, _CHARGE, Input("session_participant", ("session_key", "attended"))),
        ),
        MartColumn(
            "units_over_n",
            "number",
            "units",
            "charge_units_n - expected_units_n; below 0 something was not charged. Null as charge_units_n.",
            needs=needs_of(_SESSION, _CHARGE, Input("charge", ("units",))),
        ),
        _count(
            "short_for_code_n",
            "sessions",
            "Sessions shorter than the timed code charged for them asks (policy billing.least_90832, least_90834, "
            f"least_90837). {_NO_CHARGE}",
            needs_of(_SESSION, _CHARGE, _LINK, Input("charge", ("procedure_code",))),
        ),
        _count(
            "kept_without_session_n",
            "seats",
            "Seats that show as kept, with no session, note or charge that names them, and no session of the person at "
            "that time. Null: sessions or appointments of the person are not known.",
            needs_of(_SEAT, _SESSION),
        ),
        _count(
            "measures_without_session_n",
            "responses",
            "Filled-in measures of the person's assigned clients with no attended session within policy "
            "billing.measure_after before it and measure_before after it; not before measure_before has passed and "
            "sessions were read that far. Null: sessions of the person or measures are "
            "not known.",
            needs_of(
                _SESSION,
                Input("measure_response", ("client_key", "administered_at", "status")),
                Input("case_assignment", ("client_key", "clinician_key", "from_date")),
                Input("session_participant", ("session_key", "client_key", "attended")),
            ),
        ),
    ),
)

MARTS: tuple[Mart, ...] = (RECONCILIATION,)
GUARDRAILS: tuple[Guardrail, ...] = ()
