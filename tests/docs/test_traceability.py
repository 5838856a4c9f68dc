"""Every statement, formula and edge case has something that answers it and a test that proves it, or a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacekeeper_app.traceability import EDGE_CASES, FORMULAS, Proofs, Rule, proofs_in, rules

TESTS = Path(__file__).parents[1]
IDS = {"U": 23, "W": 22, "D": 19, "O": 11, "T": 15, "F": 12, "H": 17}


@pytest.fixture(scope="module")
def proofs() -> Proofs:
    return proofs_in(TESTS)


@pytest.fixture(scope="module")
def found(proofs: Proofs) -> tuple[Rule, ...]:
    return rules(proofs)


def test_every_statement_is_listed_once(found: tuple[Rule, ...]) -> None:
    assert [rule.id for rule in found] == [
        f"{letter}{n:02}" for letter, last in IDS.items() for n in range(1, last + 1)
    ]


def test_every_statement_is_answered_and_proven_or_has_a_reason(found: tuple[Rule, ...]) -> None:
    for rule in found:
        answers = rule.columns or rule.guardrails
        if rule.unanswered:
            assert not answers, f"{rule.id} is answered by {answers}, and yet said to be unanswered"
        else:
            assert answers, f"{rule.id} ({rule.title}) has neither column nor guardrail nor reason"
            assert rule.tests, f"{rule.id} ({rule.title}) has no test with @pytest.mark.rule"


def test_what_columns_and_guardrails_answer_is_a_known_statement(proofs: Proofs, found: tuple[Rule, ...]) -> None:
    from pacekeeper.policy import load_policy
    from pacekeeper_assets import CATALOGUE

    known = {rule.id for rule in found}
    of_columns = {rule for mart in CATALOGUE.marts.values() for column in mart.columns for rule in column.rules}
    of_rails = {rule for rail in load_policy().latest.guardrails.values() for rule in rail.rules}
    assert of_columns | of_rails | set(proofs.by_marker["rule"]) <= known


@pytest.mark.parametrize(("marker", "last"), [("formula", FORMULAS), ("edge_case", EDGE_CASES)])
def test_every_formula_and_edge_case_has_a_test(marker: str, last: int, proofs: Proofs) -> None:
    missing = [number for number in range(1, last + 1) if not proofs.of(marker, number)]
    assert missing == []


def test_markers_are_read_from_decorators_parameters_and_modules(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_some.py").write_text(
        "import pytest\n"
        "pytestmark = pytest.mark.formula(3)\n"
        "@pytest.mark.rule('U01', 'U02')\n"
        "def test_one(): ...\n"
        "@pytest.mark.parametrize('a', [pytest.param(1, marks=pytest.mark.edge_case(7))])\n"
        "def test_two(a): ...\n"
        "def helper(): ...\n"
    )
    read = proofs_in(folder)
    assert read.of("rule", "U02") == ("tests/test_some.py::test_one",)
    assert read.of("edge_case", 7) == ("tests/test_some.py::test_two",)
    assert read.of("formula", 3) == ("tests/test_some.py::test_one", "tests/test_some.py::test_two")
