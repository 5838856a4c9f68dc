"""The README's pictures of reports: the demo's pages in a Chromium. `make pictures` runs it, after the demo."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

_IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
_WINDOW = {"width": 1080, "height": 760}


def take(reports: Path) -> None:
    """Pictures of the newest month: the practice page, and the page of the first clinician with a question."""
    month = max(folder for folder in reports.iterdir() if folder.is_dir())
    own = next(
        file
        for file in sorted((month / "clinicians").glob("*.html"))
        if 'class="card breach"' in file.read_text("utf-8")
    )
    chromium = os.environ.get("PACEKEEPER_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, file, below in (
            ("report-practice", month / "practice.html", "#workload"),
            ("report-own", own, "#talk"),
        ):
            page = browser.new_page(viewport=_WINDOW, color_scheme="light")  # type: ignore[arg-type]  # two whole numbers
            page.goto(file.as_uri() + below)
            page.screenshot(path=_IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
