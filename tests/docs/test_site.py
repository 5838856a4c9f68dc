"""The documentation site: it fails on a dead link, its pages are current, and the commands on them exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from pacekeeper_app import reference
from pacekeeper_app.architecture import PICTURE, architecture_dot, drawn_from
from pacekeeper_app.cli import app
from pacekeeper_app.worked_examples import examples_in
from pacekeeper_assets import MEASURE_NEEDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "plugins" / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "reference"),
]


def _built(folder: Path, link: str) -> subprocess.CompletedProcess[str]:
    """A site of two pages by the real configuration; the first links to `link`."""
    docs = folder / "docs"
    docs.mkdir()
    shutil.copy(ROOT / "docs" / "conf.py", docs)
    shutil.copytree(ROOT / "docs" / "static", docs / "static")
    (docs / "index.md").write_text(f"# One\n\n[there]({link})\n\n```{{toctree}}\nother\n```\n")
    (docs / "other.md").write_text("# Two\n\n## A part\n")
    command = [sys.executable, "-m", "sphinx", "-q", "--fail-on-warning", "--keep-going", "-c", "docs", ".", "out"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("link", ["gone.md", "other.md#no-such-part"])
def test_a_dead_link_fails_the_site(tmp_path: Path, link: str) -> None:
    ended = _built(tmp_path, link)
    assert ended.returncode != 0
    assert "index.md:3: WARNING" in ended.stderr


def test_the_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    ended = _built(tmp_path, "other.md#a-part")
    assert ended.returncode == 0, ended.stderr
    page = (tmp_path / "out" / "docs" / "index.html").read_text()
    assert re.findall(r'(?:src|<link[^>]+href)="(?:https?:)?//', page) == []


def test_a_stale_page_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    (tmp_path / "docs" / "reference" / "cli.md").write_text("old")
    monkeypatch.setattr(reference, "_FOLDER", tmp_path / "docs" / "reference")
    monkeypatch.setattr(reference, "pages", lambda: {"cli.md": "new"})
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    assert reference.main() == 1
    monkeypatch.setattr(sys, "argv", ["reference"])
    assert reference.main() == 0
    assert (tmp_path / "docs" / "reference" / "cli.md").read_text() == "new"


def test_the_picture_is_drawn_from_the_code_as_it_is() -> None:
    assert drawn_from(architecture_dot()) in PICTURE.read_text(), "run python -m pacekeeper_app.architecture"


def test_every_measure_has_a_row_and_examples_are_quoted_as_they_run() -> None:
    page = (ROOT / "docs" / "reference" / "measures.md").read_text()
    rows = re.findall(r"^\| `(\w+)` .* \| (\d+|none by itself) \|$", page, re.MULTILINE)
    assert len(rows) == len(MEASURE_NEEDS)
    texts = {example.place: example.text for example in examples_in(ROOT / "tests")}
    quoted = re.findall(r"\(`(tests/[^`]+)`\)\n\n```python\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL)
    assert quoted
    assert [place for place, text in quoted if texts[place] != text] == []


def test_commands_on_the_pages_exist_with_their_options() -> None:
    unknown = []
    for page in PAGES:
        for line in re.findall(r"^\s*\$ (?:\S+=\S+ )*pacekeeper (.+)$", page.read_text(), re.MULTILINE):
            unknown += [f"{page.relative_to(ROOT)}: {line}: {word}" for word in _unknown(line)]
    assert unknown == []


def _unknown(line: str) -> list[str]:
    """Words of a command that the command line does not know."""
    command = typer.main.get_command(app)
    words = re.split(r"\s+[#|<>]", line)[0].split()
    while words and (found := getattr(command, "commands", None)) is not None:
        if words[0].startswith("-"):
            break
        if words[0] not in found:
            return [words[0]]
        command = found[words.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    return [word for word in words if word.startswith("-") and word not in options]


def test_an_option_that_is_gone_is_noticed() -> None:
    assert _unknown("run --no-such --reread ehr   # why") == ["--no-such"]
    assert _unknown("quarantine lst") == ["lst"]
