"""`pacekeeper try`: a live look at a source through the real boundary and mappings, of which nothing is kept."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.probe import Probe, StreamFinding, probe_source
from pacekeeper.settings import load_settings
from tests.integration.plugin_site import PluginSite
from tests.integration.practice_run import said_by

NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)
CANARY = "canary-felicitas-quill"

PLUGIN = """
    import json, os, tempfile
    from pathlib import Path
    from pacekeeper import Code, Connector, ConnectorSettings, Instant, Key, Page, Ref, RetryableError, Stream

    class S(ConnectorSettings):
        rows: Path

    class Plugin(Connector[S]):
        name = "{name}"
        settings_type = S
        value_maps = {"state": {"S": "kept", "N": "no_show"}}
        streams = (
            Stream("visit", cursor="changed", columns={
                "id": Key("appointment"), "patient": Ref("client"), "provider": Ref("clinician"),
                "start": Instant(), "end": Instant(), "room": Code(), "state": Code(max_length=4),
                "changed": Instant()}),
            Stream("guest", child_of="visit", explode="guests", columns={"who": Ref("client")}),
            Stream("bill", columns={"id": Key("bill")}),
        )

        def read_stream(self, stream, window):
            with tempfile.NamedTemporaryFile("w", delete=False) as left_behind:
                left_behind.write("canary-felicitas-quill")
            print("canary-felicitas-quill")
            pages = json.loads((self.context.home / self.settings.rows).read_text())[stream.name]
            if pages == "down":
                raise RetryableError("{name}: the server answered 503")
            for page in pages:
                yield Page(stream.name, page)

    @Plugin.maps("appointment", of="visit")
    def appointment(raw):
        v = raw.visit
        return v.select(appointment_key=v.id, client_key=v.patient, clinician_key=v.provider, start_at=v.start,
            end_at=v.end, status=raw.value_map("state", v.state), status_source_code=v.state,
            booked_via=v.room.nullif(v.room).fill_null("unknown"),
            modality_planned=v.room.nullif(v.room).fill_null("unknown"))
"""


def _visit(number: int, **changes: object) -> dict[str, object]:
    day = f"2026-02-{number % 9 + 1:02}"
    return {
        "id": f"v{number}",
        "patient": f"p{number}",
        "provider": "d1",
        "start": f"{day}T15:00:00Z",
        "state": "S",
        "changed": f"2026-02-05T00:{number % 60:02}:00Z",
        "guests": [{"who": f"p{number}"}],
        "name": CANARY,
        **changes,
    }


Try = Callable[..., Probe]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PracticeHome:
    site = PluginSite(tmp_path / "site")
    site.folder.mkdir()
    name = f"try_{tmp_path.name[-12:].replace('-', '_').lower()}"
    site.install(name, PLUGIN)
    monkeypatch.syspath_prepend(str(site.folder))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "pacekeeper.toml").write_text(
        f'[practice]\nname = "Elm"\nhome_tz = "UTC"\ndata_dir = "data"\n'
        f'[sources.elm]\nconnector = "{name}"\nrows = "rows.json"\n'
    )
    return PracticeHome(load_settings(tmp_path / "pacekeeper.toml"))


@pytest.fixture
def tried(home: PracticeHome, tmp_path: Path) -> Try:
    def run(*pages: list[dict[str, Any]], limit: int = 200, **others: object) -> Probe:
        (tmp_path / "rows.json").write_text(json.dumps({"visit": pages, "bill": [], **others}))
        return probe_source(home, "elm", since=SINCE, now=NOW, limit=limit)

    return run


def _stream(found: Probe, name: str = "visit") -> StreamFinding:
    return next(one for one in found.streams if one.stream == name)


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_nothing_is_written_and_nothing_is_said_of_values(
    tried: Try, tmp_path: Path, home: PracticeHome, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried([_visit(1)])
    monkeypatch.chdir(tmp_path)
    before = _files(tmp_path)
    found = tried([_visit(n) for n in range(1, 30)])
    assert _files(tmp_path) == before
    assert not home.data_dir.exists()
    assert os.listdir(tmp_path / "temporary") == []
    assert CANARY not in repr(found) + "".join(capsys.readouterr())


def test_fields_seen_are_held_against_those_declared_by_name(tried: Try) -> None:
    visit = _stream(tried([_visit(1), _visit(2, extra=1)]))
    assert visit.undeclared == {"name": 2, "extra": 1}
    assert visit.never_filled == ["end", "room"]
    assert visit.filled["state"] == 2


def test_codes_are_counted_and_held_against_their_value_map(tried: Try) -> None:
    rows = [_visit(1), _visit(2), _visit(3, state="N"), _visit(4, state="ZZ")]
    codes = [(one.column, one.code, one.rows, one.meaning) for one in _stream(tried(rows)).codes]
    assert codes == [
        ("state", "S", 2, {"state": "kept"}),
        ("state", "N", 1, {"state": "no_show"}),
        ("state", "ZZ", 1, {"state": None}),
    ]


def test_rows_mapped_rejected_and_quarantined_are_told_with_reasons(tried: Try) -> None:
    found = tried([_visit(1), _visit(2, start="not a time"), _visit(3, start=None), _visit(4, state="SENTENCE")])
    assert _stream(found).rejected == {("start", "not_an_instant"): 1, ("state", "bad_code"): 1}
    (mapped,) = found.mappings
    assert (mapped.in_scope, mapped.mapped, mapped.quarantined) == (2, 1, {"missing_required": 1})


def test_the_limit_cuts_a_stream_and_its_children_with_it(tried: Try) -> None:
    found = tried([_visit(n) for n in range(8)], [_visit(n) for n in range(8, 16)], limit=10)
    assert (_stream(found).read, _stream(found).is_cut, _stream(found, "guest").read) == (10, True, 10)
    assert not _stream(tried([_visit(1)], limit=10)).is_cut


def test_a_record_on_two_pages_is_mapped_once(tried: Try) -> None:
    found = tried([_visit(1), _visit(2)], [_visit(2, state="N", guests=[])])
    assert (_stream(found).kept, _stream(found).repeated, _stream(found, "guest").kept) == (2, 1, 1)
    assert found.mappings[0].mapped == 2
    assert {one.code: one.rows for one in _stream(found).codes} == {"S": 1, "N": 1}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"changed": None}, "12 of 12 rows have no changed"),
        ({"changed": "2027-01-01T00:00:00Z"}, "12 rows lie in the future"),
        ({"changed": "2025-01-01T00:00:00Z"}, "12 rows are older than what was asked for"),
        ({"changed": "2026-02-10T12:00:01Z"}, "is the time of the request"),
        ({"changed": "2026-02-05T00:00:00Z"}, "every row has the same changed"),
    ],
    ids=["sound", "nulls", "future", "filter-ignored", "request-time", "one-stamp"],
)
def test_a_cursor_that_cannot_be_trusted_is_told(tried: Try, changes: dict[str, object], told: str | None) -> None:
    cursor = _stream(tried([_visit(n, **changes) for n in range(12)])).cursor
    assert cursor is not None
    assert cursor.warnings == [] if told is None else any(told in text for text in cursor.warnings)


@pytest.mark.parametrize(
    ("pages", "order"),
    [([[1, 2], [3, 4]], "ascending"), ([[4, 3], [2, 1]], "descending"), ([[1, 4], [2, 3]], "unordered"), ([[1]], None)],
    ids=["ascending", "descending", "unordered", "one-page"],
)
def test_the_order_of_pages_is_told(tried: Try, pages: list[list[int]], order: str | None) -> None:
    cursor = _stream(tried(*([_visit(n) for n in page] for page in pages))).cursor
    assert cursor is not None
    assert cursor.order == order


def test_a_stream_that_fails_is_told_and_the_others_are_read(tried: Try) -> None:
    found = tried([_visit(1)], bill="down")
    assert "503" in (_stream(found, "bill").error or "")
    assert found.mappings[0].mapped == 1
    assert not found.is_whole


def test_an_empty_source_is_no_failure_and_claims_nothing(tried: Try) -> None:
    found = tried()
    assert found.is_whole
    assert _stream(found).never_filled == []


def test_two_looks_find_the_same(tried: Try) -> None:
    rows = [_visit(n) for n in range(12)]
    first, second = tried(rows), tried(rows)
    assert first.streams == second.streams
    assert [(one.entity, one.mapped) for one in first.mappings] == [(one.entity, one.mapped) for one in second.mappings]


def test_the_command_prints_names_codes_and_counts_and_no_value(tried: Try, home: PracticeHome, tmp_path: Path) -> None:
    tried([_visit(1), _visit(2, state="ZZ"), _visit(3, start="yesterday")])
    said = said_by("try", "elm", "--since", "4000w", config=tmp_path / "pacekeeper.toml")
    for text in ("name (3)", "unknown: not in state", "not_an_instant", "nothing was written", "end, room"):
        assert text in said
    assert CANARY not in said
    assert "yesterday" not in said
    document = json.loads(said_by("try", "elm", "--json", config=tmp_path / "pacekeeper.toml"))
    assert document["streams"]["visit"]["never_filled"] == ["end", "room"]
    assert not home.data_dir.exists()


@pytest.mark.parametrize("span", ["7", "d7", "0d", "a week"])
def test_a_span_that_is_none_ends_in_one_line(home: PracticeHome, tmp_path: Path, span: str) -> None:
    said = said_by("try", "elm", "--since", span, config=tmp_path / "pacekeeper.toml")
    assert "is no span; write a number and h, d or w" in " ".join(said.split())
