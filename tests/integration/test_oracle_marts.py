"""Marts and verdicts of synthetic practices, held against the oracle that computes them a second way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import duckdb
import pytest

from pacekeeper.engine.duckdb import Connection
from pacekeeper.policy import load_policy
from pacekeeper.testing.canonical_practice import generate_canonical
from pacekeeper_assets import CATALOGUE, MARTS, materialise
from tests.oracle import marts as oracle
from tests.oracle.marts.compare import VERDICT_COLUMNS, differences, practice_in, rows_of, verdicts_of
from tests.oracle.marts.practice import Practice

#: Clinicians and weeks by seed. The last is large enough for two teams to be shown, and long enough for own baselines.
SIZES = MappingProxyType({1: (12, 26), 2: (12, 26), 3: (18, 40)})

#: Columns on which oracle and mart do not agree, and what the oracle reads otherwise. Whoever settles one takes it out:
#: a column that agrees fails the test too.
DISPUTED: Mapping[str, Mapping[str, str]] = {}
DISPUTED_VERDICTS: Mapping[str, Mapping[str, str]] = {}
NOT_COMPUTED: Mapping[str, Mapping[str, str]] = {
    "episode_outcome": {"coefficients_version": "a hash of coefficients, which effect_size and severity_adj_es prove"},
}
MARTS_NOT_COVERED = {"guardrail_result": "verdicts are compared by guardrail, below"}
GUARDRAILS_NOT_COVERED: Mapping[str, str] = {}


@pytest.fixture(scope="module")
def practices(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Practice]:
    """Generated practices by seed, their marts beside them."""
    plans = tmp_path_factory.mktemp("plans")
    return {seed: _practice(seed, plans) for seed in SIZES}


def _practice(seed: int, plans: Path) -> Practice:
    raw = duckdb.connect()
    connection = Connection(raw)
    clinicians, weeks = SIZES[seed]
    made = generate_canonical(connection, seed=seed, clinicians=clinicians, weeks=weeks)
    materialise(connection, as_of=made.as_of, policy=load_policy(), completeness=made.completeness, plans=plans)
    practice = practice_in(raw, as_of=made.as_of)
    raw.close()
    return practice


def check(found: Mapping[str, str], disputed: Mapping[str, str]) -> None:
    """Fails on a column that differs and is not disputed, and on a disputed one that does not differ."""
    new = {column: example for column, example in found.items() if column not in disputed}
    settled = set(disputed) - set(found)
    assert not new, "\n".join(f"{column}: {example}" for column, example in new.items())
    assert not settled, f"no longer disputed: {', '.join(sorted(settled))}"


@pytest.mark.parametrize("mart", sorted(oracle.MARTS))
def test_every_column_of_a_mart_is_what_the_oracle_computes(practices: dict[int, Practice], mart: str) -> None:
    declared = MARTS[mart]
    skipped = set(NOT_COMPUTED.get(mart, {}))
    found: dict[str, str] = {}
    for seed, practice in practices.items():
        mine = oracle.MARTS[mart](practice)
        theirs = rows_of(practice, mart)
        assert set(mine) == set(theirs), f"seed {seed}: {len(set(mine) ^ set(theirs))} keys are only on one side"
        columns = {column.name for column in declared.columns} - set(declared.primary_key)
        computed = {column for row in mine.values() for column in row}
        assert computed | skipped == columns, f"neither computed nor listed, or gone: {(computed | skipped) ^ columns}"
        assert not computed & skipped
        for column, example in differences(mine, theirs, columns - skipped).items():
            found.setdefault(column, f"seed {seed}, {example}")
    check(found, DISPUTED.get(mart, {}))


@pytest.mark.parametrize("guardrail", sorted(oracle.RULES))
def test_every_verdict_is_what_the_oracle_judges(practices: dict[int, Practice], guardrail: str) -> None:
    found: dict[str, str] = {}
    for seed, practice in practices.items():
        mine = oracle.verdicts(practice, guardrail)
        theirs = verdicts_of(practice, guardrail)
        assert set(mine) == set(theirs), f"seed {seed}: {len(set(mine) ^ set(theirs))} verdicts are only on one side"
        for column, example in differences(mine, theirs, VERDICT_COLUMNS).items():
            found.setdefault(column, f"seed {seed}, {example}")
    check(found, DISPUTED_VERDICTS.get(guardrail, {}))


def test_what_the_oracle_leaves_out_is_listed() -> None:
    assert set(oracle.MARTS) | set(MARTS_NOT_COVERED) == set(MARTS)
    policy = load_policy()
    in_force = {name for name in CATALOGUE.guardrails if policy.latest.guardrail(name).enabled}
    assert set(oracle.RULES) | set(GUARDRAILS_NOT_COVERED) == in_force
