"""The crosswalk: which clinician records are one person."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import pytest

from pacekeeper.engine.duckdb import Warehouse
from pacekeeper.mapping import match_clinicians
from pacekeeper.mapping.crosswalk import Identifier, match_records


def npi(source: str, clinician: str, value: str) -> Identifier:
    return Identifier(source, clinician, "npi", value)


def email(source: str, clinician: str, value: str) -> Identifier:
    return Identifier(source, clinician, "email", value)


def people(clinicians: str, *identifiers: Identifier) -> dict[str, str]:
    return {key: match.person_key for key, match in match_records(clinicians, identifiers).matches.items()}


def test_records_that_share_an_npi_are_one_person_under_the_smallest_key() -> None:
    assert people("bax", npi("ehr", "b", "1"), npi("hr", "a", "1")) == {"a": "a", "b": "a", "x": "x"}


def test_matched_on_names_the_identifier_that_joined() -> None:
    found = match_records(
        "abcdx", [npi("ehr", "a", "1"), npi("hr", "b", "1"), email("ehr", "c", "e"), email("hr", "d", "e")]
    ).matches
    assert [found[key].matched_on.value for key in "abcdx"] == ["npi", "npi", "email", "email", "none"]


def test_an_identifier_nobody_shares_matches_nobody() -> None:
    found = match_records("a", [npi("ehr", "a", "1"), email("ehr", "a", "e")]).matches
    assert (found["a"].person_key, found["a"].matched_on.value) == ("a", "none")


def test_records_are_connected_through_others_whatever_their_order() -> None:
    known = [npi("ehr", "c", "1"), npi("hr", "b", "1"), email("hr", "b", "e"), email("rota", "a", "e")]
    expected = {"a": "a", "b": "a", "c": "a"}
    for order in itertools.permutations(known):
        assert people("abc", *order) == expected


def test_an_address_shared_within_one_source_is_a_team_and_joins_nobody() -> None:
    found = people("abc", email("ehr", "a", "desk"), email("ehr", "b", "desk"), email("hr", "c", "desk"))
    assert found == {"a": "a", "b": "b", "c": "c"}


def test_an_address_does_not_join_two_different_npis() -> None:
    found = people("ab", npi("ehr", "a", "1"), npi("hr", "b", "2"), email("ehr", "a", "e"), email("hr", "b", "e"))
    assert found == {"a": "a", "b": "b"}


def test_two_records_of_one_source_with_one_npi_are_one_person() -> None:
    assert people("ab", npi("ehr", "a", "1"), npi("ehr", "b", "1")) == {"a": "a", "b": "a"}


def test_every_clinician_key_in_any_table_has_one_row(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    warehouse.create_schemas()
    with warehouse.connect() as connection:
        connection.raw.execute(
            "INSERT INTO canonical.clinician_identifier VALUES ('ehr', md5('a'), 'npi', md5('1')),"
            " ('hr', md5('b'), 'npi', md5('1'))"
        )
        connection.raw.execute(
            "INSERT INTO canonical.episode (source, episode_key, client_key, opened_on, status, primary_clinician_key)"
            " VALUES ('ehr', md5('e'), md5('p'), DATE '2026-01-01', 'active', md5('z')),"
            " ('ehr', md5('f'), md5('p'), DATE '2026-01-01', 'active', NULL)"
        )
        for _ in range(2):
            assert match_clinicians(connection) == []
        found = connection.raw.execute(
            "SELECT clinician_key = person_key, matched_on, source FROM canonical.person_match ORDER BY ALL"
        ).fetchall()
    assert found == [(False, "npi", "derived"), (True, "none", "derived"), (True, "npi", "derived")]


def test_an_npi_that_more_than_two_records_of_one_source_hold_is_an_organisations() -> None:
    staff = [npi("ehr", name, "org") for name in "abc"]
    found = match_records("abcd", [*staff, npi("hr", "d", "org")]).matches
    assert {key: match.person_key for key, match in found.items()} == {key: key for key in "abcd"}
    assert {match.matched_on.value for match in found.values()} == {"none"}


def test_an_organisations_npi_does_not_keep_an_address_from_joining() -> None:
    staff = [npi("ehr", name, "org") for name in "abc"]
    found = match_records(
        "abcd", [*staff, npi("hr", "d", "own"), email("ehr", "a", "e"), email("hr", "d", "e")]
    ).matches
    assert {key: match.person_key for key, match in found.items()} == {"a": "a", "b": "b", "c": "c", "d": "a"}


def test_two_records_in_each_of_two_sources_are_still_one_person() -> None:
    found = people("abcd", npi("ehr", "a", "1"), npi("ehr", "b", "1"), npi("hr", "c", "1"), npi("hr", "d", "1"))
    assert set(found.values()) == {"a"}


def test_an_organisations_npi_is_reported_with_source_and_count_and_no_value(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    warehouse.create_schemas()
    with warehouse.connect() as connection:
        connection.raw.execute(
            "INSERT INTO canonical.clinician_identifier"
            " SELECT 'ehr', md5(i::VARCHAR), 'npi', md5('org') FROM range(4) t(i)"
        )
        with caplog.at_level(logging.WARNING, logger="pacekeeper"):
            assert {finding.reason.value for finding in match_clinicians(connection)} == {"shared_identifier"}
        assert connection.count("SELECT count(*) FROM canonical.person_match WHERE matched_on = 'none'") == 4
        value = connection.raw.execute("SELECT md5('org')").fetchall()[0][0]
    (record,) = caplog.records
    assert (vars(record)["of_source"], vars(record)["clinician_records"]) == ("ehr", 4)
    assert value not in str(vars(record))


def test_the_file_joins_what_no_identifier_does_and_parts_what_one_would() -> None:
    found = match_records(
        "abcd", [npi("ehr", "c", "1"), npi("hr", "d", "1")], named={"a": "kim", "b": "kim", "c": "lee", "d": "ray"}
    )
    assert {key: match.person_key for key, match in found.matches.items()} == {"a": "a", "b": "a", "c": "c", "d": "d"}
    assert found.matches["a"].matched_on == "file"
    assert [(finding.record_key, finding.reason) for finding in found.findings] == [
        ("c", "conflict"),
        ("d", "conflict"),
    ]


def test_a_merge_that_a_source_reports_joins() -> None:
    found = match_records("abc", [], merges=[("b", "a"), ("b", "gone")])
    assert {key: match.person_key for key, match in found.matches.items()} == {"a": "a", "b": "a", "c": "c"}
    assert found.matches["b"].matched_on == "merge"
