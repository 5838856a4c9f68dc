"""Which weeks of whom rest on records whose latest reading was rejected (decision 3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import ibis

from pacekeeper.expr import Table, Value, literal
from pacekeeper.measures.instant import SECONDS_PER_DAY, seconds
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper_assets.people import with_person

#: How many days before the week a record may lie and still bear on its verdict (decisions 1.9 and 1.10).
_REACH_DAYS: Mapping[str, int] = MappingProxyType(
    {"direct_hours": 0, "utilization": 0, "no_show": 21, "active_caseload": 60}
)
#: Guardrails that also look at what is booked and lies ahead.
_LOOKS_AHEAD = frozenset({"active_caseload"})


def with_suspicion(rows: Table, tables: CanonicalTables, guardrail_id: str, entities: tuple[str, ...]) -> Table:
    """The rows (`clinician_key` of a person, `week_id`, week ends), with what is suspect added to `is_partial`.

    A week is partial for a person whom a suspect record of one of the entities names, at the time its older version
    speaks of; where that time is not known, every week is.
    """
    suspects = tables.suspect_record
    suspects = with_person(suspects.filter(suspects.entity.isin(entities)), tables)
    begins: Value = seconds(suspects.from_at)
    if guardrail_id in _LOOKS_AHEAD:
        # A booking bears on every week's end from when it was made until it is held.
        begins = ibis.ifelse(suspects.entity == "appointment", seconds(suspects.noted_at), begins)
    spans = suspects.select("person_key", begins_s=begins, ends_s=seconds(suspects.to_at)).distinct()
    reach = literal(_REACH_DAYS.get(guardrail_id, 0) * SECONDS_PER_DAY, "int64")
    weeks = rows.select("clinician_key", "week_id", "week_start_at", "week_end_at").distinct()
    met = weeks.inner_join(spans, weeks.clinician_key == spans.person_key)
    hit = met.filter(
        (met.begins_s.isnull() | (met.begins_s < seconds(met.week_end_at)))
        & (met.ends_s.isnull() | (met.ends_s >= seconds(met.week_start_at) - reach))
    )
    hit = hit.select(suspect_person="clinician_key", suspect_week="week_id").distinct()
    found = rows.left_join(hit, [rows.clinician_key == hit.suspect_person, rows.week_id == hit.suspect_week])
    is_partial = ibis.coalesce(found.is_partial, literal(value=False)) | found.suspect_person.notnull()
    return found.mutate(is_partial=is_partial).drop("suspect_person", "suspect_week")
