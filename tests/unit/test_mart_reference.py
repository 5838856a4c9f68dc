"""The generated pages about marts and guardrails."""

from __future__ import annotations

import re
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


def test_every_guardrail_says_which_kinds_of_source_feed_it() -> None:
    text = guardrails_markdown()
    use = text[text.index("### utilization") : text.index("### active_caseload")]
    assert "| EHR | `session`, `session_clinician` |" in use
    assert "| EHR or schedule | `schedule_block`, `availability_template` |" in use
    assert "| HR file | `employment`, `pto_ledger` |" in use


@pytest.mark.parametrize("text", [marts_markdown(), guardrails_markdown()], ids=["marts", "guardrails"])
def test_page_refers_only_to_what_a_reader_can_open(text: str) -> None:
    known = {"S0", "S1", "S2", "S3", "S4"}
    assert set(re.findall(r"\b[A-Z]\d{1,2}(?:\.\d+)?\b", text)) <= known
    assert not re.search(r"\b(?:as settled|domain [A-Z])", text)
    assert "](../sources.md)" in text
    assert (REFERENCE / ".." / "sources.md").is_file()


def test_every_reason_is_explained() -> None:
    assert all(reason.value in guardrails_markdown() for reason in Reason)
