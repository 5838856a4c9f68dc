"""`pacekeeper new connector`: what it writes is installable and green, and it is in the wheel."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pacekeeper.errors import ConfigError
from pacekeeper_app.cli.new import check_answers, check_free, checked_name, render
from tests.integration.plugin_environment import PluginEnvironment, make_environment

ROOT = Path(__file__).resolve().parents[2]
#: Number of tests in the conformance suite, as the pages say.
SUITE = 36


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> PluginEnvironment:
    """The scaffold of acme_ehr, installed as its README says."""
    environment = make_environment(tmp_path_factory.mktemp("new"))
    done = environment.bash(
        "pacekeeper new connector acme-ehr --vendor 'Acme EHR 9'\n"
        "cd pacekeeper-acme-ehr\npip install --editable '.[dev]'"
    )
    assert done.returncode == 0, done.stdout
    return environment


def test_the_scaffold_is_green_and_skips_nothing(installed: PluginEnvironment) -> None:
    done = installed.bash("cd pacekeeper-acme-ehr && python -m pytest -q")
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(rf"^{SUITE} passed in", done.stdout, re.MULTILINE), done.stdout[-3000:]


def test_the_new_connector_is_listed_once_it_is_installed(installed: PluginEnvironment) -> None:
    done = installed.bash("pacekeeper connectors --json")
    (row,) = [one for line in done.stdout.splitlines() if (one := json.loads(line))["name"] == "acme_ehr"]
    assert (row["distribution"], row["state"], row["text"]) == (
        "pacekeeper-acme-ehr",
        "ok",
        "Acme EHR 9 over its REST API.",
    )
    assert {"clinician", "appointment", "session", "session_clinician"} <= set(row["entities"])


def test_a_release_is_held_against_what_it_promised(installed: PluginEnvironment) -> None:
    kept = "src/pacekeeper_acme_ehr/released.json"
    done = installed.bash(
        f"cp -r pacekeeper-acme-ehr later\ncd later\npacekeeper connectors snapshot acme_ehr --output {kept}\n"
        "export PYTHONPATH=$PWD/src\npacekeeper connectors check-compat acme_ehr\n"
        "sed -i '/\"service\": Code/d' src/pacekeeper_acme_ehr/connector.py\n"
        "pacekeeper connectors check-compat acme_ehr"
    )
    assert done.returncode == 1, done.stdout
    sound, _, after = done.stdout.partition("keeps every promise")
    assert "breaking" not in sound
    assert "appointment" in after
    assert "service" in after
    assert "breaking" in after


def test_the_wheel_holds_the_template(tmp_path: Path) -> None:
    """Rendered from the built wheel, it is what the checkout renders."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "dist")],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    script = (
        "import sys; from pathlib import Path; from pacekeeper_app.cli import new; "
        "assert new.template_folder().is_relative_to(sys.argv[1]); new.render('elm', Path(sys.argv[2]), {})"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "site"), str(tmp_path / "elm")],
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        check=True,
    )
    render("elm", tmp_path / "here", {})
    assert _content(tmp_path / "elm") == _content(tmp_path / "here")
    assert ".github/workflows/test.yml" in _content(tmp_path / "here")


def _content(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_what_is_written_passes_the_house_linter(tmp_path: Path) -> None:
    render("elm", tmp_path / "elm", {"vendor": "Elm"})
    for command in (["check", "--extend-select", "E,F,I,UP,B,RUF"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=tmp_path / "elm",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("given", "name"), [("acme", "acme"), ("acme-ehr", "acme_ehr"), ("pacekeeper-acme", "acme"), ("ehr_2", "ehr_2")]
)
def test_a_name_may_be_written_either_way(given: str, name: str) -> None:
    assert checked_name(given) == name


@pytest.mark.parametrize("name", ["", "9x", "Acme", "a__b", "a_", "a b", "../a", "ä", "a" * 41])
def test_a_bad_name_is_refused_with_a_good_one(name: str) -> None:
    with pytest.raises(ConfigError, match="such as acme or acme_ehr"):
        checked_name(name)


def test_names_that_are_taken_are_refused() -> None:
    with pytest.raises(ConfigError, match="installed already"):
        checked_name("fhir")
    with pytest.raises(ConfigError, match="Pacekeeper's own"):
        checked_name("app")


def test_nothing_is_written_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("precious")
    with pytest.raises(ConfigError, match=r"holds mine\.py already"):
        check_free(tmp_path)
    with pytest.raises(ConfigError, match="is no folder"):
        check_free(tmp_path / "mine.py")
    check_free(tmp_path / "new")


@pytest.mark.parametrize(
    "answers",
    [{"vendor": 'A"""'}, {"vendor": "a\nb"}, {"vendor": " "}, {"vendor": "{{ 1 }}"}, {"base_url": "acme.example"}],
    ids=["quotes", "line end", "blank", "braces", "no scheme"],
)
def test_an_answer_that_would_break_the_code_is_refused(answers: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"--vendor|--base-url"):
        check_answers(answers)
