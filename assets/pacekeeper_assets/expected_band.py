"""What is expected of a clinician's week: the ramp, or a target agreed for the person, for the part that was worked."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import in_force, number
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy, PolicyRevision
from pacekeeper_assets.people import with_person

_DIGITS = 9
_CLIENTS = "clients"


def with_expectation(rows: Table, tables: CanonicalTables, policy: Policy) -> Table:
    """Clinician weeks with `ramp_band`, `expected_min`, `expected_max`, `_unit`, `_source` and `expected_actual`.

    Ramp bands are those of a full-time person: times min(FTE, policy fte.max_scale), the specialty factor, and the
    part of the offered hours that was left. An agreed target is meant as it stands, times that part.
    """
    rows = rows.left_join(_agreed(rows, tables), ["clinician_key", "week_id"]).drop(
        "clinician_key_right", "week_id_right"
    )
    rows = rows.left_join(_reduced(tables, policy), "clinician_key").drop("clinician_key_right")

    def of_band(pick: str) -> Value:
        def of(rev: PolicyRevision) -> Value:
            *earlier, last = rev.ramp
            values = [(rows.tenure_month == band.month, literal(getattr(band, pick))) for band in earlier]
            chosen = ibis.cases(*values, else_=literal(getattr(last, pick))) if values else literal(getattr(last, pick))
            return ifelse(rows.tenure_month.notnull(), chosen, ibis.null(chosen.type()))

        return in_force(policy, rows.week_id, of)

    top = number(policy, rows.week_id, lambda rev: rev.section("fte").number("max_scale"))
    factor = number(policy, rows.week_id, lambda rev: rev.section("expectation").number("specialty_factor"))
    worked = (rows.available_h - rows.unblocked_h) / rows.template_h.nullif(0.0)
    scale = _at_most(rows.fte, top) * ifelse(rows.is_reduced.notnull(), factor, literal(1.0)) * worked
    last_month = in_force(policy, rows.week_id, lambda rev: rev.ramp[-1].month)
    is_agreed = rows.agreed.notnull()
    rows = rows.mutate(
        ramp_band=_at_most(rows.tenure_month, last_month),
        expected_min=ifelse(is_agreed, rows.agreed * worked, of_band("low") * scale).round(_DIGITS),
        expected_max=ifelse(is_agreed, ibis.null("float64"), of_band("high") * scale).round(_DIGITS),
        expected_unit=ifelse(is_agreed, rows.agreed_unit, of_band("unit")),
        expected_source=ibis.cases(
            (is_agreed, literal("person")),
            (rows.tenure_month < last_month, literal("ramp")),
            (rows.tenure_month.notnull(), literal("practice")),
            else_=ibis.null("string"),
        ),
    )
    return rows.mutate(
        expected_actual=ibis.cases(
            (rows.expected_unit == "hours", rows.direct_h),
            (rows.expected_unit == "sessions", rows.sessions_n.cast("float64")),
            (rows.expected_unit == _CLIENTS, rows.distinct_clients_n.cast("float64")),
            else_=ibis.null("float64"),
        )
    ).drop("agreed", "agreed_unit", "is_reduced")


def _at_most(value: Value, limit: Value) -> Value:
    """The smaller of the two; null where the value is, of which engines would take the limit."""
    return ifelse(value > limit, limit, value)


def _agreed(weeks: Table, tables: CanonicalTables) -> Table:
    """Targets agreed for a person that hold on the week's first day; those of several jobs add up in one unit."""
    jobs = with_person(tables.employment, tables)
    jobs = jobs.filter(jobs.target_override.notnull())
    jobs = jobs.select(
        clinician_key=jobs.person_key,
        target=jobs.target_override,
        unit=ifelse(jobs.target_override_unit == "distinct_clients", literal(_CLIENTS), jobs.target_override_unit),
        from_no=day_number(jobs.start_date),
        to_no=ibis.least(day_number(jobs.end_date), day_number(jobs.target_override_until)),
    )
    joined = weeks.select("clinician_key", "week_id").inner_join(jobs, "clinician_key")
    first_no = day_number(joined.week_id)
    held = joined.filter((joined.from_no <= first_no) & (joined.to_no.isnull() | (joined.to_no >= first_no)))
    summed = held.group_by("clinician_key", "week_id").aggregate(
        agreed=held.target.sum(), agreed_unit=held.unit.min(), last_unit=held.unit.max()
    )
    return summed.filter(summed.agreed_unit == summed.last_unit).drop("last_unit")


def _reduced(tables: CanonicalTables, policy: Policy) -> Table:
    """Persons with a specialty of which the policy expects less."""
    specialties = with_person(tables.clinician_specialty, tables)
    named = policy.latest.section("expectation").words("reduced_specialties")
    found = specialties.filter(specialties.specialty.isin(named))
    return found.select(clinician_key="person_key").distinct().mutate(is_reduced=literal(value=True))
