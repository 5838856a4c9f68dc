"""What crosses the boundary: keyed hashes, typed values, reasons and counts; nothing else."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal as Exact
from typing import Any

import pyarrow as pa
import pytest

from pacekeeper.columns import Boolean, Code, Column, Date, Decimal, Instant, Integer, Key, MatchKey, Ref, RefSet
from pacekeeper.errors import PluginError
from pacekeeper.landing.boundary import Boundary, Part, StreamCounts
from pacekeeper.privacy import HashKey, keyed_hash
from pacekeeper.stream import JsonLines, Keep, Page, Stream

KEY = HashKey.of(bytes(range(32)))
NPI = "http://hl7.org/fhir/sid/us-npi"
CANARY = "CANARY wept, and would not say why"
Row = dict[str, Any]


class Crossing:
    """Pages of streams of source `ehr` through a boundary; what came out, by kind and stream."""

    def __init__(self, streams: Sequence[Stream], *pages: Page, flush_rows: int = 1000) -> None:
        self.parts: dict[tuple[str, str], list[Row]] = defaultdict(list)
        boundary = Boundary(streams, source="ehr", key=KEY, default_tz=None, sink=self._take, flush_rows=flush_rows)
        for page in pages:
            boundary.add(page)
        boundary.close()
        self.counts: dict[str, StreamCounts] = boundary.counts

    def _take(self, kind: str, stream: str, part: Part) -> None:
        self.parts[kind, stream] += part.to_pylist()

    def rows(self, stream: str = "thing") -> list[Row]:
        """Rows that landed, by key."""
        return sorted(self.parts["rows", stream], key=lambda row: str(row["row_key"]))

    def of(self, *identities: str) -> list[Row]:
        """Rows of records by their source ids; there are no others."""
        found = {row["row_key"]: row for row in self.rows()}
        assert len(found) == len(self.rows()) == len(identities)
        return [found[hashed("ehr", "thing", identity)] for identity in identities]

    def rejected(self, stream: str = "thing") -> list[tuple[str | None, str, str, str | None]]:
        found = self.parts["rejected", stream]
        return [(row["row_key"], row["column_name"], row["reason"], row["locator"]) for row in found]


def stream(columns: dict[str, Column], **more: Any) -> Stream:
    return Stream("thing", {"id": Key("thing"), **columns}, **more)


def lines(*texts: str, origin: str = "thing.ndjson", first_line: int = 1) -> Page:
    return Page("thing", JsonLines(pa.array(texts, pa.string()), origin, first_line))


def hashed(*parts: str) -> str:
    return keyed_hash(KEY, *parts)


@pytest.mark.parametrize(
    ("reference", "who", "who_match"),
    [
        ("Practitioner/1", hashed("ehr", "clinician", "1"), None),
        ("https://ehr.example.org/fhir/Practitioner/1", hashed("ehr", "clinician", "1"), None),
        ("Practitioner/1/_history/7", hashed("ehr", "clinician", "1"), None),
        ("http://x/fhir/Practitioner/1/_history/7", hashed("ehr", "clinician", "1"), None),
        ("Practitioner/with_underscore", hashed("ehr", "clinician", "with_underscore"), None),
        ("urn:uuid:0c9a", hashed("ehr", "clinician", "0c9a"), None),
        ("1", hashed("ehr", "clinician", "1"), None),
        (" Practitioner/1 ", hashed("ehr", "clinician", "1"), None),
        ("Patient/1", None, None),
        ("#contained", None, None),
        (f"Practitioner?identifier={NPI}|1234567893", None, hashed("match", "npi", "1234567893")),
        (f"Practitioner?identifier={NPI}%7C1234567893", None, hashed("match", "npi", "1234567893")),
        (
            "Practitioner?identifier=http%3A%2F%2Fhl7.org%2Ffhir%2Fsid%2Fus-npi%7C 12 34567893",
            None,
            hashed("match", "npi", "1234567893"),
        ),
        ("Practitioner?identifier=urn:other|1234567893", None, None),
        (None, None, None),
    ],
)
def test_every_kind_of_reference_lands_as_its_keyed_hash(
    reference: str | None, who: str | None, who_match: str | None
) -> None:
    column = Ref("clinician", path="who.reference", by_type={"Practitioner": "clinician"}, match={NPI: "npi"})
    row = Crossing([stream({"who": column})], Page("thing", [{"id": "x", "who": {"reference": reference}}])).rows()[0]
    assert (row["who"], row["who_match"]) == (who, who_match)


def test_columns_that_share_a_path_take_each_their_own_type() -> None:
    columns: dict[str, Column] = {
        "client": Ref("client", path="actor", by_type={"Patient": "client"}),
        "clinician": Ref("clinician", path="actor", by_type={"Practitioner": "clinician", "Person": "person"}),
        "any": Ref("anybody", path="actor"),
    }
    actors = ("Patient/7", "Person/7", "Device/7")
    rows: list[Row] = [{"id": str(n), "actor": actor} for n, actor in enumerate(actors)]
    found = [
        (r["client"], r["clinician"], r["any"])
        for r in Crossing([stream(columns)], Page("thing", rows)).of("0", "1", "2")
    ]
    anybody = [hashed("ehr", "anybody", actor) for actor in actors]
    assert found == [
        (hashed("ehr", "client", "7"), None, anybody[0]),
        (None, hashed("ehr", "person", "7"), anybody[1]),
        (None, None, anybody[2]),
    ]


def test_keys_and_match_keys_are_the_hashes_privacy_defines() -> None:
    columns: dict[str, Column] = {
        "email": MatchKey("email"),
        "npi": MatchKey("npi", path=f"identifier[system={NPI}].value"),
    }
    records: list[Row] = [
        {"id": "a-1", "email": " Ann.Lee@Example.org ", "identifier": [{"system": NPI, "value": "12 345"}]},
        {"id": 17, "email": None},
        {"id": "urn:uuid:0c9a", "email": ""},
    ]
    rows = Crossing([stream(columns)], Page("thing", records)).of("a-1", "17", "0c9a")
    assert [row["id"] for row in rows] == [row["row_key"] for row in rows]
    assert [row["email"] for row in rows] == [hashed("match", "email", "ann.lee@example.org"), None, None]
    assert rows[0]["npi"] == hashed("match", "npi", "12345")


def test_deleted_ids_are_hashed_like_keys() -> None:
    crossing = Crossing([stream({})], Page("thing", deleted=["a", "b", "a"]))
    assert {row["row_key"] for row in crossing.parts["deleted", "thing"]} == {
        hashed("ehr", "thing", "a"),
        hashed("ehr", "thing", "b"),
    }
    assert crossing.counts["thing"].deleted == 2


def test_a_total_of_18_4233_stays_what_it_is_and_is_no_integer() -> None:
    columns: dict[str, Column] = {"exact": Decimal(path="value"), "whole": Integer(path="value")}
    crossing = Crossing([stream(columns)], Page("thing", [{"id": "x", "value": 18.4233}]))
    assert crossing.rejected() == [(hashed("ehr", "thing", "x"), "whole", "not_an_integer", "page line 1")]
    only_exact = Crossing([stream({"exact": Decimal(path="value")})], lines('{"id":"x","value":18.4233}'))
    assert only_exact.rows()[0]["exact"] == Exact("18.4233")


def test_a_truncated_line_is_rejected_with_its_place_and_the_rest_of_the_file_lands() -> None:
    crossing = Crossing(
        [stream({"state": Code()})],
        lines('{"id":"1","state":"ok"}', f'{{"id":"2","state":"{CANARY}', "", '{"id":"4","state":"ok"}', first_line=11),
    )
    assert [row["state"] for row in crossing.of("1", "4")] == ["ok", "ok"]
    assert crossing.rejected() == [
        (None, "", "malformed_json", "thing.ndjson line 12"),
        (None, "", "malformed_json", "thing.ndjson line 13"),
    ]
    assert "CANARY" not in str(crossing.parts)


@pytest.mark.parametrize("document", ["[1]", '"text"', "17", "null", "true"])
def test_valid_json_that_is_no_object_is_rejected(document: str) -> None:
    crossing = Crossing([stream({})], lines(document, "{}"))
    assert [reason for _, _, reason, _ in crossing.rejected()] == ["not_an_object", "missing"]


def test_a_file_name_that_may_hold_data_is_not_kept() -> None:
    crossing = Crossing(
        [stream({}, resource_type="Thing")],
        lines("{", origin="Thing.000.ndjson"),
        lines("{", origin="Ann Lee.ndjson"),
        lines("{", origin="thing.Ann-Lee.ndjson"),
    )
    assert [locator for *_, locator in crossing.rejected()] == ["Thing.000.ndjson line 1", "file line 1", "file line 1"]


def test_a_record_without_key_or_required_value_is_rejected_by_column() -> None:
    columns: dict[str, Column] = {
        "start": Instant(required=True),
        "who": Ref("client", required=True),
        "end": Instant(),
    }
    records = [{"start": "2026-03-01T10:00:00Z", "who": "1"}, {"id": "x"}, {"id": "y", "start": "soon", "who": "2"}]
    crossing = Crossing([stream(columns)], Page("thing", records))
    found = [(key, column, reason) for key, column, reason, _ in crossing.rejected()]
    assert found == [
        (None, "id", "missing"),
        (hashed("ehr", "thing", "x"), "start", "missing"),
        (hashed("ehr", "thing", "x"), "who", "missing"),
        (hashed("ehr", "thing", "y"), "start", "not_an_instant"),
    ]
    assert crossing.counts["thing"].rejected_rows == 3
    assert not crossing.rows()


def test_free_text_in_a_code_column_rejects_the_record_and_goes_nowhere() -> None:
    crossing = Crossing([stream({"state": Code()})], Page("thing", [{"id": "x", "state": CANARY, "note": CANARY}]))
    assert [reason for _, _, reason, _ in crossing.rejected()] == ["bad_code"]
    assert "CANARY" not in str(crossing.parts) + str(crossing.counts)


def test_undeclared_fields_are_counted_by_name_alone() -> None:
    records: list[Row] = [{"id": "1", "name": CANARY, "birth": {"place": CANARY}}, {"id": "2", "name": None, CANARY: 1}]
    crossing = Crossing([stream({})], Page("thing", records))
    assert crossing.counts["thing"].undeclared == {"name": 2, "birth": 1, "(other names)": 1}


def test_a_source_that_uses_data_as_names_has_its_names_withheld() -> None:
    crossing = Crossing([stream({})], Page("thing", [{"id": str(n), f"chart{n}": 1} for n in range(500)]))
    undeclared = crossing.counts["thing"].undeclared
    assert sum(undeclared.values()) == 500
    assert undeclared["(other names)"] == 300


def test_what_a_stream_does_not_keep_is_out_of_scope_by_reason() -> None:
    keep = Keep(path="code.coding[system=loinc].code", values=frozenset({"44261-6"}), reason="not_phq9")
    scoped = stream({"value": Decimal()}, keep=keep, resource_type="Observation")

    def record(number: int, code: str, kind: str = "Observation") -> Row:
        coding = [{"system": "loinc", "code": "other"}, {"system": "loinc", "code": code}]
        return {"id": str(number), "resourceType": kind, "code": {"coding": coding}, "value": "not a number"}

    records = [record(1, "44261-6"), record(2, "8867-4"), record(3, "44261-6", "Patient"), {"id": "4"}]
    counts = Crossing([scoped], Page("thing", records)).counts["thing"]
    assert counts.out_of_scope == {"not_phq9": 1, "other_resource_type": 2}
    assert counts.rejected == {("value", "not_a_number"): 1}
    assert (counts.read, counts.kept, counts.rejected_rows) == (4, 0, 1)


def test_what_a_stream_drops_never_lands_and_is_counted_by_reason() -> None:
    drop = Keep(path="labels[system=act].code", values=frozenset({"PSYTHPN"}), reason="process_note")
    scoped = stream({"value": Code()}, drop=(drop,))
    labels = [{"system": "act", "code": "R"}, {"system": "act", "code": "PSYTHPN"}]
    records: list[Row] = [
        {"id": "1", "value": "a", "labels": labels},
        {"id": "2", "value": "b"},
        {"id": "3", "labels": []},
    ]
    crossing = Crossing([scoped], Page("thing", records))
    assert crossing.counts["thing"].out_of_scope == {"process_note": 1}
    assert sorted(row["row_key"] for row in crossing.rows("thing")) == sorted(
        hashed("ehr", "thing", number) for number in ("2", "3")
    )


def test_a_set_of_references_changes_with_those_of_its_types_only() -> None:
    watched: dict[str, Column] = {
        "who": RefSet("clinician", path="actors[*].ref", by_type={"Practitioner": "c", "PractitionerRole": "r"})
    }

    def record(number: int, *references: str) -> Row:
        return {"id": str(number), "actors": [{"ref": reference} for reference in references]}

    records = [
        record(1, "Patient/p", "Practitioner/a", "https://x.example/PractitionerRole/b"),
        record(2, "Practitioner/a", "Location/l", "https://x.example/PractitionerRole/b"),
        record(3, "Practitioner/b", "https://x.example/PractitionerRole/b"),
        record(4, "Patient/p"),
        {"id": "5"},
    ]
    rows = Crossing([stream(watched)], Page("thing", records)).rows("thing")
    found = {row["row_key"]: row["who"] for row in rows}
    one, two, three, four, five = (found[hashed("ehr", "thing", str(number))] for number in range(1, 6))
    assert one == two
    assert one != three
    assert re.fullmatch("[0-9a-f]{32}", one)
    assert (four, five) == (None, None)


def family() -> list[Stream]:
    return [
        stream({}),
        Stream("part", {"kind": Code(required=True)}, child_of="thing", explode="parts"),
        Stream("day", {"day": Code(path="$", pattern="[a-z]{3}")}, child_of="part", explode="days"),
    ]


def test_children_and_grandchildren_follow_their_record() -> None:
    record = {
        "id": "1",
        "parts": [{"kind": "a", "days": ["mon", "tue"]}, {"days": ["wed"]}, {"kind": "c", "days": ["Thursday", "fri"]}],
    }
    crossing = Crossing(family(), Page("thing", [record, {"id": "2"}, {"id": "3", "parts": []}]))
    key = hashed("ehr", "thing", "1")
    assert [(r["row_key"], r["parent_key"], r["kind"]) for r in crossing.rows("part")] == [
        (f"{key}#1", key, "a"),
        (f"{key}#3", key, "c"),
    ]
    assert [(r["row_key"], r["parent_key"], r["day"]) for r in crossing.rows("day")] == [
        (f"{key}#1#1", f"{key}#1", "mon"),
        (f"{key}#1#2", f"{key}#1", "tue"),
        (f"{key}#3#2", f"{key}#3", "fri"),
    ]
    assert [(k, c, r) for k, c, r, _ in crossing.rejected("part")] == [(f"{key}#2", "kind", "missing")]
    assert [(k, c, r) for k, c, r, _ in crossing.rejected("day")] == [(f"{key}#3#1", "day", "bad_code")]
    assert (crossing.counts["part"].read, crossing.counts["day"].read) == (3, 4)


def test_elements_read_with_their_record_are_what_they_are_when_read_alone() -> None:
    kinds = {"kind": Code(), "at": Instant(path="when.at")}
    elements = [{"kind": " a ", "when": {"at": "2026-03-01T15:00Z"}, "note": CANARY}, 5, None, "s", {"kind": ["x"]}]
    pages = [Page("thing", [{"id": "1", "parts": elements}, {"id": "2", "parts": {"kind": "a"}}, {"id": "3"}])]
    together = Stream("part", kinds, child_of="thing", explode="parts")
    # A column that reads the whole element keeps its stream from being read with its record.
    alone = Stream("part", {**kinds, "all": Ref("part", path="$")}, child_of="thing", explode="parts")
    found = []
    for child in (together, alone):
        crossing = Crossing([stream({}), child], *pages)
        rows = [[row["row_key"].split("#")[1], row["kind"], row["at"]] for row in crossing.rows("part")]
        found.append((rows, crossing.rejected("part"), crossing.counts["part"].undeclared))
    assert found[0] == found[1]
    assert found[0][0][0] == ["1", "a", datetime(2026, 3, 1, 15, tzinfo=UTC)]
    assert found[0][2]["note"] == 1


def test_a_rejected_record_has_no_children() -> None:
    crossing = Crossing(family(), Page("thing", [{"parts": [{"kind": "a"}]}]))
    assert crossing.counts["part"].read == 0


def test_dicts_json_lines_and_arrow_give_the_same_rows() -> None:
    columns: dict[str, Column] = {
        "at": Instant(),
        "on": Date(),
        "count": Integer(),
        "amount": Decimal(),
        "done": Boolean(),
        "who": Ref("client", path="who.reference"),
    }
    streams = [stream(columns), Stream("part", {"kind": Code()}, child_of="thing", explode="parts")]
    records: list[Row] = [
        {
            "id": "1",
            "at": datetime(2026, 3, 1, 10, 30, tzinfo=UTC),
            "on": date(2026, 3, 1),
            "count": 3,
            "amount": Exact("18.4233"),
            "done": True,
            "who": {"reference": "Patient/1"},
            "parts": [{"kind": "a"}, {"kind": "b"}],
        },
        {"id": "2", "at": None, "on": None, "count": None, "amount": None, "done": None, "who": None, "parts": None},
    ]
    texts = [
        json.dumps(record, default=lambda v: v.isoformat() if hasattr(v, "isoformat") else float(v))
        for record in records
    ]
    by_dicts = Crossing(streams, Page("thing", records))
    by_lines = Crossing(streams, lines(*texts))
    by_arrow = Crossing(streams, Page("thing", pa.Table.from_pylist(records)))
    assert by_dicts.of("1", "2")[0]["at"] == datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    for other in (by_lines, by_arrow):
        assert other.rows() == by_dicts.rows()
        assert other.rows("part") == by_dicts.rows("part")


def test_of_a_record_that_comes_twice_a_part_holds_the_last_reading_and_its_elements() -> None:
    first, last = {"id": "1", "parts": [{"kind": "a"}, {"kind": "b"}]}, {"id": "1", "parts": [{"kind": "z"}]}
    crossing = Crossing(family(), Page("thing", [first, {"id": "2"}]), Page("thing", [last]))
    assert len(crossing.of("1", "2")) == 2
    assert [row["kind"] for row in crossing.rows("part")] == ["z"]
    counts = crossing.counts["thing"]
    assert (counts.read, counts.kept, counts.duplicate) == (3, 2, 1)


@pytest.mark.parametrize("flush_rows", [1, 7, 1000])
def test_counts_add_up_for_any_mix_however_it_is_cut_into_pages(flush_rows: int) -> None:
    rng = random.Random(5)
    kinds = ["ok", "bad", "out", "broken", "nameless"]
    drawn = [rng.choice(kinds) for _ in range(200)]

    def text(number: int, kind: str) -> str:
        if kind == "broken":
            return '{"id":'
        record = {
            "id": str(number),
            "state": "what?!" if kind == "bad" else "fine",
            "kind": "no" if kind == "out" else "yes",
        }
        if kind == "nameless":
            del record["id"]
        return json.dumps(record)

    scoped = stream({"state": Code()}, keep=Keep(path="kind", values=frozenset({"yes"}), reason="not_yes"))
    texts = [text(number, kind) for number, kind in enumerate(drawn)]
    crossing = Crossing([scoped], *(lines(*texts[n : n + 9]) for n in range(0, 200, 9)), flush_rows=flush_rows)
    counts = crossing.counts["thing"]
    assert counts.read == 200
    assert counts.kept == drawn.count("ok")
    assert counts.out_of_scope == {"not_yes": drawn.count("out")}
    assert counts.rejected_rows == drawn.count("bad") + drawn.count("broken") + drawn.count("nameless")
    expected = [str(number) for number, kind in enumerate(drawn) if kind == "ok"]
    assert len(crossing.of(*expected)) == len(expected)


def test_a_column_may_have_any_name_that_the_engine_reserves() -> None:
    names = ["select", "order", "doc", "v", "t", "p", "seq", "locator", "scope", "fields", "faults", "broken", "line"]
    columns: dict[str, Column] = {name: Code() for name in names}
    row = Crossing([stream(columns)], Page("thing", [{"id": "1", **dict.fromkeys(names, "x")}])).rows()[0]
    assert [row[name] for name in names] == ["x"] * len(names)


@pytest.mark.parametrize(
    "page",
    [Page("unknown", [{"id": "1"}]), Page("part", [{"id": "1"}]), {"rows": []}, Page("thing", [{"id": object()}])],
    ids=["unknown stream", "child stream", "no page", "rows that are no JSON"],
)
def test_what_a_plugin_must_not_yield_is_a_plugin_error(page: Any) -> None:
    with pytest.raises(PluginError, match=re.escape("connector 'ehr'")):
        Crossing(family(), page)


def test_the_content_hash_ignores_the_cursor_the_key_and_columns_that_are_null() -> None:
    def content(columns: dict[str, Column], record: Row) -> object:
        crossing = Crossing([stream({**columns, "changed": Instant()}, cursor="changed")], Page("thing", [record]))
        return crossing.rows()[0]["content_hash"]

    first = {"id": "1", "state": "a", "at": "2026-03-01T10:00:00Z", "changed": "2026-03-01T10:00:00Z"}
    columns: dict[str, Column] = {"state": Code(), "at": Instant()}
    later = {**first, "id": "2", "changed": "2026-03-02T10:00:00Z", "at": "2026-03-01T05:00:00-05:00"}
    assert content(columns, later) == content(columns, first)
    assert content({**columns, "new": Code()}, first) == content(columns, first)
    assert content({**columns, "new": Code()}, {**first, "new": "x"}) != content(columns, first)
    assert content(columns, {**first, "state": "b"}) != content(columns, first)
