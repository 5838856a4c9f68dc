"""A practice of six clinicians whose marts were written by hand, for tests of its pages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pacekeeper.engine.duckdb import Connection
from pacekeeper.home import PracticeHome
from pacekeeper.measures.completeness import SourceCompleteness
from pacekeeper.measures.materialise import store_completeness
from pacekeeper.measures.publication import Publication
from pacekeeper.settings import load_settings
from pacekeeper_assets import MARTS

AS_OF = datetime(2026, 4, 6, 6, tzinfo=UTC)
CLIENT, TEAM_SMALL = "c1e2" * 8, "7ea3" * 8
KEYS = {name: f"{number:x}{number:x}ab" * 8 for number, name in enumerate(("ana", "bo", "cy", "dee", "eve", "fay"), 1)}
#: First days of the weeks that ended in March, and one before.
WEEKS = [date(2026, 2, 16) + timedelta(weeks=number) for number in range(6)]
_SETTINGS = """
[practice]
name = "Riverbend"
home_tz = "America/New_York"
data_dir = "data"
[alerts]
directory = "directory.toml"
"""
_OTHERS = """
[people.owen]
name = "Owen Owner"
roles = ["owner"]
[people.sue]
name = "Sue Hall"
roles = ["supervisor"]
supervises = ["ana", "bo"]
[people.lea]
name = "Lea <Lind> & Co"
roles = ["clinical_lead"]
"""


def write_site(folder: Path) -> PracticeHome:
    """Settings, directory and a published night; everybody but Fay is in the directory."""
    (folder / "pacekeeper.toml").write_text(_SETTINGS, encoding="utf-8")
    people = [
        f'[people.{name}]\nname = "{name.title()} Surname{name}"\nroles = ["clinician"]\nclinician = "{key}"\n'
        for name, key in KEYS.items()
        if name != "fay"
    ]
    directory = folder / "directory.toml"
    directory.touch(mode=0o600)
    directory.write_text("".join(people) + _OTHERS, encoding="utf-8")
    home = PracticeHome(load_settings(folder / "pacekeeper.toml"))
    home.create(MARTS.values())
    with home.warehouse.connect() as connection:
        _fill(connection)
    home.publish(Publication("run", AS_OF, AS_OF, "policy-1"))
    return home


def _fill(connection: Connection) -> None:
    store_completeness(connection, [SourceCompleteness("ehr", "session", AS_OF, ever_read=True)])
    for name, key in KEYS.items():
        for place, week in enumerate(WEEKS):
            is_far = name == "ana" and place == len(WEEKS) - 1
            is_unknown = name == "bo" and place > 0
            state, why = ("breach", "single_week_above") if is_far else ("pass", None)
            hours: float | None = 37.25 if is_far else 20.5
            if is_unknown:
                state, why, hours = "unknown", "no_source", None
            verdict(connection, "clinician", key, "direct_hours", week, state, why, hours)
            connection.raw.execute(
                "INSERT INTO marts.utilization_trend BY NAME SELECT ? AS clinician_key, ?::DATE AS week_id, "
                "18.0 AS expected_min, 22.0 AS expected_max, 'hours' AS expected_unit, ?::DOUBLE AS expected_actual",
                [key, week, hours],
            )
            connection.raw.execute(
                "INSERT INTO marts.clinician_week BY NAME SELECT ? AS clinician_key, ?::DATE AS week_id, "
                "'full' AS evaluability, ?::DOUBLE AS direct_h",
                [key, week, hours],
            )
    verdict(connection, "client", CLIENT, "no_show_run", WEEKS[-1], "breach", "above_ceiling", 3.0)
    verdict(
        connection, "clinician", KEYS["ana"], "no_leave_90d", WEEKS[-1], "breach", "above_ceiling", 111.0, "leave_month"
    )
    connection.raw.execute(
        "INSERT INTO marts.systemic_signal BY NAME SELECT 'direct_hours' AS guardrail_id, ?::DATE AS week_id, "
        "5 AS evaluable_n, 3 AS out_of_band_n, 'systemic' AS classification, 'denial_rate' AS systemic_inputs",
        [WEEKS[-1]],
    )
    for team, n, suppressed in (("practice", 14, False), (TEAM_SMALL, None, True)):
        connection.raw.execute(
            "INSERT INTO marts.staff_survey_agg BY NAME SELECT 'w' AS wave_key, ? AS team_key, 'mini_z' AS instrument, "
            "'burnout' AS scale, DATE '2026-03-20' AS closes_on, 17 AS invited_n, ?::BIGINT AS n, "
            "?::DOUBLE AS prevalence, ?::BOOLEAN AS suppressed",
            [team, n, None if suppressed else 0.5, suppressed],
        )
    for instrument, cases in (("phq9", 12), ("gad7", 6)):
        for number in range(cases):
            connection.raw.execute(
                "INSERT INTO marts.episode_outcome BY NAME SELECT ? AS episode_key, ? AS instrument, "
                "true AS is_primary, ? AS client_key, ? AS reliable_class, 'recorded' AS end_state",
                [f"e{number}", instrument, CLIENT, "improved" if number < 3 else "no_change"],
            )


def verdict(
    connection: Connection,
    kind: str,
    key: str,
    rail: str,
    week: date,
    state: str,
    why: str | None,
    value: float | None,
    mart: str = "clinician_week",
) -> None:
    """A current verdict on a week, judged against 22 and 30."""
    start = datetime(week.year, week.month, week.day, 5, tzinfo=UTC)
    connection.raw.execute(
        "INSERT INTO marts.guardrail_result BY NAME SELECT ? AS subject_kind, ? AS subject_key, ? AS guardrail_id, "
        "? AS period, ?::TIMESTAMPTZ AS period_start, ?::TIMESTAMPTZ AS period_end, 1 AS version, true AS is_current, "
        "false AS is_retracted, ? AS state, ? AS reason, ?::DOUBLE AS value, 'hours' AS unit, 22 AS threshold_warn, "
        "30 AS threshold_breach, 'p1' AS policy_version, ?::TIMESTAMPTZ AS as_of, ? AS evidence_mart",
        [kind, key, rail, week.isoformat(), start, start + timedelta(weeks=1), state, why, value, AS_OF, mart],
    )
