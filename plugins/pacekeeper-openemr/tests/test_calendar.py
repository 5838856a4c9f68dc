"""What the calendar tells from one night to the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from pacekeeper.privacy import keyed_hash
from pacekeeper.testing import SOURCE

from openemr_practice import landed, openemr, practice
from openemr_records import appointment, corpus
from pacekeeper_openemr.value_maps import APPOINTMENT_STATUS


def test_what_changed_over_night_is_an_event_although_openemr_does_not_say_when(tmp_path: Path) -> None:
    booked = [appointment(n, f"2026-02-1{n}", "-") for n in range(1, 6)]
    with openemr({**corpus(), "appointment": booked, "Encounter": []}) as server:
        site = practice(tmp_path / "p", server)
        landed(site)
        server.edit("appointment", "apt-1", pc_apptstatus="%")
        server.edit("appointment", "apt-2", pc_startTime="10:00:00", pc_endTime="10:45:00")
        server.edit("appointment", "apt-3", pc_endTime=None)
        server.edit("appointment", "apt-4", pc_facility="4")
        server.delete("appointment", "apt-5")
        landed(site)
        site.map()
    rows = site.query("SELECT * FROM canonical.appointment_event WHERE seq = 2")
    names = {keyed_hash(site.key, SOURCE, "appointment", f"apt-{n}"): f"apt-{n}" for n in range(1, 6)}
    found = {names[row["appointment_key"]]: (row["change"], row["from_status"], row["to_status"]) for row in rows}
    assert found == {
        "apt-1": ("status", "booked", "cancelled"),
        "apt-2": ("time", "booked", "booked"),
        "apt-3": ("time", "booked", "booked"),
        "apt-5": ("deleted", "booked", "booked"),
    }
    assert {row["at_precision"] for row in rows} == {"day"}


@pytest.mark.parametrize("code", [*APPOINTMENT_STATUS, "&", "=", "/", "OURS_2"])
def test_every_status_a_practice_can_have_fits_the_column(code: str) -> None:
    import re

    from pacekeeper import Code

    from pacekeeper_openemr import OpenEmr

    (stream,) = [stream for stream in OpenEmr.streams if stream.name == "appointment"]
    column = stream.columns["status"]
    assert isinstance(column, Code)
    assert re.fullmatch(column.pattern, code)
    assert len(code) <= column.max_length
