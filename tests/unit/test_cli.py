"""What a person can get wrong on the command line ends in one readable message and a non-zero code."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

from pacekeeper.home import PracticeHome
from pacekeeper.ops import Run, SourceRun
from pacekeeper.settings import load_settings
from pacekeeper_app import cli
from pacekeeper_assets import MARTS

TOML = """\
[practice]
name = "Riverbend"
home_tz = "America/New_York"
data_dir = "data"

[sources.ehr]
connector = "fhir"
folder = "export"
"""
COMMANDS = (
    (),
    ("init",),
    ("demo",),
    ("run",),
    ("status",),
    ("verdicts",),
    ("quarantine",),
    ("quarantine", "list"),
    ("quarantine", "show"),
    ("connectors",),
    ("connectors", "snapshot"),
    ("connectors", "check-compat"),
    ("check",),
    ("try",),
    ("doctor",),
    ("explain",),
    ("policy",),
    ("policy", "lint"),
    ("policy", "show"),
)


@dataclass(frozen=True)
class Answer:
    """What a command came to. Standard output and error as one text each; breaks in a line are spaces."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def pacekeeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in `tmp_path`, as the entry point does, in this process."""
    monkeypatch.chdir(tmp_path)
    for name in ("PACEKEEPER_CONFIG", "PACEKEEPER_WAREHOUSE__PLANS_DIR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Answer:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["pacekeeper", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        code = ended.value.code
        return Answer(code if isinstance(code, int) else 0, *(" ".join(t.split()) for t in captured))

    return run


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A settings file with one source, whose folder is empty; nothing has run."""
    path = tmp_path / "pacekeeper.toml"
    path.write_text(TOML)
    (tmp_path / "export").mkdir()
    return path


@pytest.fixture
def home(settings: Path) -> PracticeHome:
    """The same practice with its data folder, hash secret and empty published copies."""
    home = PracticeHome(load_settings(settings))
    home.create(MARTS.values())
    return home


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words) or "pacekeeper")
def test_every_command_explains_itself(pacekeeper: Command, command: tuple[str, ...]) -> None:
    answer = pacekeeper(*command, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert "Usage: pacekeeper" in answer.out
    assert "Traceback" not in answer.out


def test_help_answers_at_once_and_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from pacekeeper_app.cli import main\n"
        "sys.argv = ['pacekeeper', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print([m for m in ('dagster', 'dlt', 'pandera', 'ibis', 'polars', 'duckdb', 'pyarrow') if m in sys.modules])\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time, so that a busy machine does not decide.
    assert (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime) < 1.5
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", [("run",), ("status",), ("verdicts",), ("quarantine", "list"), ("check", "ehr")])
def test_without_settings_every_place_looked_at_is_named(
    pacekeeper: Command, tmp_path: Path, command: tuple[str, ...]
) -> None:
    answer = pacekeeper(*command)
    assert answer.code == 1
    assert "ConfigError: no settings found" in answer.err
    assert str(tmp_path / "pacekeeper.toml") in answer.err
    assert "pacekeeper init" in answer.err


def test_a_settings_file_that_does_not_exist_is_named(pacekeeper: Command, tmp_path: Path) -> None:
    answer = pacekeeper("status", "--config", "elsewhere.toml")
    assert answer.code == 1
    assert f"{tmp_path / 'elsewhere.toml'} does not exist" in answer.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[practice\n", "is not valid TOML at line 1, column 10"),
        ('[practice]\nname = "x"\nhome_tz = "Mars/Base"\n', "IANA time zone"),
        ('[practice]\nname = "x"\nhome_tz = "UTC"\n[source.ehr]\nconnector = "fhir"\n', "[source] is no section"),
        ('[practice]\nname = "x"\nhome_tz = "UTC"\n[sources.Ehr]\nconnector = "fhir"\n', "lower_snake_case"),
        ('[practice]\nname = "x"\nhome_tz = "UTC"\n[policy]\nprofile = "none"\n', "none"),
    ],
    ids=["broken TOML", "unknown zone", "unknown section", "source name", "unknown policy"],
)
def test_settings_that_cannot_be_used_say_what_would_be_right(
    pacekeeper: Command, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "pacekeeper.toml").write_text(text)
    answer = pacekeeper("run")
    assert answer.code == 1
    assert said in answer.err


def test_the_source_to_check_must_be_in_the_settings(pacekeeper: Command, settings: Path) -> None:
    answer = pacekeeper("check", "billing")
    assert answer.code == 1
    assert "there is no source 'billing' in the settings; there are: ehr" in answer.err


def test_checking_a_source_that_cannot_be_read_is_not_ok(pacekeeper: Command, settings: Path) -> None:
    answer = pacekeeper("check", "ehr")
    assert answer.code == 1
    assert answer.out.startswith("not ok ehr (fhir)")
    assert "correct `folder`" in answer.out


def test_checking_a_source_without_its_plugin_names_the_fix(pacekeeper: Command, settings: Path) -> None:
    settings.write_text(TOML.replace('"fhir"', '"fihr"'))
    answer = pacekeeper("check", "ehr")
    assert answer.code == 1
    assert "PluginError" in answer.err
    assert "did you mean 'fhir'?" in answer.err


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-03-29T25:00", "29.03.2026", "9999-12-31"])
def test_as_of_must_be_a_moment(pacekeeper: Command, home: PracticeHome, text: str) -> None:
    answer = pacekeeper("run", "--as-of", text)
    assert answer.code == 1
    assert f"--as-of {text!r} is no date or time; write 2026-03-29" in answer.err


def test_there_are_five_states(pacekeeper: Command, home: PracticeHome) -> None:
    answer = pacekeeper("verdicts", "--state", "red")
    assert answer.code == 1
    assert "--state 'red' is no state; there are pass, warn, breach, unknown, exempt" in answer.err


def test_a_week_is_a_date(pacekeeper: Command, home: PracticeHome) -> None:
    answer = pacekeeper("verdicts", "--week", "13")
    assert answer.code == 1
    assert "--week '13' is no date; write 2026-03-23, last or all" in answer.err


def test_a_guardrail_must_be_in_the_policy(pacekeeper: Command, home: PracticeHome) -> None:
    answer = pacekeeper("verdicts", "--guardrail", "directhours")
    assert answer.code == 1
    assert "no guardrail 'directhours' in the policy" in answer.err
    assert "direct_hours" in answer.err


def test_an_unknown_quarantine_table_names_those_there_are(pacekeeper: Command, home: PracticeHome) -> None:
    answer = pacekeeper("quarantine", "show", "sesion")
    assert answer.code == 1
    assert "no quarantine for 'sesion'" in answer.err
    assert "session" in answer.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("verdicts", "--limit", "0"), "--limit"),
        (("verdict",), "No such command 'verdict'"),
        (("check",), "Missing argument 'source'"),
        (("run", "--asof", "2026-03-29"), "--as-of"),
        (("demo", "--clinicians", "2"), "--clinicians"),
    ],
    ids=["limit", "command", "argument", "option", "size"],
)
def test_a_slip_of_the_keyboard_is_pointed_at(pacekeeper: Command, command: tuple[str, ...], said: str) -> None:
    answer = pacekeeper(*command)
    assert answer.code == 2
    assert said in answer.err


def test_before_the_first_run_status_says_what_to_do_next(pacekeeper: Command, settings: Path) -> None:
    answer = pacekeeper("status")
    assert answer.code == 0
    assert "Riverbend" in answer.out
    assert "No run yet. Next: pacekeeper check <source>, then pacekeeper run." in answer.out


def test_status_for_scripts_says_the_same(pacekeeper: Command, home: PracticeHome) -> None:
    assert json.loads(pacekeeper("status", "--json").out)["last_run"] is None
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    home.ops.add([Run(run_id="r1", as_of=at, started_at=at, ended_at=at, state="success")])
    home.ops.add([SourceRun(run_id="r1", source="ehr", connector="fhir", state="ok", seconds=90, calls=7)])
    found = json.loads(pacekeeper("status", "--json").out)
    assert (found["last_run"]["state"], found["last_run"]["as_of"]) == ("success", "2026-03-02T09:00:00+00:00")
    (source,) = found["sources"]
    assert (source["source"], source["complete_through"]) == ("ehr", None)
    assert (source["cost"]["minutes"], source["cost"]["calls"], source["cost"]["reads"]) == (1.5, 7, 1)
    assert found["errors"] >= 1, "no run has succeeded for long"


@pytest.mark.parametrize("command", [("verdicts",), ("quarantine", "list"), ("quarantine", "show", "session")])
def test_before_the_data_folder_exists_readers_are_told_to_run(
    pacekeeper: Command, settings: Path, command: tuple[str, ...]
) -> None:
    answer = pacekeeper(*command)
    assert answer.code == 1
    assert "nothing has been published yet" in answer.err
    assert "pacekeeper run" in answer.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("verdicts",), "No verdict matches"),
        (("verdicts", "--json"), ""),
        (("quarantine", "list"), "Nothing in quarantine"),
        (("quarantine", "show", "session"), "Nothing of session is in quarantine"),
        (("status",), "No run yet"),
    ],
    ids=["verdicts", "json", "list", "show", "status"],
)
def test_before_the_first_run_readers_find_empty_tables(
    pacekeeper: Command, home: PracticeHome, command: tuple[str, ...], said: str
) -> None:
    answer = pacekeeper(*command)
    assert (answer.code, answer.err) == (0, "")
    assert said in answer.out


def test_a_second_run_at_the_same_time_is_refused(pacekeeper: Command, home: PracticeHome) -> None:
    with FileLock(home.data_dir / "run.lock"):
        answer = pacekeeper("run", "--as-of", "2026-03-29")
    assert answer.code == 1
    assert f"another run is using {home.data_dir}" in answer.err
    assert not home.dagster_dir.joinpath("history").exists()


def test_a_missing_hash_secret_is_not_replaced_by_another(pacekeeper: Command, home: PracticeHome) -> None:
    home.key_path.unlink()
    answer = pacekeeper("run", "--as-of", "2026-03-29")
    assert answer.code == 1
    assert f"hash secret {home.key_path} is missing" in answer.err
    assert "restore the file" in answer.err
    assert not home.key_path.exists()


def test_a_hash_secret_that_others_can_read_is_refused(pacekeeper: Command, home: PracticeHome) -> None:
    home.key_path.chmod(0o640)
    answer = pacekeeper("run", "--as-of", "2026-03-29")
    assert answer.code == 1
    assert f"Run: chmod 600 {home.key_path}" in answer.err


def test_a_warehouse_file_that_is_none_is_named_with_what_to_do(pacekeeper: Command, home: PracticeHome) -> None:
    (home.data_dir / "warehouse.duckdb").write_bytes(b"no database" * 1000)
    answer = pacekeeper("run", "--as-of", "2026-03-29")
    assert answer.code == 1
    text = answer.out + answer.err
    assert "warehouse.duckdb is no DuckDB database: move it away" in text


def test_a_published_copy_that_is_no_database_is_named(pacekeeper: Command, home: PracticeHome) -> None:
    home.read_copy.write_bytes(b"no database" * 1000)
    answer = pacekeeper("verdicts")
    assert answer.code == 1
    assert f"{home.read_copy} is no DuckDB database" in answer.err


def test_an_operational_database_that_is_none_is_named(pacekeeper: Command, home: PracticeHome) -> None:
    (home.data_dir / "ops.sqlite").write_bytes(b"no database" * 1000)
    answer = pacekeeper("status")
    assert answer.code == 1
    assert "ops.sqlite" in answer.err
    assert "fault in Pacekeeper" not in answer.err


def test_a_data_folder_that_cannot_be_written_is_named(pacekeeper: Command, settings: Path) -> None:
    settings.with_name("data").write_text("a file where the folder should be")
    answer = pacekeeper("run", "--as-of", "2026-03-29")
    assert answer.code == 1
    assert f"{settings.with_name('data')}" in answer.err
    assert "fault in Pacekeeper" not in answer.err


def test_init_writes_settings_that_load_and_keeps_what_is_there(pacekeeper: Command, tmp_path: Path) -> None:
    answer = pacekeeper("init", "practice", "--name", 'The "Oaks"', "--home-tz", "America/Denver")
    assert (answer.code, answer.err) == (0, "")
    made = load_settings(tmp_path / "practice" / "pacekeeper.toml")
    assert (made.practice.name, made.practice.home_tz) == ('The "Oaks"', "America/Denver")
    assert PracticeHome(made).key_path.stat().st_mode & 0o777 == 0o600
    again = pacekeeper("init", "practice")
    assert again.code == 1
    assert "exist already" in again.err


def test_init_with_an_unknown_zone_leaves_nothing_behind(pacekeeper: Command, tmp_path: Path) -> None:
    answer = pacekeeper("init", "practice", "--home-tz", "Mars/Base")
    assert answer.code == 1
    assert "IANA time zone" in answer.err
    assert not (tmp_path / "practice" / "pacekeeper.toml").exists()


def test_connectors_names_each_with_its_distribution(pacekeeper: Command) -> None:
    answer = pacekeeper("connectors")
    assert answer.code == 0
    assert "fhir pacekeeper" in answer.out
    assert "tabular pacekeeper" in answer.out


def test_a_broken_plugin_is_listed_with_its_fault_and_the_others_too(
    pacekeeper: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "pacekeeper_acme-1.4.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pacekeeper-acme\nVersion: 1.4\n")
    (info / "entry_points.txt").write_text("[pacekeeper.connectors]\nacme = acme_cli_plugin:Acme\n")
    (tmp_path / "acme_cli_plugin.py").write_text("raise RuntimeError('boom')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    answer = pacekeeper("connectors")
    assert answer.code == 1
    assert "acme pacekeeper-acme 1.4 broken" in answer.out
    assert "importing acme_cli_plugin failed with RuntimeError" in answer.out
    assert "fhir pacekeeper" in answer.out


def test_a_reader_that_goes_away_is_no_fault(settings: Path) -> None:
    command = f"{shutil.which('pacekeeper') or 'pacekeeper'} connectors | true"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in answer.stderr


def test_lint_names_the_conflict_and_what_to_do_and_ends_with_1(pacekeeper: Command, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    high = 'direct_max = { value = 23, unit = "hours", provenance = "us" }\n'
    file.write_text(f'extends = "default"\nprofile = "own"\ntitle = "Own [1]"\n[expectation]\n{high}')
    answer = pacekeeper("policy", "lint", "--file", str(file))
    assert (answer.code, answer.err) == (1, "")
    assert "target_above_cap conflict" in answer.out
    assert "expect at most 22 h" in answer.out
    assert "acknowledge_conflict = true at the top of the policy, or in the [[change]]" in answer.out
    assert pacekeeper("policy", "lint", "--file", str(tmp_path / "none.toml")).code == 1


def test_lint_of_what_is_acknowledged_or_clean_ends_with_0(pacekeeper: Command, settings: Path) -> None:
    acknowledged = pacekeeper("policy", "lint", "--profile", "high_volume")
    assert (acknowledged.code, "floor_above_cap acknowledged" in acknowledged.out) == (0, True)
    clean = pacekeeper("policy", "lint")
    assert clean.code == 0
    assert clean.out.endswith("Policy default: nothing contradicts itself unacknowledged.")
    assert "not_configured" in clean.out, "guardrails that wait for a number are told"


def test_policy_shows_the_values_in_force_with_layer_and_provenance(pacekeeper: Command, settings: Path) -> None:
    settings.write_text(TOML + '[policy]\nfile = "own.toml"\n')
    settings.with_name("own.toml").write_text(
        'extends = "default"\nprofile = "own"\ntitle = "Own [1]"\n'
        '[[layer]]\nkind = "role"\nmatch = "intern"\neffective_from = 2026-03-02\n'
        "[layer.guardrails.active_caseload.thresholds]\n"
        'warn = { value = 30, unit = "clients", provenance = "agreed" }\n'
    )
    answer = pacekeeper("policy", "show", "active_caseload", "--on", "2026-03-02")
    assert (answer.code, answer.err) == (0, "")
    assert "Practice policy, not evidence." in answer.out
    assert "warn 50 clients practice practice article: sustainable productivity guide (S0)" in answer.out
    assert "30 clients layer 1: role intern agreed" in answer.out
    assert "utilization" not in answer.out
    assert "role intern" not in pacekeeper("policy", "show", "active_caseload", "--on", "2026-03-01").out
    assert "ramp month 4 and later" in pacekeeper("policy", "show").out
    assert "no guardrail 'naps'; it has active_caseload" in pacekeeper("policy", "show", "naps").err
