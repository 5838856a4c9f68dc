"""Verdicts under a policy with a layer of every kind, and with one source behind, held against the oracle."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from pacekeeper.engine.duckdb import Connection
from pacekeeper.measures.materialise import materialise_marts
from pacekeeper.measures.plan import compile_plan
from pacekeeper.policy import load_policy
from pacekeeper.testing.canonical_practice import CanonicalPractice, generate_canonical
from pacekeeper_assets import CATALOGUE, materialise
from tests.integration.test_oracle_marts import DISPUTED_VERDICTS
from tests.oracle import marts as oracle
from tests.oracle.marts.compare import VERDICT_COLUMNS, differences, practice_in, verdicts_of
from tests.oracle.marts.practice import Practice, Row

#: Layers in force by guardrail.
KINDS_OF = {
    "direct_hours": {"role", "specialty", "tenure", "person"},
    "utilization": {"specialty", "temporary"},
    "no_show": {"employment_type", "person"},
}
JUDGED = tuple(KINDS_OF)
LAYERS = """
[[layer]]
kind = "role"
match = "{role}"
[layer.guardrails.direct_hours.thresholds]
warn = {{ value = 10, unit = "hours", provenance = "test" }}
breach = {{ value = 14, unit = "hours", provenance = "test" }}
[[layer]]
kind = "specialty"
match = "{specialty}"
[layer.guardrails.direct_hours.thresholds]
warn = {{ value = 9, unit = "hours", provenance = "test" }}
[layer.guardrails.utilization.thresholds]
floor = {{ value = 0.60, unit = "ratio", provenance = "test" }}
[[layer]]
kind = "employment_type"
match = "{employment_type}"
[layer.guardrails.no_show.thresholds]
breach = {{ value = 0.05, unit = "ratio", provenance = "test" }}
[[layer]]
kind = "tenure"
match = {{ from = 1, to = 24 }}
[layer.guardrails.direct_hours.thresholds]
warn = {{ value = 8, unit = "hours", provenance = "test" }}
[[layer]]
kind = "person"
match = "{person}"
effective_from = 2025-11-03
expires = 2026-01-12
reason = "agreed"
approver = "clinical lead"
[layer.guardrails.direct_hours.thresholds]
warn = {{ value = 5, unit = "hours", provenance = "test" }}
[layer.guardrails.no_show.thresholds]
breach = {{ value = 0.02, unit = "ratio", provenance = "test" }}
[[layer]]
kind = "temporary"
match = "{person}"
effective_from = 2025-12-01
expires = 2025-12-21
reason = "return to work"
approver = "clinical lead"
[layer.guardrails.utilization]
exempt = true
"""
HEAD = 'extends = "default"\nprofile = "layers"\ntitle = "Layers"\nacknowledge_conflict = true\n'


def _stated(raw: duckdb.DuckDBPyConnection) -> str:
    """The layers, for the commonest role, specialty and kind of employment, and for one person with most sessions."""
    most = "SELECT {column} FROM canonical.{table} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    sources = {"role": "clinician", "specialty": "clinician_specialty", "employment_type": "employment"}
    found = {
        column: raw.execute(most.format(column=column, table=table)).fetchall()[0][0]
        for column, table in sources.items()
    }
    people = "session JOIN canonical.person_match USING (clinician_key)"
    found["person"] = raw.execute(most.format(column="person_key", table=people)).fetchall()[0][0]
    return LAYERS.format(**found)


def _generated(raw: duckdb.DuckDBPyConnection) -> CanonicalPractice:
    """Staff records end a month before everything else."""
    return generate_canonical(Connection(raw), seed=1, clinicians=12, weeks=26, stale_source="hr", stale_days=30)


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    raw = duckdb.connect()
    made = _generated(raw)
    layers = _stated(raw)
    file = tmp_path_factory.mktemp("policy") / "policy.toml"
    file.write_text(HEAD + layers)
    plan = compile_plan(CATALOGUE.only(list(JUDGED)), load_policy(file=file))
    materialise_marts(Connection(raw), plan, as_of=made.as_of, completeness=made.completeness)
    found = practice_in(raw, as_of=made.as_of)
    raw.close()
    return replace(found, policy={**found.policy, **tomllib.loads(layers)})


@pytest.fixture(scope="module")
def behind() -> Practice:
    raw = duckdb.connect()
    made = _generated(raw)
    plans = Path(os.environ["PACEKEEPER_WAREHOUSE__PLANS_DIR"])
    materialise(Connection(raw), as_of=made.as_of, policy=load_policy(), completeness=made.completeness, plans=plans)
    found = practice_in(raw, as_of=made.as_of)
    raw.close()
    return found


def _check(practice: Practice, guardrail: str, disputed: Collection[str] = ()) -> Collection[Row]:
    mine, theirs = oracle.verdicts(practice, guardrail), verdicts_of(practice, guardrail)
    assert set(mine) == set(theirs)
    assert differences(mine, theirs, VERDICT_COLUMNS - set(disputed)) == {}
    return theirs.values()


@pytest.mark.parametrize("guardrail", JUDGED)
def test_every_verdict_under_layers_is_what_the_oracle_judges(layered: Practice, guardrail: str) -> None:
    found = _check(layered, guardrail)
    assert {str(row["layer"]).split()[2] for row in found if row["layer"]} == KINDS_OF[guardrail]


@pytest.mark.parametrize("guardrail", sorted(oracle.RULES))
def test_every_verdict_with_staff_records_behind_is_what_the_oracle_judges(behind: Practice, guardrail: str) -> None:
    _check(behind, guardrail, DISPUTED_VERDICTS.get(guardrail, {}))


def test_staff_records_behind_make_verdicts_unknown_that_look_at_them(behind: Practice) -> None:
    stale = {
        guardrail
        for guardrail in oracle.RULES
        if any(row["reason"] == "stale" for row in verdicts_of(behind, guardrail).values())
    }
    assert {"direct_hours", "utilization", "active_caseload", "no_leave_90d"} <= stale
    assert not stale & {"no_show", "clients_week", "overdue_notes"}
