"""Files on an SFTP server and in S3: read as local ones are, nothing raw on disk, faults told in words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from pacekeeper.errors import ConfigError, RetryableError
from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.settings import load_settings
from pacekeeper.stream import Window
from pacekeeper_connectors.tabular import Tabular, TabularSettings
from tests.integration.file_stores import PASSWORD, USER, SftpSite, fill_bucket, s3_server, sftp_server
from tests.integration.warehouse_content import content_hashes
from tests.raw_bench import AS_OF, context

PAYROLL = "Employee ID,Work Date,Earning Code,Hours\nCANARY-77,02/03/2026,PTO,8\nE2,02/04/2026,REG,8\n"
MORE = "Employee ID,Work Date,Earning Code,Hours\nE3,02/05/2026,Sick Leave,4\n"
FILES = {"payroll-1.csv": PAYROLL.encode(), "payroll-2.csv": MORE.encode(), "readme.txt": b"no table"}
BUCKET = "exports"


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpSite]:
    root = tmp_path_factory.mktemp("sftp")
    (root / "exports").mkdir()
    for name, content in FILES.items():
        (root / "exports" / name).write_bytes(content)
    with sftp_server(root) as site:
        yield site


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as address:
        fill_bucket(address, BUCKET, {f"monthly/{name}": content for name, content in FILES.items()})
        yield address


@pytest.fixture
def options(request: pytest.FixtureRequest) -> dict[str, str]:
    """A source's settings, by the store the test names."""
    if request.param == "sftp":
        site: SftpSite = request.getfixturevalue("sftp")
        return {"url": site.url, "username": USER, "password": PASSWORD, "host_key": site.host_key}
    address: str = request.getfixturevalue("s3")
    return {
        "url": f"s3://{BUCKET}/monthly",
        "access_key_id": "key",
        "secret_access_key": "secret",
        "endpoint_url": address,
        "region": "us-east-1",
    }


both = pytest.mark.parametrize("options", ["sftp", "s3"], indirect=True)


def connector(options: dict[str, str], **changed: str) -> Tabular:
    settings = TabularSettings.model_validate({"profile": "payroll_pto", "timeout_seconds": 5} | options | changed)
    return Tabular(settings, context("pay"))


def fault(options: dict[str, str], **changed: str) -> str:
    found = connector(options, **changed)
    with pytest.raises((ConfigError, RetryableError)) as raised:
        list(found.read(found.streams, Window()))
    assert PASSWORD not in str(raised.value)
    assert not found.check().ok
    return str(raised.value)


@both
def test_check_tells_how_many_files_how_large_and_how_new(options: dict[str, str]) -> None:
    answer = connector(options).check()
    assert answer.ok, answer.message
    size = len(PAYROLL) + len(MORE)
    assert answer.details["payroll"].startswith(f"2 files, {size} bytes, newest of 20")


@both
def test_two_nights_land_and_map_the_same_and_leave_nothing_raw(options: dict[str, str], tmp_path: Path) -> None:
    lines = ['[practice]\nname = "Riverbend"\nhome_tz = "America/New_York"\ndata_dir = "data"\n\n[sources.pay]']
    lines += ['connector = "tabular"', 'profile = "payroll_pto"']
    lines += [f'{name} = "{value}"' for name, value in options.items()]
    (tmp_path / "pacekeeper.toml").write_text("\n".join(lines) + "\n")
    home = PracticeHome(load_settings(tmp_path / "pacekeeper.toml"))
    home.create()
    hashes = []
    for night, state in (("one", "swapped"), ("two", "unchanged")):
        (run,) = land_sources(home, run_id=night, as_of=AS_OF)
        assert (run.state, run.message) == ("ok", None)
        results = map_sources(home, run_id=night, as_of=AS_OF)
        assert {result.state for result in results} == {state}
        with home.warehouse.connect() as connection:
            kinds = connection.raw.execute("SELECT kind, hours FROM canonical.pto_ledger ORDER BY ALL").fetchall()
        hashes.append(content_hashes(home))
        assert kinds == [("sick", 4.0), ("take", 8.0)]
    assert hashes[0] == hashes[1]
    written = [Path(folder) / name for folder, _, names in os.walk(tmp_path / "data") for name in names]
    assert written
    assert not [path for path in written if b"CANARY-77" in path.read_bytes()]


def test_a_wrong_password_is_told_without_it(sftp: SftpSite) -> None:
    given = {"url": sftp.url, "username": USER, "host_key": sftp.host_key}
    assert "refused the login; correct `username`, `password`" in fault(given, password="wrong")


def test_a_server_with_another_key_is_not_trusted(
    sftp: SftpSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = {"url": sftp.url, "username": USER, "password": PASSWORD}
    assert f"a key that is not known: {sftp.host_key}" in fault(given)
    assert "a key that is not the pinned one" in fault(given, host_key="SHA256:" + "A" * 43)


def test_a_private_key_opens_the_door(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "root" / "exports").mkdir(parents=True)
    (tmp_path / "root" / "exports" / "payroll.csv").write_text(PAYROLL)
    (tmp_path / "id").write_bytes(key.export_private_key("openssh"))
    with sftp_server(tmp_path / "root", key) as site:
        given = {"url": site.url, "username": USER, "host_key": site.host_key}
        found = connector(given, private_key_file=str(tmp_path / "id"))
        assert found.check().ok, found.check().message


def test_a_folder_that_is_not_there_is_told(sftp: SftpSite) -> None:
    given = {"username": USER, "password": PASSWORD, "host_key": sftp.host_key}
    assert "no such folder or bucket: correct `url`" in fault(given, url=sftp.url.replace("/exports", "/other"))


def test_a_server_that_is_down_can_be_asked_again() -> None:
    given = {"url": "sftp://127.0.0.1:1/exports", "username": USER, "password": PASSWORD, "host_key": "SHA256:x"}
    assert "it cannot be reached" in fault(given)


@pytest.mark.parametrize("path", ["nothing/monthly", f"{BUCKET}/weekly"], ids=["no bucket", "no folder"])
def test_a_bucket_or_folder_that_is_not_there_is_told(s3: str, path: str) -> None:
    given = {"access_key_id": "key", "secret_access_key": "secret", "endpoint_url": s3, "region": "us-east-1"}
    assert "no such folder or bucket: correct `url`" in fault(given, url=f"s3://{path}")


def test_an_s3_that_is_down_can_be_asked_again() -> None:
    given = {"access_key_id": "key", "secret_access_key": "secret", "endpoint_url": "http://127.0.0.1:1"}
    assert "it cannot be reached" in fault(given, url=f"s3://{BUCKET}/monthly")
