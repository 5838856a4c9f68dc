"""CSV files as people export them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.raw_bench import RawBench, context, key, match

from pacekeeper.errors import ConfigError, PacekeeperError
from pacekeeper.stream import JsonLines, Window
from pacekeeper_connectors.tabular import EXAMPLE_FILE, Tabular, TabularSettings

EMPLOYEES = "employee_id,npi,email,start_date,end_date,end_reason,fte,weekly_hours,employment_type,role,license\n"
ANNA = "E1,9999999999,Anna@Example.org,2025-01-06,,,0.8,32,w2,therapist,licensed\n"
PTO = "entry_id,employee_id,date,type,hours,approved\n"
BLOCKS = "block_id,staff_npi,employee_id,start,end,tz,type,protected\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(EXAMPLE_FILE, tmp_path / "mapping.toml")
    return tmp_path


def source(folder: Path, default_tz: str | None = None) -> RawBench:
    return RawBench(Tabular(TabularSettings(folder=folder), context("hr", default_tz)))


def read(folder: Path, default_tz: str | None = None, **files: str | bytes) -> RawBench:
    for name, content in files.items():
        (folder / f"{name}.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    bench = source(folder, default_tz)
    bench.read()
    return bench


def test_an_employee_becomes_clinician_identifiers_and_employment(folder: Path) -> None:
    hr = read(folder, employees=EMPLOYEES + ANNA)
    (clinician,) = hr.wanted("clinician")
    assert (clinician["clinician_key"], clinician["role"], clinician["license_level"]) == (
        key("clinician", "E1", "hr"),
        "therapist",
        "licensed",
    )
    assert {row["domain"]: row["match_key"] for row in hr.wanted("clinician_identifier")} == {
        "npi": match("npi", "9999999999"),
        "email": match("email", "anna@example.org"),
    }
    (employment,) = hr.wanted("employment")
    assert (float(employment["fte"]), float(employment["contract_h_week"])) == (0.8, 32.0)
    assert (employment["employment_type"], employment.get("end_reason")) == ("w2", None)


def test_an_employee_without_identifiers_has_none_and_is_counted(folder: Path) -> None:
    hr = read(folder, employees=EMPLOYEES + "E2,,,2025-01-06,,,,,w2,therapist,licensed\n")
    assert hr.wanted("clinician_identifier") == []
    assert hr.reasons("clinician_identifier") == ["no_match_key", "no_match_key"]


def test_unknown_codes_become_unknown_and_are_kept(folder: Path) -> None:
    row = "E1,,,2025-01-06,2025-02-28,zz-left,1,40,zz-contract,wizard,zz\n"
    hr = read(folder, employees=EMPLOYEES + row)
    (clinician,), (employment,) = hr.wanted("clinician"), hr.wanted("employment")
    assert (clinician["role"], clinician["role_source_code"]) == ("unknown", "wizard")
    assert (employment["end_reason"], employment["end_reason_source_code"]) == ("unknown", "zz-left")


@pytest.mark.parametrize(
    "content",
    [
        (EMPLOYEES + ANNA).replace(",", ";").encode("utf-8-sig"),
        (EMPLOYEES + ANNA).replace(",", "\t").encode(),
        (EMPLOYEES + ANNA).encode("utf-16"),
        (EMPLOYEES.replace("role", "Role,Größe") + ANNA.replace("therapist", "therapist,groß")).encode("latin-1"),
        (EMPLOYEES + ANNA).replace("\n", "\r\n").encode(),
        (EMPLOYEES.replace("employee_id", "EMPLOYEE ID").replace("start_date", " Hire Date ") + ANNA).encode(),
        (EMPLOYEES + ANNA.replace("therapist", '"therapist"')).encode(),
    ],
    ids=["semicolons and BOM", "tabs", "utf-16", "latin-1", "crlf", "header aliases", "quotes"],
)
def test_a_file_is_read_however_it_was_exported(folder: Path, content: bytes) -> None:
    hr = read(folder, employees=content)
    assert hr.counts["employee"].kept == 1
    assert hr.wanted("clinician")[0]["role"] == "therapist"


def test_a_line_break_inside_quotes_is_part_of_the_cell(folder: Path) -> None:
    header = EMPLOYEES.replace("role", "note,role")
    row = ANNA.replace("therapist", '"first line\nsecond, line",therapist')
    hr = read(folder, employees=header + row + ANNA.replace("E1", "E2").replace("therapist", "x,therapist"))
    assert hr.counts["employee"].kept == 2


def test_rows_with_too_many_or_too_few_cells_are_rejected_not_lost(folder: Path) -> None:
    ragged = ANNA + "E2,1\n" + ANNA.replace("E1", "E3").replace("\n", ",extra\n") + ANNA.replace("E1", "E4")
    counts = read(folder, employees=EMPLOYEES + ragged).counts["employee"]
    assert (counts.read, counts.kept, dict(counts.rejected)) == (4, 2, {("", "malformed_json"): 2})


def test_a_date_that_does_not_exist_rejects_the_row(folder: Path) -> None:
    counts = read(folder, employees=EMPLOYEES + ANNA.replace("2025-01-06", "2025-13-40")).counts["employee"]
    assert dict(counts.rejected) == {("start_date", "not_a_date"): 1}


def test_a_missing_header_is_named_with_what_was_tried_and_found(folder: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        read(folder, employees=EMPLOYEES.replace("start_date", "begin") + ANNA)
    text = str(raised.value)
    assert "stream employee, file 1 of 1" in text
    assert "start_date (tried start_date, Hire date)" in text
    assert "Headers found: employee_id, npi, email, begin" in text


def test_a_file_without_a_header_line_does_not_show_its_first_row(folder: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        read(folder, employees="E77,1234567890,canary@example.com\n")
    assert "canary" not in str(raised.value)
    assert "Headers found: none that the mapping file names" in str(raised.value)


def test_messages_name_stream_and_position_and_never_a_file(folder: Path) -> None:
    (folder / "employees_Anna_Roe.csv").write_text(EMPLOYEES + ANNA)
    bad = {
        "missing": EMPLOYEES.replace("start_date", "begin").encode(),
        "ambiguous": EMPLOYEES.replace("license", "Position").encode(),
        "unreadable": (EMPLOYEES + 'E1,"' + "x" * 10).encode("utf-16")[:-1],
    }
    for content in bad.values():
        (folder / "employees_Jane_Doe.csv").write_bytes(content)
        with pytest.raises(PacekeeperError) as raised:
            source(folder).read()
        assert "stream employee, file 2 of 2" in str(raised.value)
        assert "Doe" not in str(raised.value)
    assert "Doe" not in source(folder).connector.check().message


def test_only_what_can_be_a_header_is_shown(folder: Path) -> None:
    headers = EMPLOYEES.replace("start_date", "begin").replace("npi", "wept, twice").replace("role", "jane@example.org")
    headers = headers.replace("wept, twice", '"wept, twice"')
    with pytest.raises(ConfigError) as raised:
        read(folder, employees=headers + ANNA)
    assert "Headers found: employee_id, email, begin" in str(raised.value)
    assert "and 2 that are no plain names" in str(raised.value)
    assert "wept" not in str(raised.value)
    assert "jane" not in str(raised.value)


def test_two_headers_for_one_column_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="column role could be any of 2 headers"):
        read(folder, employees=EMPLOYEES.replace("license", "Position") + ANNA)


def test_an_empty_file_and_one_with_headers_only_give_no_rows_and_no_error(folder: Path) -> None:
    assert read(folder, employees="", pto=PTO).counts == {}


def test_several_files_of_one_stream_are_read_together(folder: Path) -> None:
    hr = read(folder, employees_2025=EMPLOYEES + ANNA, employees_2026=EMPLOYEES + ANNA.replace("E1", "E2"))
    assert hr.counts["employee"].kept == 2


def test_undeclared_columns_are_not_read(folder: Path) -> None:
    hr = read(
        folder, employees=EMPLOYEES.replace("role", "home_address,role") + ANNA.replace("therapist", "Canary,peer")
    )
    assert hr.counts["employee"].undeclared == {"home_address": 1}
    assert "Canary" not in str(hr.mapped("clinician"))


def test_undeclared_headers_are_counted_by_name_whatever_their_spelling(folder: Path) -> None:
    header = EMPLOYEES.replace("role", "Home Address,note,Note,,tz of start_date,p,role")
    row = ANNA.replace("therapist", "Canary,Canary,Canary,Canary,Canary,Canary,peer")
    hr = read(folder, employees=header + row + row.replace("E1", "E2"))
    assert hr.counts["employee"].undeclared == {"Home_Address": 2, "note": 2, "tz_of_start_date": 2, "p": 2}
    assert "Canary" not in str(hr.mapped("clinician"))


def test_damaged_rows_tell_the_file_they_stand_in(folder: Path) -> None:
    for name in ("1", "2"):
        (folder / f"employees{name}.csv").write_text(EMPLOYEES + ANNA.replace("E1", f"E{name}") + "E9,1\n")
    connector = source(folder).connector
    damaged = [page.rows for page in connector.read(connector.streams, Window()) if isinstance(page.rows, JsonLines)]
    assert [(rows.origin, rows.first_line) for rows in damaged] == [("employee.1.csv", 2), ("employee.2.csv", 2)]


def test_a_person_who_was_hired_again_is_one_clinician_with_two_employments(folder: Path) -> None:
    first = "E1,9999999999,anna@example.org,2019-01-07,2021-06-30,voluntary,0.5,20,w2,intern,trainee\n"
    hr = read(folder, employees=EMPLOYEES + first + ANNA)
    assert (hr.counts["employee"].read, hr.counts["employee"].kept) == (2, 2)
    employments = hr.wanted("employment")
    assert len({row["employment_key"] for row in employments}) == 2
    assert {row["clinician_key"] for row in employments} == {key("clinician", "E1", "hr")}
    assert sorted(str(row["start_date"]) for row in employments) == ["2019-01-07", "2025-01-06"]
    (clinician,) = hr.wanted("clinician")
    assert (clinician["role"], clinician["license_level"]) == ("therapist", "licensed")
    assert str(clinician["first_seen"]) == "2019-01-07"
    assert sorted(row["domain"] for row in hr.wanted("clinician_identifier")) == ["email", "npi"]
    assert hr.reasons("clinician") == ["repeated"]


def test_an_employment_without_a_start_has_no_key_and_is_rejected(folder: Path) -> None:
    counts = read(folder, employees=EMPLOYEES + ANNA.replace("2025-01-06", "")).counts["employee"]
    assert ("record_id", "missing") in counts.rejected


def test_leave_entries_keep_sign_kind_and_approval(folder: Path) -> None:
    rows = "L1,E1,2026-01-05,take,8,yes\nL2,E1,2026-01-06,accrue,10.5,\n"
    found = {row["kind"]: row for row in read(folder, pto=PTO + rows).wanted("pto_ledger")}
    assert found["take"]["is_approved"] is True
    assert (float(found["accrue"]["hours"]), found["accrue"].get("is_approved")) == (10.5, None)


def blocks(folder: Path, *rows: str, default_tz: str | None = None) -> RawBench:
    lines = "".join(f"B{n},9999999999,E1,{row},admin,yes\n" for n, row in enumerate(rows))
    return read(folder, default_tz, schedule_blocks=BLOCKS + lines)


def test_local_times_are_read_in_the_zone_of_their_row(folder: Path) -> None:
    found = blocks(
        folder,
        "2026-01-05 09:00,2026-01-05 10:00,America/New_York",
        "2026-01-05 09:00,2026-01-05 10:00,America/Denver",
        "2026-01-05T09:00:00-05:00,2026-01-05T10:00:00-05:00,",
    )
    starts = sorted(row["start_at"].isoformat() for row in found.wanted("schedule_block"))
    assert starts == ["2026-01-05T14:00:00+00:00", "2026-01-05T14:00:00+00:00", "2026-01-05T16:00:00+00:00"]


def test_a_block_over_the_night_of_the_spring_change_is_an_hour_shorter(folder: Path) -> None:
    (row,) = blocks(folder, "2026-03-08 00:00,2026-03-08 06:00,America/New_York").wanted("schedule_block")
    assert (row["end_at"] - row["start_at"]).total_seconds() == 5 * 3600


def test_a_time_that_autumn_repeats_takes_the_first_pass(folder: Path) -> None:
    (row,) = blocks(folder, "2025-11-02 01:30,2025-11-02 03:00,America/New_York").wanted("schedule_block")
    assert row["start_at"].isoformat() == "2025-11-02T05:30:00+00:00"


@pytest.mark.parametrize("default_tz", [None, "America/Denver", "America/New_York"])
@pytest.mark.parametrize(
    "row",
    ["2026-03-08 02:30,2026-03-08 04:00,America/New_York", "2026-01-05 09:00,2026-01-05 10:00,Mars/Base"],
    ids=["skipped by the spring change", "zone that is none"],
)
def test_a_local_time_that_cannot_be_placed_is_rejected(folder: Path, row: str, default_tz: str | None) -> None:
    counts = blocks(folder, row, default_tz=default_tz).counts["schedule_block"]
    assert (counts.kept, counts.rejected_rows) == (0, 1)


@pytest.mark.parametrize(("default_tz", "kept"), [(None, 0), ("America/Denver", 1)])
def test_a_row_without_zone_falls_back_to_the_sources_or_is_rejected(
    folder: Path, default_tz: str | None, kept: int
) -> None:
    counts = blocks(folder, "2026-01-05 09:00,2026-01-05 10:00,", default_tz=default_tz).counts["schedule_block"]
    assert counts.kept == kept


def test_other_ways_to_write_dates_are_declared_by_format(folder: Path) -> None:
    mapping = (folder / "mapping.toml").read_text()
    mapping = mapping.replace(
        'start = { type = "instant", required = true, tz_column = "tz" }',
        'start = { type = "instant", required = true, tz = "America/New_York", format = "%m/%d/%Y %I:%M %p" }',
    ).replace('start_date = { type = "date",', 'start_date = { type = "date", format = "%d.%m.%Y",')
    (folder / "mapping.toml").write_text(mapping)
    hr = read(folder, employees=EMPLOYEES + ANNA.replace("2025-01-06", "06.01.2025"))
    assert hr.wanted("employment")[0]["start_date"].isoformat() == "2025-01-06"
    found = blocks(folder, "01/05/2026 1:30 PM,2026-01-05 14:00,America/New_York")
    assert found.wanted("schedule_block")[0]["start_at"].isoformat() == "2026-01-05T18:30:00+00:00"


def test_an_identifier_of_the_schedule_is_taken_once_and_only_where_hr_has_none(folder: Path) -> None:
    row = "9999999999,E1,2026-01-05 09:00,2026-01-05 10:00,America/New_York,admin,yes\n"
    hr = read(folder, schedule_blocks=BLOCKS + "B1," + row + "B2," + row)
    (identifier,) = hr.wanted("clinician_identifier")
    assert identifier["match_key"] == match("npi", "9999999999")
    assert hr.reasons("clinician_identifier") == ["repeated"]
    with_hr = read(folder, employees=EMPLOYEES + ANNA)
    assert [r["domain"] for r in with_hr.wanted("clinician_identifier")] == ["email", "npi"]
    assert with_hr.reasons("clinician_identifier") == ["known_in_employee", "known_in_employee"]


def test_a_block_that_does_not_say_is_not_protected(folder: Path) -> None:
    line = "B1,,E1,2026-01-05 09:00,2026-01-05 10:00,America/New_York,admin,\n"
    assert read(folder, schedule_blocks=BLOCKS + line).wanted("schedule_block")[0]["is_protected"] is False


def test_check_names_streams_without_a_file_and_missing_headers(folder: Path) -> None:
    connector = Tabular(TabularSettings(folder=folder), context("hr"))
    assert "no file in" in connector.check().message
    for name, header in (("employees", EMPLOYEES), ("pto", PTO), ("schedule_blocks", BLOCKS)):
        (folder / f"{name}.csv").write_text(header)
    assert connector.check().ok
    (folder / "pto.csv").write_text("employee_id,date\n")
    assert "required header missing: entry_id" in connector.check().message


def test_relative_paths_start_at_the_settings_files_folder(folder: Path) -> None:
    at_home = context("hr").__class__("hr", None, context().clock, home=folder.parent)
    connector = Tabular(TabularSettings(folder=Path(folder.name), mapping=folder / "mapping.toml"), at_home)
    assert [stream.name for stream in connector.streams] == ["employee", "pto", "schedule_block"]


def test_a_connector_that_is_only_constructed_reads_nothing() -> None:
    Tabular(TabularSettings(folder=Path("/nowhere")), context("hr"))


def test_an_unclosed_quote_loses_no_row_silently(folder: Path) -> None:
    counts = read(folder, employees=EMPLOYEES + ANNA + ANNA.replace("E1", 'E2,"')).counts["employee"]
    assert (counts.kept, counts.rejected_rows) == (1, 1)
