"""The suites in docs/how-to/test-a-connector.md run: of the connector in plugins/README.md, and of one of files."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pacekeeper.testing.conformance.declarations import Lab

ROOT = Path(__file__).resolve().parents[2]
PAGE = "docs/how-to/test-a-connector.md"
#: What is tried on both; the suites' own tests run all of them.
CLAIMS = (
    "test_settings_refuse_unknown_missing_and_bad_values",
    "test_deletes_follow_the_declaration",
    "test_every_declared_column_is_populated",
    "test_mappings_yield_valid_canonical_rows",
    "test_expected_rows_are_there",
    "test_a_late_cancel_is_not_mapped_to_kept",
    "test_local_time_is_not_read_as_utc",
)


def _blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def _block(page: str, holding: str) -> str:
    (found,) = [block for block in _blocks(page) if holding in block]
    return found


@contextmanager
def _installed(name: str, source: str) -> Iterator[None]:
    """The documented connector, as the module its suite imports."""
    module = ModuleType(name)
    sys.modules[name] = module
    try:
        exec(source, module.__dict__)  # noqa: S102  our own page
        yield
    finally:
        del sys.modules[name]


def _suite(source: str, name: str) -> Any:  # Any: a class of the page
    names: dict[str, Any] = {"__name__": "documented"}
    exec(source, names)  # noqa: S102  our own page
    return names[name]()


def _assert_holds(suite: Any, claims: Sequence[str], folder: Path) -> None:
    lab = Lab(suite, folder)
    for claim in (*CLAIMS, *claims):
        getattr(suite, claim)(lab)


def test_the_documented_suite_holds_what_it_claims(tmp_path: Path) -> None:
    with _installed("pacekeeper_acme", _blocks("plugins/README.md")[0]):
        suite = _suite(_block(PAGE, "class TestAcme"), "TestAcme")
        _assert_holds(suite, ["test_a_late_edit_inside_the_lag_is_caught"], tmp_path)


def test_the_documented_suite_of_files_holds_what_it_claims(tmp_path: Path) -> None:
    with _installed("pacekeeper_elm", _block(PAGE, "class Elm(")):
        suite = _suite(_block(PAGE, "class TestElm"), "TestElm")
        claims = [
            "test_check_tells_a_working_source_from_an_unreachable_one",
            "test_construction_does_no_io",
            "test_a_second_read_changes_nothing",
            "test_an_empty_source_is_neither_error_nor_pass",
            "test_undeclared_fields_do_not_land",
            "test_a_new_code_is_reported_and_not_guessed_at",
        ]
        _assert_holds(suite, claims, tmp_path)


def test_the_documented_simulator_serves(capsys: pytest.CaptureFixture[str]) -> None:
    exec(_block(PAGE, "with Simulator("), {})  # noqa: S102  our own page
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
