"""Work in the EHR for a test's practice: log entries, and the intervals they would be joined to."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from pacekeeper.policy import Policy, load_policy
from tests.marts import World


def work(
    made: World, day: date, clock: str, minutes: float, *, task: str = "note", key: str = "c1", actions: int = 1
) -> None:
    """Active time on one task, with one log entry at its beginning."""
    start = made.at(day, clock)
    number = len(made.rows["ehr_event"])
    made.add(
        "ehr_event",
        event_key=f"x{number}",
        clinician_key=key,
        at=start,
        event_type="view",
        task_type=task,
        action_count=actions,
    )
    made.add(
        "ehr_interval",
        source="derived",
        clinician_key=key,
        started_at=start,
        ended_at=start + timedelta(minutes=minutes),
        task_type=task,
        active_min=minutes,
        events_n=1,
    )


def with_text(folder: Path, text: str) -> Policy:
    """The default policy with a text of its own."""
    file = folder / "policy.toml"
    file.write_text('extends = "default"\nprofile = "own"\ntitle = "Own"\n' + text, encoding="utf-8")
    return load_policy(file=file)
