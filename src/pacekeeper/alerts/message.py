"""One message per recipient, address and latency: what is new, what has changed, what still stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pacekeeper.alerts.audience import Audience
from pacekeeper.alerts.facts import Facts
from pacekeeper.alerts.routing import Routes
from pacekeeper.ops import AlertDelivery, AlertEvent

if TYPE_CHECKING:
    import jinja2

_MOST_ITEMS = 40
_HEADINGS = {
    "opened": "New",
    "escalated": "More than before",
    "review_overdue": "Still open, and nobody has said that they have seen it",
    "starting_position": "Where things stand, as we begin to tell you or after a change of policy",
    "retracted": "Taken back",
    "resolved": "Within practice policy again",
    "ongoing": "Goes on",
    "engineer": "Alerts that found nobody to tell",
}
_ASKING = frozenset({"opened", "escalated", "review_overdue", "starting_position"})


@dataclass(frozen=True)
class Item:
    """One alert in a message."""

    ref: str
    text: str
    question: str
    practice_wide: str | None


@dataclass(frozen=True)
class Part:
    """Items under one heading, those of one question together. asks: whether it is put. more: how many are left out."""

    heading: str
    items: Sequence[Item]
    asks: bool
    more: int


@dataclass(frozen=True)
class Message:
    """What goes to one address. roles: as whom the recipient is told."""

    recipient: str
    channel: str
    roles: tuple[str, ...]
    title: str
    body: str
    rows: tuple[AlertDelivery, ...]


@dataclass(frozen=True)
class Writer:
    """titles: of guardrails, as the policy names them."""

    practice: str
    audience: Audience
    routes: Routes
    titles: Mapping[str, str]
    facts: Mapping[str, Facts]
    events: Mapping[str, AlertEvent]

    def write(self, rows: Sequence[AlertDelivery]) -> Message:
        """The message of rows that have recipient and channel in common."""
        first = rows[0]
        by_part: dict[str, list[AlertDelivery]] = {name: [] for name in _HEADINGS}
        for row in rows:
            by_part["engineer" if row.role == "engineer" else self.events[row.event_id].event].append(row)
        parts = [self._part(name, own) for name, own in by_part.items() if own]
        news = sum(len(own) for name, own in by_part.items() if name in _ASKING)
        name = self.audience.directory.people[first.recipient].name
        body = _template().render(name=name, parts=parts, has_news=news > 0 or bool(by_part["engineer"]))
        title = f"{self.practice}: {_count(news, 'question') if news else _count(len(rows), 'update')}"
        return Message(
            first.recipient, first.channel, tuple(sorted({row.role for row in rows})), title, body, tuple(rows)
        )

    def _part(self, name: str, rows: Iterable[AlertDelivery]) -> Part:
        items = sorted((self._item(row) for row in rows), key=lambda item: (item.question, item.text, item.ref))
        return Part(_HEADINGS[name], items[:_MOST_ITEMS], name in _ASKING, max(0, len(items) - _MOST_ITEMS))

    def _item(self, row: AlertDelivery) -> Item:
        event = self.events[row.event_id]
        question = self.routes.of(event.guardrail_id, event.subject_kind).question
        facts = self.facts[event.event_id]
        title = self.titles.get(event.guardrail_id, event.guardrail_id.replace("_", " "))
        if row.role == "engineer":
            return Item(row.ref, f"{title}: see `pacekeeper alerts show {row.ref}`.", question, None)
        subject = self._subject(event, row.recipient)
        return Item(row.ref, f"{subject}{title}: {_sentence(event, facts)}", question, facts.practice_wide)

    def _subject(self, event: AlertEvent, recipient: str) -> str:
        """Whom it is about, for the reader: themselves, a colleague by name, a client by nothing."""
        who = self.audience.clinician(event)
        people = self.audience.directory.people
        name = "" if who is None else people[who].name
        if event.subject_kind == "clinician":
            return "You. " if who == recipient else f"{name or 'A clinician who is not in the directory'}. "
        if event.subject_kind in {"client", "alert"}:
            return "A client of yours. " if who == recipient else f"A client of {name or 'the practice'}. "
        return f"{event.subject_key}. " if event.subject_kind == "service_line" else ""


def _sentence(event: AlertEvent, facts: Facts) -> str:
    policy = "" if facts.limit is None else f" (practice policy: {facts.limit})"
    match event.event:
        case "retracted":
            return f"what we wrote about this {facts.period} does not hold, as late data show. Please disregard it."
        case "resolved":
            return f"{'settled' if facts.value is None else facts.value} {facts.period}{policy}."
        case _:
            value = "outside practice policy" if facts.value is None else facts.value
            return f"{value} {facts.period}{policy}."


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


@cache
def _template() -> jinja2.Template:
    import jinja2

    text = files(__package__).joinpath("templates/message.txt.j2").read_text(encoding="utf-8")
    # Plain text: nothing here is ever read as HTML.
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701
    return environment.from_string(text)
