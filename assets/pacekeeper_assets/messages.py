"""`message_load`: messages of every clinician and practice week."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.instant import day_number
from pacekeeper.measures.mart import Mart
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.completeness import with_known
from pacekeeper_assets.judging import band
from pacekeeper_assets.message_columns import COLUMNS, NEEDS
from pacekeeper_assets.message_load import MESSAGE_MOMENT, REPLY_BLOCK, is_listed, reply_week
from pacekeeper_assets.people import with_person
from pacekeeper_assets.productivity import PERSON_BLOCK, PERSON_SOURCE, PERSON_WEEK

_KEYS = ("person_key", "week_id")
_COUNTED = (
    "in_n",
    "out_n",
    "internal_n",
    "after_hours_reply_n",
    "nonclinical_n",
    "nonclinical_told_n",
    "nonclinical_licensed_n",
    "unanswered_n",
    "measured_n",
)


def message_load(tables: CanonicalTables, policy: Policy) -> Table:
    moments = tables.message_moment
    caseload = tables.caseload_snapshot.select("week_id", "active_clients", person_key="clinician_key")
    rows = tables.person_week.select(*_KEYS, "first_no", "last_no")
    parts = [_counts(moments, policy), reply_week(moments, policy), _reply_blocks(tables), _managers(tables), caseload]
    for part in parts:
        rows = rows.left_join(part, _KEYS).drop("person_key_right", "week_id_right")
    return _measured(with_known(rows, tables, "message", "session"))


def _counts(moments: Table, policy: Policy) -> Table:
    rows = moments.mutate(
        is_in=moments.what == "in",
        is_out=moments.what == "out",
        is_nonclinical=(moments.what == "in") & is_listed(moments, policy, "category", "nonclinical"),
        is_licensed=is_listed(moments, policy, "handled_by_role", "licensed_roles"),
        is_urgent=is_listed(moments, policy, "urgency", "urgent"),
        is_handler_told=moments.handled_by_role.notnull() & (moments.handled_by_role != "unknown"),
        is_work=moments.what.isin(("in", "out")),
    )
    answer_h = rows.answer_h
    return rows.group_by(*_KEYS).aggregate(
        in_n=rows.count(where=rows.is_in),
        out_n=rows.count(where=rows.is_out),
        internal_n=rows.count(where=rows.what == "internal"),
        after_hours_reply_n=rows.count(where=rows.is_out & ~rows.is_working),
        in_reply_block_n=rows.count(where=rows.is_out & rows.is_reply_block),
        internal_after_office_n=rows.count(where=(rows.what == "internal") & ~rows.is_office),
        read_n=rows.count(where=rows.what == "read"),
        read_in_session_n=rows.count(where=(rows.what == "read") & rows.is_session),
        nonclinical_n=rows.count(where=rows.is_nonclinical),
        nonclinical_told_n=rows.count(where=rows.is_nonclinical & rows.is_handler_told),
        nonclinical_licensed_n=rows.count(where=rows.is_nonclinical & rows.is_licensed),
        unanswered_n=rows.count(where=rows.is_in & answer_h.isnull()),
        p50_first_response_h=answer_h.quantile(0.5, where=rows.is_in),
        p90_first_response_h=answer_h.quantile(0.9, where=rows.is_in),
        p90_urgent_response_h=answer_h.quantile(0.9, where=rows.is_in & rows.is_urgent),
        measured_n=rows.count(where=rows.is_work & rows.minutes.notnull()),
        handling_min=rows.minutes.sum(where=rows.is_work),
        unbilled_min=rows.minutes.sum(where=rows.is_work & ~rows.is_billed),
        billed_told_min=rows.minutes.sum(where=rows.is_work & rows.is_billed.notnull()),
    )


def _reply_blocks(tables: CanonicalTables) -> Table:
    blocks = tables.person_block.filter(tables.person_block.kind == REPLY_BLOCK)
    return blocks.group_by(*_KEYS).aggregate(reply_blocks_n=blocks.piece_key.nunique())


def _managers(tables: CanonicalTables) -> Table:
    """Weeks in which a person supervises somebody, or in which any of their records says supervisor."""
    weeks = tables.person_week.select(*_KEYS, "first_no", "last_no")
    records = with_person(tables.clinician.filter(tables.clinician.role == "supervisor"), tables)
    by_role = weeks.semi_join(records, "person_key").select(*_KEYS)
    links = tables.supervision_link
    links = links.select(
        clinician_key="supervisor_key", from_no=day_number(links.valid_from), to_no=day_number(links.valid_to)
    )
    links = with_person(links, tables).select("person_key", "from_no", "to_no")
    met = weeks.inner_join(links, "person_key")
    met = met.filter((met.from_no <= met.last_no) & (met.to_no.isnull() | (met.to_no >= met.first_no)))
    return ibis.union(by_role, met.select(*_KEYS), distinct=True).mutate(is_manager=literal(value=True))


def _measured(rows: Table) -> Table:
    no_number, no_count = ibis.null("float64"), ibis.null("int64")
    rows = rows.mutate(**{name: ifelse(rows.knows_message, rows[name].fill_null(0), no_count) for name in _COUNTED})
    messages_n = rows.in_n + rows.out_n
    # No message means no minute; messages without measured minutes mean nothing is known.
    is_measured = (messages_n == 0) | (rows.measured_n > 0)
    handling_min = ifelse(is_measured, rows.handling_min.fill_null(0.0), no_number)
    is_billing_told = (messages_n == 0) | rows.billed_told_min.notnull()
    is_manager = ibis.coalesce(rows.is_manager, literal(value=False)) & rows.knows_message
    clients = rows.active_clients.nullif(0)
    return rows.mutate(
        clinician_key=rows.person_key,
        per_client=messages_n / clients,
        handling_min=handling_min,
        handling_min_per_client=handling_min / clients,
        unbilled_min=ifelse(is_billing_told, rows.unbilled_min.fill_null(0.0), no_number),
        unbilled_ratio=rows.unbilled_min.fill_null(0.0) / rows.billed_told_min.nullif(0.0),
        nonclinical_share=rows.nonclinical_licensed_n / rows.nonclinical_told_n.nullif(0),
        reply_episodes_day=ifelse(
            rows.knows_message,
            rows.episodes_n.fill_null(0).cast("float64") / rows.reply_days_n.fill_null(1),
            no_number,
        ),
        reply_episodes_max=ifelse(rows.knows_message, rows.episodes_max_n.fill_null(0), no_count),
        replies_in_block_ratio=ifelse(rows.reply_blocks_n > 0, rows.in_reply_block_n / rows.out_n.nullif(0), no_number),
        manager_after_hours_n=ifelse(is_manager, rows.internal_after_office_n.fill_null(0), no_count),
        reads_in_session_n=ifelse((rows.read_n > 0) & rows.knows_session, rows.read_in_session_n, no_count),
    )


MESSAGE_LOAD = Mart(
    name="message_load",
    description="Messages of every clinician and practice week: how many, when answered, by whom and how soon.",
    grain="one row per clinician (a person, across sources) and ended practice week",
    primary_key=("clinician_key", "week_id"),
    inputs=(
        "clinician_week",
        "caseload_snapshot",
        "message",
        "session",
        "schedule_block",
        "availability_template",
        "practice_closure",
        "pto_ledger",
        "supervision_link",
        "clinician",
        "person_match",
        "client_match",
        "calendar_day",
    ),
    steps=(PERSON_SOURCE, PERSON_WEEK, PERSON_BLOCK, MESSAGE_MOMENT),
    columns=COLUMNS,
    build=message_load,
)

MARTS: tuple[Mart, ...] = (MESSAGE_LOAD,)
GUARDRAILS: tuple[Guardrail, ...] = (
    band(
        "message_reply_episodes",
        mart="message_load",
        value="reply_episodes_day",
        needs=NEEDS["message_reply_episodes"],
    ),
    band(
        "nonclinical_messages",
        mart="message_load",
        value="nonclinical_share",
        needs=NEEDS["nonclinical_messages"],
        numerator="nonclinical_licensed_n",
        denominator="nonclinical_told_n",
    ),
)
