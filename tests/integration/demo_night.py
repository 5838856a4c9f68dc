"""One night of the demo practice, and its verdicts held against what was planted and what the oracles compute."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pacekeeper.home import PracticeHome
from pacekeeper.policy import Policy
from pacekeeper.privacy import keyed_hash
from pacekeeper.testing import FhirServer, PlantedBreach, Practice
from pacekeeper_app.demo_home import HOME_TZ
from pacekeeper_app.demo_systems import DemoSystems, serve_practice
from pacekeeper_app.night import NightResult, run_night
from pacekeeper_assets import MARTS
from tests import oracle
from tests.oracle import marts
from tests.oracle.marts.compare import VERDICT_COLUMNS, differences, practice_in, rows_of, verdicts_of
from tests.oracle.marts.practice import Practice as Judged

Verdicts = dict[tuple[str, str, date], tuple[str, float | None]]


@dataclass(frozen=True)
class Night:
    """A practice, its served sources, its home, and the run that read them."""

    practice: Practice
    systems: DemoSystems
    server: FhirServer
    home: PracticeHome
    result: NightResult

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the published copy."""
        with self.home.published.connect(read_only=True) as connection:
            rows: list[tuple[Any, ...]] = connection.raw.execute(sql).fetchall()
        return rows

    def judged(self) -> Judged:
        """The canonical rows, and the marts beside them."""
        with self.home.published.connect(read_only=True) as connection:
            return practice_in(connection.raw, as_of=self.practice.as_of)


@contextmanager
def night_of(systems: DemoSystems, folder: Path) -> Iterator[Night]:
    """The night while its servers run."""
    os.environ.pop("PACEKEEPER_CONFIG", None)
    with serve_practice(systems, folder) as served:
        result = run_night(served.home, as_of=systems.practice.as_of)
        yield Night(systems.practice, systems, served.ehr, served.home, result)


def enabled_guardrails(policy: Policy) -> set[str]:
    return {name for name, rail in policy.latest.guardrails.items() if rail.enabled}


def planted_guardrails(*practices: DemoSystems) -> set[str]:
    """Those with something planted in any of them that is out of band."""
    return {one.guardrail for systems in practices for one in systems.answer_key if one.state in {"warn", "breach"}}


def missed(night: Night) -> list[PlantedBreach]:
    """What was planted, and has another verdict or none."""
    persons = {name: key for key, name in person_names(night).items()}
    clients: dict[str, str] = dict(night.ask("SELECT client_key, person_key FROM canonical.client_match"))
    judged = "SELECT guardrail_id, subject_key, period, state FROM marts.guardrail_result WHERE is_current"
    found = {(guardrail, key, date.fromisoformat(day)): state for guardrail, key, day, state in night.ask(judged)}
    return [
        one
        for one in night.systems.answer_key
        if found.get((one.guardrail, subject_key(night, one, persons, clients), one.period)) != one.state
    ]


def disagreements(night: Night) -> dict[object, object]:
    """Verdicts of the first four guardrails that differ from those counted from the EHR's resources and HR's files."""
    practice = night.practice
    judged = oracle.judge(practice.resources, practice.files, as_of=practice.as_of, home_tz=HOME_TZ)
    expected = {(v.npi, v.guardrail_id, v.week_id): (v.state, v.value) for v in judged}
    found = warehouse_verdicts(night)
    wrong: dict[object, object] = dict.fromkeys(found.keys() ^ expected.keys(), "on one side only")
    for key in found.keys() & expected.keys():
        (state, value), (expected_state, expected_value) = found[key], expected[key]
        if state != expected_state or not _is_close(value, expected_value, state):
            wrong[key] = (found[key], expected[key])
    return wrong


def differing_verdicts(judged: Judged, guardrail: str) -> dict[str, str]:
    """Of one guardrail: how many verdicts only the warehouse or the oracle of canonical rows has, and what differs."""
    mine, theirs = marts.verdicts(judged, guardrail), verdicts_of(judged, guardrail)
    return _alone(set(mine) ^ set(theirs)) | differences(mine, theirs, VERDICT_COLUMNS)


def differing_rows(judged: Judged, mart: str) -> dict[str, str]:
    """The same of the rows of a mart."""
    mine, theirs = marts.MARTS[mart](judged), rows_of(judged, mart)
    columns = {column for row in mine.values() for column in row} - set(MARTS[mart].primary_key)
    return _alone(set(mine) ^ set(theirs)) | differences(mine, theirs, columns)


def person_names(night: Night) -> dict[str, str]:
    """The name the oracle uses (NPI, else the practitioner's or employee's id) by the warehouse's person key."""
    key = night.home.hash_key()
    names: dict[str, str] = {}
    for practitioner in night.practice.resources["Practitioner"]:
        names[keyed_hash(key, "ehr", "clinician", practitioner["id"])] = practitioner["id"]
    people = dict(night.ask("SELECT clinician_key, person_key FROM canonical.person_match"))
    identifiers = night.ask("SELECT clinician_key, match_key FROM canonical.clinician_identifier WHERE domain = 'npi'")
    npis = {
        keyed_hash(key, "match", "npi", identifier["value"]): identifier["value"]
        for practitioner in night.practice.resources["Practitioner"]
        for identifier in practitioner.get("identifier", [])
    }
    for line in night.practice.files["employees.csv"].splitlines()[1:]:
        npi = line.split(",")[1]
        npis[keyed_hash(key, "match", "npi", npi)] = npi
    found = {people[clinician]: npis[match] for clinician, match in identifiers}
    return {**{people[k]: name for k, name in names.items() if people[k] not in found}, **found}


def warehouse_verdicts(night: Night) -> Verdicts:
    """State and value by person name, guardrail and week, of the guardrails that `oracle.judge` computes."""
    names = person_names(night)
    rows = night.ask(
        "SELECT subject_key, guardrail_id, period, state, value FROM marts.guardrail_result WHERE is_current "
        "AND guardrail_id IN ('direct_hours', 'utilization', 'active_caseload', 'no_show')"
    )
    return {
        (names[key], guardrail, date.fromisoformat(week)): (state, value) for key, guardrail, week, state, value in rows
    }


def subject_key(night: Night, planted: PlantedBreach, persons: dict[str, str], clients: dict[str, str]) -> str:
    """The key by which the warehouse judges what was planted. persons: by NPI; clients: by key of the EHR's record."""
    key = night.home.hash_key()
    match planted.kind:
        case "clinician":
            return persons[planted.subject]
        case "client":
            return clients[keyed_hash(key, "ehr", "client", planted.subject)]
        case "alert":
            return keyed_hash(key, "staff", "clinical_alert", planted.subject)
        case "team":
            return keyed_hash(key, "pulse", "survey_team", planted.subject)
        case _:
            return planted.subject


def _alone(keys: set[tuple[Any, ...]]) -> dict[str, str]:
    return {"alone": f"{len(keys)} rows are only on one side"} if keys else {}


def _is_close(found: float | None, expected: float | None, state: str) -> bool:
    """An unknown verdict has no value to compare."""
    if state == "unknown" or expected is None:
        return True
    return math.isclose(found or 0.0, expected, rel_tol=1e-9, abs_tol=1e-9)
