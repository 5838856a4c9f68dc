"""The x12 connector's pass over a folder: order, copies, test files, and what it hands over as rejected."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.x12.x12_bytes import REMITTANCE, remit_file

from pacekeeper.connector import SourceContext
from pacekeeper.errors import ConfigError
from pacekeeper.landing.boundary import Boundary, Part
from pacekeeper.privacy import HashKey
from pacekeeper.stream import JsonLines, Page, Rejected, Window
from pacekeeper_connectors.x12 import X12
from pacekeeper_connectors.x12.connector import X12Settings


def connector(folder: Path, *, default_tz: str | None = "America/New_York", **settings: Any) -> X12:
    context = SourceContext(source="billing", default_tz=default_tz, clock=lambda: datetime(2026, 4, 6, tzinfo=UTC))
    return X12(X12Settings(folder=folder, **settings), context)


def pages(found: X12) -> Iterator[Page]:
    return found.read(found.streams, Window())


def rows(found: X12, stream: str) -> list[dict[str, Any]]:
    """Rows of one stream, in the order in which they come."""
    rows: list[dict[str, Any]] = []
    for page in pages(found):
        if page.stream == stream:
            texts = page.rows.documents.to_pylist() if isinstance(page.rows, JsonLines) else []
            rows += [json.loads(str(text)) for text in texts]
            rows += [] if isinstance(page.rows, JsonLines | pa.Table) else [dict(row) for row in page.rows]
    return rows


def rejected(found: X12) -> list[Rejected]:
    return list(itertools.chain.from_iterable(page.rejected for page in pages(found)))


def test_a_broken_set_is_rejected_with_file_and_control_number_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.835").write_bytes(remit_file().replace(b"SE*14*", b"SE*15*"))
    (tmp_path / "b.835").write_bytes(remit_file(control=2))
    found = connector(tmp_path)
    assert rejected(found) == [Rejected("segment_count", "a.835 control number 0001 byte 164")]
    assert [row["claim"] for row in rows(found, "claim_payment")] == ["A1", "A2"]


def test_a_fault_inside_a_set_rejects_the_set_and_hands_none_of_it_over(tmp_path: Path) -> None:
    broken = [*REMITTANCE, ("CLP", "A3", "1", "1O0", "0")]
    (tmp_path / "a.835").write_bytes(remit_file(broken))
    assert [unit.reason for unit in rejected(connector(tmp_path))] == ["bad_amount"]
    assert rows(connector(tmp_path), "claim_payment") == rows(connector(tmp_path), "transaction") == []


def test_what_is_rejected_is_counted_and_quarantined_by_the_boundary(tmp_path: Path) -> None:
    (tmp_path / "a.835").write_bytes(remit_file().replace(b"SE*14*", b"SE*15*") + remit_file(control=2))
    (tmp_path / "note.txt").write_text("Dear colleague")
    found = connector(tmp_path)
    parts: list[tuple[str, str, str]] = []

    def sink(kind: str, stream: str, part: Part) -> None:
        if kind == "rejected":
            parts.extend((stream, row["reason"], row["locator"]) for row in part.to_pylist())

    boundary = Boundary(found.streams, source="billing", key=HashKey.of(b"0" * 32), default_tz=None, sink=sink)
    for page in pages(connector(tmp_path, default_tz=None)):
        boundary.add(page)
    boundary.close()
    counts = boundary.counts["transaction"]
    assert (counts.read, counts.kept, counts.rejected_rows) == (3, 1, 2)
    assert parts == [
        ("transaction", "no_interchange_header", "note.txt byte 0"),
        ("transaction", "segment_count", "a.835 control number 0001 byte 164"),
    ]


@pytest.mark.parametrize(
    ("control", "place"),
    [("0001", " control number 0001"), ("A B", ""), ("DOE^JOHN MAIN ST", "")],
    ids=["usual", "blank", "a_name"],
)
def test_a_control_number_that_is_none_stays_out_of_the_locator(control: str, place: str, tmp_path: Path) -> None:
    data = remit_file().replace(b"ST*835*0001", b"ST*835*" + control.encode()).replace(b"SE*14*", b"SE*15*")
    (tmp_path / "a.835").write_bytes(data)
    assert [unit.locator for unit in rejected(connector(tmp_path))] == [f"a.835{place} byte 164"]


def test_the_same_set_in_two_files_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.835").write_bytes(remit_file())
    (tmp_path / "copy of a.835").write_bytes(remit_file().replace(b"\n", b"\r\n"))
    found = connector(tmp_path)
    assert rejected(found) == []
    assert len(rows(found, "claim_payment")) == 2
    assert len(rows(found, "transaction")) == 2, "the boundary counts the second one as a duplicate"


def test_another_content_under_the_same_control_numbers_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.835").write_bytes(remit_file())
    (tmp_path / "b.835").write_bytes(remit_file(REMITTANCE[:-1]))
    found = connector(tmp_path)
    assert [(unit.reason, unit.locator[:5]) for unit in rejected(found)] == [("control_number_reused", "b.835")]
    assert len(rows(found, "remit")) == 1


def test_a_corrected_set_may_have_the_numbers_of_the_one_that_was_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.835").write_bytes(remit_file([*REMITTANCE, ("ZZZ", "1")]))
    (tmp_path / "b.835").write_bytes(remit_file())
    found = connector(tmp_path)
    assert [unit.reason for unit in rejected(found)] == ["unknown_segment"]
    assert len(rows(found, "remit")) == 1


def test_files_are_read_in_the_order_in_which_they_were_sent(tmp_path: Path) -> None:
    later = remit_file(control=2).replace(b"*260302*0630*", b"*260401*0630*", 1)
    (tmp_path / "a.835").write_bytes(later)
    (tmp_path / "b.835").write_bytes(remit_file())
    found = connector(tmp_path)
    assert [row["id"].split("|")[1] for row in rows(found, "remit")] == ["000000001", "000000002"]


def test_test_interchanges_are_out_of_scope_unless_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.835").write_bytes(remit_file().replace(b"*0*P*:~", b"*0*T*:~"))
    assert [row["kind"] for row in rows(connector(tmp_path), "transaction")] == ["not_read"]
    assert rows(connector(tmp_path), "remit") == []
    assert len(rows(connector(tmp_path, include_test=True), "remit")) == 1


def test_other_transactions_are_out_of_scope(tmp_path: Path) -> None:
    data = remit_file().replace(b"ST*835*", b"ST*999*")
    (tmp_path / "a.999").write_bytes(data)
    assert [row["kind"] for row in rows(connector(tmp_path), "transaction")] == ["not_read"]


def test_only_the_files_that_are_named_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.835").write_bytes(remit_file())
    (tmp_path / "readme.txt").write_text("none of ours")
    (tmp_path / ".partial.835").write_bytes(b"ISA")
    assert rejected(connector(tmp_path, files="*.835")) == []


def test_check_says_what_is_there(tmp_path: Path) -> None:
    missing = connector(tmp_path / "nowhere").check()
    assert not missing.ok
    assert "correct `folder`" in missing.message
    with pytest.raises(ConfigError):
        list(pages(connector(tmp_path / "nowhere")))
    assert not connector(tmp_path).check().ok
    (tmp_path / "a.835").write_bytes(remit_file())
    assert connector(tmp_path).check().message.startswith("1 files, ")
