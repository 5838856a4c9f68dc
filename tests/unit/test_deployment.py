"""What is deployed holds what it must, as far as that can be told without an engine of containers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter
from tests.postgres_cluster import Cluster

from pacekeeper.home import PracticeHome
from pacekeeper.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service")) + sorted((DEPLOY / "systemd").glob("*.timer"))
#: What stands for a secret in a name.
SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|URL|KEY")
IMAGE_ROOT = "/opt/pacekeeper/bin/"


def compose() -> dict[str, Any]:
    return TypeAdapter(dict[str, Any]).validate_python(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def instructions() -> list[tuple[str, str]]:
    """Instruction and arguments of every line of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def environment_file(name: str) -> dict[str, str]:
    lines = (DEPLOY / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def programs() -> set[str]:
    """Commands that the installed distributions bring."""
    return {point.name for point in entry_points(group="console_scripts")}


def test_the_image_is_made_from_the_lock_and_runs_as_nobody_special() -> None:
    found = instructions()
    assert [rest.split()[0] for name, rest in found if name == "FROM"] == ["python:3.11-slim", "python:3.11-slim"]
    installs = [rest for name, rest in found if name == "RUN" and "pip install" in rest]
    assert installs
    assert all("--no-deps" in rest for rest in installs)
    assert "--require-hashes --requirement requirements-service.lock" in installs[0]
    users = [rest for name, rest in found if name == "USER"]
    assert [rest.split(":")[0] for rest in users] == ["10001"]
    assert found.index(("USER", users[0])) > max(n for n, (name, _) in enumerate(found) if name in {"RUN", "COPY"})
    assert not [name for name, _ in found if name == "ADD"]


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    copied = [rest.split() for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    sources = [word for words in copied for word in words[:-1] if not word.startswith("--")]
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert set(sources) == allowed


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-service.lock"])
def test_a_lock_pins_every_distribution_by_hash_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry or "==" not in entry] == []
    assert "://" not in text
    assert "--index" not in text


def test_the_service_has_all_that_the_runtime_has_in_the_same_versions() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / lock).read_text(), re.MULTILINE))

    service = pins("requirements-service.lock")
    assert pins("requirements.lock") <= service
    names = {pin.split("==")[0] for pin in service}
    assert {"dagster-postgres", "psycopg2-binary", "psycopg"} <= names


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = {name: service["ports"] for name, service in compose()["services"].items() if "ports" in service}
    assert list(ports) == ["webserver"]
    assert all(str(port).startswith("127.0.0.1:") for port in ports["webserver"])


def test_services_run_programs_that_are_installed_on_files_that_are_there() -> None:
    services = compose()["services"]
    assert set(services) == {"postgres", "webserver", "daemon"}
    assert {services[name]["command"][0] for name in ("webserver", "daemon")} <= programs()
    for name, service in services.items():
        assert service["restart"] == "unless-stopped"
        assert "no-new-privileges:true" in service["security_opt"]
        assert (DEPLOY / f"{service['env_file']}.example").is_file()
        for volume in service["volumes"]:
            source, _, rest = volume.partition(":")
            if source.startswith("./"):
                file = DEPLOY / source[2:]
                assert file.is_file() or file.with_name(f"{file.name}.example").is_file(), f"{name}: {source}"
                assert rest.endswith(":ro")
            else:
                assert source in compose()["volumes"]
    for name in ("webserver", "daemon"):
        assert "user" not in services[name], "the image's own"
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_no_file_of_the_deployment_holds_a_secret() -> None:
    examples = sorted(DEPLOY.glob("*.env.example"))
    assert [path.name for path in examples] == ["pacekeeper.env.example", "postgres.env.example"]
    for path in examples:
        values = environment_file(path.name)
        assert [name for name, value in values.items() if SECRET.search(name) and value] == []
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            found = re.findall(r"://[^\s:/<>]+:(?!<password>)[^\s@]+@", path.read_text())
            assert found == [], path.name
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"deploy/*.env", "deploy/pacekeeper.toml"} <= set(ignored)


def test_the_examples_variables_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable filled in, as an operator does, beside those that the image sets."""
    file = tmp_path / "pacekeeper.toml"
    shutil.copyfile(DEPLOY / "pacekeeper.toml.example", file)
    (image,) = [rest for name, rest in instructions() if name == "ENV"]
    given = {**environment_file("pacekeeper.env.example"), **dict(word.split("=", 1) for word in image.split())}
    given |= {name: "postgresql://role:word@host:5432/db" for name, value in given.items() if not value}
    for name, value in given.items():
        if name.startswith("PACEKEEPER_") and name != "PACEKEEPER_CONFIG":
            monkeypatch.setenv(name, value)
    settings = load_settings(file)
    assert settings.warehouse.engine == "postgres"
    assert settings.data_dir == Path("/var/lib/pacekeeper")
    assert settings.operations.dagster_dir == Path(given["DAGSTER_HOME"])
    assert settings.operations.log == "json"
    assert PracticeHome(settings).connector("ehr").name == "fhir"


def test_databases_are_made_as_pacekeeper_wants_them(postgres: Cluster, tmp_path: Path) -> None:
    """The script of the container, run against the tests' server; both roles can log in, and to their own alone."""
    import psycopg

    if shutil.which("psql") is None:
        pytest.skip("psql is not installed")
    from pacekeeper.engine.postgres import PostgresWarehouse

    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.port),
        "PGPASSWORD": postgres.password,
        "DAGSTER_DB_PASSWORD": "one",
        "WAREHOUSE_DB_PASSWORD": "two",
    }
    subprocess.run(["/bin/sh", str(DEPLOY / "databases.sh")], env=environment, check=True, timeout=60)
    from pydantic import SecretStr

    place = f"127.0.0.1:{postgres.port}"
    with PostgresWarehouse(SecretStr(f"postgresql://pacekeeper:two@{place}/practice"), "key").connect() as session:
        assert session.rows("SELECT 1") == [(1,)]
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(f"postgresql://pacekeeper:two@{place}/dagster")
    with psycopg.connect(f"postgresql://dagster:one@{place}/dagster") as dagster:
        assert dagster.execute("SHOW timezone").fetchone() == ("UTC",), "the tests' server is in Denver"
    _check_instance(f"postgresql+psycopg2://dagster:one@{place}/dagster", tmp_path)


def _check_instance(url: str, folder: Path) -> None:
    """The service's dagster.yaml, with its folders here, is an instance whose runs are kept on the server."""
    text = (DEPLOY / "dagster.yaml").read_text().replace("/var/lib/pacekeeper", str(folder))
    (folder / "dagster.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_POSTGRES_URL", url)
        from dagster import DagsterInstance, DagsterRun

        with DagsterInstance.from_config(str(folder)) as instance:
            assert type(instance.run_storage).__module__.startswith("dagster_postgres")
            instance.add_run(DagsterRun(job_name="nightly"))
            assert instance.get_runs_count() == 1
            assert not instance.telemetry_enabled
            assert instance.run_monitoring_enabled
            assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
            assert instance.get_concurrency_config().run_queue_config is not None
            assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1  # type: ignore[union-attr]  # checked


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_one_that_systemd_takes(unit: Path, tmp_path: Path) -> None:
    """With the programs of this environment in the place of the installation's."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    for path in UNITS:
        text = path.read_text().replace(IMAGE_ROOT, f"{Path(sys.executable).parent}/")
        (tmp_path / path.name).write_text(text)
    ended = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / unit.name)], capture_output=True, text=True, timeout=60
    )
    own = [line for line in ended.stderr.splitlines() if "pacekeeper" in line]
    assert (ended.returncode, own) == (0, [])


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda path: path.name)
def test_a_unit_runs_a_program_that_is_installed_for_a_user_of_its_own(unit: Path) -> None:
    lines = dict(line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line)
    program, *arguments = lines["ExecStart"].split()
    assert program.removeprefix(IMAGE_ROOT) in programs()
    assert lines["User"] == "pacekeeper"
    assert lines["NoNewPrivileges"] == "yes"
    assert lines["EnvironmentFile"] == "/etc/pacekeeper/pacekeeper.env"
    if "--host" in arguments:
        assert arguments[arguments.index("--host") + 1] == "127.0.0.1"
    if program.endswith("/pacekeeper"):
        from pacekeeper_app.cli import app

        groups = {group.name for group in app.registered_groups}
        assert arguments[0] in groups | {command.name for command in app.registered_commands}
