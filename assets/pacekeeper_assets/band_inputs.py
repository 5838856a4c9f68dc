"""What bands are judged with besides their values: inputs that are there, inputs in doubt, and people's traits."""

from __future__ import annotations

import ibis

from pacekeeper.contract import ENTITIES
from pacekeeper.expr import Table, ifelse, literal
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper_assets.people import with_person

#: Layers of these kinds state the values of a full-time person; of other kinds they are meant as they stand.
FULL_TIME_LAYERS = ("role", "specialty", "employment_type")
_ROLE, _SPECIALTY, _EMPLOYMENT = FULL_TIME_LAYERS
_PERSONAL = ("person", "temporary")


def band_input(tables: CanonicalTables) -> Table:
    """One row per guardrail and `input_key`: a person, or the empty text for the practice as a whole.

    `lacks_source`: no source that counts maps an entity of a group that is needed. `complete_until_s`: earliest end of
    complete reading of the inputs among the sources that count; 0 where one was never read.
    """
    needs, reads = tables.band_need, tables.source_completeness
    ends = reads.select(
        "source",
        "entity",
        complete_s=ifelse(reads.complete_through.isnull(), literal(0, "int64"), seconds(reads.complete_through)),
    )
    told = tables.person_source.inner_join(ends, "source")
    told = told.select("entity", "complete_s", input_key=told.person_key, is_read=literal(value=True))
    everywhere = ends.select("entity", "complete_s", input_key=literal(""), is_read=ends.complete_s > 0)
    # Where nobody has a row of an entity, its sources tell nothing: they may not have been allowed to.
    held = ibis.union(*(tables[name].limit(1).select(held_entity=literal(name)) for name in ENTITIES))
    known = ibis.union(told, everywhere)
    known = known.left_join(held, known.entity == held.held_entity)
    known = known.mutate(is_read=known.is_read & known.held_entity.notnull()).drop("held_entity")
    joined = needs.inner_join(known, "entity")
    found = joined.group_by("guardrail_id", "input_key").aggregate(
        groups_found_n=joined.group_no.nunique(where=joined.is_read),
        complete_until_s=joined.complete_s.min(),
    )
    # Every guardrail and everybody: who has no row in `found` lacks every source.
    asked = needs.group_by("guardrail_id").aggregate(groups_n=needs.groups_n.max())
    everybody = ibis.union(
        tables.person_source.select(input_key="person_key"),
        tables.practice.select(input_key=literal("")),
        distinct=True,
    )
    whole = asked.cross_join(everybody).left_join(found, ["guardrail_id", "input_key"])
    return whole.select(
        "guardrail_id",
        "input_key",
        "complete_until_s",
        lacks_source=whole.groups_found_n.fill_null(0) < whole.groups_n,
    )


def band_doubt(tables: CanonicalTables) -> Table:
    """One row per guardrail, `input_key` and time of which an input is suspect or lacking (decisions 3 and 5).

    `by_instant`: the time is `begins_s` to `ends_s`, of suspect records; else `begins_no` to `ends_no`, local days
    that a source lacks. Null = open on that side.
    """
    needs = tables.band_need
    suspects = with_person(tables.suspect_record, tables)
    suspects = suspects.select(
        "entity",
        "noted_at",
        "from_at",
        input_key=suspects.person_key,
        ends_s=seconds(suspects.to_at),
    )
    met = needs.inner_join(suspects, "entity")
    # A booking bears on every period's end from when it was made until it is held.
    begins = ifelse(met.looks_ahead & (met.entity == "appointment"), seconds(met.noted_at), seconds(met.from_at))
    by_instant = met.select(
        "guardrail_id",
        "input_key",
        "reach_days",
        by_instant=literal(value=True),
        begins_s=begins,
        ends_s="ends_s",
        begins_no=ibis.null("int64"),
        ends_no=ibis.null("int64"),
    )
    gaps = tables.source_gap
    gaps = gaps.filter(gaps.first_day.notnull() | gaps.last_day.notnull())
    gaps = gaps.select("source", "entity", begins_no=day_number(gaps.first_day), ends_no=day_number(gaps.last_day))
    # Lacking days matter to whoever the source has a row about, to whoever no other source can tell the entity of, and
    # to the practice as a whole.
    known = tables.person_source.select("person_key", "source")
    told = known.inner_join(tables.source_completeness, "source").select("person_key", "entity").distinct()
    everybody = known.select("person_key").distinct().cross_join(gaps)
    untold = everybody.anti_join(told, ["person_key", "entity"])
    columns = ("entity", "begins_no", "ends_no")
    spans = ibis.union(
        gaps.inner_join(known, "source").select(*columns, input_key="person_key"),
        untold.select(*columns, input_key="person_key"),
        gaps.select(*columns, input_key=literal("")),
        distinct=True,
    )
    lacking = needs.inner_join(spans, "entity")
    # When it was booked is not known of an appointment that is lacking.
    begins_no = ifelse(lacking.looks_ahead & (lacking.entity == "appointment"), ibis.null("int64"), lacking.begins_no)
    by_day = lacking.select(
        "guardrail_id",
        "input_key",
        "reach_days",
        by_instant=literal(value=False),
        begins_s=ibis.null("int64"),
        ends_s=ibis.null("int64"),
        begins_no=begins_no,
        ends_no="ends_no",
    )
    return ibis.union(by_instant, by_day, distinct=True)


def person_trait(tables: CanonicalTables) -> Table:
    """What layers match people by: `person_key`, `trait`, `held`, and the day numbers it holds from and to."""
    always = {"from_no": ibis.null("int64"), "to_no": ibis.null("int64")}
    roles = with_person(tables.clinician.select("clinician_key", "role"), tables)
    specialties = with_person(tables.clinician_specialty.select("clinician_key", "specialty"), tables)
    jobs = with_person(tables.employment, tables)
    themselves = tables.person_source.select("person_key").distinct()
    return ibis.union(
        roles.select("person_key", trait=literal(_ROLE), held=roles.role, **always),
        specialties.select("person_key", trait=literal(_SPECIALTY), held=specialties.specialty, **always),
        jobs.select(
            "person_key",
            trait=literal(_EMPLOYMENT),
            held=jobs.employment_type,
            from_no=day_number(jobs.start_date),
            to_no=day_number(jobs.end_date),
        ),
        *(
            themselves.select("person_key", trait=literal(kind), held=themselves.person_key, **always)
            for kind in _PERSONAL
        ),
        distinct=True,
    )


BAND_INPUT = Step("band_input", lambda tables, policy: band_input(tables))
BAND_DOUBT = Step("band_doubt", lambda tables, policy: band_doubt(tables))
PERSON_TRAIT = Step("person_trait", lambda tables, policy: person_trait(tables))
