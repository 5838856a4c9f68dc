"""Whatever a FHIR server or a folder answers is read, rejected with a reason, or an error that names the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.raw_bench import context

from pacekeeper.errors import PacekeeperError
from pacekeeper.fhir import FhirSettings, FolderReader
from pacekeeper.fhir.history import HistoryReader
from pacekeeper.http import SourceClient
from pacekeeper.landing.boundary import Boundary
from pacekeeper.privacy import HashKey
from pacekeeper.stream import JsonLines, Page, Window
from pacekeeper_connectors.fhir import Fhir
from pacekeeper_connectors.fhir.streams import FOLDER_STREAMS

FEW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_NAMES = (
    "entry resource resourceType link relation url meta lastUpdated versionId search mode request response method id",
    "fullUrl status issue severity code type rest searchParam name interaction output deleted error transactionTime",
    "participant actor reference start extension valueCode",
)
NAMES = st.sampled_from(" ".join(_NAMES).split())
WORDS = st.sampled_from(
    ["Bundle", "Patient", "Appointment", "OperationOutcome", "next", "DELETE", "Patient/p1", "2026-01-05", "", "p1"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**53) | st.floats(allow_nan=False) | WORDS | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
OBJECT = st.dictionaries(NAMES, JSON, max_size=5)
PATIENT = OBJECT.map(lambda found: {**found, "resourceType": "Patient"})
ENTRY = JSON | st.fixed_dictionaries({"resource": PATIENT}) | st.fixed_dictionaries({"resource": JSON, "request": JSON})
BUNDLE = st.builds(
    lambda more, entries: {**more, "resourceType": "Bundle", "entry": entries},
    OBJECT,
    st.lists(ENTRY, max_size=4) | JSON,
)


def rows_in(pages: list[Page], stream: str) -> int:
    """Records and rejected units of a stream's pages."""
    of_stream = [page for page in pages if page.stream == stream]
    assert all(isinstance(page.rows, JsonLines) or not page.rows for page in of_stream)
    documents = sum(len(page.rows.documents) for page in of_stream if isinstance(page.rows, JsonLines))
    return documents + sum(len(page.rejected) for page in of_stream)


def read_folder(name: str, content: bytes) -> tuple[list[Page], FolderReader]:
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        reader = FolderReader(Path(folder), FOLDER_STREAMS)
        return list(reader.pages()), reader


@FEW
@given(st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")) | JSON.map(orjson.dumps), max_size=8))
def test_every_line_of_a_file_is_handed_over(lines: list[bytes]) -> None:
    pages, _ = read_folder("Patient.ndjson", b"\n".join(lines))
    start = 3 if lines and lines[0].startswith(b"\xef\xbb\xbf") else 0
    kept = [line[start if n == 0 else 0 :] for n, line in enumerate(lines)]
    assert rows_in(pages, "patient") == sum(bool(line.decode(errors="replace").strip()) for line in kept)


@FEW
@given(BUNDLE)
@example({"resourceType": "Bundle", "entry": ["p1", 5, {"resource": "p1"}, {"resource": {"id": "p1"}}]})
@example({"resourceType": "Bundle", "entry": {"resource": {"resourceType": "Patient"}}})
def test_every_entry_of_a_bundle_is_handed_over_skipped_or_rejected(bundle: dict[str, Any]) -> None:
    pages, reader = read_folder("x.json", orjson.dumps(bundle))
    found = sum(rows_in(pages, name) for name in {page.stream for page in pages})
    deleted = sum(len(page.deleted) for page in pages)
    entries = bundle["entry"] if isinstance(bundle["entry"], list) else [bundle["entry"]]
    with_content = [e for e in entries if e is not None and (not isinstance(e, dict) or e.get("resource") is not None)]
    assert found + deleted + sum(reader.skipped.values()) >= len(with_content) - _nested(with_content)


def _nested(entries: list[Any]) -> int:
    """Entries that are Bundles themselves, or outcomes: they count as what is in them, and as nothing."""
    resources = [e["resource"] for e in entries if isinstance(e, dict) and isinstance(e.get("resource"), dict)]
    modes = [e.get("search") for e in entries if isinstance(e, dict)]
    outcomes = [m for m in modes if isinstance(m, dict) and m.get("mode") == "outcome"]
    return len([r for r in resources if r.get("resourceType") == "Bundle"]) + len(outcomes)


@contextmanager
def answering(answer: Any, **more: Any) -> Iterator[Fhir]:
    """A source whose server gives one answer to every question."""
    chosen = FhirSettings.model_validate({"base_url": "http://127.0.0.1:1", **more})
    config = Fhir.http_config(chosen)
    assert config is not None
    content = orjson.dumps(answer)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=content))
    with SourceClient(config, source="ehr", sleep=lambda _: None, clock=lambda: 0.0, transport=transport) as client:
        yield Fhir(chosen, context(), client)


def refusal(read: Callable[[], object]) -> str | None:
    """What a read ends in; null where it ends well."""
    try:
        read()
    except PacekeeperError as error:
        return str(error)
    return None


@FEW
@given(BUNDLE | JSON, st.sampled_from([None, datetime(2026, 1, 1, tzinfo=UTC)]), st.sampled_from(["search", "export"]))
@example({"resourceType": "Bundle", "link": ["p1"], "meta": []}, None, "search")
@example(
    {"resourceType": "Bundle", "entry": [{"search": "p1", "resource": {"resourceType": "Patient"}}]}, None, "search"
)
def test_any_answer_is_read_or_an_error_that_names_the_source(
    answer: Any, since: datetime | None, read_by: str
) -> None:
    with answering(answer, read_by=read_by) as source:
        streams = [s for s in source.streams if s.name in {"patient", "appointment"}]
        window = Window(since=since, until=datetime(2026, 2, 1, tzinfo=UTC))
        text = refusal(lambda: list(source.read(streams, window)))
    assert text is None or "ehr" in text


@FEW
@given(BUNDLE | JSON)
@example({"resourceType": "Bundle", "entry": [{"request": "p1", "resource": {"id": "p1", "meta": "p1"}}]})
def test_any_history_is_read_or_an_error_that_names_the_source(answer: Any) -> None:
    with answering(answer) as source:
        reader = HistoryReader(source.http, "ehr")
        text = refusal(lambda: list(reader.versions("Appointment")))
    assert text is None or "ehr" in text


@FEW
@given(st.lists(PATIENT | JSON, max_size=6))
def test_any_documents_cross_the_boundary_with_a_balanced_count(documents: list[Any]) -> None:
    streams = [s for s in FOLDER_STREAMS if s.name == "patient" or s.child_of == "patient"]
    content = b"\n".join(orjson.dumps(document) for document in documents)
    pages, _ = read_folder("Patient.ndjson", content)
    key = HashKey.of(bytes(32))
    boundary = Boundary(streams, source="ehr", key=key, default_tz=None, sink=lambda *_: None)
    for page in pages:
        boundary.add(page)
    boundary.close()
    counts = boundary.counts["patient"]
    assert counts.read == len(documents)
    assert counts.read == counts.kept + counts.duplicate + counts.rejected_rows + sum(counts.out_of_scope.values())
