"""Worked examples of measures: tests that compute one by hand, found without importing them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pacekeeper_app.traceability import marks

_MOST_LINES = 30


@dataclass(frozen=True)
class Example:
    """A test function. place: `tests/unit/test_x.py::test_y`; text: its code; names: every word it says."""

    place: str
    text: str
    names: frozenset[str]
    is_marked: bool
    rules: frozenset[str]

    @property
    def title(self) -> str:
        """What the test claims."""
        name = self.place.rpartition("::")[2].removeprefix("test_")
        return name.replace("_", " ")


def examples_in(folder: Path) -> tuple[Example, ...]:
    """The tests of single measures under a folder of tests."""
    return tuple(example for file in sorted((folder / "unit").glob("test_*.py")) for example in _of_file(file, folder))


def example_of(mart: str, column: str, rules: tuple[str, ...], examples: tuple[Example, ...]) -> Example | None:
    """The plainest test that names the measure: of a statement it answers, else of a formula, else of its mart."""

    def rank(example: Example) -> tuple[bool, bool, bool, int, str]:
        is_of_mart = mart in example.place
        return (
            not example.rules & set(rules),
            not is_of_mart,
            not example.is_marked,
            example.text.count("\n"),
            example.place,
        )

    able = [
        example
        for example in examples
        if column in example.names and (example.rules & set(rules) or example.is_marked or mart in example.place)
    ]
    return min(able, key=rank, default=None)


def _of_file(file: Path, folder: Path) -> Iterator[Example]:
    source = file.read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            text = ast.get_source_segment(source, node) or ""
            found = list(marks([inner for one in node.decorator_list for inner in ast.walk(one)]))
            if text.count("\n") < _MOST_LINES:
                yield Example(
                    place=f"{file.relative_to(folder.parent).as_posix()}::{node.name}",
                    text=text,
                    names=frozenset(_names(node)),
                    is_marked=bool(found),
                    rules=frozenset(number for marker, number in found if marker == "rule"),
                )


def _names(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        match inner:
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.Constant(value=str(text)) if text.isidentifier():
                yield text
