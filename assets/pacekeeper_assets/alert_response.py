"""`alert_response` and the guardrails on it: whom an alert reached, and whether somebody acted in time."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.guardrail import Guardrail
from pacekeeper.measures.instant import hours, seconds
from pacekeeper.measures.mart import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.alerts import ALERT_FOLLOWED, OFF_TRACK, REVIEWED_WITHIN_SESSIONS
from pacekeeper_assets.judging import Grain, band
from pacekeeper_assets.no_shows import BUSINESS_DAY

_CLOSED = ("reviewed", "resolved")
_VOID = "false_positive"


def alert_response(tables: CanonicalTables, policy: Policy) -> Table:
    rows = _with_notice_due(tables.alert_followed, tables, policy)
    now_s = seconds(tables.as_of)
    stands = rows.state != _VOID
    asks_review = rows.kind.isin(REVIEWED_WITHIN_SESSIONS) & stands
    asks_risk_review = (rows.kind == "safety_item") & stands
    asks_notice = rows.kind.isin(OFF_TRACK) & stands & (rows.origin == "recorded")
    # A source may say that an alert was reviewed, and not when: then nobody can tell whether it was in time.
    is_untimed = rows.state.isin(_CLOSED)
    reviewed = _in_time(seconds(rows.reviewed_at), seconds(rows.review_due_at), now_s, is_closed=is_untimed)
    risk_reviewed = _in_time(seconds(rows.risk_reviewed_at), seconds(rows.safety_due_at), now_s, is_closed=is_untimed)
    therapist_s, supervisor_s = seconds(rows.therapist_notified_at), seconds(rows.supervisor_notified_at)
    is_missing = therapist_s.isnull() | supervisor_s.isnull()
    both_s = ifelse(is_missing, ibis.null("int64"), ibis.greatest(therapist_s, supervisor_s))
    told = _in_time(both_s, seconds(rows.notice_due_at), now_s, is_closed=literal(value=False))
    no_flag = ibis.null("boolean")
    rows = rows.mutate(
        asks_review=asks_review & ((seconds(rows.review_due_at) <= now_s) | reviewed.notnull()),
        asks_risk_review=asks_risk_review & ((seconds(rows.safety_due_at) <= now_s) | risk_reviewed.notnull()),
        asks_notice=asks_notice & ((seconds(rows.notice_due_at) <= now_s) | told.notnull()),
        is_reviewed_in_time=ifelse(asks_review, reviewed, no_flag),
        is_risk_reviewed_in_time=ifelse(asks_risk_review, risk_reviewed, no_flag),
        is_dual_notified=ifelse(asks_notice, told, no_flag),
    )
    needed = rows.is_reviewed_in_time, rows.is_risk_reviewed_in_time, rows.is_dual_notified
    overdue: Value = literal(value=False)
    for flag in needed:
        overdue = overdue | ibis.coalesce(~flag, literal(value=False))
    h_to_action = hours(rows.action_s - rows.created_s)
    found = rows.mutate(
        overdue=overdue,
        route_to=ifelse(rows.supervisor_key.isnull(), literal("clinical_lead"), literal("supervisor")),
        h_to_action=h_to_action,
        unreviewed_n=_late(rows.is_reviewed_in_time),
        unreviewed_risk_n=_late(rows.is_risk_reviewed_in_time),
        unnotified_n=_late(rows.is_dual_notified),
    )
    never = ibis.null("timestamp('UTC', 6)")
    found = found.mutate(
        review_due_at=ifelse(found.kind.isin(REVIEWED_WITHIN_SESSIONS), found.review_due_at, never),
        risk_reviewed_at=ifelse(found.kind == "safety_item", found.risk_reviewed_at, never),
        safety_due_at=ifelse(found.kind == "safety_item", found.safety_due_at, never),
        notice_due_at=ifelse(found.kind.isin(OFF_TRACK), found.notice_due_at, never),
    )
    return _with_day(found, tables)


def _in_time(done_s: Value, due_s: Value, now_s: Value, *, is_closed: Value) -> Value:
    """True or false once it is settled; null while it may still be done, and where nobody says when it was."""
    return ibis.cases(
        (done_s <= due_s, literal(value=True)),
        (done_s.notnull(), literal(value=False)),
        (is_closed, ibis.null("boolean")),
        (due_s <= now_s, literal(value=False)),
        else_=ibis.null("boolean"),
    )


def _late(in_time: Value) -> Value:
    one, none = literal(1, "int64"), literal(0, "int64")
    return ibis.cases((in_time.isnull(), ibis.null("int64")), (in_time, none), else_=one)


def _with_notice_due(rows: Table, tables: CanonicalTables, policy: Policy) -> Table:
    """`notice_due_at`: the end of the last business day on which both must have been told."""
    within = policy.guardrail("dual_notification").settings.whole("within")
    days = tables.business_day
    begun = days.select(begun_no="day_no", begun_business="business_no")
    joined = rows.left_join(begun, rows.day_no == begun.begun_no)
    joined = joined.mutate(due_business=joined.begun_business + within)
    ends = days.filter(days.is_open).select(end_business="business_no", notice_due_at="ends_at")
    return joined.left_join(ends, joined.due_business == ends.end_business).drop(
        "begun_no", "begun_business", "due_business", "end_business"
    )


def _with_day(rows: Table, tables: CanonicalTables) -> Table:
    """`created_on`: the practice's local day."""
    days = tables.business_day.select(created_no="day_no", created_on="day")
    return rows.left_join(days, rows.day_no == days.created_no).drop("created_no")


_SCORE = Input("measure_response", ("client_key", "instrument", "administered_at", "total"))
_RECORDED = Input("clinical_alert", ("client_key", "clinician_key", "kind", "created_at"))
_SEEN = (_RECORDED, _SCORE)
_ACTED = Input("alert_action", ("alert_key", "acted_at", "action"))
_HELD = Input("session", ("started_at", "ended_at"), {"status": ("completed",)})
_ATTENDED = Input("session_participant", ("session_key", "client_key", "attended"))
_ITEM = Input("measure_item", ("response_key", "item_no", "value"))
_RISK_NOTE = Input("note", ("session_key", "is_risk_reviewed"))
_NOTIFIED = Input("clinical_alert", ("therapist_notified_at", "supervisor_notified_at"))
_ACTIONS = Needs(required=(_SEEN, (_ACTED,)))
_REVIEWS = Needs(required=(_SEEN, (_ACTED,), (_HELD,), (_ATTENDED,)))
_RISK = Needs(required=((_SCORE,), (_ITEM, _RECORDED), (_ACTED, _RISK_NOTE)))
_DUAL = Needs(required=((_RECORDED,), (_NOTIFIED,)))

ALERT_RESPONSE = Mart(
    name="alert_response",
    description="Alerts about clients, recorded or derived, and what followed. A nightly warehouse is no crisis "
    "system: safety items are audited here, never raised.",
    grain="one row per alert",
    primary_key=("alert_key",),
    inputs=("measure_trajectory", "clinical_alert", "alert_action", "note", "appointment", "supervision_link"),
    steps=(ALERT_FOLLOWED, BUSINESS_DAY),
    columns=(
        MartColumn("alert_key", "text", "", "Key of the alert; of a derived one, its kind and what it follows from."),
        MartColumn("origin", "text", "", "recorded by a source, or derived here because none did."),
        MartColumn(
            "kind",
            "text",
            "",
            "off_track, reliable_drop, alliance_low, safety_item, no_show_run, overdue_measure or unknown. One open "
            "alert of a kind per client and instrument: the next is derived only after a score in between was well; of "
            "safety items, one for each positive answer.",
            rules=("O02",),
        ),
        MartColumn("client_key", "text", "", "Key of the client: `client_match.person_key`."),
        MartColumn(
            "clinician_key",
            "text",
            "",
            "Person the alert is for; of a derived one, whose appointment was missed, else whom the client saw last. "
            "`none` where nobody is known.",
        ),
        MartColumn("supervisor_key", "text", "", "Their clinical supervisor on that day. Null: none but themselves."),
        MartColumn("route_to", "text", "", "supervisor, or clinical_lead where there is none."),
        MartColumn("instrument", "text", "", "Instrument behind it. Null: none, or not said."),
        MartColumn("trigger_response_key", "text", "", "Response behind it. Null: none, or not said."),
        MartColumn("created_on", "date", "", "Local day of the practice on which it was raised."),
        MartColumn("created_at", "instant", "UTC", "When it was raised; a derived one, when the answer was given."),
        MartColumn("therapist_notified_at", "instant", "UTC", "Null: not told, or not known."),
        MartColumn("supervisor_notified_at", "instant", "UTC", "Null: not told, or not known."),
        MartColumn(
            "notice_due_at",
            "instant",
            "UTC",
            "End of the next business day: both must be told by then. Null: another kind.",
        ),
        MartColumn(
            "is_dual_notified",
            "flag",
            "",
            "Whether therapist and supervisor were told in time, of recorded off-track alerts. Null: not due yet, "
            "another kind, a false positive, or derived, of which nobody is told by a source.",
            rules=("O02",),
        ),
        MartColumn(
            "h_to_action",
            "number",
            "hours",
            "From the alert to the first action on it; of a derived one, on any alert of the kind about the client. "
            "Null: none yet.",
            needs=_ACTIONS,
            rules=("O04", "O05"),
        ),
        MartColumn(
            "reviewed_at", "instant", "UTC", "First review, discussion, change of plan or referral. Null: none."
        ),
        MartColumn(
            "review_due_at",
            "instant",
            "UTC",
            "End of the second session after the alert, or 21 days after it, whichever is earlier. Null: another kind.",
        ),
        MartColumn("sessions_n", "count", "sessions", "Sessions the client has attended since.", needs=_REVIEWS),
        MartColumn(
            "sessions_to_review",
            "count",
            "sessions",
            "Sessions that began between alert and review. Null: not reviewed.",
            needs=_REVIEWS,
            rules=("O03",),
        ),
        MartColumn(
            "is_reviewed_in_time",
            "flag",
            "",
            "Whether an off-track or alliance alert was reviewed by then. Null: not due yet, closed without saying "
            "when, a false positive, or another kind.",
            rules=("O03",),
        ),
        MartColumn(
            "risk_reviewed_at",
            "instant",
            "UTC",
            "First logged review or safety plan since a positive safety item, or note marked as reviewed for risk. "
            "Null: none, or another kind.",
        ),
        MartColumn("safety_due_at", "instant", "UTC", "24 hours after the answer. Null: another kind."),
        MartColumn(
            "is_risk_reviewed_in_time",
            "flag",
            "",
            "Whether a positive safety item was followed within 24 hours by a logged review or a note marked as "
            "reviewed for risk. Null as above.",
            rules=("D10",),
        ),
        MartColumn("state", "text", "", "As recorded; a derived one is open."),
        MartColumn("overdue", "flag", "", "Whether anything that was due has not been done in time."),
        MartColumn(
            "unreviewed_n", "count", "alerts", "1 where not reviewed in time, else 0. Null as its flag.", needs=_REVIEWS
        ),
        MartColumn("unreviewed_risk_n", "count", "alerts", "The same for safety items. Null as its flag.", needs=_RISK),
        MartColumn(
            "unnotified_n", "count", "alerts", "The same for notification of both. Null as its flag.", needs=_DUAL
        ),
        MartColumn("asks_review", "flag", "", "Whether it counts among the alerts judged by review: reviewed, or due."),
        MartColumn("asks_risk_review", "flag", "", "The same for safety items."),
        MartColumn("asks_notice", "flag", "", "The same for notification of both."),
    ),
    build=alert_response,
)


def _judged(
    guardrail_id: str, flag: str, value: str, *, only: str, needs: Needs, done: tuple[str, ...], due: str
) -> Guardrail:
    """A guardrail on something due: one verdict per alert, whose period ends when it was done in time, else when due.

    flag: whether it was done in time. done: columns of what it takes; the last of them settles it.
    """

    def rows(tables: CanonicalTables, policy: Policy) -> Table:
        found = tables.alert_response
        in_time = ibis.coalesce(found[flag], literal(value=False))
        done_at = found[done[0]] if len(done) == 1 else ibis.greatest(*(found[name] for name in done))
        return found.mutate(settled_at=ifelse(in_time, done_at, found[due]))

    return band(
        guardrail_id,
        mart="alert_response",
        value=value,
        only=only,
        needs=needs,
        grain=Grain("alert", "alert_key", "created_on", "created_at", "settled_at"),
        rows=rows,
    )


GUARDRAILS: tuple[Guardrail, ...] = (
    _judged(
        "offtrack_review",
        "is_reviewed_in_time",
        "unreviewed_n",
        only="asks_review",
        needs=_REVIEWS,
        done=("reviewed_at",),
        due="review_due_at",
    ),
    _judged(
        "safety_review",
        "is_risk_reviewed_in_time",
        "unreviewed_risk_n",
        only="asks_risk_review",
        needs=_RISK,
        done=("risk_reviewed_at",),
        due="safety_due_at",
    ),
    _judged(
        "dual_notification",
        "is_dual_notified",
        "unnotified_n",
        only="asks_notice",
        needs=_DUAL,
        done=("therapist_notified_at", "supervisor_notified_at"),
        due="notice_due_at",
    ),
)
