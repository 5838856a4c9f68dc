"""Episode and case_assignment, both from EpisodeOfCare."""

from __future__ import annotations

from pacekeeper.expr import RawTables, Table, literal, null, reason
from pacekeeper_connectors.fhir.connector import Fhir
from pacekeeper_connectors.fhir.lookup import with_clinician


def _episodes(raw: RawTables) -> Table:
    """EpisodeOfCare with `state`, `closure_type` and `clinician_key` (its care manager)."""
    t = with_clinician(raw, raw.episode_of_care, reference="manager", role="manager_role")
    t = t.mutate(state=raw.value_map("episode_status", t.status))
    is_open = t.state.isin(["planned", "waitlist", "active", "onhold"])
    closure = (t.closure.isnull() & is_open).ifelse("open", raw.value_map("closure_type", t.closure))
    return t.mutate(closure_type=closure)


@Fhir.maps("episode", of="episode_of_care")
def episode(raw: RawTables) -> Table:
    """Without the closure extension an open episode is `open`, a closed one `unknown`: FHIR has no closure reason."""
    t = _episodes(raw)
    return t.select(
        episode_key=t.id,
        client_key=t.client,
        service_line=t.type,
        opened_on=t.period_start,
        closed_on=t.period_end,
        status=t.state,
        status_source_code=t.status,
        primary_clinician_key=t.clinician_key,
        closure_type=t.closure_type,
        closure_type_source_code=t.closure,
        out_of_scope=null("string"),
    )


@Fhir.maps("case_assignment", of="episode_of_care")
def case_assignment(raw: RawTables) -> Table:
    """One assignment per episode: the care manager, for the episode's period; its key is the episode's."""
    t = _episodes(raw)
    ended = t.period_end.notnull()
    return t.select(
        assignment_key=t.id,
        episode_key=t.id,
        client_key=t.client,
        clinician_key=t.clinician_key,
        from_date=t.period_start,
        to_date=t.period_end,
        share=literal(1.0),
        end_reason=ended.ifelse(raw.value_map("assignment_end", t.closure_type), null("string")),
        end_reason_source_code=ended.ifelse(t.closure, null("string")),
        out_of_scope=reason(
            (t.state == "entered_in_error", "entered_in_error"),
            (t.clinician_key.isnull(), "no_care_manager"),
        ),
    )
