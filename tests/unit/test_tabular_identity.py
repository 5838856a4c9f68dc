"""Plain ids of systems that are no FHIR: a reference lands as what its key lands as, whatever the id looks like."""

from __future__ import annotations

from typing import Any

import pytest
from tests.raw_bench import KEY

from pacekeeper.columns import Code, Key, Ref
from pacekeeper.landing.boundary import Boundary, Part
from pacekeeper.privacy import keyed_hash
from pacekeeper.stream import Page, Stream

EMPLOYEE = Stream("employee", {"id": Key("clinician")})
LEAVE = Stream("leave", {"id": Key("leave"), "who": Ref("clinician")})
PART = Stream("part", {"kind": Code(), "who": Ref("clinician")}, child_of="leave", explode="parts")


def landed(streams: list[Stream], *pages: Page) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}

    def take(kind: str, stream: str, table: Part) -> None:
        if kind != "rejected":
            found[f"{kind} {stream}"] = table.to_pylist()

    boundary = Boundary(streams, source="hr", key=KEY, default_tz=None, sink=take)
    for page in pages:
        boundary.add(page)
    boundary.close()
    return found


@pytest.mark.parametrize("identity", ["EMP/123", "#77", "a?x=1", "Staff/9/_history/2", "https://hr.example/E/1", "7"])
def test_a_plain_reference_meets_its_key(identity: str) -> None:
    found = landed(
        [EMPLOYEE, LEAVE, PART],
        Page("employee", [{"id": identity}]),
        Page("leave", [{"id": "1", "who": identity, "parts": [{"kind": "a", "who": identity}]}]),
        Page("employee", deleted=[identity]),
    )
    expected = keyed_hash(KEY, "hr", "clinician", identity)
    assert found["rows employee"][0]["row_key"] == expected
    assert found["rows leave"][0]["who"] == expected
    assert found["rows part"][0]["who"] == expected
    assert found["deleted employee"] == [{"row_key": expected}]


def test_a_reference_to_another_sources_record_meets_that_sources_key() -> None:
    reminder = Stream("reminder", {"id": Key("reminder"), "about": Ref("appointment", source="ehr")})
    found = landed([reminder], Page("reminder", [{"id": "1", "about": "A-7"}]))
    assert found["rows reminder"][0]["about"] == keyed_hash(KEY, "ehr", "appointment", "A-7")


def test_references_of_fhir_records_and_their_elements_are_normalised() -> None:
    leave = Stream("leave", {"id": Key("leave"), "who": Ref("clinician")}, resource_type="Leave")
    row = {"resourceType": "Leave", "id": "1", "who": "Practitioner/7/_history/2", "parts": [{"who": "Practitioner/7"}]}
    found = landed([EMPLOYEE, leave, PART], Page("leave", [row]))
    expected = keyed_hash(KEY, "hr", "clinician", "7")
    assert (found["rows leave"][0]["who"], found["rows part"][0]["who"]) == (expected, expected)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (
            Stream("visit", {"id": Key("v"), "who": Ref("c", match={"u": "npi"}), "who_match": Code()}),
            "column name 'who_match' is taken by the match of 'who'",
        ),
        (Stream("visit__current", {"id": Key("v")}), "'visit__current' is reserved for the view of current rows"),
        (Stream("visit_", {"id": Key("v")}), "stream name 'visit_' is not lower_snake_case, or ends in an underscore"),
        (Stream("visit", {"id_": Key("v")}), "column name 'id_' is not lower_snake_case, or ends in an underscore"),
    ],
)
def test_a_name_that_landing_would_change_or_take_is_refused(stream: Stream, expected: str) -> None:
    (problem,) = stream.problems()
    assert expected in problem


def test_a_match_column_is_free_where_nothing_matches() -> None:
    columns = {"id": Key("v"), "who": Ref("c"), "who_match": Code()}
    assert Stream("visit", columns).problems() == []
