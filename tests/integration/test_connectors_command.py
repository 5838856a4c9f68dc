"""`pacekeeper connectors` and its sub-commands, on plugins as pip leaves them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pacekeeper_app import cli
from pacekeeper_app.connector_matrix import connectors_markdown
from tests.integration.plugin_site import SOUND, PluginSite

SKIPPING = (
    SOUND
    + """
        conformance_skips = {{"test_deletes": "the vendor never says what was deleted"}}
        known_limits = ("Reads the last two years only.",)
        authentication = ("API key",)
""".replace("{{", "{").replace("}}", "}")
)
MAPPING = """

    @Plugin.maps("session", of="visits")
    def session(raw):
        v = raw.visits
        return v.select(session_key=v.id, started_at=v.at)
"""


@dataclass(frozen=True)
class Answer:
    """What a command came to; breaks in a line are spaces."""

    code: int
    text: str


Command = Callable[..., Answer]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    site = PluginSite(tmp_path / "site")
    site.folder.mkdir()
    monkeypatch.syspath_prepend(str(site.folder))
    return site


@pytest.fixture
def pacekeeper(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Answer:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["pacekeeper", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Answer(int(ended.value.code or 0), " ".join((captured.out + captured.err).split()))

    return run


def test_a_connector_is_listed_with_version_entities_and_the_tests_it_skips(
    site: PluginSite, pacekeeper: Command
) -> None:
    site.install("skipping_one", SKIPPING + MAPPING, version="3.1")
    text = pacekeeper("connectors").text
    assert "skipping_one pacekeeper-skipping_one 3.1 ok fills session" in text
    assert "skipping_one skips test_deletes: the vendor never says what was deleted" in text


def test_a_connector_that_does_not_import_is_a_row_among_the_others(site: PluginSite, pacekeeper: Command) -> None:
    site.install("broken_one", "import nothing_like_this")
    site.install("sound_one")
    answer = pacekeeper("connectors", "--json")
    assert answer.code == 1
    listed = {row["name"]: row for row in map(json.loads, answer.text.replace("} {", "}\n{").splitlines())}
    assert (listed["broken_one"]["state"], listed["sound_one"]["state"]) == ("broken", "ok")
    assert "nothing_like_this, which is not installed" in listed["broken_one"]["text"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('conformance_skips = {"test_deletes": " "}', "an entry without a written reason"),
        ('conformance_skips = ("test_deletes",)', "an entry without a written reason"),
        ('known_limits = "Reads two years."', "known_limits is no sequence of texts"),
        ("authentication = (1,)", "authentication is no sequence of texts"),
    ],
    ids=["blank-reason", "no-reasons", "one-text", "number"],
)
def test_a_connector_that_skips_without_a_reason_is_refused(
    site: PluginSite, pacekeeper: Command, line: str, told: str, request: pytest.FixtureRequest
) -> None:
    name = f"refused_{request.node.callspec.id.replace('-', '_')}"
    site.install(name, SOUND + f"\n        {line}\n")
    assert told in pacekeeper("connectors").text


def test_a_snapshot_is_kept_beside_the_code_and_the_next_version_is_held_against_it(
    site: PluginSite, pacekeeper: Command
) -> None:
    site.install("kept_one", SOUND + MAPPING)
    kept = site.folder / "kept_one_released.json"
    assert pacekeeper("connectors", "snapshot", "kept_one", "--output", str(kept)).code == 0
    same = pacekeeper("connectors", "check-compat", "kept_one", "--against", str(kept))
    assert (same.code, same.text) == (0, "kept_one keeps every promise of version 1.0.")
    text = kept.read_text().replace('"state": "Code"', '"state": "Code", "room": "Code"')
    kept.write_text(text.replace('"at": "Instant"', '"at": "Date"'))
    changed = pacekeeper("connectors", "check-compat", "kept_one", "--against", str(kept))
    assert changed.code == 1
    assert "breaking stream visits: column at is Instant, it was Date" in changed.text
    assert "breaking stream visits: column room was removed" in changed.text


def test_without_a_snapshot_the_check_says_how_to_make_one(site: PluginSite, pacekeeper: Command) -> None:
    site.install("new_one")
    answer = pacekeeper("connectors", "check-compat", "new_one")
    assert answer.code == 1
    assert "connectors snapshot new_one --output released.json" in answer.text


def test_the_matrix_is_made_of_what_the_classes_say(site: PluginSite) -> None:
    site.install("skipping_two", SKIPPING + MAPPING)
    site.install("broken_two", "import nothing_like_this")
    page = connectors_markdown("pacekeeper-skipping_two")
    assert "| [`skipping_two`](#skipping_two) | 1 | no | none | API key |  |" in page
    for line in (
        "- Entities: `session`.",
        "  - Reads the last two years only.",
        "  - `test_deletes`: the vendor never says what was deleted",
    ):
        assert line in page.splitlines()
    assert "cannot be loaded: it needs the module nothing_like_this" in connectors_markdown("pacekeeper-broken_two")
