"""The connector in plugins/README.md works as it stands there."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
AS_OF = datetime(2026, 2, 1, tzinfo=UTC)


def _visit(number: int, state: str) -> dict[str, str]:
    return {
        "id": f"visit-{number}",
        "patient_id": "p1",
        "provider_id": "d1",
        "start": f"2026-01-0{number}T15:00:00Z",
        "state": state,
        "updated_at": "2026-01-10T00:00:00Z",
        "reason_text": "never lands",
    }


_asked: list[str] = []


class _Acme(BaseHTTPRequestHandler):
    """Two pages of Acme's API, for who brings the token."""

    def do_GET(self) -> None:
        _asked.append(self.path)
        second = "page=2" in self.path
        rows = [_visit(3, "ZZ")] if second else [_visit(1, "S"), _visit(2, "N")]
        body = {"appointments": rows, "next": None if second else "/v2/appointments?page=2"}
        allowed = self.headers.get("Authorization") == "Bearer let-me-in"
        text = json.dumps(body if allowed else {"error": "who are you"}).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        del format, args


@pytest.fixture
def acme_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Acme)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture
def acme_home(tmp_path: Path, acme_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[PracticeHome]:
    guide = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    toml = re.search(r"```toml\n(# pyproject.toml.*?)```", guide, re.DOTALL)
    assert code
    assert toml
    installed = tmp_path / "site"
    (installed / "pacekeeper_acme-0.1.0.dist-info").mkdir(parents=True)
    (installed / "pacekeeper_acme.py").write_text(code.group(1), encoding="utf-8")
    entry = re.search(r'^(acme) = "(.*)"$', toml.group(1), re.MULTILINE)
    assert entry
    meta = installed / "pacekeeper_acme-0.1.0.dist-info"
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: pacekeeper-acme\nVersion: 0.1.0\n", encoding="utf-8")
    (meta / "entry_points.txt").write_text(f"[pacekeeper.connectors]\n{entry[1]} = {entry[2]}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.setenv("PYTHONPATH", str(installed), prepend=":")
    monkeypatch.setenv("PACEKEEPER_SOURCES__ELM__TOKEN", "let-me-in")
    settings = tmp_path / "pacekeeper.toml"
    settings.write_text(
        f'[practice]\nname = "Elm"\nhome_tz = "UTC"\n[sources.elm]\nconnector = "acme"\nbase_url = "{acme_server}"\n',
        encoding="utf-8",
    )
    home = PracticeHome(load_settings(settings))
    home.create()
    yield home
    sys.modules.pop("pacekeeper_acme", None)


def test_the_guides_connector_lands_and_maps_every_row(acme_home: PracticeHome) -> None:
    (result,) = land_sources(acme_home, run_id="one", as_of=AS_OF)
    assert (result.state, result.message) == ("ok", None)
    (mapped,) = map_sources(acme_home, run_id="one", as_of=AS_OF)
    assert (mapped.entity, mapped.state, mapped.in_scope, mapped.mapped) == ("appointment", "swapped", 3, 3)
    assert mapped.unmapped == (("status", "ZZ", 1),)
    with acme_home.warehouse.connect() as connection:
        found = connection.raw.execute("SELECT status FROM canonical.appointment ORDER BY start_at").fetchall()
    assert found == [("kept",), ("no_show",), ("unknown",)]


def test_a_second_read_adds_nothing(acme_home: PracticeHome) -> None:
    from pacekeeper.ops import StreamRun

    for run_id in ("one", "two"):
        land_sources(acme_home, run_id=run_id, as_of=AS_OF)
    (again,) = acme_home.ops.rows(StreamRun, run_id="two")
    assert (again.read, again.unchanged, again.inserted) == (3, 3, 0)


def test_a_source_is_asked_for_changes_until_it_is_to_be_read_whole(acme_home: PracticeHome) -> None:
    for run_id in ("one", "two"):
        land_sources(acme_home, run_id=run_id, as_of=AS_OF)
    acme_home.ops.read_whole_next("elm")
    _asked.clear()
    land_sources(acme_home, run_id="three", as_of=AS_OF)
    whole = list(_asked)
    _asked.clear()
    land_sources(acme_home, run_id="four", as_of=AS_OF)
    assert not any("updated_since" in path for path in whole)
    # The latest change seen, less the declared lag of seven days.
    assert "updated_since=2026-01-03T00%3A00%3A00%2B00%3A00" in _asked[0]
