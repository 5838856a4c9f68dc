"""The crosswalk of clients, the crosswalk file, and the list of records to look at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacekeeper.engine.duckdb import Connection, Warehouse
from pacekeeper.errors import ConfigError
from pacekeeper.mapping import match_identities, read_crosswalk
from pacekeeper.mapping.crosswalk_file import Crosswalk
from pacekeeper.privacy import HashKey, keyed_hash

KEY = HashKey.of(b"s" * 32)


def key(name: str) -> str:
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


class Site:
    """Canonical tables filled by hand; records are named by one letter."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.letters = {key(letter): letter for letter in "abcdefghij"}

    def client(self, source: str, letters: str, *, born: int | None = None) -> None:
        for letter in letters:
            self.connection.raw.execute(
                "INSERT INTO canonical.client (source, client_key, practice_key, birth_year, part2_flag)"
                " VALUES (?, ?, md5('practice'), ?, 'unknown')",
                [source, key(letter), born],
            )

    def holds(self, source: str, letters: str, domain: str, value: str) -> None:
        for letter in letters:
            self.connection.raw.execute(
                "INSERT INTO canonical.client_identifier (source, client_key, domain, match_key) VALUES (?, ?, ?, ?)",
                [source, key(letter), domain, key(value)],
            )

    def merge(self, gone: str, kept: str) -> None:
        self.connection.raw.execute(
            "INSERT INTO canonical.key_merge (source, entity, from_key, into_key) VALUES ('ehr', 'client', ?, ?)",
            [key(gone), key(kept)],
        )

    def match(self, **named: str) -> dict[str, tuple[str, str]]:
        """Letters of a person's records, and what joined, by letter."""
        match_identities(self.connection, Crosswalk({key(name): label for name, label in named.items()}, {}))
        rows = self.connection.raw.execute("SELECT client_key, person_key, matched_on FROM canonical.client_match")
        found = [(self.letters[client], person, how) for client, person, how in rows.fetchall()]
        together = {person: "".join(sorted(c for c, p, _ in found if p == person)) for _, person, _ in found}
        return {client: (together[person], how) for client, person, how in found}

    def reviews(self) -> set[tuple[str, str, str | None]]:
        rows = self.connection.raw.execute("SELECT record_key, reason, of_source FROM canonical.identity_review")
        return {(self.letters[record], reason, source) for record, reason, source in rows.fetchall()}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    warehouse.create_schemas()
    with warehouse.connect() as connection:
        yield Site(connection)


def test_records_that_share_an_mrn_are_one_person_across_and_within_sources(site: Site) -> None:
    site.client("ehr", "ab")
    site.client("survey", "c")
    site.holds("ehr", "ab", "mrn", "1")
    site.holds("survey", "c", "mrn", "1")
    assert site.match() == dict.fromkeys("abc", ("abc", "mrn"))
    assert site.match() == dict.fromkeys("abc", ("abc", "mrn")), "a second run changes nothing"
    assert site.reviews() == set()


def test_an_mrn_that_three_records_of_one_source_hold_joins_nobody(site: Site) -> None:
    site.client("ehr", "abc")
    site.client("survey", "d")
    site.holds("ehr", "abc", "mrn", "0")
    site.holds("survey", "d", "mrn", "0")
    assert site.match() == {letter: (letter, "none") for letter in "abcd"}
    assert {reason for _, reason, _ in site.reviews()} == {"shared_identifier", "unmatched"}


def test_a_familys_member_number_joins_nobody_and_a_single_one_does(site: Site) -> None:
    site.client("ehr", "abc")
    site.client("billing", "de")
    site.holds("ehr", "ab", "member", "family")
    site.holds("billing", "d", "member", "family")
    site.holds("ehr", "c", "member", "single")
    site.holds("billing", "e", "member", "single")
    found = site.match()
    assert (found["c"], found["e"]) == (("ce", "member"), ("ce", "member"))
    assert {found[letter] for letter in "abd"} == {("a", "none"), ("b", "none"), ("d", "none")}
    assert ("a", "shared_identifier", "ehr") in site.reviews()


def test_records_of_different_years_of_birth_are_not_joined_by_an_identifier(site: Site) -> None:
    site.client("ehr", "a", born=1980)
    site.client("survey", "b", born=1981)
    site.holds("ehr", "a", "mrn", "1")
    site.holds("survey", "b", "mrn", "1")
    assert site.match() == {"a": ("a", "none"), "b": ("b", "none")}
    assert {("a", "conflict", "ehr"), ("b", "conflict", "survey")} <= site.reviews()


def test_a_chain_of_identifiers_and_merges_is_followed_to_its_end(site: Site) -> None:
    site.client("ehr", "adf")
    site.client("survey", "be")
    site.holds("ehr", "f", "mrn", "1")
    site.holds("survey", "e", "mrn", "1")
    site.holds("survey", "e", "email", "x")
    site.holds("ehr", "d", "email", "x")
    site.merge("d", "a")
    found = site.match()
    assert {found[letter][0] for letter in "adef"} == {"adef"}
    assert (found["a"][1], found["f"][1], found["b"]) == ("merge", "mrn", ("b", "none"))


def test_the_crosswalk_file_joins_and_parts_against_every_identifier(site: Site) -> None:
    site.client("ehr", "ab")
    site.client("survey", "cd")
    site.holds("ehr", "a", "mrn", "1")
    site.holds("survey", "c", "mrn", "1")
    assert site.match(b="kim", d="kim", a="lee", c="ray") == {
        "a": ("a", "none"),
        "b": ("bd", "file"),
        "c": ("c", "none"),
        "d": ("bd", "file"),
    }
    assert {("a", "conflict", "ehr"), ("c", "conflict", "survey")} <= site.reviews()


def test_who_has_no_partner_is_listed_once_another_source_knows_clients_too(site: Site) -> None:
    site.client("ehr", "ab")
    site.match(j="nobody")
    assert site.reviews() == {("j", "not_found", None)}
    site.client("survey", "c")
    site.holds("ehr", "a", "mrn", "1")
    site.holds("survey", "c", "mrn", "1")
    site.match()
    assert site.reviews() == {("b", "unmatched", "ehr")}


HEADER = "source,entity,id,person\n"


def written(folder: Path, text: str, *, mode: int = 0o600) -> Path:
    file = folder / "crosswalk.csv"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_the_file_names_records_by_the_ids_their_sources_use(tmp_path: Path) -> None:
    file = written(tmp_path, HEADER + "ehr,client,p-1,kim\nsurvey,client,77,kim\nhr,clinician,E1,lee\n")
    found = read_crosswalk(file, KEY)
    assert set(found.clients) == {keyed_hash(KEY, "ehr", "client", "p-1"), keyed_hash(KEY, "survey", "client", "77")}
    assert len(set(found.clients.values())) == 1
    assert "lee" not in str(found)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("source,entity,id\n", 0o600, "must name the columns"),
        (HEADER + "ehr,patient,p-1,kim\n", 0o600, "line 2: entity must be client or clinician"),
        (HEADER + "ehr,client,,kim\n", 0o600, "line 2: id must not be empty"),
        (HEADER + "ehr,client,p-1\n", 0o600, "line 2: person must not be empty"),
        (HEADER + "ehr,client,p-1,kim\nehr,client,p-1,lee\n", 0o600, "line 3: this record is named twice"),
        (HEADER, 0o644, "others can read it"),
    ],
    ids=["header", "entity", "no id", "short line", "twice", "mode"],
)
def test_a_file_that_cannot_be_used_says_where_and_no_value(tmp_path: Path, text: str, mode: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        read_crosswalk(written(tmp_path, text, mode=mode), KEY)
    assert "p-1" not in str(raised.value)
    assert "kim" not in str(raised.value)


def test_a_missing_file_says_which_setting_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[identity\] crosswalk"):
        read_crosswalk(tmp_path / "none.csv", KEY)
