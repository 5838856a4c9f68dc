"""Gaps of streams become gaps of the entities that are made from them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.mapping.gaps import keep_gaps_of, list_gaps
from pacekeeper.ops import StreamGap

STREAMS_OF = {"session": {"visit"}, "appointment": {"visit", "booking"}, "client": {"person"}}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with Warehouse(tmp_path / "warehouse.duckdb").connect() as opened:
        opened.create_schemas()
        keep_gaps_of(opened, configured=["ehr", "hr"])
        yield opened


def gap(stream: str, day: int, *, source: str = "ehr") -> StreamGap:
    first = date(2026, 2, day)
    return StreamGap(source=source, stream=stream, number=day, reason="cut", advice="a", first_day=first)


def listed(connection: Connection) -> list[tuple[str, str, str, date]]:
    return connection.raw.execute(
        "SELECT source, entity, stream, first_day FROM quarantine.source_gap ORDER BY ALL"
    ).fetchall()


def test_every_entity_made_from_the_stream_lacks_what_it_lacks_and_twice_is_once(connection: Connection) -> None:
    for _ in range(2):
        list_gaps(connection, "ehr", [gap("visit", 1)], streams_of=STREAMS_OF, swapped=set(STREAMS_OF))
        assert listed(connection) == [
            ("ehr", "appointment", "visit", date(2026, 2, 1)),
            ("ehr", "session", "visit", date(2026, 2, 1)),
        ]
    list_gaps(connection, "ehr", [], streams_of=STREAMS_OF, swapped=set(STREAMS_OF))
    assert listed(connection) == []


def test_a_slice_that_was_not_swapped_keeps_the_gaps_it_was_made_with(connection: Connection) -> None:
    list_gaps(connection, "ehr", [gap("visit", 1)], streams_of=STREAMS_OF, swapped=set(STREAMS_OF))
    list_gaps(connection, "ehr", [gap("booking", 2)], streams_of=STREAMS_OF, swapped={"appointment", "client"})
    assert listed(connection) == [
        ("ehr", "appointment", "booking", date(2026, 2, 2)),
        ("ehr", "session", "visit", date(2026, 2, 1)),
    ]


def test_what_is_mapped_no_more_and_who_is_configured_no_more_lacks_nothing(connection: Connection) -> None:
    everything = {"session", "appointment", "client"}
    for source in ("ehr", "hr"):
        list_gaps(connection, source, [gap("visit", 1, source=source)], streams_of=STREAMS_OF, swapped=everything)
    list_gaps(connection, "ehr", [gap("visit", 1)], streams_of={"session": {"visit"}}, swapped={"session"})
    assert [row[:2] for row in listed(connection) if row[0] == "ehr"] == [("ehr", "session")]
    keep_gaps_of(connection, configured=["ehr"])
    assert [row[:2] for row in listed(connection)] == [("ehr", "session")]
