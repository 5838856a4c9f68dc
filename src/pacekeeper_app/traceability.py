"""The traceability page: every statement of the practice articles, what answers it, and which test proves that."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from pacekeeper.policy import load_policy
from pacekeeper_assets import CATALOGUE

_MARKERS = ("rule", "formula", "edge_case")
FORMULAS = 32
EDGE_CASES = 45

_HEAD = """\
# Traceability

Generated from mart columns, the shipped policy and the markers of the tests; do not edit.

Every statement of the practice articles (S0 to S4, see [sources](../sources.md)) that data could answer, by id; then
the formulas and edge cases that tests work through. The numbers in the articles are practice policy, not evidence.
"""


@dataclass(frozen=True)
class Rule:
    """A statement of the articles. unanswered: why no data can answer it, or why none should; empty where some does."""

    id: str
    title: str
    source: str
    unanswered: str
    columns: tuple[str, ...]
    guardrails: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Proofs:
    """Tests by marker and id: `file::test`."""

    by_marker: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def of(self, marker: str, number: str | int) -> tuple[str, ...]:
        return self.by_marker.get(marker, {}).get(str(number), ())


def rules(proofs: Proofs) -> tuple[Rule, ...]:
    """Every rule with what answers it."""
    text = (resources.files("pacekeeper_assets") / "rules.toml").read_text(encoding="utf-8")
    columns: dict[str, list[str]] = {}
    for mart in CATALOGUE.marts.values():
        for column in mart.columns:
            for rule in column.rules:
                columns.setdefault(rule, []).append(f"{mart.name}.{column.name}")
    guardrails: dict[str, list[str]] = {}
    for rail in load_policy().latest.guardrails.values():
        for rule in rail.rules:
            guardrails.setdefault(rule, []).append(rail.id)
    return tuple(
        Rule(
            id=name,
            title=entry["title"],
            source=entry["source"],
            unanswered=entry.get("unanswered", ""),
            columns=tuple(columns.get(name, ())),
            guardrails=tuple(guardrails.get(name, ())),
            tests=proofs.of("rule", name),
        )
        for name, entry in tomllib.loads(text).items()
    )


def proofs_in(folder: Path) -> Proofs:
    """The tests under a folder that carry a marker, without running or importing them."""
    found: dict[str, dict[str, list[str]]] = {marker: {} for marker in _MARKERS}
    for file in sorted(folder.rglob("test_*.py")):
        for test, marker, number in _marked(ast.parse(file.read_text(encoding="utf-8"))):
            found[marker].setdefault(number, []).append(f"{file.relative_to(folder.parent).as_posix()}::{test}")
    return Proofs({marker: {number: tuple(tests) for number, tests in by.items()} for marker, by in found.items()})


def _marked(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    of_module = [
        marker
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)
        for marker in ast.walk(node.value)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            inner = [found for decorator in node.decorator_list for found in ast.walk(decorator)]
            for marker, number in {*marks(inner), *marks(of_module)}:
                yield node.name, marker, number


def marks(nodes: list[ast.AST]) -> Iterator[tuple[str, str]]:
    """Marker and id of every mark among the nodes of a syntax tree."""
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MARKERS:
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    yield node.func.attr, str(argument.value)


def traceability_markdown(tests: Path) -> str:
    """The page. tests: the folder of the tests."""
    proofs = proofs_in(tests)
    lines = [_HEAD, "## Statements", "", "| id | statement | column | guardrail | test |", "|---|---|---|---|---|"]
    for rule in rules(proofs):
        answer = rule.unanswered or _list(rule.columns)
        lines.append(
            f"| {rule.id} | {rule.title} ({rule.source}) | {answer} | {_list(rule.guardrails)} | {_list(rule.tests)} |"
        )
    for title, marker, last in (("Formulas", "formula", FORMULAS), ("Edge cases", "edge_case", EDGE_CASES)):
        lines += ["", f"## {title}", "", "| number | test |", "|---|---|"]
        lines += [f"| {number} | {_list(proofs.of(marker, number))} |" for number in range(1, last + 1)]
    return "\n".join([*lines, ""])


def _list(names: tuple[str, ...]) -> str:
    return "<br>".join(f"`{name}`" for name in names)
