"""Alerts in a file of the practice's own: positive safety items and scores that rise; and what was done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pacekeeper.testing._answers import PlantedBreach
from pacekeeper.testing._files import to_csv
from pacekeeper.testing._scene import Scene

ALERT_HEADER = (
    "alert_id", "client_id", "employee_id", "kind", "created_at", "response_id", "therapist_notified_at",
    "supervisor_notified_at", "state",
)  # fmt: skip
ACTION_HEADER = ("action_id", "alert_id", "acted_at", "role", "action", "session_id")
#: Rise of a PHQ-9 total over the lowest so far that the practice asks to be looked at.
_RISE = 4
_TOLD, _TOLD_SUPERVISOR, _ACTED = 10, 60, 90
#: Weeks before the end in which an alert may be planted: what is due for it is over by then.
_EARLIEST_PLANT = 5


@dataclass(frozen=True)
class _Form:
    person: int
    client: str
    at: int
    session: str
    total: int | None
    is_risk: bool


@dataclass
class _Alert:
    form: _Form
    kind: str
    acted: list[_Form]
    is_supervisor_told: bool = True

    @property
    def id(self) -> str:
        return f"{'S' if self.kind == 'safety_item' else 'R'}{self.form.session[3:]}"


def alert_files(scene: Scene) -> dict[str, str]:
    """Every positive safety item, and the first rise of each client: reviewed within two hours, and at each form after.

    Planted: one safety item that nobody reviewed, one rise that nobody looked at, one that no supervisor was told of.
    """
    series = _forms(scene)
    safety = [_Alert(form, "safety_item", [form]) for forms in series.values() for form in forms if form.is_risk]
    rises = [_Alert(rise[0], "off_track", rise) for forms in series.values() if (rise := _from_rise(forms))]
    for alerts in (safety, rises):
        alerts.sort(key=lambda alert: (alert.form.at, alert.form.session))
    _plant(scene, safety, rises)
    rows, actions = [], []
    for alert in [*safety, *rises]:
        person = scene.people[alert.form.person]
        text, at = person.clock.text, alert.form.at
        told = text(at + _TOLD_SUPERVISOR) if alert.is_supervisor_told else ""
        row = (alert.form.client, person.employee_id, alert.kind, text(at), "", text(at + _TOLD), told, "open")
        rows.append((alert.id, *row))
        for number, form in enumerate(alert.acted):
            what = "safety_plan" if alert.kind == "safety_item" else "reviewed"
            acted = (text(form.at + _ACTED), "therapist", what, form.session)
            actions.append((f"{alert.id}-{number}", alert.id, *acted))
    return {"alerts.csv": to_csv(ALERT_HEADER, rows), "alert_actions.csv": to_csv(ACTION_HEADER, actions)}


def _forms(scene: Scene) -> Mapping[str, Sequence[_Form]]:
    """PHQ-9 forms by client, in order of time; total is null where the form has none."""
    risky = {
        one["id"].removesuffix("-item9")
        for one in scene.out.by_type["Observation"]
        if one["id"].endswith("-item9") and one["valueInteger"] > 0
    }
    found: dict[str, list[_Form]] = defaultdict(list)
    for one in scene.out.by_type["Observation"]:
        if not one["id"].endswith("-total"):
            continue
        at = int(datetime.fromisoformat(one["effectiveDateTime"]).timestamp()) // 60
        session, client = one["encounter"]["reference"][10:], one["subject"]["reference"][8:]
        is_risk = one["id"].removesuffix("-total") in risky
        found[client].append(_Form(int(session[3:7]), client, at, session, one.get("valueInteger"), is_risk))
    return {client: sorted(forms, key=lambda form: form.at) for client, forms in sorted(found.items())}


def _from_rise(forms: Sequence[_Form]) -> list[_Form]:
    """The forms from the first on that lies well above the lowest before it; empty where none does."""
    lowest: int | None = None
    for place, form in enumerate(forms):
        if form.total is None:
            continue
        if lowest is not None and form.total - lowest >= _RISE:
            return list(forms[place:])
        lowest = form.total if lowest is None else min(lowest, form.total)
    return []


def _plant(scene: Scene, safety: list[_Alert], rises: list[_Alert]) -> None:
    calendar = scene.calendar
    latest = calendar.east.at(calendar.mondays[max(0, calendar.weeks - 1 - _EARLIEST_PLANT)], 0)
    old = [alert for alert in safety if alert.form.at < latest]
    if old:
        old[-1].acted = []
        _answer(scene, "safety_review", old[-1], "nobody reviewed the risk after a positive safety item")
    risen = [alert for alert in rises if alert.form.at < latest]
    if len(risen) > 1:
        risen[-1].acted = []
        _answer(scene, "offtrack_review", risen[-1], "nobody looked at the rise, and 21 days have passed")
        risen[-2].is_supervisor_told = False
        _answer(scene, "dual_notification", risen[-2], "the therapist was told, the supervisor was not")


def _answer(scene: Scene, guardrail: str, alert: _Alert, why: str) -> None:
    scene.answers.append(PlantedBreach(guardrail, "alert", alert.id, _home_day(scene, alert), "breach", why, 1.0))


def _home_day(scene: Scene, alert: _Alert) -> date:
    return scene.calendar.east.wall(alert.form.at)[0]
