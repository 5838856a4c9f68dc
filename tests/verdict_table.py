"""A published copy with verdicts written by hand, for tests of what alerts make of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb

from pacekeeper.engine.duckdb import Connection
from pacekeeper.home import PracticeHome

_COLUMNS = (
    "subject_kind VARCHAR, subject_key VARCHAR, guardrail_id VARCHAR, period VARCHAR, period_start TIMESTAMPTZ, "
    "period_end TIMESTAMPTZ, version BIGINT, is_current BOOLEAN, is_retracted BOOLEAN, state VARCHAR, reason VARCHAR, "
    "value DOUBLE, unit VARCHAR, threshold_warn DOUBLE, threshold_breach DOUBLE, policy_version VARCHAR, "
    "as_of TIMESTAMPTZ"
)
_RESPONSE = (
    "alert_key VARCHAR, kind VARCHAR, state VARCHAR, client_key VARCHAR, clinician_key VARCHAR, "
    "supervisor_key VARCHAR, created_on DATE, created_at TIMESTAMPTZ, reviewed_at TIMESTAMPTZ, "
    "risk_reviewed_at TIMESTAMPTZ, therapist_notified_at TIMESTAMPTZ, supervisor_notified_at TIMESTAMPTZ"
)
_OTHERS = {
    "marts.systemic_signal": "guardrail_id VARCHAR, week_id DATE, classification VARCHAR, evaluable_n BIGINT, "
    "out_of_band_n BIGINT, systemic_inputs VARCHAR",
    "canonical.person_match": "source VARCHAR, clinician_key VARCHAR, person_key VARCHAR",
    "canonical.clinician_identifier": "source VARCHAR, clinician_key VARCHAR, domain VARCHAR, match_key VARCHAR",
    "canonical.supervision_link": "source VARCHAR, clinician_key VARCHAR, supervisor_key VARCHAR, kind VARCHAR, "
    "valid_from DATE, valid_to DATE, team_key VARCHAR",
    "canonical.client_match": "source VARCHAR, client_key VARCHAR, person_key VARCHAR",
    "canonical.case_assignment": "source VARCHAR, client_key VARCHAR, clinician_key VARCHAR, from_date DATE, "
    "to_date DATE",
}
#: First Monday of the weeks in tests.
FIRST = datetime(2026, 1, 5, 5, tzinfo=UTC)


class VerdictTable:
    """Verdicts in memory, by version, as nights would have left them."""

    def __init__(self) -> None:
        self.session = Connection(duckdb.connect())
        self.session.execute("SET TimeZone = 'UTC'")
        for schema in ("marts", "canonical"):
            self.session.execute(f"CREATE SCHEMA {schema}")
        self.session.execute(f"CREATE TABLE marts.guardrail_result ({_COLUMNS})")
        self.session.execute(f"CREATE TABLE marts.alert_response ({_RESPONSE})")
        for table, columns in _OTHERS.items():
            self.session.execute(f"CREATE TABLE {table} ({columns})")

    def say(
        self,
        week: int,
        state: str,
        *,
        rail: str = "direct_hours",
        kind: str = "clinician",
        subject: str = "ana",
        policy: str = "p1",
        value: float | None = None,
        unit: str = "hours",
        thresholds: tuple[float, float] = (22.0, 30.0),
        retracted: bool = False,
    ) -> None:
        """A new version of the verdict on a subject's week: `FIRST` is in week 1."""
        start = FIRST + timedelta(weeks=week - 1)
        raw = self.session.raw
        same = "subject_kind = ? AND subject_key = ? AND guardrail_id = ? AND period = ?"
        key = [kind, subject, rail, period(week)]
        (count,) = raw.execute(f"SELECT count(*) FROM marts.guardrail_result WHERE {same}", key).fetchall()[0]
        raw.execute(f"UPDATE marts.guardrail_result SET is_current = false WHERE {same}", key)
        raw.execute(
            f"INSERT INTO marts.guardrail_result VALUES ({', '.join('?' * 17)})",
            [
                *key,
                start,
                start + timedelta(weeks=1),
                count + 1,
                True,
                retracted,
                state,
                None,
                value,
                unit,
                *thresholds,
                policy,
                start + timedelta(weeks=1),
            ],
        )

    def publish(self, home: PracticeHome) -> None:
        """Make them the readers' copy of a practice."""
        home.published_dir.mkdir(parents=True, exist_ok=True)
        home.read_copy.unlink(missing_ok=True)
        (name,) = self.session.raw.execute("SELECT current_database()").fetchall()[0]
        self.session.execute(f"ATTACH '{home.read_copy}' AS copy_of")
        self.session.execute(f"COPY FROM DATABASE {name} TO copy_of")
        self.session.execute("DETACH copy_of")


def period(week: int) -> str:
    """The name of a week."""
    return (FIRST + timedelta(weeks=week - 1)).date().isoformat()
