"""docs/tutorial/add-your-ehr.md is done block by block, as a new user would."""

from __future__ import annotations

import difflib
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pacekeeper_app.cli.new import render
from tests.integration.plugin_environment import PluginEnvironment, make_environment

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "add-your-ehr.md"
PROJECT = "pacekeeper-willow/"
_BLOCK = re.compile(
    r"^(?:`(?P<path>[\w./-]+)`(?P<appended>, at its end)?:\n\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of the page. path: the file it is; null for commands, and for what a command shows."""

    language: str
    path: str | None
    text: str
    is_appended: bool

    def as_script(self) -> str:
        if self.path is not None:
            return f"cat {'>>' if self.is_appended else '>'} {self.path} <<'END OF BLOCK'\n{self.text}END OF BLOCK\n"
        return "\n".join(line.removeprefix("$ ") for line in self.text.splitlines())


def page_blocks() -> list[Block]:
    return [
        Block(found["language"], found["path"], found["text"], bool(found["appended"]))
        for found in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))
    ]


@dataclass(frozen=True)
class Walk:
    """What came of the page. said: by first command of a block."""

    status: int
    output: str
    environment: PluginEnvironment

    def said(self, command: str) -> str:
        return self.output.partition(f"@@ $ {command}\n")[2].partition("\n@@ ")[0]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    environment = make_environment(tmp_path_factory.mktemp("tutorial"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    done = [block for block in page_blocks() if block.language != "text"]
    script = "\n".join(f"echo {_quoted('@@ ' + _first(block))}\n{block.as_script()}" for block in done)
    ended = environment.bash(script.replace("8801", port) + "\necho '@@ end'")
    return Walk(ended.returncode, ended.stdout, environment)


def _first(block: Block) -> str:
    return block.path or block.text.partition("\n")[0]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_every_block_runs(walk: Walk) -> None:
    assert walk.status == 0, walk.output[-3000:]
    assert walk.output.rstrip().endswith("@@ end")


def test_the_suite_is_green_and_skips_nothing(walk: Walk) -> None:
    said = walk.said("(cd pacekeeper-willow && python -m pytest -q)")
    promised = re.search(r"^(\d+) tests", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert promised
    assert re.search(rf"^{promised[1]} passed in", said, re.MULTILINE), said[-3000:]


def test_the_new_connector_is_listed_and_its_source_answers(walk: Walk) -> None:
    assert "pacekeeper-willow" in walk.said("pacekeeper new connector willow --defaults")
    assert "ehr (willow)" in walk.said("export PACEKEEPER_SOURCES__EHR__TOKEN=let-me-in")


def test_the_suite_says_of_each_mistake_what_the_page_says(walk: Walk) -> None:
    table = re.findall(r"^\| `(?:check|.*\(.*|\".*)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(table) == 4
    walk.environment.bash(f"cp -r {PROJECT} mistaken")
    _mistake(walk.environment.work / "mistaken" / "src" / "pacekeeper_willow")
    # The installed one is the sound one; the mistaken one lies before it on the path.
    done = walk.environment.bash(
        "cd mistaken && python -m pytest -q -k 'valid_canonical or late_cancel or populated or check_tells or cursors'",
        environment={"PYTHONPATH": str(walk.environment.work / "mistaken" / "src")},
    )
    assert [said for said in table if said not in done.stdout] == []
    assert set(re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE)) == {
        "test_mappings_yield_valid_canonical_rows",
        "test_a_late_cancel_is_not_mapped_to_kept",
        "test_every_declared_column_is_populated",
        "test_check_tells_a_working_source_from_an_unreachable_one",
    }


def _mistake(package: Path) -> None:
    """A unit, a code and a path that are wrong, and a forgotten check."""
    mapping, connector = package / "mapping.py", package / "connector.py"
    mapping.write_text(mapping.read_text().replace('v.minutes.as_interval("m")', 'v.minutes.as_interval("h")'))
    text = connector.read_text().replace('"cancelled_late": "cancelled"', '"cancelled_late": "kept"')
    text = text.replace('"title": Code(', '"title": Code(path="job", ')
    check = text[text.index("    def check") : text.index("\n\ndef _next_page")]
    connector.write_text(text.replace(check, ""))


def test_clinician_week_has_the_rows_the_page_shows(walk: Walk) -> None:
    (shown,) = [block.text.splitlines() for block in page_blocks() if block.language == "text"]
    rows = [line.split() for line in walk.said("python hours.py").splitlines() if "2026-" in line]
    assert rows == [line.split() for line in shown]


def test_a_released_connector_keeps_its_promises(walk: Walk) -> None:
    assert (walk.environment.work / PROJECT / "src/pacekeeper_willow/released.json").is_file()
    assert "willow keeps every promise" in walk.output.replace("\n", " ")


def test_the_author_writes_fewer_than_150_lines(tmp_path: Path) -> None:
    """Lines that the scaffold does not have already, settings and query included, empty ones left out."""
    render("willow", tmp_path, {})
    written = [block for block in page_blocks() if block.path is not None]
    own = [len(_new_lines(_scaffolded(tmp_path, block.path or ""), block.text.splitlines())) for block in written]
    assert len(written) == 6
    assert 100 < sum(own) < 150


def _scaffolded(folder: Path, path: str) -> Sequence[str]:
    file = folder / path.removeprefix(PROJECT)
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else ()


def _new_lines(before: Sequence[str], now: Sequence[str]) -> list[str]:
    return [line for line in difflib.ndiff(before, now) if line.startswith("+ ") and line[2:].strip()]
