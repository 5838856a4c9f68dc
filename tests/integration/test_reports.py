"""Pages for people: their numbers are the marts', everybody sees their own, and a browser finds them usable."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from pacekeeper.errors import ConfigError
from pacekeeper.home import PracticeHome
from pacekeeper.ops import ReportHandover
from pacekeeper.reports.period import period_of
from tests.integration.practice_run import said_by
from tests.report_site import CLIENT, KEYS, TEAM_SMALL, WEEKS, write_site


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> PracticeHome:
    """The practice, and its pages of March, written by the command."""
    made = write_site(tmp_path_factory.mktemp("site"))
    said = said_by("report", config=made.settings.home / "pacekeeper.toml")
    assert "March 2026: 8 pages, 11 hand-overs" in said, said
    assert "No page for 1 clinicians" in said
    return made


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield opened
        opened.close()


def pages_of(home: PracticeHome) -> Path:
    return home.settings.home / "reports" / "2026-03"


def text_of(home: PracticeHome, name: str) -> str:
    return (pages_of(home) / name).read_text(encoding="utf-8")


def table(page: Page, caption: str) -> list[list[str]]:
    """Rows of the table with that caption, as the browser has them."""
    rows: list[list[str]] = page.evaluate(
        """caption => [...document.querySelectorAll('table')]
            .filter(t => t.caption && t.caption.textContent === caption)
            .flatMap(t => [...t.tBodies[0].rows].map(r => [...r.cells].map(c => c.textContent)))""",
        caption,
    )
    return rows


def test_the_own_page_shows_the_numbers_of_the_marts(home: PracticeHome, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((pages_of(home) / "clinicians" / "ana.html").as_uri())
    pace = table(page, "Pace: what was done, and what was expected")
    with home.published.connect(read_only=True) as connection:
        mart = connection.rows(
            "SELECT week_id, expected_actual, expected_min, expected_max FROM marts.utilization_trend "
            f"WHERE clinician_key = '{KEYS['ana']}' ORDER BY week_id"
        )
    assert len(pace) == len(mart) == len(WEEKS)
    for (week, done, expected), (week_id, actual, low, high) in zip(pace, mart, strict=True):
        assert week == str(week_id)
        assert float(done) == pytest.approx(actual, abs=0.05)
        assert expected == f"{low:.0f} to {high:.0f}"
    cards = " ".join(page.locator("article.breach").all_inner_texts())
    assert "3 of 5 clinicians were outside" in cards
    assert "What would make the next weeks lighter" in cards
    assert "37.2 hours, far above the upper limit in this one week; the practice's limit is 30 hours" in cards
    page.close()


def test_the_practice_page_counts_the_verdicts_of_the_marts_without_those_on_leave(
    home: PracticeHome, browser: Browser
) -> None:
    page = browser.new_page()
    page.goto((pages_of(home) / "practice.html").as_uri())
    shown = {row[0]: [int(cell) for cell in row[1:]] for row in table(page, "Verdicts of the quarter by guardrail")}
    assert shown == {
        "Direct hours in a practice week": [30, 0, 1, 5, 0],
        "No-shows in a row, and outreach": [0, 0, 1, 0, 0],
    }
    tally = [int(text) for text in page.locator(".tally strong").all_inner_texts()]
    assert tally == [30, 0, 2, 5, 0]
    hours = {row[0]: row[1:] for row in table(page, "Direct hours per clinician and week")}
    # February's one week: six people, of whom nobody is unknown; March: 25 known weeks of 30, one of them 37.25 hours.
    assert hours["February 2026"] == ["20.5 hours", "6", "0"]
    assert hours["March 2026"] == ["21.2 hours", "25", "5"]
    assert table(page, "Why verdicts are not known") == [["no system that is read tells of it", "5"]]
    page.close()


def test_small_numbers_are_hidden_and_middling_ones_come_with_their_interval(home: PracticeHome) -> None:
    html = text_of(home, "practice.html")
    assert "hidden, to protect the people who answered" in html
    assert TEAM_SMALL not in html
    assert re.search(r"GAD-7</th><td>6</td><td>hidden: fewer than 10 episodes", html)
    # Wilson's interval of 3 in 12.
    assert "25 % (95 %: 8.9 % to 53.2 %)" in html


def test_nobody_finds_anybody_else_on_their_own_page_and_no_page_has_a_client(home: PracticeHome) -> None:
    for name, key in KEYS.items():
        if name == "fay":
            continue
        html = text_of(home, f"clinicians/{name}.html")
        assert f"Surname{name}" in html
        others = [other for other in KEYS if other != name]
        assert not [other for other in others if f"Surname{other}" in html or KEYS[other] in html]
        assert key not in html
    for file in pages_of(home).rglob("*.html"):
        html = file.read_text(encoding="utf-8")
        assert CLIENT not in html
        assert not re.search(r"\b[0-9a-f]{32}\b", html), file.name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_supervisor_sees_their_team_by_name_and_nothing_of_leave(home: PracticeHome) -> None:
    html = text_of(home, "supervisors/sue.html")
    names = re.findall(r'<h2 id="p\d+">([^<]+)</h2>', html)
    assert names == ["Ana Surnameana", "Bo Surnamebo"]
    assert "Days without any leave" not in html
    assert "Days without any leave" in text_of(home, "clinicians/ana.html")
    lead = text_of(home, "supervisors/lea.html")
    assert "Lea &lt;Lind&gt; &amp; Co" in lead
    assert "A clinician who is not in the directory" in lead


def test_what_is_unknown_says_why(home: PracticeHome, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((pages_of(home) / "clinicians" / "bo.html").as_uri())
    assert table(page, "Guardrails that could not be judged") == [
        ["Direct hours in a practice week", "5 of 5", "no system that is read tells of it"]
    ]
    assert "Not known: 5 of 6 weeks" in page.inner_text("figure >> nth=0")
    page.close()


def test_the_same_night_gives_the_same_bytes_and_no_second_record(home: PracticeHome) -> None:
    before = {file: file.read_bytes() for file in pages_of(home).rglob("*.html")}
    rows = sorted(row.model_dump_json() for row in home.ops.rows(ReportHandover))
    for file in before:
        file.unlink()
    said = said_by("report", "--quarter", "2026-Q1", config=home.settings.home / "pacekeeper.toml")
    assert "0 hand-overs" in said
    assert {file: file.read_bytes() for file in pages_of(home).rglob("*.html")} == before
    assert sorted(row.model_dump_json() for row in home.ops.rows(ReportHandover)) == rows


def test_who_got_what_is_on_record(home: PracticeHome) -> None:
    rows = home.ops.rows(ReportHandover)
    assert {row.period_month for row in rows} == {date(2026, 3, 1)}
    packs = {(row.kind, row.recipient) for row in rows if row.kind not in {"own_data", "team"}}
    assert packs == {(kind, "owen") for kind in ("outcomes", "wellbeing", "caseload", "finance")}
    own = {row.recipient: row.clinician_key for row in rows if row.kind == "own_data"}
    assert own == {name: key for name, key in KEYS.items() if name != "fay"}
    assert {row.recipient for row in rows if row.kind == "team"} == {"sue", "lea"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["practice.html", "supervisors/sue.html", "clinicians/ana.html"])
def test_a_page_passes_axe_fetches_nothing_and_fits_a_phone(
    home: PracticeHome, browser: Browser, name: str, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]  # a literal
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((pages_of(home) / name).as_uri())
    assert len(asked) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = Axe().run(page).response["violations"]
    assert not found, [(one["id"], one["nodes"][0]["html"][:200]) for one in found]
    page.close()


def test_a_page_has_no_script_and_every_drawing_has_a_name_and_a_table(home: PracticeHome) -> None:
    for file in pages_of(home).rglob("*.html"):
        html = file.read_text(encoding="utf-8")
        assert "<script" not in html
        drawings, figures = html.count("<svg"), re.findall(r"<figure>.*?</figure>", html, re.DOTALL)
        assert drawings == html.count('<svg role="img" aria-label="') == len(figures)
        assert all("<table" in one and "Not known: " in one for one in figures)


def test_a_period_is_the_last_month_that_was_over_or_the_one_that_is_named() -> None:
    assert period_of(None, None, last_day=date(2026, 4, 6)).month == date(2026, 3, 1)
    assert period_of(None, "2026-Q1", last_day=date(2026, 4, 6)).months == [date(2026, m, 1) for m in (1, 2, 3)]
    assert period_of("2026-02", None, last_day=date(2026, 4, 6)).quarter_name.endswith("to the end of February")
    for month, quarter in (("2026-04", None), (None, "2026-Q2"), ("2026-13", None), ("2026-03", "2026-Q1")):
        with pytest.raises(ConfigError):
            period_of(month, quarter, last_day=date(2026, 4, 6))
