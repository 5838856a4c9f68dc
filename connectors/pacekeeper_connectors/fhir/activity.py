"""Ehr_event, from AuditEvents: what clinicians did in the EHR, and about what."""

from __future__ import annotations

from pacekeeper import expr
from pacekeeper.expr import RawTables, Table, literal, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.fhir.lookup import first_of, in_order, with_clinician

#: Kinds of record an event may be about, and the work that is; the first that an event names counts.
_TASKS = {
    "note": "note",
    "message": "inbox",
    "order": "orders",
    "billing": "billing",
    "scheduling": "scheduling",
    "measure": "measures",
    "chart": "chart_review",
    "client": "chart_review",
}


@Fhir.maps("ehr_event", of="audit_event")
def ehr_event(raw: RawTables) -> Table:
    """The clinician is the agent who asked; what a system or a client did is out of scope.

    Where no value map knows the subtype, the action tells the event's type, more coarsely.
    """
    agents = with_clinician(raw, raw.audit_agent, reference="who", role="who_role")
    agents = agents.filter(agents.is_known_clinician)
    agents = first_of(
        agents,
        "parent_key",
        lambda table: [expr.ifelse(table.requestor.fill_null(False), 0, 1), *in_order(table)],  # noqa: FBT003  a value
    )
    agents = agents.select("clinician_key", agent_of="parent_key")
    entities = raw.audit_entity
    about = entities.group_by(entities_of="parent_key").agg(
        **{f"about_{name}": entities[name].max() for name in _TASKS}
    )
    t = raw.audit_event
    t = t.left_join(agents, t.row_key == agents.agent_of)
    t = t.left_join(about, t.row_key == about.entities_of)
    by_subtype = raw.value_map("ehr_event_type", t.subtype)
    by_action = raw.value_map("ehr_event_type", t.action)
    return t.select(
        event_key=t.id,
        clinician_key=t.clinician_key,
        at=expr.coalesce(t.period_start, t.recorded),
        ended_at=t.period_end,
        event_type=(by_subtype == "unknown").ifelse(by_action, by_subtype),
        event_type_source_code=expr.cases(
            (by_subtype != "unknown", t.subtype),
            (by_action != "unknown", t.action),
            else_=expr.coalesce(t.subtype, t.action, t.type),
        ),
        task_type=expr.cases(*((t[f"about_{name}"].notnull(), task) for name, task in _TASKS.items()), else_="other"),
        client_key=t.about_client,
        action_count=literal(1, "int64"),
        out_of_scope=reason((t.clinician_key.isnull(), "no_clinician")),
    )
