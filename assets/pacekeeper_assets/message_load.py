"""What clinicians did about messages, moment by moment, and how soon messages were answered."""

from __future__ import annotations

import ibis

from pacekeeper.expr import Table, Value, ifelse, literal
from pacekeeper.measures.in_force import holds, whole
from pacekeeper.measures.instant import hours, seconds
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper.policy import Policy
from pacekeeper_assets.people import on_local_day, with_client_person, with_person
from pacekeeper_assets.productivity import PERSON_BLOCK, PERSON_DAY, PERSON_SESSION
from pacekeeper_assets.working_time import SECONDS_PER_MINUTE, WORK_TIME, policy_window

#: Messages that never went anywhere.
_NOT_SENT = ("preparation", "stopped", "entered_in_error")
REPLY_BLOCK = "reply_block"
_KEYS = ("person_key", "week_id")
_DAY = (*_KEYS, "day_no")


def message_moment(tables: CanonicalTables, policy: Policy) -> Table:
    """One row per message and what happened to it in a judged week: `what` is in, out, internal or read.

    With `client_key` of the person, `answer_h` (hours until its first answer by `as_of`, null for none) of what came
    in, and `is_working`, `is_reply_block`, `is_session`, `is_office`: what lies over the moment.
    """
    messages = _sent(tables)
    answered = _first_answer(messages, tables.as_of)
    messages = messages.left_join(answered, "message_key").drop("message_key_right")
    received_s = ibis.coalesce(messages.received_s, messages.sent_s)
    sent_s = ibis.coalesce(messages.sent_s, messages.received_s)
    moments = ibis.union(
        _moments(messages, messages.direction == "in", "in", received_s),
        _moments(messages, messages.direction == "out", "out", sent_s),
        _moments(messages, messages.direction == "internal", "internal", sent_s),
        _moments(messages, messages.read_s.notnull(), "read", messages.read_s),
    )
    dated = on_local_day(moments, tables.person_day, at="at_s")
    dated = policy_window(dated, policy)
    is_office = (dated.at_s >= dated.window_from_s) & (dated.at_s < dated.window_to_s)
    dated = dated.mutate(is_office=ibis.coalesce(is_office, literal(value=False)))
    blocks, sessions = tables.person_block, tables.person_session
    spans = {
        "is_working": tables.work_time,
        "is_reply_block": blocks.filter(blocks.kind == REPLY_BLOCK),
        "is_session": sessions.filter(sessions.is_direct),
    }
    for name, pieces in spans.items():
        dated = _with_cover(dated, pieces, name)
    return dated


def reply_week(moments: Table, policy: Policy) -> Table:
    """Per person and week: `episodes_n`, `reply_days_n` and `episodes_max_n` of one local day.

    An episode is a run of messages to clients with no longer pause than the policy's between two of them.
    """
    sent = moments.filter(moments.what == "out")
    gap_s = whole(
        policy,
        sent.week_id,
        lambda rev: round(rev.section("messages").number("episode_gap") * SECONDS_PER_MINUTE),
    )
    in_order = ibis.window(group_by=list(_DAY), order_by="at_s")
    goes_on = sent.at_s - sent.at_s.lag().over(in_order) <= gap_s
    sent = sent.mutate(begins=ifelse(ibis.coalesce(goes_on, literal(value=False)), 0, 1))
    daily = sent.group_by(*_DAY).aggregate(episodes_n=sent.begins.sum())
    return daily.group_by(*_KEYS).aggregate(
        episodes_n=daily.episodes_n.sum(), reply_days_n=daily.count(), episodes_max_n=daily.episodes_n.max()
    )


def is_listed(rows: Table, policy: Policy, column: str, key: str) -> Value:
    """Whether a code is in a list of policy section `messages`."""
    return holds(policy, rows.week_id, lambda rev: rows[column].isin(rev.section("messages").words(key)))


def _sent(tables: CanonicalTables) -> Table:
    messages = with_person(tables.message.filter(tables.message.status.notin(_NOT_SENT)), tables)
    messages = with_client_person(messages, tables)
    return messages.select(
        "message_key",
        "person_key",
        "client_key",
        "thread_key",
        "in_reply_to_key",
        "direction",
        "category",
        "urgency",
        "handled_by_role",
        "minutes",
        "is_billed",
        received_s=seconds(messages.received_at),
        sent_s=seconds(messages.sent_at),
        read_s=seconds(messages.read_at),
        replied_s=seconds(messages.replied_at),
    )


def _first_answer(messages: Table, as_of: Value) -> Table:
    """`answer_h` per message that came in: until the source's time, the answer that names it, or the thread's next."""
    asked = messages.filter(messages.direction == "in")
    asked = asked.mutate(asked_s=ibis.coalesce(asked.received_s, asked.sent_s))
    replies = messages.filter((messages.direction == "out") & messages.sent_s.notnull())
    named = replies.select(message_key="in_reply_to_key", answer_s="sent_s")
    named = named.inner_join(asked.select("message_key", "asked_s"), "message_key")
    threads = replies.filter(replies.in_reply_to_key.isnull()).select("thread_key", answer_s="sent_s")
    followed = asked.select("message_key", "thread_key", "asked_s").inner_join(threads, "thread_key")
    stated = asked.select("message_key", "asked_s", answer_s="replied_s")
    columns = ("message_key", "asked_s", "answer_s")
    answers = ibis.union(stated, named.select(*columns), followed.select(*columns))
    answers = answers.filter((answers.answer_s >= answers.asked_s) & (answers.answer_s <= seconds(as_of)))
    return answers.group_by("message_key").aggregate(answer_h=hours((answers.answer_s - answers.asked_s).min()))


def _moments(messages: Table, condition: Value, what: str, at_s: Value) -> Table:
    happened = messages.mutate(at_s=at_s, what=literal(what)).filter(condition)
    return happened.filter(happened.at_s.notnull()).select(
        "message_key",
        "person_key",
        "client_key",
        "what",
        "at_s",
        "category",
        "urgency",
        "handled_by_role",
        "minutes",
        "is_billed",
        "answer_h",
    )


def _with_cover(moments: Table, pieces: Table, name: str) -> Table:
    """The rows with a flag: whether one of the pieces (`person_key`, `week_id`, `from_s`, `to_s`) lies over `at_s`."""
    spans = pieces.select(*_KEYS, span_from_s="from_s", span_to_s="to_s")
    met = moments.select("message_key", "what", *_KEYS, "at_s").inner_join(spans, list(_KEYS))
    hit = met.filter((met.at_s >= met.span_from_s) & (met.at_s < met.span_to_s)).select("message_key", "what")
    hit = hit.distinct().select(hit_key="message_key", hit_what="what")
    joined = moments.left_join(hit, [moments.message_key == hit.hit_key, moments.what == hit.hit_what])
    return joined.mutate(**{name: joined.hit_key.notnull()}).drop("hit_key", "hit_what")


MESSAGE_MOMENT = Step("message_moment", message_moment, (PERSON_DAY, PERSON_BLOCK, PERSON_SESSION, WORK_TIME))
