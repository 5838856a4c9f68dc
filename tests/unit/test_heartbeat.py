"""The sign of life after a good night: a file, and a real server on loopback."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pacekeeper.heartbeat import beat
from pacekeeper.settings import Settings, load_settings

AT = datetime(2026, 3, 3, 6, 30, tzinfo=UTC)
TOKEN = "s3cret-0b7e"


class Monitor(HTTPServer):
    """Counts who asks, and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[str] = []
        self.status = 200


class _Answer(BaseHTTPRequestHandler):
    server: Monitor

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *about: object) -> None:
        del about


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    server = Monitor()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def settings(folder: Path, *lines: str) -> Settings:
    file = folder / "pacekeeper.toml"
    file.write_text('[practice]\nname = "R"\nhome_tz = "UTC"\n[operations]\n' + "\n".join(lines))
    return load_settings(file)


def test_file_and_monitor_hear_of_a_good_night(tmp_path: Path, monitor: Monitor) -> None:
    url = f"http://127.0.0.1:{monitor.server_port}/ping/{TOKEN}"
    beat(settings(tmp_path, 'heartbeat_file = "state/beat"', f'heartbeat_url = "{url}"'), at=AT)
    assert (tmp_path / "state" / "beat").read_text() == "2026-03-03T06:30:00+00:00\n"
    assert monitor.asked == [f"/ping/{TOKEN}"]


def test_a_monitor_that_refuses_fails_no_night_and_its_address_is_told_nobody(
    tmp_path: Path, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    monitor.status = 503
    with caplog.at_level(logging.WARNING):
        beat(settings(tmp_path, f'heartbeat_url = "http://127.0.0.1:{monitor.server_port}/{TOKEN}"'), at=AT)
    assert [record.message for record in caplog.records] == ["heartbeat refused"]
    assert caplog.records[0].__dict__["status"] == 503
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("url", [f"http://127.0.0.1:9/{TOKEN}", f"no address {TOKEN}"])
def test_a_monitor_that_is_not_there_fails_no_night(tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        beat(settings(tmp_path, f'heartbeat_url = "{url}"'), at=AT)
    assert [record.message for record in caplog.records] == ["heartbeat not heard"]
    assert TOKEN not in caplog.text


def test_a_file_that_cannot_be_written_fails_no_night(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state").write_text("a file, where a folder should be")
    with caplog.at_level(logging.WARNING):
        beat(settings(tmp_path, 'heartbeat_file = "state/beat"'), at=AT)
    assert [record.message for record in caplog.records] == ["heartbeat file not written"]


def test_without_settings_nothing_happens(tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    beat(settings(tmp_path), at=AT)
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "pacekeeper.toml"])
