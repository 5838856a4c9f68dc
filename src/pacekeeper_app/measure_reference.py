"""The page of measures: each with its formula, what it is made from, who judges it and a worked example."""

from __future__ import annotations

from pathlib import Path

from pacekeeper.measures import Mart, MartColumn
from pacekeeper.measures.needs import Input, Needs
from pacekeeper_app.worked_examples import Example, example_of, examples_in
from pacekeeper_assets import CATALOGUE, MARTS, MEASURE_NEEDS

_HEAD = """\
# Measures

Generated from the mart definitions and the tests; do not edit.

Every number and flag that sources supply: its formula with the meaning of null, the columns it is computed from, the
guardrails that judge it, and a test that works it out. The examples are the tests' own code, as it runs; what they
build their practice with stands above them in the same file.
"""


def measures_markdown(tests: Path) -> str:
    """The page. tests: the folder of the tests."""
    examples = examples_in(tests)
    return "\n".join([_HEAD, *(_mart(mart, examples) for mart in MARTS.values() if _measures(mart))])


def _measures(mart: Mart) -> list[MartColumn]:
    return [column for column in mart.columns if f"{mart.name}.{column.name}" in MEASURE_NEEDS]


def _mart(mart: Mart, examples: tuple[Example, ...]) -> str:
    columns = _measures(mart)
    chosen = {column.name: example_of(mart.name, column.name, column.rules, examples) for column in columns}
    lines = [f"## {mart.name}", "", f"{mart.description} [All columns](marts.md#{mart.name}).", ""]
    lines += ["| measure | unit | formula | from | judged by | example |", "|---|---|---|---|---|---|"]
    quoted = list(dict.fromkeys(example for example in chosen.values() if example is not None))
    for column in columns:
        example = chosen[column.name]
        place = "none by itself" if example is None else str(quoted.index(example) + 1)
        needs = MEASURE_NEEDS[f"{mart.name}.{column.name}"]
        cells = (f"`{column.name}`", column.unit, column.description, _inputs(needs), _judges(mart, column), place)
        lines.append(f"| {' | '.join(cells)} |")
    for number, example in enumerate(quoted, start=1):
        lines += ["", f"**{number}.** {example.title} (`{example.place}`)", "", "```python", example.text, "```"]
    return "\n".join([*lines, ""])


def _inputs(needs: Needs) -> str:
    return " and ".join(" or ".join(_input(one) for one in group) for group in needs.required)


def _input(needed: Input) -> str:
    return f"`{needed.entity}`: {', '.join(f'`{name}`' for name in (*needed.columns, *needed.tells))}"


def _judges(mart: Mart, column: MartColumn) -> str:
    judged = (mart.name, column.name)
    rails = [rail for rail in CATALOGUE.guardrails.values() if (rail.mart, rail.column) == judged]
    return ", ".join(f"[`{rail.id}`](guardrails.md#{rail.id})" for rail in rails)
