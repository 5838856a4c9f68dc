"""From a key to the record in the source: asked again, matched in memory, kept nowhere."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.integration.practice_run import pacekeeper
from tests.upkeep_site import FIRST, key_of, make_home, night

from pacekeeper.errors import ConfigError
from pacekeeper.home import PracticeHome
from pacekeeper.ops import Alert
from pacekeeper.ops.erasure_tables import KeyLookup
from pacekeeper.probe.named import Named, records_of, resolve_key
from pacekeeper.settings import load_settings

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
#: Of a form that stands in no other file by chance.
CANARY = "canary-ottilie-winterbourne"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resolve") / "site"
    made = make_home(folder)
    clients = folder / "ehr" / "client-1.csv"
    clients.write_text(clients.read_text() + f"{CANARY},M4,1975\n")
    night(made, 1)
    return folder


@pytest.fixture
def home(template: Path, tmp_path: Path) -> PracticeHome:
    shutil.copytree(template, tmp_path / "site")
    return PracticeHome(load_settings(tmp_path / "site" / "pacekeeper.toml"))


def asked(home: PracticeHome, key: str) -> list[Named]:
    return resolve_key(home, key, by="nora", now=NOW, on_read=lambda *_: None)


@pytest.mark.parametrize(("source", "identity"), [("ehr", "ann"), ("forms", "p1")])
def test_every_record_of_the_person_is_told_whichever_is_asked_for(
    home: PracticeHome, source: str, identity: str
) -> None:
    found = asked(home, key_of(home, source, "client", identity))
    assert {(one.record.source, one.identity) for one in found} == {("ehr", "ann"), ("forms", "p1")}


def test_the_beginning_of_a_key_will_do_and_less_will_not(home: PracticeHome) -> None:
    key = key_of(home, "ehr", "client", "cid")
    assert [one.identity for one in asked(home, key[:12])] == ["cid"]
    with pytest.raises(ConfigError, match="at least 12"):
        asked(home, key[:11])
    with pytest.raises(ConfigError, match="nothing that is published has this key"):
        records_of(home, "0" * 32)


def test_that_somebody_looked_is_on_record_and_what_they_saw_is_nowhere(home: PracticeHome) -> None:
    key = key_of(home, "ehr", "client", CANARY)
    assert [one.identity for one in asked(home, key)] == [CANARY]
    (lookup,) = home.ops.rows(KeyLookup)
    assert (lookup.by, lookup.kind, lookup.key, lookup.found) == ("nora", "client", key, 1)
    held = [path for path in home.data_dir.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert held == []


def test_a_record_that_is_gone_and_a_source_that_cannot_be_read_are_told(home: PracticeHome) -> None:
    key = key_of(home, "ehr", "client", "ann")
    (home.settings.home / "ehr" / "client-1.csv").write_text("client_id,mrn,born\nbob,M2,1990\n")
    shutil.rmtree(home.settings.home / "forms")
    found = {one.record.source: one for one in asked(home, key)}
    assert (found["ehr"].identity, found["ehr"].error) == (None, None)
    assert found["forms"].identity is None
    assert "forms" in (found["forms"].error or "")
    assert home.ops.rows(KeyLookup)[0].found == 0


def test_the_command_takes_the_reference_of_an_alert_and_keeps_the_answer_off_pipes(home: PracticeHome) -> None:
    subject = f"derived:no_show_run:{key_of(home, 'ehr', 'client', 'bob')}"
    home.ops.add([_alert("K7QX2", subject)])
    config = home.settings.home / "pacekeeper.toml"
    told = pacekeeper("resolve", "k7qx2", "--json", config=config)
    assert told.returncode == 0, told.stderr
    assert {(row["source"], row["id"]) for row in json.loads(told.stdout)} == {("ehr", "bob"), ("forms", "p2")}
    piped = pacekeeper("resolve", "k7qx2", config=config)
    assert piped.returncode == 1
    assert "goes to a terminal" in piped.stderr
    assert "bob" not in piped.stdout + piped.stderr


def _alert(ref: str, subject: str) -> Alert:
    return Alert(
        ref=ref,
        guardrail_id="no_show_run",
        subject_kind="alert",
        subject_key=subject,
        opened_period="2026-03-02",
        since_period="2026-03-02",
        last_period="2026-03-02",
        last_version=1,
        severity="breach",
        policy_version="1",
        opened_at=FIRST,
        changed_at=FIRST,
    )
