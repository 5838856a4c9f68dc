"""Export manifests, NDJSON blocks and outcomes, malformed ones too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pacekeeper.errors import DataError
from pacekeeper.fhir.capability import Capability
from pacekeeper.fhir.lines import documents_of
from pacekeeper.fhir.manifest import Manifest, transaction_time
from pacekeeper.fhir.outcome import is_error, outcome_text
from pacekeeper.fhir.stamps import without_stamp

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01T12:00:00.000Z", NOON),
        ("2026-03-01T07:00:00-05:00", NOON),
        ({"date": "2026-03-01 12:00:00.000000", "timezone_type": 3, "timezone": "UTC"}, NOON),
        ({"date": "2026-03-01 07:00:00.000000", "timezone_type": 3, "timezone": "America/New_York"}, NOON),
        ({"date": "2026-03-01 13:00:00.000000", "timezone_type": 1, "timezone": "+01:00"}, NOON),
        ({"date": "2026-03-01 12:00:00.000000", "timezone_type": 2, "timezone": "Z"}, NOON),
        ({"date": "2026-03-01 12:00:00.000000", "timezone_type": 2, "timezone": "Nowhere"}, None),
        ({"date": "2026-03-01 12:00:00.000000"}, None),
        ({"date": None, "timezone": "UTC"}, None),
        ({"date": "2026-03-01 12:00:00", "timezone": "../../etc/passwd"}, None),
        ("2026-03-01T12:00:00", None),
        ("yesterday", None),
        (None, None),
        (7, None),
    ],
    ids=str,
)
def test_the_time_of_an_export_is_read_in_every_form_or_not_at_all(stated: object, expected: datetime | None) -> None:
    assert transaction_time(stated) == expected


def test_a_manifest_without_lists_of_deleted_and_failed_files_has_none() -> None:
    manifest = Manifest.of({"output": [{"type": "Patient", "url": "u"}]}, source="ehr")
    assert (manifest.deleted, manifest.error, manifest.next_link) == ((), (), None)
    assert manifest.needs_token, "who does not say gets the token on its own host only"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        {},
        {"resourceType": "OperationOutcome"},
        {"output": {}},
        {"output": [{"type": "Patient"}]},
        {"output": [], "deleted": [{"url": 7}]},
        {"output": [], "error": [{}]},
    ],
    ids=str,
)
def test_what_is_no_manifest_is_no_empty_export(answer: object) -> None:
    with pytest.raises(DataError, match="manifest"):
        Manifest.of(answer, source="ehr")


def lines(block: bytes, first: int = 1) -> list[tuple[str, int]]:
    return [
        (str(text), start + n)
        for documents, start in documents_of(block, first)
        for n, text in enumerate(documents.to_pylist())
    ]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b'{"a":1}\n{"a":2}\n', [('{"a":1}', 1), ('{"a":2}', 2)]),
        (b'{"a":1}\n\n  \n{"a":2}', [('{"a":1}', 1), ('{"a":2}', 4)]),
        (b'\xef\xbb\xbf{"a":1}\n', [('{"a":1}', 1)]),
        (b'\n\n{"a":1}\n', [('{"a":1}', 3)]),
        (b"", []),
        (b"\n", []),
    ],
    ids=["lines", "blank lines", "byte order mark", "blank at first", "nothing", "one line end"],
)
def test_lines_keep_their_numbers(block: bytes, expected: list[tuple[str, int]]) -> None:
    assert lines(block) == expected


def test_a_line_that_is_no_utf8_is_marked_and_the_others_are_kept() -> None:
    (good, _), (bad, number) = lines(b'{"a":1}\n{"a":"\xe9"}\n', 10)
    assert good == '{"a":1}'
    assert (bad[0], number) == ("\ufffd", 11)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"issue": [{"severity": "error", "code": "exception"}]}, True),
        ({"issue": [{"severity": "warning"}, {"severity": "fatal"}]}, True),
        ({"issue": [{"severity": "information"}]}, False),
        ({"issue": []}, True),
        ({}, True),
        ([], True),
    ],
    ids=str,
)
def test_an_outcome_without_a_readable_issue_is_an_error(outcome: object, expected: bool) -> None:  # noqa: FBT001
    assert is_error(outcome) is expected


def test_an_outcomes_words_are_shown_only_where_they_can_be_codes() -> None:
    text = outcome_text({"issue": [{"severity": "error", "code": "Canary Person 7"}, "x"]})
    assert text == "an OperationOutcome: error (unreadable)"


@pytest.mark.parametrize("document", ["no json", "[]", '{"meta":null}', '{"id":"1"}', '{"meta":{"versionId":"1"}}'])
def test_a_document_without_a_stamp_stays_as_it_is(document: str) -> None:
    assert without_stamp(document) == document


@pytest.mark.parametrize(
    "statement", [{}, {"rest": None}, {"rest": [None, {"resource": "x"}]}, {"rest": [{"resource": [{}, 7]}]}], ids=str
)
def test_a_statement_that_says_nothing_forbids_nothing(statement: dict[str, Any]) -> None:
    capability = Capability.of(statement)
    assert capability.can_search("Patient", "_lastUpdated")
    assert not capability.has_history("Patient", "type")
