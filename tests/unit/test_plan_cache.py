"""Compiled plans are kept, and compiled anew when anything they are made of changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacekeeper.measures.plan import Plan, compile_plan
from pacekeeper.measures.plan_cache import kept_plan
from pacekeeper.policy import load_policy
from pacekeeper_assets import CATALOGUE

SMALL = CATALOGUE.only(["measure_trajectory"])


def sql(plan: Plan) -> list[object]:
    return [item.sql for item in plan.items]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for every plan that is compiled."""
    calls: list[str] = []

    def counted(catalogue: object, policy: object, **over: str) -> Plan:
        calls.append("compiled")
        return compile_plan(catalogue, policy, **over)  # type: ignore[arg-type]  # handed on as they are

    monkeypatch.setattr("pacekeeper.measures.plan_cache.compile_plan", counted)
    return calls


def test_a_plan_is_compiled_once_and_says_the_same_from_disk(tmp_path: Path, compiled: list[str]) -> None:
    first = kept_plan(tmp_path, SMALL, load_policy())
    again = kept_plan(tmp_path, SMALL, load_policy())
    assert compiled == ["compiled"]
    assert sql(first) == sql(again)
    assert [type(item) for item in first.items] == [type(item) for item in again.items]


def test_another_policy_dialect_or_catalogue_is_another_plan(tmp_path: Path, compiled: list[str]) -> None:
    own = tmp_path / "policy.toml"
    own.write_text(
        'extends = "default"\nprofile = "own"\n'
        'guardrails.no_show.settings.window_weeks = { value = 5, unit = "weeks", provenance = "a test" }\n'
    )
    kept_plan(tmp_path, SMALL, load_policy())
    kept_plan(tmp_path, SMALL, load_policy(file=own))
    kept_plan(tmp_path, SMALL, load_policy(), dialect="postgres")
    kept_plan(tmp_path, CATALOGUE.only(["measure_trajectory", "clinician_week"]), load_policy())
    assert len(compiled) == 4
    kept_plan(tmp_path, SMALL, load_policy("high_volume"))
    assert len(list(tmp_path.glob("plan-*.json"))) == 4, "of old plans the latest stay"


def test_changed_code_is_another_plan(tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    kept_plan(tmp_path, SMALL, load_policy())
    monkeypatch.setattr("pacekeeper.measures.plan_cache._code", lambda: "other code")
    kept_plan(tmp_path, SMALL, load_policy())
    assert len(compiled) == 2


@pytest.mark.parametrize("text", ["", "{", "[[1]]", '[["step", "nowhere", []]]'])
def test_a_damaged_file_is_compiled_anew(tmp_path: Path, compiled: list[str], text: str) -> None:
    whole = kept_plan(tmp_path, SMALL, load_policy())
    (file,) = tmp_path.glob("plan-*.json")
    file.write_text(text)
    assert sql(kept_plan(tmp_path, SMALL, load_policy())) == sql(whole)
    assert len(compiled) == 2


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert kept_plan(tmp_path / "file" / "plans", SMALL, load_policy()).items
