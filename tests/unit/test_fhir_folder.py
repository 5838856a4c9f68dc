"""A folder of FHIR files, as pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.landing_site import LandingSite
from tests.raw_bench import RawBench, context

from pacekeeper.errors import ConfigError
from pacekeeper.fhir import FhirSettings, FolderReader, entries_of
from pacekeeper.fhir import folder as folder_module
from pacekeeper.stream import JsonLines, Page, Stream
from pacekeeper_connectors.fhir import Fhir
from pacekeeper_connectors.fhir.streams import FOLDER_STREAMS, SERVER_STREAMS

_small_blocks = folder_module._blocks  # the reader's own, of which a test makes the blocks small
PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-05-06"}
SLOT = {"resourceType": "Slot", "id": "s1", "status": "free"}
CONDITION = {"resourceType": "Condition", "id": "c1"}


def write(folder: Path, name: str, *documents: Any) -> None:
    lines = [d if isinstance(d, str) else json.dumps(d) for d in documents]
    (folder / name).write_text("\n".join(lines) + ("\n" if name.endswith("ndjson") else ""), encoding="utf-8")


def pages(folder: Path) -> tuple[list[Page], FolderReader]:
    reader = FolderReader(folder, FOLDER_STREAMS)
    return list(reader.pages()), reader


def documents(page: Page) -> list[str]:
    assert isinstance(page.rows, JsonLines)
    return [str(text).removesuffix("\n") for text in page.rows.documents.to_pylist()]


def source(folder: Path) -> RawBench:
    return RawBench(Fhir(FhirSettings(folder=folder), context()))


def test_lines_of_a_file_named_by_type_are_handed_over_as_they_stand(tmp_path: Path) -> None:
    text = '{"resourceType" : "Patient",  "id":"p1"}'
    write(tmp_path, "Patient.000.ndjson", text, PATIENT)
    (page,), _ = pages(tmp_path)
    assert page.stream == "patient"
    assert documents(page) == [text, json.dumps(PATIENT)]


@pytest.mark.parametrize("name", ["Patient.ndjson", "1.Patient.ndjson", "export_Patient.ndjson", "Patient-2026.jsonl"])
def test_a_type_is_found_in_the_file_name(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, PATIENT)
    (page,), _ = pages(tmp_path)
    assert page.stream == "patient"


def test_lines_of_a_mixed_file_go_where_their_type_says(tmp_path: Path) -> None:
    write(tmp_path, "everything.ndjson", PATIENT, CONDITION, SLOT)
    found, reader = pages(tmp_path)
    assert sorted(page.stream for page in found) == ["patient", "slot"]
    assert reader.skipped == {"type Condition": 1}


def test_files_that_are_no_fhir_are_skipped_and_counted(tmp_path: Path) -> None:
    write(tmp_path, "log.ndjson", {"exportId": "1"}, {"exportId": "2"})
    write(tmp_path, "settings.json", {"theme": "dark"})
    write(tmp_path, "list.json", "[1, 2]")
    write(tmp_path, "README.md", "about")
    write(tmp_path, "Condition.ndjson", CONDITION)
    found, reader = pages(tmp_path)
    assert found == []
    assert reader.skipped == {"not_fhir": 3, "type Condition": 1}


def test_blank_lines_byte_order_mark_and_missing_last_line_end_do_no_harm(tmp_path: Path) -> None:
    line = json.dumps(PATIENT).encode()
    (tmp_path / "Patient.ndjson").write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n  \n" + line.replace(b"p1", b"p2"))
    counts = source(tmp_path).read()
    assert (counts["patient"].read, counts["patient"].kept) == (2, 2)


def test_a_truncated_line_is_rejected_and_the_others_are_kept(tmp_path: Path) -> None:
    write(tmp_path, "Patient.ndjson", PATIENT, '{"resourceType":"Patient","id":"p2","bir', {**PATIENT, "id": "p3"})
    counts = source(tmp_path).read()["patient"]
    assert (counts.read, counts.kept, counts.rejected_rows) == (3, 2, 1)
    assert counts.rejected == {("", "malformed_json"): 1}


def test_a_truncated_line_of_a_mixed_file_goes_with_the_line_before_it(tmp_path: Path) -> None:
    write(tmp_path, "everything.ndjson", SLOT, PATIENT, '{"resourceType":"Pati')
    counts = source(tmp_path).read()
    assert counts["patient"].rejected == {("", "malformed_json"): 1}
    assert counts["slot"].rejected_rows == 0


def test_a_line_that_is_no_utf8_is_rejected(tmp_path: Path) -> None:
    line = json.dumps(PATIENT).encode()
    (tmp_path / "Patient.ndjson").write_bytes(line + b"\n" + line.replace(b"p1", b"\xe9\xe8") + b"\n")
    counts = source(tmp_path).read()["patient"]
    assert (counts.kept, dict(counts.rejected)) == (1, {("", "malformed_json"): 1})


def test_a_json_file_that_is_no_json_is_rejected_not_raised(tmp_path: Path) -> None:
    write(tmp_path, "Patient-1.json", '{"resourceType": "Patient", "id": ')
    counts = source(tmp_path).read()["patient"]
    assert (counts.read, dict(counts.rejected)) == (1, {("", "malformed_json"): 1})


def test_a_truncated_bundle_is_rejected_not_lost(tmp_path: Path) -> None:
    write(tmp_path, "bundle.json", '{"resourceType": "Bundle", "entry": [')
    assert sum(counts.rejected_rows for counts in source(tmp_path).read().values()) == 1


def test_a_wrong_column_type_rejects_the_row_with_column_and_reason(tmp_path: Path) -> None:
    write(tmp_path, "Slot.ndjson", {**SLOT, "start": "soon"}, SLOT)
    counts = source(tmp_path).read()["slot"]
    assert (counts.kept, dict(counts.rejected)) == (1, {("start_at", "not_an_instant"): 1})


def test_an_empty_folder_yields_nothing_and_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").touch()
    assert source(tmp_path).read() == {}


def test_check_tells_a_missing_and_an_empty_folder(tmp_path: Path) -> None:
    missing = Fhir(FhirSettings(folder=tmp_path / "no"), context())
    assert not missing.check().ok
    assert "does not exist" in missing.check().message
    assert not Fhir(FhirSettings(folder=tmp_path), context()).check().ok
    with pytest.raises(ConfigError, match="does not exist"):
        RawBench(missing).read()


def test_a_transaction_bundle_gives_its_resources_and_its_deletions(tmp_path: Path) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": {"resourceType": "Patient"}},
            {"resource": SLOT, "request": {"method": "PUT", "url": "Slot/s1"}},
            {"request": {"method": "DELETE", "url": "Patient/p9"}},
        ],
    }
    write(tmp_path, "bundle.json", bundle)
    found, _ = pages(tmp_path)
    assert [(page.stream, len(page.rows), list(page.deleted)) for page in found] == [
        ("patient", 1, []),
        ("slot", 1, []),
        ("patient", 0, ["p9"]),
    ]
    assert json.loads(documents(found[0])[0])["id"] == "11111111-1111-4111-8111-111111111111"


def test_a_urn_reference_to_a_resource_with_another_id_is_rewritten() -> None:
    urn = "urn:uuid:11111111-1111-4111-8111-111111111111"
    bundle = {
        "entry": [
            {"fullUrl": urn, "resource": {"resourceType": "Patient", "id": "p1"}},
            {"resource": {"resourceType": "Encounter", "id": "e1", "subject": {"reference": urn}}},
        ]
    }
    _, encounter = entries_of(bundle)
    assert json.loads(str(encounter.document))["subject"]["reference"] == "Patient/p1"


def test_only_matches_of_a_search_count_as_its_result() -> None:
    bundle = {
        "entry": [
            {"resource": PATIENT, "search": {"mode": "match"}},
            {"resource": SLOT, "search": {"mode": "include"}},
            {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
        ]
    }
    assert [entry.resource_type for entry in entries_of(bundle, matches_only=True)] == ["Patient"]
    assert [entry.resource_type for entry in entries_of(bundle)] == ["Patient", "Slot"]


def test_a_folder_is_read_whole_and_a_server_by_change() -> None:
    assert all(s.cursor is None for s in FOLDER_STREAMS if s.child_of is None)
    assert all(s.cursor == "last_updated" for s in SERVER_STREAMS if s.child_of is None)


@pytest.mark.parametrize("streams", [FOLDER_STREAMS, SERVER_STREAMS], ids=["folder", "server"])
def test_what_a_read_of_everything_lacks_was_deleted(tmp_path: Path, streams: tuple[Stream, ...]) -> None:
    assert {s.deletes for s in streams if s.child_of is None} == {"key_diff"}
    site = LandingSite(tmp_path, [s for s in streams if s.name == "patient"])
    other = {**PATIENT, "id": "p2"}
    site.land(Page("patient", [PATIENT, other]))
    assert site.land(Page("patient", [PATIENT]), is_full=False)["patient"].tombstones == 0
    assert site.land(Page("patient", [PATIENT]))["patient"].tombstones == 1


def test_a_line_is_numbered_by_its_file_however_it_is_cut_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_blocks", lambda lines: _small_blocks(lines, 200))
    slots = [{**SLOT, "id": f"s{n}"} for n in range(30)]
    write(tmp_path, "everything.ndjson", *slots[:15], PATIENT, *slots[15:])
    write(tmp_path, "Slot.ndjson", *slots)
    for name in ("everything.ndjson", "Slot.ndjson"):
        parts = [page.rows for page in pages(tmp_path)[0] if page.stream == "slot"]
        found = [rows for rows in parts if isinstance(rows, JsonLines) and rows.origin == name]
        assert len(found) > 3
        numbers = [rows.first_line + n for rows in found for n in range(len(rows))]
        assert numbers == list(range(1, 31))


@pytest.mark.parametrize(
    "given",
    [{}, {"base_url": "https://ehr.example/fhir", "folder": "x"}, {"folder": "x", "token": "t"}],
    ids=["neither", "both", "token for a folder"],
)
def test_settings_want_exactly_one_place(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="base_url"):
        FhirSettings.model_validate(given)
