"""What a mapping file may say, and what a person reads when it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.site_files import assert_told

from pacekeeper.errors import ConfigError
from pacekeeper.stream import check_streams
from pacekeeper_connectors.tabular import EXAMPLE_FILE
from pacekeeper_connectors.tabular.mapping_file import load_mapping_file
from pacekeeper_connectors.tabular.streams import streams_of

EXAMPLE = EXAMPLE_FILE.read_text(encoding="utf-8")


def test_the_shipped_example_is_accepted_and_its_streams_are_sound() -> None:
    streams = streams_of(load_mapping_file(EXAMPLE_FILE))
    check_streams(streams, connector="tabular")
    assert {stream.name: stream.key for stream in streams} == {
        "employee": "record_id",
        "pto": "entry_id",
        "schedule_block": "block_id",
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('type = "match", domain = "npi"', 'type = "mtach", domain = "npi"', r"type in \[streams.employee.columns.npi"),
        ('files = "pto*.csv"', 'file = "pto*.csv"', r"files in \[streams.pto\] is missing.*file in \[streams.pto\]"),
        ('domain = "npi", headers', "headers", r'npi in \[streams.employee.columns\]: type = "match" needs domain'),
        ('entity = "pto_ledger"', 'entity = "pto_leger"', r"number 5 \(pto_leger of pto\).*'pto_ledger'"),
        ('of = "pto"', 'of = "ptos"', r"of should be 'pto'"),
        ('kind = { column = "type", map = "pto_kind" }', 'kind = { column = "typ", map = "pto_kind" }', "'type'"),
        ('map = "pto_kind"', 'map = "pto_kinds"', "column kind uses map 'pto_kinds'; it should be 'pto_kind'"),
        ('accrue = "accrue"', 'accrue = "acrue"', "column kind would hold 'acrue'; it should be 'accrue'"),
        ('entry_date = "date"', 'entry_day = "date"', "column entry_date is missing.*'entry_day' should be"),
        ('pto_entry_key = "entry_id"', 'pto_entry_key = { value = "x", column = "entry_id" }', "exactly one of column"),
        ('tz_column = "tz"', 'tz_column = "zone"', "tz_column 'zone' should be one of the stream's columns"),
        ('tz_column = "tz"', 'tz = "Mars/Base"', "should be an IANA time zone"),
        ('entry_id = { type = "key"', 'entry_id = { type = "ref"', r'\[streams.pto\]: exactly one column should have'),
        ("[streams.pto]\n", "[streams.pto\n", "cannot be read as TOML"),
        ('key = ["employee_id", "start_date"]', 'key = ["employee_id", "start"]', "key names 'start'; it should be"),
        ('key = ["employee_id", "start_date"]', 'key = ["start_date"]', "key should name at least two columns"),
        ('[streams.pto]\n', '[streams.pto]\nkey = ["entry_id", "date"]\n', r"either key or a column with type"),
        ('npi = { type = "match"', 'record_id = { type = "match"', "record_id in .* is the name of the key"),
        ('newest_by = "start_date"\n', 'newest_by = "began"\n', "newest_by should be"),
        ('once = true\nnewest_by = "start_date"\n', 'newest_by = "start_date"\n', "newest_by is for once = true"),
        ('unless_in = "employee"', 'unless_in = "employment"', "unless_in should be"),
        ('employment_key = "record_id"', 'employment_key = "rec_id"', "reads 'rec_id'; it should be 'record_id'"),
        ('unless_in = "employee"', 'unles_in = "employee"', r"unles_in in \[map.\d+\] is not a .*'unless_in'"),
        ('tz_column = "tz"', 'tz_colum = "tz"', r"tz_colum in \[streams.*\] is not a known key; .*'tz_column'"),
        ('earliest = true', 'earliest = true, map = "pto_kind"', "earliest is for a column"),
    ],
)  # fmt: skip
def test_a_fault_names_file_section_key_and_what_would_be_right(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    file = tmp_path / "mapping.toml"
    assert_told(load_mapping_file, file, EXAMPLE, before=before, after=after, expected=expected)


def test_a_missing_mapping_file_says_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mapping\.toml does not exist: create it"):
        load_mapping_file(tmp_path / "mapping.toml")
