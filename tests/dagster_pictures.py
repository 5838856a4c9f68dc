"""The documentation's pictures of Dagster's page on the demo. `make pictures` runs it, after the demo."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
#: By file: where on Dagster's page, and how large.
PICTURES = {
    "asset-graph.png": ("asset-groups", 1500, 640),
    "breach.png": ("assets/marts/guardrail_result?view=checks&checkDetail=active_caseload_breach", 1500, 820),
}
_PORT = 3957


@contextmanager
def dagster_page(settings: Path) -> Iterator[str]:
    """Address of Dagster's page on a practice that has run."""
    environment = {
        **os.environ,
        "PACEKEEPER_CONFIG": str(settings),
        "DAGSTER_HOME": str(settings.parent / "data" / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    address = f"http://127.0.0.1:{_PORT}"
    command = ["dagster-webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(_PORT), "--read-only"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(address)
            yield address
        finally:
            server.terminate()


def _wait(address: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if httpx.get(f"{address}/server_info", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(1)
    raise SystemExit("Dagster's page does not answer")


def take(address: str, file: Path, *, width: int, height: int) -> None:
    """One picture, when the page has come to rest."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("a picture is taken by Chromium, and there is none on the path: install chromium")
    size = f"--window-size={width},{height}"
    rest = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=60000"]
    subprocess.run([chromium, "--headless", *rest, size, f"--screenshot={file}", address], check=True, timeout=300)


def main(settings: Path) -> None:
    with dagster_page(settings) as address:
        for name, (path, width, height) in PICTURES.items():
            take(f"{address}/{path}", ROOT / "docs" / "images" / name, width=width, height=height)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
