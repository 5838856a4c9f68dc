"""A synthetic behavioural-health practice, equal for equal arguments, with known guardrail verdicts planted in it.

Two clinics, America/New_York (availability in schedule_blocks.csv) and America/Denver (availability in FHIR Slots);
a few clinicians have only a weekly template, one has nothing. Build it in a test, or write it out::

    python -m pacekeeper.testing.practice --clinicians 40 --weeks 26 --seed 7 --out practice
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import orjson

from pacekeeper.testing._activity import activity_files
from pacekeeper.testing._answers import PlantedBreach, clinician_weeks, in_order
from pacekeeper.testing._build import build, without_collection
from pacekeeper.testing._calendar import instant, make_calendar
from pacekeeper.testing._files import employees, pto, schedule_blocks
from pacekeeper.testing._hot_seat import hot_seats
from pacekeeper.testing._messages import add_messages
from pacekeeper.testing._months import answer_months
from pacekeeper.testing._notes import add_notes
from pacekeeper.testing._office import office_files
from pacekeeper.testing._resources import TYPES, Resource
from pacekeeper.testing._roster import make_roster
from pacekeeper.testing._scene import Scene

LAST_WEEK = date(2026, 3, 30)


@dataclass(frozen=True)
class Practice:
    """What the practice's systems hold.

    resources: FHIR resources by type; files: CSV text of HR and scheduling by file name; office: of the files that the
    practice keeps by itself; activity: of the EHR's activity log; as_of: end of the last practice week in the
    western zone (UTC); answer_key: planted verdicts, only those that follow from the way the data were made;
    dirt: how many faulty records of each kind there are.
    """

    resources: dict[str, list[Resource]]
    files: dict[str, str]
    office: dict[str, str]
    activity: dict[str, str]
    as_of: datetime
    answer_key: list[PlantedBreach]
    dirt: dict[str, int]

    def write(self, folder: Path) -> None:
        """Write `<name>.csv`, `office/` and `activity/` with more, `fhir/<Type>.ndjson` and `answer_key.json`."""
        for part, files in (("fhir", {}), ("", self.files), ("office", self.office), ("activity", self.activity)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / part / name).write_text(text, encoding="utf-8")
        for name, resources in self.resources.items():
            lines = b"".join(orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE) for resource in resources)
            (folder / "fhir" / f"{name}.ndjson").write_bytes(lines)
        key = {"as_of": self.as_of, "dirt": self.dirt, "verdicts": self.answer_key}
        (folder / "answer_key.json").write_bytes(orjson.dumps(key, option=orjson.OPT_INDENT_2))


def build_practice(
    *, clinicians: int = 40, weeks: int = 26, seed: int = 7, last_week: date = LAST_WEEK, first_kind: int = 0
) -> Practice:
    """The practice of that size whose last week begins on the Monday `last_week`.

    From 40 clinicians on every kind of clinician occurs; a smaller practice has those from number `first_kind` on.
    Plants that do not fit into a window shorter than 13 weeks are left out, in the data and in the answer key.
    """
    if clinicians < 1 or weeks < 1:
        raise ValueError(f"a practice needs at least one clinician and one week, not {clinicians} and {weeks}")
    calendar = make_calendar(weeks=weeks, last_week=last_week)
    people = make_roster(clinicians=clinicians, seed=seed, calendar=calendar, first_kind=first_kind)
    with without_collection():
        built = build(people, calendar)
        scene = Scene(people, calendar, built.out, built.diary, built.days_off, seed)
        add_notes(scene)
        add_messages(scene)
        leave = pto(people, calendar, built.days_off)
        blocks = schedule_blocks([*built.blocks, *hot_seats(scene)])
        office, activity = office_files(scene), activity_files(scene)
        answer_months(scene)
        built.dirt["csv_broken_date"] = 1
        built.dirt["csv_duplicate_row"] = int(leave.count("\n") > 1)
        built.dirt["csv_duplicate_id"] = int(",admin," in blocks)
        return Practice(
            resources={name: built.out.by_type[name] for name in TYPES},
            files={"employees.csv": employees(people), "pto.csv": leave, "schedule_blocks.csv": blocks},
            office=office,
            activity=activity,
            as_of=instant(calendar.as_of),
            answer_key=in_order([*clinician_weeks(people, calendar, built.days_off), *scene.answers]),
            dirt=built.dirt,
        )


def asked_for(arguments: Sequence[str] | None, *, module: str, about: str | None) -> tuple[Practice, Path, int]:
    """The practice a command line describes, the folder to write to, and the seed."""
    parser = argparse.ArgumentParser(prog=f"python -m pacekeeper.testing.{module}", description=about)
    parser.add_argument("--clinicians", type=int, default=40)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to; made where it is missing")
    chosen = parser.parse_args(arguments)
    made = build_practice(clinicians=chosen.clinicians, weeks=chosen.weeks, seed=chosen.seed)
    return made, chosen.out, chosen.seed


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a practice to a folder."""
    practice, out, _ = asked_for(arguments, module="practice", about=main.__doc__)
    practice.write(out)
    rows = sum(len(resources) for resources in practice.resources.values())
    sys.stdout.write(f"{rows} resources, {len(practice.files)} files, as of {practice.as_of.isoformat()}\n")


if __name__ == "__main__":
    main()
