"""A second, slow computation of the verdicts, straight from the source corpus, to hold the marts against.

Standard library only; nothing of the product is imported. It follows the definitions (docs/decisions/0001)
row by row, with exact fractions for hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tests.oracle import csv_rows, fhir_rows
from tests.oracle.attendance import AttendanceWeek, attendance_weeks
from tests.oracle.caseload import Caseload, caseloads
from tests.oracle.people import People
from tests.oracle.productivity import ClinicianWeek, clinician_weeks
from tests.oracle.rows import Practice
from tests.oracle.verdicts import DEFAULT_POLICY, Verdict, full_policy, verdicts


def read_practice(resources: fhir_rows.Resources, files: csv_rows.Files, *, home_tz: str) -> Practice:
    """The rows of a corpus: `resources` by FHIR type, `files` by name."""
    people = People([*fhir_rows.accounts(resources), *csv_rows.accounts(files)])
    in_ehr = {people.name(account) for account, _, _ in fhir_rows.accounts(resources)}
    practice = Practice(home_tz=home_tz, people=people.all_names(), in_ehr=in_ehr)
    fhir_rows.read_fhir(resources, people, practice)
    csv_rows.read_files(files, people, practice)
    return practice


def judge(
    resources: fhir_rows.Resources,
    files: csv_rows.Files,
    *,
    as_of: datetime,
    home_tz: str,
    policy: Mapping[str, Mapping[str, float]] | None = None,
) -> list[Verdict]:
    """Every verdict on every ended week, by guardrail, clinician and week."""
    return verdicts(read_practice(resources, files, home_tz=home_tz), as_of, full_policy(policy))


__all__ = [
    "DEFAULT_POLICY",
    "AttendanceWeek",
    "Caseload",
    "ClinicianWeek",
    "Practice",
    "Verdict",
    "attendance_weeks",
    "caseloads",
    "clinician_weeks",
    "full_policy",
    "judge",
    "read_practice",
    "verdicts",
]
