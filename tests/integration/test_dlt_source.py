"""An existing dlt source, wrapped as a connector, lands and maps like any other."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.ops import SourceRun, StreamRun
from pacekeeper.settings import load_settings
from tests.integration.plugin_site import PluginSite

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
FREE_TEXT = "canary-complains-of-headaches"

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "connectors" / "dlt.md"


def _plugin() -> str:
    """The connector as the page about dlt sources shows it, under the name of the test's plugin."""
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert code
    return re.sub(r"\bVisits\b", "Plugin", code[1]).replace('name = "visits"', 'name = "{name}"')


PLUGIN = _plugin()


@dataclass
class _Visits:
    """What the little server holds, is asked, and answers instead."""

    rows: list[dict[str, object]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    status: int = 200
    url: str = ""


def _visit(number: int, state: str, changed: str) -> dict[str, object]:
    return {
        "id": f"v{number}",
        "patient": "p1",
        "provider": "d1",
        "start": f"2026-01-{number:02}T15:00:00Z",
        "state": state,
        "meta": {"changed": changed},
        "note": FREE_TEXT,
    }


@pytest.fixture
def server() -> Iterator[_Visits]:
    held = _Visits([_visit(n, "S", f"2026-02-{n:02}T00:00:00Z") for n in range(1, 8)])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            held.asked.append(self.path)
            query = parse_qs(urlsplit(self.path).query)
            since, page = query["since"][0], int(query.get("page", ["0"])[0])
            rows = [row for row in held.rows if str(row["meta"]["changed"]) >= since]  # type: ignore[index]  # JSON
            more = len(rows) > (page + 1) * 4
            following = f"/visits?since={since}&page={page + 1}" if more else None
            body = json.dumps({"rows": rows[page * 4 : page * 4 + 4], "next": following}).encode()
            self.send_response(held.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            del format, args

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    held.url = f"http://127.0.0.1:{listening.server_address[1]}"
    yield held
    listening.shutdown()


@pytest.fixture
def home(tmp_path: Path, server: _Visits, monkeypatch: pytest.MonkeyPatch) -> PracticeHome:
    return _home(tmp_path, server, monkeypatch, PLUGIN, "visits_dlt")


def _home(tmp_path: Path, server: _Visits, monkeypatch: pytest.MonkeyPatch, source: str, name: str) -> PracticeHome:
    site = PluginSite(tmp_path / "site")
    site.folder.mkdir()
    site.install(name, source)
    monkeypatch.syspath_prepend(str(site.folder))
    for variable, value in {**site.environment, "HOME": str(tmp_path / "user")}.items():
        monkeypatch.setenv(variable, value)
    settings = tmp_path / "pacekeeper.toml"
    settings.write_text(
        f'[practice]\nname = "Elm"\nhome_tz = "UTC"\n[sources.elm]\nconnector = "{name}"\nbase_url = "{server.url}"\n'
    )
    home = PracticeHome(load_settings(settings))
    home.create()
    return home


def test_a_dlt_source_lands_and_maps_and_a_second_night_changes_nothing(home: PracticeHome, server: _Visits) -> None:
    (result,) = land_sources(home, run_id="one", as_of=AS_OF)
    assert (result.state, result.message) == ("ok", None)
    first = {run.stream: (run.read, run.inserted, run.rejected) for run in home.ops.rows(StreamRun, run_id="one")}
    assert first == {"visit": (7, 7, 0), "seat": (7, 7, 0)}
    (mapped,) = map_sources(home, run_id="one", as_of=AS_OF)
    assert (mapped.state, mapped.in_scope, mapped.mapped) == ("swapped", 7, 7)
    land_sources(home, run_id="two", as_of=AS_OF)
    again = {run.stream: (run.inserted, run.updated, run.tombstones) for run in home.ops.rows(StreamRun, run_id="two")}
    assert again == {"visit": (0, 0, 0), "seat": (0, 0, 0)}


def test_the_watermark_is_handed_to_the_resource_and_an_edit_is_one_version(
    home: PracticeHome, server: _Visits
) -> None:
    land_sources(home, run_id="one", as_of=AS_OF)
    server.asked.clear()
    server.rows[1] = _visit(2, "N", "2026-02-20T00:00:00Z")
    land_sources(home, run_id="two", as_of=AS_OF)
    (visit,) = home.ops.rows(StreamRun, run_id="two", stream="visit")
    # The latest change seen, 7 February, less the declared lag of a day.
    assert "/visits?since=2026-02-06T00:00:00Z" in server.asked
    assert (visit.read, visit.inserted, visit.updated, visit.unchanged) == (3, 0, 1, 2)


def test_nothing_of_dlt_and_no_free_text_is_left_behind(home: PracticeHome, server: _Visits, tmp_path: Path) -> None:
    land_sources(home, run_id="one", as_of=AS_OF)
    map_sources(home, run_id="one", as_of=AS_OF)
    assert not (tmp_path / "user").exists()
    for file in home.data_dir.rglob("*"):
        assert not file.is_file() or FREE_TEXT.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("status", "error_class"), [(401, "ConfigError"), (404, "FatalError")], ids=["refused", "not-there"]
)
def test_an_answer_that_is_none_ends_in_the_right_class(
    home: PracticeHome, server: _Visits, status: int, error_class: str
) -> None:
    server.status = status
    land_sources(home, run_id="one", as_of=AS_OF)
    (result,) = home.ops.rows(SourceRun, run_id="one")
    assert (result.state, result.error_class) == ("failed", error_class)
    assert FREE_TEXT not in (result.message or "")


def test_a_cursor_on_a_resource_without_incremental_is_refused(
    tmp_path: Path, server: _Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = PLUGIN.replace('Stream("seat", columns', 'Stream("seat", cursor="at", columns')
    home = _home(tmp_path, server, monkeypatch, source, "cursor_dlt")
    land_sources(home, run_id="one", as_of=AS_OF)
    (result,) = home.ops.rows(SourceRun, run_id="one")
    assert (result.state, result.error_class) == ("failed", "PluginError")
    assert "takes no dlt.sources.incremental" in (result.message or "")


def test_a_resource_that_is_not_there_is_named(
    tmp_path: Path, server: _Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = _home(tmp_path, server, monkeypatch, PLUGIN.replace('"seat": "seats"', '"seat": "chairs"'), "chairs_dlt")
    land_sources(home, run_id="one", as_of=AS_OF)
    (result,) = home.ops.rows(SourceRun, run_id="one")
    assert "no resource 'chairs'; it has all_visits, seats" in (result.message or "")
