"""Each plausibility check on tables small enough to count by hand."""

from __future__ import annotations

import duckdb
import pytest

from pacekeeper_checks.plausibility import CHECKS

_TABLES = """
CREATE SCHEMA marts; CREATE SCHEMA canonical;
CREATE TABLE marts.clinician_week (direct_h DOUBLE, available_h DOUBLE);
CREATE TABLE canonical.session (session_key VARCHAR, appointment_key VARCHAR, status VARCHAR);
CREATE TABLE canonical.appointment (appointment_key VARCHAR, status VARCHAR);
CREATE TABLE canonical.session_clinician (session_key VARCHAR, clinician_key VARCHAR);
CREATE TABLE canonical.person_match (clinician_key VARCHAR, person_key VARCHAR);
CREATE TABLE canonical.employment (clinician_key VARCHAR);
INSERT INTO marts.clinician_week VALUES (60, 80), (NULL, NULL);
INSERT INTO canonical.session VALUES ('s1', 'a1', 'completed'), ('s2', 'a2', 'voided'), ('s3', NULL, 'completed');
INSERT INTO canonical.appointment VALUES ('a1', 'kept'), ('a2', 'no_show');
INSERT INTO canonical.session_clinician VALUES ('s1', 'c1');
INSERT INTO canonical.person_match VALUES ('c1', 'p1'), ('h1', 'p1'), ('c2', 'p2');
INSERT INTO canonical.employment VALUES ('h1');
"""


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("direct_hours_plausible", "INSERT INTO marts.clinician_week VALUES (60.5, 1)"),
        ("available_hours_plausible", "INSERT INTO marts.clinician_week VALUES (1, 80.5)"),
        ("session_kept", "INSERT INTO canonical.session VALUES ('s4', 'a2', 'completed')"),
        ("clinician_employed", "INSERT INTO canonical.session_clinician VALUES ('s1', 'c2')"),
    ],
)
def test_a_check_counts_nothing_until_the_fault_is_there(name: str, fault: str) -> None:
    (check,) = [check for check in CHECKS if check.name == name]
    with duckdb.connect() as connection:
        connection.execute(_TABLES)
        assert connection.execute(check.sql).fetchone() == (0,)
        connection.execute(fault)
        assert connection.execute(check.sql).fetchone() == (1,)
