"""The suite in docs/how-to/test-a-connector.md is the suite of the connector in plugins/README.md, and it runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pacekeeper.testing.conformance.declarations import Lab

ROOT = Path(__file__).resolve().parents[2]


def _blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def suite() -> Iterator[Any]:
    """The documented suite, of the documented connector."""
    module = ModuleType("pacekeeper_acme")
    sys.modules[module.__name__] = module
    exec(_blocks("plugins/README.md")[0], module.__dict__)  # noqa: S102  our own page
    names: dict[str, Any] = {"__name__": "documented"}
    exec(_blocks("docs/how-to/test-a-connector.md")[0], names)  # noqa: S102  our own page
    yield names["TestAcme"]()
    del sys.modules[module.__name__]


def test_the_documented_suite_holds_what_it_claims(suite: Any, tmp_path: Path) -> None:
    lab = Lab(suite, tmp_path)
    for claim in (
        "test_settings_refuse_unknown_missing_and_bad_values",
        "test_a_late_edit_inside_the_lag_is_caught",
        "test_deletes_follow_the_declaration",
        "test_every_declared_column_is_populated",
        "test_mappings_yield_valid_canonical_rows",
        "test_expected_rows_are_there",
        "test_a_late_cancel_is_not_mapped_to_kept",
        "test_local_time_is_not_read_as_utc",
    ):
        getattr(suite, claim)(lab)


def test_the_documented_simulator_serves(capsys: pytest.CaptureFixture[str]) -> None:
    exec(_blocks("docs/how-to/test-a-connector.md")[2], {})  # noqa: S102  our own page
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
