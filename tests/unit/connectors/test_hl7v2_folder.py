"""What cannot be read is rejected by name and place; nothing is lost, whatever the files hold."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.raw_bench import context
from tests.unit.connectors.hl7v2_desk import Desk

from pacekeeper.errors import ConfigError
from pacekeeper.hl7v2 import messages_of
from pacekeeper.stream import Window
from pacekeeper.testing import build_practice
from pacekeeper.testing.hl7v2_messages import NAME, adt, dft, mdm, merge, message, oru, siu
from pacekeeper.testing.hl7v2_practice import practice_messages
from pacekeeper_connectors.hl7v2 import Hl7v2, Hl7v2Settings

GOOD = siu("S12")
FAULTY = {
    "no_msh": GOOD.replace("MSH|", "MSG|"),
    "bad_separators": GOOD.replace("^~\\&", "^^\\&", 1),
    "bad_segment": GOOD[: GOOD.index("AIP") + 2] + "\r",
    "repeated_segment": GOOD + GOOD.partition("\r")[2],
    "no_message_type": GOOD.replace("SIU^S12", ""),
    "unknown_event": GOOD.replace("SIU^S12", "SIU^S99"),
    "no_control_id": GOOD.replace("|1|P|", "||P|"),
    "no_timestamp": siu("S12", sent=""),
    "bad_timestamp": siu("S12", start="20260231100000"),
    "nonexistent_time": siu("S12", start="20260308023000", sent="20260301090000-0500"),
    "missing_segment": message("SIU", "S12"),
    "no_appointment_id": siu("S12", appointment=""),
    "no_patient_id": merge("", "b"),
    "bad_amount": dft({11: "12,50"}),
    "no_document_id": mdm("T02", {12: ""}),
    "truncated": f"\x0b{GOOD}",
    "batch_count_differs": f"BHS|^~\\&\r{GOOD}BTS|7\r",
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(("reason", "text"), FAULTY.items(), ids=FAULTY)
def test_a_faulty_message_is_rejected_by_name_and_place(desk: Desk, reason: str, text: str) -> None:
    desk.send(
        siu("S12", control="1"), text, siu("S12", control="3") if reason != "truncated" else "", name="SIU-07.hl7"
    )
    assert (reason, "SIU-07.hl7 message 2") in desk.rejected()


def test_good_messages_around_a_faulty_one_land(desk: Desk) -> None:
    desk.send(siu("S12", appointment="a"), FAULTY["bad_timestamp"], siu("S12", appointment="b"))
    counts = desk.bench.read()
    assert (counts["message"].read, counts["message"].kept, counts["message"].rejected_rows) == (3, 2, 1)
    assert counts["appointment_message"].kept == 2


def test_without_any_zone_a_time_without_offset_is_rejected(tmp_path: Path) -> None:
    desk = Desk(tmp_path, default_tz=None).send(siu("S12", start="20260105100000", sent="20260102090000"))
    assert desk.rejected() == [("naive_time", "MSG-0001.hl7 message 1")]


def test_messages_of_other_types_are_out_of_scope(desk: Desk) -> None:
    desk.send(message("BAR", "P01"), message("ACK", ""), adt("A04"))
    counts = desk.bench.read()["message"]
    assert (counts.read, counts.kept, dict(counts.out_of_scope)) == (3, 1, {"other_message_type": 2})


@pytest.mark.parametrize("name", ["ADT-A04-01.hl7", "20260105-093000.hl7", "siu_s12.0001.hl7"])
def test_a_plain_file_name_is_the_place(desk: Desk, name: str) -> None:
    assert desk.send("nothing", name=name).rejected() == [("no_msh", f"{name} message 1")]


@pytest.mark.parametrize("name", ["QUILLFEATHER-A04.hl7", "12345678.hl7", "ADT-12345678.hl7", "adt quillfeather.hl7"])
def test_a_file_name_that_may_be_a_persons_is_a_number(desk: Desk, name: str) -> None:
    assert desk.send("nothing", name=name).rejected() == [("no_msh", "file 1 message 1")]


def test_a_text_in_the_place_of_a_code_does_not_land(desk: Desk) -> None:
    found = desk.send(siu("S12", service="met with Marigold about work", reason="had a cold")).one("appointment")
    assert found["service_code"] == "not-a-code"
    assert NAME.split("^")[0] not in str(desk.bench.mapped("appointment"))


def test_files_that_do_not_match_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("no messages")
    desk = Desk(tmp_path).send(GOOD)
    assert desk.rejected() == []
    assert desk.bench.connector.check().message == "1 message files"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    connector = Hl7v2(Hl7v2Settings(folder=tmp_path / "gone"), context())
    assert not connector.check().ok
    with pytest.raises(ConfigError, match="does not exist"):
        list(connector.read(connector.streams, Window()))


def test_a_zone_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"no\. 1 is no IANA time zone"):
        Hl7v2Settings(folder=tmp_path, facilities={"A": "Mars/Olympus"})


def damaged(content: bytes, dice: random.Random) -> bytes:
    """The content with a few pieces cut, doubled, or written over."""
    found = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        start = dice.randrange(len(found) or 1)
        end = start + dice.choice((1, 3, 40, 400))
        match dice.randrange(4):
            case 0:
                del found[start:end]
            case 1:
                found[start:start] = found[start:end]
            case 2:
                found[start : start + 1] = dice.choice(
                    (b"|", b"^", b"\r", b"\n", b"~", b"\\", b"\x0b", b"\x00", b"\xff")
                )
            case _:
                found[start:start] = dice.choice((b"MSH|", b"20261399", b'""', b"\\XZZ\\", b"\x1c\r", b"-99999999999"))
    return bytes(found)


def test_of_damaged_files_every_message_is_read_or_rejected_and_every_record_accounted_for(tmp_path: Path) -> None:
    dice = random.Random(7)
    samples = practice_messages(build_practice(clinicians=1, weeks=2))
    samples += [merge("a", "b"), dft({}, {6: "PY"}), mdm("T02", {}), oru({"44261-6": "4"})] * 5
    desk = Desk(tmp_path)
    expected = 0
    for number in range(150):
        content = damaged("".join(dice.sample(samples, 3)).encode(), dice)
        (tmp_path / f"MSG-{number:04d}.hl7").write_bytes(content)
        expected += len(list(messages_of(content)))
    counts = desk.bench.read()
    assert counts["message"].read == expected
    for found in counts.values():
        assert found.read == found.kept + found.duplicate + found.rejected_rows + sum(found.out_of_scope.values())
    reasons = Counter(reason for reason, _ in desk.rejected())
    assert set(reasons) <= set(FAULTY) | {"naive_time"}
    assert len(reasons) >= 6
    for mapping in desk.bench.connector.entity_mappings():
        desk.bench.mapped(mapping.entity)
