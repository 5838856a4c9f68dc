"""A backup is whole, and what goes on from it is what would have gone on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.practice_run import pacekeeper
from tests.integration.warehouse_content import content_hashes
from tests.upkeep_site import make_home, night, reopened

from pacekeeper.errors import ConfigError, RetryableError
from pacekeeper.home import PracticeHome
from pacekeeper.ops import Run, StreamState
from pacekeeper.settings import load_settings
from pacekeeper.upkeep.backup import back_up
from pacekeeper.upkeep.restore import restore

MORE = "note_id,visit_id,at\nn4,v2,2026-02-05T12:00:00Z\n"
HOLD = (
    "import sys, time; from pathlib import Path\n"
    "from pacekeeper.home import PracticeHome; from pacekeeper.settings import load_settings\n"
    "with PracticeHome(load_settings(Path(sys.argv[1]))).only_run():\n"
    "    print('held', flush=True); time.sleep(60)\n"
)


@pytest.fixture
def home(tmp_path: Path) -> PracticeHome:
    made = make_home(tmp_path / "site")
    night(made, 1)
    return made


def add_note(home: PracticeHome) -> None:
    (home.settings.home / "ehr" / "note-2.csv").write_text(MORE)


def test_the_night_after_a_restore_is_the_night_that_would_have_been(home: PracticeHome, tmp_path: Path) -> None:
    folder, manifest = back_up(home, tmp_path / "backups")
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [folder.name]
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "ops.sqlite", "warehouse.duckdb"]
    assert (manifest.key_id, manifest.as_of) == (home.hash_key().key_id, "2026-03-03T06:00:00+00:00")
    assert {oct(file.stat().st_mode & 0o777) for file in folder.iterdir()} <= {"0o600", "0o644"}
    add_note(home)
    night(home, 2)
    uninterrupted = content_hashes(home)
    with home.warehouse.connect() as connection:
        connection.execute("DELETE FROM raw_ehr.note; DROP TABLE canonical.note")
    home.ops.remove(home.ops.rows(StreamState))
    restore(reopened(home), folder, force=True)
    restored = reopened(home)
    assert [run.run_id for run in restored.ops.rows(Run)] == ["night-1"]
    with restored.published.connect(read_only=True) as connection:
        assert connection.count("SELECT count(*) FROM canonical.note") == 5, "published is what was restored"
    ledger = night(restored, 2)
    assert (ledger["note"].inserted, ledger["visit"].read) == (1, 3)
    assert content_hashes(restored) == uninterrupted


def test_the_secret_goes_to_a_file_of_its_own_and_a_new_machine_needs_it(home: PracticeHome, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must not lie beside the backup"):
        back_up(home, tmp_path / "backups", key_to=tmp_path / "backups" / "key")
    folder, _ = back_up(home, tmp_path / "backups", key_to=tmp_path / "safe" / "key")
    secret = home.key_path.read_bytes()
    assert (tmp_path / "safe" / "key").read_bytes() == secret
    assert all(secret not in file.read_bytes() for file in folder.iterdir())
    other = tmp_path / "other"
    shutil.copytree(home.settings.home, other, ignore=shutil.ignore_patterns("data"))
    moved = PracticeHome(load_settings(other / "pacekeeper.toml"))
    with pytest.raises(ConfigError, match="there is no hash secret"):
        restore(moved, folder)
    restore(moved, folder, key_from=tmp_path / "safe" / "key")
    assert moved.key_path.stat().st_mode & 0o777 == 0o600
    add_note(home)
    add_note(moved)
    assert night(moved, 2)["note"].inserted == 1
    night(home, 2)
    assert content_hashes(moved) == content_hashes(home)


def test_what_would_lose_or_mix_up_data_is_refused(home: PracticeHome, tmp_path: Path) -> None:
    folder, manifest = back_up(home, tmp_path / "backups")
    before = content_hashes(home)
    with pytest.raises(ConfigError, match="--force"):
        restore(home, folder)
    with pytest.raises(ConfigError, match=f"newest backup inside it is {folder.name}"):
        restore(home, folder.parent, force=True)
    damaged = shutil.copytree(folder, tmp_path / "damaged")
    with (damaged / "warehouse.duckdb").open("r+b") as file:
        file.seek(manifest.files["warehouse.duckdb"].bytes // 2)
        file.write(b"\xff" * 64)
    with pytest.raises(ConfigError, match=r"damaged: warehouse\.duckdb"):
        restore(home, damaged, force=True)
    newer = shutil.copytree(folder, tmp_path / "newer")
    changed = {**json.loads((newer / "manifest.json").read_text()), "contract": "99.0"}
    (newer / "manifest.json").write_text(json.dumps(changed))
    with pytest.raises(ConfigError, match=r"contract version 99\.0"):
        restore(home, newer, force=True)
    home.key_path.write_bytes(b"1" * 32)
    with pytest.raises(ConfigError, match="no record would be recognised"):
        restore(home, folder, force=True)
    assert content_hashes(home) == before


def test_a_run_that_is_under_way_is_waited_for_but_not_for_ever(home: PracticeHome, tmp_path: Path) -> None:
    config = str(home.settings.file)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, config], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RetryableError, match="another run is using"):
            back_up(home, tmp_path / "backups", wait_seconds=0)
        assert not list((tmp_path / "backups").glob("*")) if (tmp_path / "backups").exists() else True
    finally:
        holder.kill()
        holder.wait()
    back_up(home, tmp_path / "backups", wait_seconds=20)


@pytest.mark.parametrize("point", ["restore.replaced.ops.sqlite", "restore.replaced.warehouse.duckdb"])
def test_a_restore_that_was_killed_is_repeated(home: PracticeHome, tmp_path: Path, point: str) -> None:
    folder, _ = back_up(home, tmp_path / "backups")
    add_note(home)
    night(home, 2)
    uninterrupted = content_hashes(home)
    assert home.settings.file is not None
    killed = pacekeeper(
        "restore", str(folder), "--force", config=home.settings.file, environment={"PACEKEEPER_FAULT_AT": point}
    )
    assert killed.returncode == -signal.SIGKILL
    assert night(reopened(home), 2)["note"].is_balanced, "a run before the repetition loses nothing"
    restore(reopened(home), folder, force=True)
    night(reopened(home), 2)
    assert content_hashes(reopened(home)) == uninterrupted
    assert not [name for name in os.listdir(home.data_dir) if name.endswith(".restored")]
