"""Excel and Parquet say the same as CSV; files that are there twice, that drift, that are missing."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path

import pyarrow as pa
import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it has no types
from pyarrow import parquet
from tests.raw_bench import RawBench, context

from pacekeeper.errors import ConfigError, DataError
from pacekeeper.stream import Window
from pacekeeper_connectors.tabular import EXAMPLE_FILE, Tabular, TabularSettings
from pacekeeper_connectors.tabular.period import told

HEADERS = ["employee_id", "npi", "email", "start_date", "fte", "weekly_hours", "employment_type", "role", "license"]
ROWS: Sequence[Sequence[object]] = (
    ("E1", 9999999999, "anna@example.org", date(2025, 1, 6), 0.8, 32, "w2", "therapist", "licensed"),
    ("E2", None, None, date(2025, 2, 3), 1.0, 40, "w2", "intern", "trainee"),
)


def workbook(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, sheet: str = "Sheet1", above: int = 0
) -> bytes:
    """A real workbook, dates as dates, with an empty row at its end and a second sheet."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet)
        book.add_worksheet("Other").write(0, 0, "nothing of interest")
        forms = {
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            date: book.add_format({"num_format": "m/d/yyyy"}),
            time: book.add_format({"num_format": "h:mm"}),
        }
        for line in range(above):
            page.write(line, 0, "Report of the practice")
        page.write_row(above, 0, headers)
        for number, row in enumerate(rows, above + 1):
            for position, cell in enumerate(row):
                if isinstance(cell, date | time):
                    page.write_datetime(number, position, cell, forms[type(cell)])
                elif cell is not None:
                    page.write(number, position, cell)
        page.write(above + len(rows) + 2, 0, " ")
    return content.getvalue()


def as_csv(mark: str) -> bytes:
    lines = [HEADERS, *(["" if cell is None else str(cell) for cell in row] for row in ROWS)]
    return "\n".join(mark.join(line) for line in lines).encode()


def as_parquet() -> bytes:
    columns = dict(zip(HEADERS, map(list, zip(*ROWS, strict=True)), strict=True))
    table = pa.table(columns).append_column("tags", pa.array([["a"], ["b"]]))
    content = io.BytesIO()
    parquet.write_table(table, content)
    return content.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = EXAMPLE_FILE.read_text(encoding="utf-8")
    for stem in ("employees*", "pto*", "schedule_blocks*"):
        text = text.replace(f'files = "{stem}.csv"', f'files = "{stem}"')
    (tmp_path / "mapping.toml").write_text(text, encoding="utf-8")
    return tmp_path


def bench(folder: Path, default_tz: str | None = None) -> RawBench:
    return RawBench(Tabular(TabularSettings(folder=folder), context("hr", default_tz)))


def edit(folder: Path, before: str, after: str) -> None:
    file = folder / "mapping.toml"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def test_every_format_gives_the_same_rows_twice(folder: Path) -> None:
    contents = {
        "employees.csv": as_csv(","),
        "employees.tsv": as_csv("\t"),
        "employees.xlsx": workbook(HEADERS, ROWS),
        "employees.parquet": as_parquet(),
    }
    found = {}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        hr = bench(folder)
        hr.read()
        assert (hr.counts["employee"].read, hr.counts["employee"].kept) == (2, 2), name
        found[name] = [hr.mapped(entity) for entity in ("clinician", "clinician_identifier", "employment")]
        hr.read()
        assert found[name] == [hr.mapped(entity) for entity in ("clinician", "clinician_identifier", "employment")]
        (folder / name).unlink()
    assert found["employees.csv"][2][0]["start_date"] in {date(2025, 1, 6), date(2025, 2, 3)}
    assert all(rows == found["employees.csv"] for rows in found.values())


def test_a_sheet_by_name_below_a_title_and_times_beside_their_date(folder: Path) -> None:
    edit(folder, 'files = "schedule_blocks*"', 'files = "schedule_blocks*"\nsheet = "Blocks"\nskip_lines = 2')
    for column in ("start", "end"):
        edit(
            folder,
            f'{column} = {{ type = "instant", required = true, tz_column = "tz" }}',
            f'{column} = {{ type = "instant", required = true, tz = "America/New_York", headers = ["Day"], '
            f'time_column = "{column} time" }}',
        )
    headers = ["block_id", "employee_id", "Day", "Start Time", "End Time", "type"]
    rows = [("B1", "E1", date(2026, 1, 5), time(9, 30), time(10, 15), "admin")]
    (folder / "schedule_blocks.xlsx").write_bytes(workbook(headers, rows, sheet="Blocks", above=2))
    hr = bench(folder)
    hr.read()
    (block,) = hr.wanted("schedule_block")
    assert (block["start_at"].isoformat(), block["end_at"].isoformat()) == (
        "2026-01-05T14:30:00+00:00",
        "2026-01-05T15:15:00+00:00",
    )


def test_a_date_without_its_time_column_is_refused_not_read_as_midnight(folder: Path) -> None:
    edit(
        folder,
        'start = { type = "instant", required = true, tz_column = "tz" }',
        'start = { type = "instant", required = true, tz = "America/New_York", time_column = "Start Time" }',
    )
    (folder / "schedule_blocks.csv").write_text("block_id,employee_id,start,end,tz,type\nB1,E1,2026-01-05,,,admin\n")
    with pytest.raises(ConfigError, match=r"the time of day of start \(tried Start Time\)"):
        bench(folder).read()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("employees.xlsx", workbook(HEADERS, ROWS)[:900], "cannot be read as an Excel file"),
        ("employees.xlsx", b"employee_id,start_date\nCanary,2025-01-06\n", "cannot be read as an Excel file"),
        ("employees.parquet", as_parquet()[:-9], "cannot be read as a Parquet file"),
        ("employees.parquet", b"PAR1Canary", "cannot be read as a Parquet file"),
        ("employees.csv", b'employee_id,start_date\n"Canary', "cannot be read as CSV|required header"),
    ],
    ids=["cut workbook", "text called xlsx", "cut parquet", "not parquet", "open quote"],
)
def test_a_damaged_file_is_named_by_stream_and_shows_nothing(
    folder: Path, name: str, content: bytes, expected: str
) -> None:
    (folder / name).write_bytes(content)
    if name.endswith(".csv"):
        hr = bench(folder)
        hr.read()
        assert hr.counts["employee"].kept == 0
        return
    with pytest.raises(DataError, match=expected) as raised:
        bench(folder).read()
    assert "stream employee, file 1 of 1" in str(raised.value)
    assert "Canary" not in str(raised.value)


def test_a_sheet_that_is_not_there_is_named(folder: Path) -> None:
    edit(folder, 'files = "employees*"', 'files = "employees*"\nsheet = "Staff"')
    (folder / "employees.xlsx").write_bytes(workbook(HEADERS, ROWS))
    with pytest.raises(ConfigError, match="it has no sheet 'Staff'"):
        bench(folder).read()


def test_an_empty_workbook_is_no_rows(folder: Path) -> None:
    (folder / "employees.xlsx").write_bytes(workbook(HEADERS, []))
    hr = bench(folder)
    assert hr.read() == {}


def test_without_the_excel_library_the_message_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "employees.xlsx").write_bytes(workbook(HEADERS, ROWS))
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    with pytest.raises(ConfigError, match=r"pip install pacekeeper\[excel\]"):
        bench(folder).read()


@pytest.mark.parametrize("scheme", ["sftp", "s3"])
def test_without_the_stores_library_the_message_says_what_to_install(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    settings = TabularSettings(url=f"{scheme}://127.0.0.1/x", profile="payroll_pto")
    answer = Tabular(settings, context("hr")).check()
    assert not answer.ok
    assert f"pip install pacekeeper[{scheme}]" in answer.message


def test_the_same_file_twice_is_counted_as_duplicate_and_told(folder: Path) -> None:
    (folder / "employees_Jan.csv").write_bytes(as_csv(","))
    (folder / "employees_Jan (1).csv").write_bytes(as_csv(","))
    hr = bench(folder)
    hr.read()
    counts = hr.counts["employee"]
    assert (counts.read, counts.kept, counts.duplicate, counts.rejected_rows) == (4, 2, 2, 0)
    assert counts.notes == ["stream employee, file 2 of 2 holds the same as stream employee, file 1 of 2"]
    for name in ("pto.csv", "schedule_blocks.csv"):
        shutil.copy(folder / "employees_Jan.csv", folder / name)
    edit(folder, 'files = "pto*"', 'files = "employees_Jan.csv"')
    assert hr.connector.check().ok is False
    only = Tabular(TabularSettings(folder=folder, mapping=_only_employees(folder)), context("hr")).check()
    assert only.ok
    assert "stream employee, file 2 of 2 holds the same as stream employee, file 1 of 2" in only.message
    assert only.details["employee"].startswith("2 files, ")


def _only_employees(folder: Path) -> Path:
    text = (folder / "mapping.toml").read_text(encoding="utf-8")
    file = folder / "only.toml"
    file.write_text(text[: text.index("[streams.pto]")], encoding="utf-8")
    return file


def test_a_column_that_went_away_is_named_with_its_aliases_and_a_new_one_is_counted(folder: Path) -> None:
    full, short = as_csv(",").decode(), as_csv(",").decode().replace("fte", "Vollzeit").replace("E1", "E3")
    (folder / "employees_2025.csv").write_text(full)
    (folder / "employees_2026.csv").write_text(short)
    with pytest.raises(ConfigError) as raised:
        bench(folder).read()
    text = str(raised.value)
    assert text.startswith("stream employee, file 2 of 2: column went away: fte (tried fte, Full-time equivalent;")
    edit(folder, 'fte = { type = "decimal",', 'fte = { type = "decimal", optional = true,')
    hr = bench(folder)
    hr.read()
    assert hr.counts["employee"].undeclared == {"Vollzeit": 2}


def test_a_column_that_comes_later_is_no_drift(folder: Path) -> None:
    (folder / "employees_2025.csv").write_text("employee_id,start_date\nE1,2024-01-01\n")
    (folder / "employees_2026.csv").write_bytes(as_csv(","))
    hr = bench(folder)
    hr.read()
    assert hr.counts["employee"].kept == 3


def test_all_columns_may_be_demanded(folder: Path) -> None:
    edit(folder, 'files = "employees*"', 'files = "employees*"\nall_columns = true')
    (folder / "employees.csv").write_bytes(as_csv(","))
    with pytest.raises(ConfigError, match=r"required header missing: end_date \(tried end_date, Termination date\)"):
        bench(folder).read()


NAMED = r"""
[streams.pto.period]
file_name = '(?P<month>\d{4}-\d{2})'
format = "%Y-%m"
gaps = "GAPS"

[streams.pto.columns]"""
PTO = "entry_id,employee_id,date,type,hours\n"


def monthly(folder: Path, *months: int, gaps: str = "report", fresh: str = "") -> Path:
    edit(folder, "\n[streams.pto.columns]", NAMED.replace("GAPS", gaps).replace('%m"\n', f'%m"\n{fresh}\n'))
    for month in months:
        (folder / f"pto 2026-{month:02d}.csv").write_text(PTO + f"L{month},E1,2026-{month:02d}-05,take,8\n")
    return folder


def test_a_month_without_a_file_is_what_its_stream_lacks(folder: Path) -> None:
    hr = bench(monthly(folder, 1, 2, 5))
    hr.read()
    counts = hr.counts["pto"]
    assert (counts.read, counts.kept, dict(counts.rejected)) == (3, 3, {}), "a month is no row"
    assert [told(gap) for gap in counts.incomplete] == ["period_missing 2026-03-01 to 2026-04-30"]


def test_gaps_may_refuse_the_whole_read_before_it_begins(folder: Path) -> None:
    connector = bench(monthly(folder, 1, 3, gaps="refuse")).connector
    with pytest.raises(DataError, match=r"stream pto: .*period_missing 2026-02-01 to 2026-02-28"):
        next(iter(connector.read(connector.streams, Window())))


def test_months_in_a_row_are_no_finding_until_the_last_is_old(folder: Path) -> None:
    connector = bench(monthly(folder, 1, 2, fresh="fresh_days = 10")).connector
    fresh, stale = datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)
    assert not [p for p in connector.read(connector.streams, Window(until=fresh)) if p.incomplete]
    (page,) = [p for p in connector.read(connector.streams, Window(until=stale)) if p.incomplete]
    assert [told(gap) for gap in page.incomplete] == ["period_missing 2026-03-01 to 2026-03-11"]


def test_of_two_files_for_one_period_the_newer_is_read(folder: Path) -> None:
    hr = bench(monthly(folder, 1))
    late = folder / "pto 2026-01 again.csv"
    late.write_text(PTO + "L1,E1,2026-01-05,take,4\nL9,E1,2026-01-06,sick,8\n")
    os.utime(folder / "pto 2026-01.csv", (1_700_000_000, 1_700_000_000))
    os.utime(late, (1_600_000_000, 1_600_000_000))
    hr.read()
    assert [float(row["hours"]) for row in hr.wanted("pto_ledger")] == [8.0]
    os.utime(late, (1_800_000_000, 1_800_000_000))
    fresh = bench(folder)
    fresh.read()
    assert sorted(float(row["hours"]) for row in fresh.wanted("pto_ledger")) == [4.0, 8.0]
    assert fresh.counts["pto"].read == 2


def test_a_name_without_a_period_is_refused_without_showing_it(folder: Path) -> None:
    monthly(folder, 1)
    (folder / "pto of Jane Doe.csv").write_text(PTO)
    with pytest.raises(ConfigError, match="stream pto, file 2 of 2: its name does not tell its period") as raised:
        bench(folder).read()
    assert "Jane" not in str(raised.value)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("file_name = '('", "file_name in .* is no regular expression"),
        ("file_name = 'x'", "should have the groups"),
        ('column = "hours"', "column in .* should be one of date"),
        ("longest_days = 9", "exactly one of file_name and column"),
    ],
)
def test_a_faulty_period_is_told_with_the_mapping_file(folder: Path, period: str, expected: str) -> None:
    edit(folder, "\n[streams.pto.columns]", f"\n[streams.pto.period]\n{period}\n\n[streams.pto.columns]")
    with pytest.raises(ConfigError, match=expected):
        bench(folder)


def test_answers_of_staff_may_not_be_joined_to_a_clinician(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(
        '[streams.pulse]\nfiles = "*.csv"\n[streams.pulse.columns]\nid = { type = "key", entity = "response" }\n'
        'who = { type = "ref", entity = "clinician" }\nitem = { type = "code" }\nscore = { type = "decimal" }\n'
        '[[map]]\nentity = "staff_survey_item"\nof = "pulse"\n[map.columns]\nresponse_token = "id"\nitem = "item"\n'
        'value = "score"\n'
    )
    with pytest.raises(ConfigError, match=r"staff_survey_item is anonymous: take column who out"):
        bench(tmp_path)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "give either folder or url"),
        ({"folder": "x", "url": "s3://b"}, "give either folder or url"),
        ({"folder": "x", "mapping": "m", "profile": "payroll_pto"}, "give either mapping or profile"),
        ({"url": "ftp://host/x", "profile": "payroll_pto"}, "sftp://host/folder or s3://bucket/folder"),
        ({"url": "sftp://me:Canary@host/x", "profile": "payroll_pto"}, "should name no user"),
        ({"url": "sftp://host/x"}, "need mapping or profile"),
        ({"folder": "x", "profile": "payrol"}, "one of the profiles"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(given: dict[str, str], expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as raised:
        TabularSettings.model_validate(given)
    assert "Canary" not in str(raised.value)
