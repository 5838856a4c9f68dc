"""The generated pages about marts and guardrails."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacekeeper.measures import Reason
from pacekeeper_assets import MARTS, Mart
from pacekeeper_assets.reference import guardrails_markdown, marts_markdown

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize(("name", "text"), [("marts.md", marts_markdown()), ("guardrails.md", guardrails_markdown())])
def test_page_is_as_fresh_as_the_code(name: str, text: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == text, (
        f"{name} is stale; generate the reference pages again"
    )


@pytest.mark.parametrize("mart", MARTS.values(), ids=lambda mart: mart.name)
def test_every_column_says_what_it_is_and_the_key_is_among_them(mart: Mart) -> None:
    names = [column.name for column in mart.columns]
    assert len(set(names)) == len(names)
    assert set(mart.primary_key) <= set(names)
    assert all(column.description.endswith(".") for column in mart.columns), mart.name


@pytest.mark.parametrize("mart", MARTS.values(), ids=lambda mart: mart.name)
def test_every_number_has_a_unit(mart: Mart) -> None:
    bare = [column.name for column in mart.columns if column.type == "number" and not column.unit]
    assert bare in ([], ["numerator", "denominator"])


def test_every_reason_is_explained() -> None:
    assert all(reason.value in guardrails_markdown() for reason in Reason)
