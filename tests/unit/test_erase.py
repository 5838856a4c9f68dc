"""A client who was erased is nowhere: in no file of the practice, and not after another night either."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.practice_run import pacekeeper
from tests.integration.warehouse_content import content_hashes
from tests.upkeep_site import key_of, make_home, night, reopened

from pacekeeper.errors import ConfigError
from pacekeeper.home import PracticeHome
from pacekeeper.ops import StreamReason
from pacekeeper.ops.erasure_tables import ErasedKey, ErasedRows, Erasure
from pacekeeper.privacy import keyed_hash
from pacekeeper.settings import load_settings
from pacekeeper.upkeep.backup import back_up
from pacekeeper.upkeep.erase import client_key_of, erase_client
from pacekeeper.upkeep.restore import restore


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A practice after two nights, with what other stores hold of a client."""
    folder = tmp_path_factory.mktemp("erase") / "site"
    made = make_home(folder)
    night(made, 1)
    files = made.settings.home
    # An edit, so that there are old versions too; and a new visit of the client, with its note.
    (files / "ehr" / "client-1.csv").write_text("client_id,mrn,born\nann,M1,1981\nbob,M2,1990\ncid,M3,1970\n")
    night(made, 2)
    made.dagster_dir.mkdir()
    person = min(key_of(made, "ehr", "client", "ann"), key_of(made, "forms", "client", "p1"))
    with closing(sqlite3.connect(made.dagster_dir / "runs.db")) as events, events:
        events.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, body TEXT)")
        events.execute("INSERT INTO event (body) VALUES (?)", [f'{{"subject": "{person}", "rows": 3}}'])
    with closing(sqlite3.connect(made.ops.path)) as ops, ops:
        ops.execute("CREATE TABLE told (ref VARCHAR PRIMARY KEY, subject_key VARCHAR)")
        ops.execute("CREATE TABLE answer (id INTEGER PRIMARY KEY, ref VARCHAR, words VARCHAR)")
        ops.executemany(
            "INSERT INTO told VALUES (?, ?)",
            [("A1", person), ("A2", f"derived:no_show_run:{person}"), ("B1", key_of(made, "ehr", "client", "bob"))],
        )
        ops.executemany(
            "INSERT INTO answer (ref, words) VALUES (?, ?)", [("A1", "seen"), ("A2", "seen"), ("B1", "seen")]
        )
    (made.data_dir / "checkpoints").mkdir()
    (made.data_dir / "checkpoints" / "ehr.json").write_text('{"next": "page 4"}')
    return folder


@pytest.fixture
def home(template: Path, tmp_path: Path) -> PracticeHome:
    shutil.copytree(template, tmp_path / "site")
    return PracticeHome(load_settings(tmp_path / "site" / "pacekeeper.toml"))


def keys_of_ann(home: PracticeHome) -> dict[str, str]:
    """Every key that is Ann's, by what it stands for."""
    key = home.hash_key()
    return {
        "client": key_of(home, "ehr", "client", "ann"),
        "person": key_of(home, "forms", "client", "p1"),
        "mrn": keyed_hash(key, "match", "mrn", "m1"),
        "visit": key_of(home, "ehr", "session", "v1"),
        "note": key_of(home, "ehr", "note", "n1"),
        "remark": key_of(home, "forms", "note", "r1"),
    }


def found_in(folder: Path, keys: dict[str, str]) -> dict[str, list[str]]:
    """Files in which bytes of a key stand, by what it stands for."""
    files = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: [path.name for path, content in files.items() if key.encode() in content] for name, key in keys.items()
    }


def nowhere(keys: dict[str, str]) -> dict[str, list[str]]:
    return {name: [] for name in keys}


def test_a_client_is_in_no_file_after_an_erasure_nor_after_another_night(home: PracticeHome) -> None:
    keys = keys_of_ann(home)
    before = found_in(home.data_dir, keys)
    assert all("warehouse.duckdb" in files for files in before.values()), "each of them was there"
    done = erase_client(home, client_key_of(home, "ehr", " urn:uuid:ann\n"), by="records office")
    assert (done.records, done.is_repeat) == (2, False)
    assert found_in(home.data_dir, keys) == nowhere(keys)
    assert not (home.data_dir / "checkpoints").exists()
    again = reopened(home)
    files = home.settings.home
    # The sources still have the client, with an edit, a new visit and a new note of it: everything is read again.
    (files / "ehr" / "client-1.csv").write_text("client_id,mrn,born\nann,M1,1982\nbob,M2,1990\ncid,M3,1970\n")
    (files / "ehr" / "visit-2.csv").write_text(
        "visit_id,client_id,start,end,who\nv3,ann,2026-02-09T10:00:00Z,2026-02-09T11:00:00Z,dr\n"
    )
    (files / "ehr" / "note-2.csv").write_text("note_id,visit_id,at\nn5,v3,2026-02-09T12:00:00Z\n")
    (files / "forms" / "remark-2.csv").write_text("remark_id,visit_id,at\nr5,v3,2026-02-09T12:00:00Z\n")
    ledger = night(again, 3)
    assert {name: row.out_of_scope for name, row in ledger.items()} == {
        "client": 1,
        "visit": 2,  # v1 and v3
        "seat": 1,
        "note": 2,
        "person": 1,
        "remark": 2,
    }
    reasons = {row.reason for row in again.ops.rows(StreamReason, run_id="night-3", kind="out_of_scope")}
    assert reasons == {"erased"}
    keys |= {"new visit": key_of(home, "ehr", "session", "v3"), "new note": key_of(home, "ehr", "note", "n5")}
    keys |= {"new remark": key_of(home, "forms", "note", "r5")}
    assert found_in(home.data_dir, keys) == nowhere(keys)


def test_others_keep_all_they_have(home: PracticeHome) -> None:
    erase_client(home, key_of(home, "ehr", "client", "ann"), by="me")
    night(reopened(home), 3)
    with home.warehouse.connect() as connection:
        rows = {
            name: connection.count(f"SELECT count(*) FROM canonical.{name}")
            for name in ("client", "client_match", "session", "session_participant", "note")
        }
        groups = connection.rows("SELECT client_key FROM canonical.session_participant ORDER BY 1")
        seats = connection.count("SELECT count(*) FROM raw_ehr.seat")
    # cid and bob, and bob's record of the forms; v2 and the group; bob in both; n2, n3 and r2.
    assert rows == {"client": 3, "client_match": 3, "session": 2, "session_participant": 2, "note": 3}
    assert groups == [(key_of(home, "ehr", "client", "bob"),)] * 2
    assert seats == 1
    with closing(sqlite3.connect(home.ops.path)) as ops:
        assert ops.execute("SELECT ref FROM told UNION SELECT ref FROM answer").fetchall() == [("B1",)]
    with closing(sqlite3.connect(home.dagster_dir / "runs.db")) as events:
        assert events.execute("SELECT body FROM event").fetchall() == [(f'{{"subject": "{"0" * 32}", "rows": 3}}',)]


def test_what_is_made_afterwards_is_what_would_be_made_without_the_client(home: PracticeHome, tmp_path: Path) -> None:
    erase_client(home, key_of(home, "ehr", "client", "ann"), by="me")
    night(reopened(home), 3)
    files = home.settings.home
    for file in [*files.glob("ehr/*.csv"), *files.glob("forms/*.csv")]:
        own = ("ann,", "v1,", "p1,", "n1,", "r1,", "g1,ann")
        kept = [line for line in file.read_text().splitlines() if not line.startswith(own) and ",v1," not in line]
        file.write_text("\n".join(kept) + "\n")
    other = make_other(home, tmp_path / "never")
    night(other, 3)
    ours, theirs = content_hashes(reopened(home)), content_hashes(other)
    canonical = [name for name in theirs if name.startswith(("canonical.", "marts."))]
    assert len(canonical) > 40
    assert {name: ours[name] for name in canonical if name != "marts.publication"} == {
        name: theirs[name] for name in canonical if name != "marts.publication"
    }


def make_other(home: PracticeHome, folder: Path) -> PracticeHome:
    """A practice with the same files and secret, that never knew the client."""
    shutil.copytree(home.settings.home, folder, ignore=shutil.ignore_patterns("data"))
    settings = reopened(home).settings.model_copy(update={"home": folder, "file": folder / "pacekeeper.toml"})
    (folder / "data").mkdir()
    shutil.copy2(home.key_path, folder / "data" / "hash.key")
    made = PracticeHome(settings)
    made.create()
    return made


def test_only_that_it_happened_is_on_record(home: PracticeHome) -> None:
    keys = keys_of_ann(home)
    done = erase_client(home, keys["client"], by="records office")
    (erasure,) = home.ops.rows(Erasure)
    assert (erasure.erased_by, erasure.client_records, erasure.rows) == ("records office", 2, done.rows)
    assert erasure.ended_at is not None
    by_table = {(row.store, row.table_name): row.rows for row in home.ops.rows(ErasedRows)}
    assert by_table["warehouse", "raw_ehr.client"] == 2, "both versions"
    assert by_table["warehouse", "canonical.note"] == 2
    assert by_table["operations", "answer"] == 2
    assert sum(by_table.values()) == done.rows
    assert not {row.tombstone for row in home.ops.rows(ErasedKey)} & set(keys.values())


def test_an_unknown_client_is_an_error_that_does_not_name_them(home: PracticeHome) -> None:
    before = content_hashes(home)
    with pytest.raises(ConfigError, match="nothing was erased") as told:
        erase_client(home, client_key_of(home, "ehr", "nobody-of-that-name"), by="me")
    assert "nobody" not in str(told.value)
    with pytest.raises(ConfigError, match="no client key"):
        erase_client(home, "ann", by="me")
    assert content_hashes(home) == before
    assert home.ops.rows(Erasure) == []


@pytest.mark.parametrize("point", ["erase.before_commit", "erase.committed"])
def test_an_erasure_that_was_killed_is_repeated_to_its_end(home: PracticeHome, point: str) -> None:
    keys = keys_of_ann(home)
    script = (
        "import sys; from pathlib import Path\n"
        "from pacekeeper.home import PracticeHome; from pacekeeper.settings import load_settings\n"
        "from pacekeeper.upkeep.erase import client_key_of, erase_client\n"
        "home = PracticeHome(load_settings(Path(sys.argv[1])))\n"
        "erase_client(home, client_key_of(home, 'ehr', 'ann'), by='me')\n"
    )
    dying = {**os.environ, "PACEKEEPER_FAULT_AT": point}
    killed = subprocess.run([sys.executable, "-c", script, str(home.settings.file)], env=dying, check=False)
    assert killed.returncode == -9
    again = reopened(home)
    erase_client(again, client_key_of(again, "ehr", "ann"), by="me")
    assert found_in(home.data_dir, keys) == nowhere(keys)
    assert sorted(row.ended_at is None for row in again.ops.rows(Erasure)) == [False, True]


def test_the_command_takes_the_id_from_standard_input_alone(home: PracticeHome) -> None:
    keys = keys_of_ann(home)
    config = home.settings.file
    assert config is not None
    command = "import sys; from pacekeeper_app.cli import main; sys.argv[0] = 'pacekeeper'; main()"
    told = [
        subprocess.run(
            [sys.executable, "-c", command, "erase", "ehr", *options, "--config", str(config)],
            input=f"{identity}\n",
            text=True,
            capture_output=True,
            check=False,
        )
        for identity, options in (("ann", []), ("mary-who", ["--yes"]), ("ann", ["--yes", "--by", "office"]))
    ]
    assert [one.returncode for one in told] == [1, 1, 0]
    assert "say --yes" in told[0].stderr
    assert "no client by this id" in told[1].stderr
    assert "Erased 2 records" in told[2].stdout
    said = "".join(one.stdout + one.stderr for one in told)
    assert "mary" not in said
    assert not [key for key in keys.values() if key in said]
    assert found_in(home.data_dir, keys) == nowhere(keys)
    listed = pacekeeper("erase", "--list", "--json", config=config)
    assert '"erased_by": "office"' in listed.stdout


def test_a_backup_from_before_an_erasure_does_not_bring_the_client_back(home: PracticeHome, tmp_path: Path) -> None:
    keys = keys_of_ann(home)
    folder, _ = back_up(home, tmp_path / "backups")
    erase_client(home, keys["client"], by="office")
    restore(reopened(home), folder, force=True)
    assert found_in(home.data_dir, keys) == nowhere(keys)
    assert sorted(row.erased_by for row in reopened(home).ops.rows(Erasure)) == ["office", "restore"]
