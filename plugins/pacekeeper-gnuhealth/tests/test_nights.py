"""What is read, and what becomes of it, from one night to the next."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pacekeeper import Code
from pacekeeper.testing import Faults

from gnuhealth_practice import counted, current, key, landed, practice
from gnuhealth_records import appointment, corpus, evaluation, person
from pacekeeper_gnuhealth import GnuHealth
from pacekeeper_gnuhealth.testing import GnuHealthSimulator
from pacekeeper_gnuhealth.value_maps import APPOINTMENT_STATUS

#: After the first night, which the simulator's clock puts at 2026-02-01 00:00.
LATER = "2026-02-01 09:00:00"


def booked(*states: str) -> dict[str, Any]:
    """The small practice with these appointments, all made long ago, and no evaluation."""
    made = [appointment(n, f"2026-02-1{n}T16:00:00", state) for n, state in enumerate(states, 1)]
    return {**corpus(), "appointment": made, "evaluation": []}


def test_the_second_night_asks_for_changes_only(tmp_path: Path) -> None:
    with GnuHealthSimulator(corpus()) as server:
        site = practice(tmp_path / "p", server.url)
        landed(site)
        server.edit("appointment", "4", state="checked_in", write_date=LATER)
        changed = {**person(201, "1991-02-03"), "write_date": LATER}
        server.edit("patient", "1", party=changed)
        landed(site)
    assert counted(site) == {
        "institution": (3, 0, 0, 0),
        "professional": (3, 0, 0, 0),
        "patient": (1, 0, 1, 0),
        "appointment": (1, 0, 1, 0),
        "evaluation": (0, 0, 0, 0),
    }
    assert (key(site, "client", 1), 1991) in current(site, "patient", "id", "birth_year")


def test_a_read_begins_where_the_one_before_began_by_the_servers_clock(tmp_path: Path) -> None:
    """And ten minutes earlier: a change is dated by when it was begun, not by when it could be seen."""
    with GnuHealthSimulator(corpus()) as server:
        site = practice(tmp_path / "p", server.url)
        landed(site)
        server.requests.clear()
        landed(site)
        asked = {
            str(clause[2]) for domain in server.domains for part in domain if part[0] == "OR" for clause in part[1:]
        }
    (since,) = asked
    assert "'month': 1, 'day': 31, 'hour': 23, 'minute': 50" in since


def test_a_server_that_is_gone_is_not_asked_to_take_the_session_back(tmp_path: Path) -> None:
    with GnuHealthSimulator(corpus()) as server:
        site = practice(tmp_path / "p", server.url)
        server.reset(Faults(error_503_on=frozenset(range(2, 100))))
        assert site.land().result.error_class == "RetryableError"
        assert len(server.requests) == 1 + 3  # the login, and three tries of the first read


def test_a_read_that_is_refused_gives_the_session_back(tmp_path: Path) -> None:
    with GnuHealthSimulator(corpus()) as server:
        site = practice(tmp_path / "p", server.url)
        server.reset(Faults(forbid=frozenset({"appointment"})))
        assert site.land().result.error_class == "ConfigError"
        assert (server.logins, server.open_sessions) == (1, 0)


def test_what_vanished_is_deleted_when_everything_is_read(tmp_path: Path) -> None:
    with GnuHealthSimulator(corpus()) as server:
        site = practice(tmp_path / "p", server.url)
        landed(site)
        server.delete("appointment", "3")
        landed(site)
        assert counted(site)["appointment"] == (0, 0, 0, 0)
        site.read_whole_next()
        landed(site)
        assert counted(site)["appointment"] == (8, 0, 0, 1)
        landed(site)
        assert counted(site)["appointment"] == (0, 0, 0, 0)


def test_a_cancellation_is_dated_by_the_change_in_which_it_was_read(tmp_path: Path) -> None:
    """1 is cancelled and changed once more; 2 was cancelled before; 3 is cancelled, booked again, cancelled again."""
    with GnuHealthSimulator(booked("confirmed", "user_cancelled", "confirmed", "confirmed")) as server:
        site = practice(tmp_path / "p", server.url)
        landed(site)
        server.edit("appointment", "1", state="user_cancelled", write_date=LATER)
        server.edit("appointment", "3", state="center_cancelled", write_date=LATER)
        landed(site)
        server.edit("appointment", "1", healthprof=2, write_date="2026-02-02 09:00:00")
        server.edit("appointment", "3", state="confirmed", write_date="2026-02-02 09:00:00")
        landed(site)
        server.edit("appointment", "3", state="user_cancelled", write_date="2026-02-03 09:00:00")
        landed(site)
        site.map()
    rows = site.query("SELECT appointment_key, cancelled_at, cancelled_by FROM canonical.appointment")
    found = {row["appointment_key"]: (row["cancelled_at"], row["cancelled_by"]) for row in rows}
    assert found == {
        key(site, "appointment", 1): (datetime(2026, 2, 1, 9, tzinfo=UTC), "client"),
        key(site, "appointment", 2): (None, "client"),
        key(site, "appointment", 3): (datetime(2026, 2, 3, 9, tzinfo=UTC), "client"),
        key(site, "appointment", 4): (None, None),
    }


def test_what_changed_is_an_event_at_the_time_of_the_change(tmp_path: Path) -> None:
    with GnuHealthSimulator(booked(*["confirmed"] * 6, "free")) as server:
        site = practice(tmp_path / "p", server.url)
        landed(site)
        changes: dict[str, dict[str, Any]] = {
            "1": {"state": "no_show"},
            "2": {"appointment_date": "2026-02-12T17:00:00"},
            "3": {"appointment_type": "telemedicine"},
            "4": {"healthprof": 2},
            "5": {"state": "free", "patient": None},
            "6": {"institution": 2},
            "7": {"state": "confirmed", "patient": 1},
        }
        for identity, change in changes.items():
            server.edit("appointment", identity, **change, write_date=LATER)
        landed(site)
        site.map()
    rows = site.query("SELECT * FROM canonical.appointment_event WHERE \"at\" = '2026-02-01 09:00:00+00'")
    names = {key(site, "appointment", n): n for n in range(1, 8)}
    found = {names[row["appointment_key"]]: (row["change"], row["from_status"], row["to_status"]) for row in rows}
    assert found == {
        1: ("status", "booked", "no_show"),
        2: ("time", "booked", "booked"),
        3: ("modality", "booked", "booked"),
        4: ("clinician", "booked", "booked"),
        5: ("deleted", "booked", "booked"),
        7: ("created", None, "booked"),
    }
    assert {row["at_precision"] for row in rows} == {"instant"}


def test_an_evaluation_that_lasted_over_night_has_unknown_minutes_and_is_quarantined(tmp_path: Path) -> None:
    records = {
        **corpus(),
        "evaluation": [
            evaluation(1, "2026-01-12T16:00:00", "2026-01-13T09:00:00"),
            evaluation(2, "2026-01-12T16:00:00", None),
            evaluation(3, "2026-01-12T16:00:00", "2026-01-12T16:45:00"),
        ],
    }
    with GnuHealthSimulator(records) as server:
        site = practice(tmp_path / "p", server.url)
        landed(site)
        (result,) = [result for result in site.map() if result.entity == "session"]
    assert (result.mapped, result.quarantined_rows) == (1, 2)


@pytest.mark.parametrize(
    "damage",
    [
        {"evaluation_start": {"__class__": "datetime", "year": 2026}},
        {"evaluation_start": None},
        {"evaluation_start": "soon"},
        {"state": "zzz of the client"},
        {"state": {"__class__": "bytes", "base64": "enp6"}},
    ],
    ids=["mark", "null", "text", "sentence", "bytes"],
)
def test_a_record_with_a_damaged_value_is_rejected_and_the_others_land(tmp_path: Path, damage: dict[str, Any]) -> None:
    records = {**corpus(), "evaluation": [{**corpus()["evaluation"][0], **damage}, corpus()["evaluation"][3]]}
    with GnuHealthSimulator(records) as server:
        site = practice(tmp_path / "p", server.url)
        landed(site)
    assert len(current(site, "evaluation", "id")) == 1
    (reasons,) = site.reasons("rejected").values()
    assert sum(reasons.values()) == 1
    assert "zzz" not in str(reasons)


@pytest.mark.parametrize("code", [*APPOINTMENT_STATUS, "waiting_room", "ours2"])
def test_every_state_an_appointment_can_have_fits_the_column(code: str) -> None:
    (stream,) = [stream for stream in GnuHealth.streams if stream.name == "appointment"]
    column = stream.columns["status"]
    assert isinstance(column, Code)
    assert re.fullmatch(column.pattern, code)
    assert len(code) <= column.max_length
