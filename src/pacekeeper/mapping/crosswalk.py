"""Which clinician records are one person: records that share an identifier, in one source or across several.

The crosswalk file has the last word: records under one name are joined, those under different names never are. A merge
that a source reports comes next. A shared NPI joins, unless more than two records of one source hold it: it is an
organisation's then, and tells nobody apart. A shared e-mail address joins unless that would put two different NPIs, or
two records of one source that nothing else joins, into one person: such an address is a team's, not a person's.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import pyarrow as pa

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.person_match import PersonMatch
from pacekeeper.contract.schema import columns
from pacekeeper.contract.vocabulary import MatchDomain, MatchedOn, ReviewReason
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.derived import write_derived

_log = logging.getLogger(__name__)
#: Clinician records of one source that one person may have: a record that was made twice, or a second role.
MOST_RECORDS_OF_A_PERSON = 2
#: Columns that name a clinician record, in whatever part.
_CLINICIAN_COLUMNS = ("clinician_key", "primary_clinician_key", "supervisor_key", "counterpart_key")


@dataclass(frozen=True)
class Identifier:
    """One identifier of one clinician record."""

    source: str
    clinician_key: str
    domain: str
    match_key: str


@dataclass(frozen=True, order=True)
class Finding:
    """A record a person should look at."""

    record_key: str
    reason: ReviewReason


@dataclass(frozen=True)
class Match:
    """A clinician record's person, and the identifier by which it met another record."""

    person_key: str
    matched_on: MatchedOn


@dataclass(frozen=True)
class Matches:
    """Matches by clinician key, and what a person should look at."""

    matches: dict[str, Match]
    findings: list[Finding]


def match_clinicians(connection: Connection, named: Mapping[str, str] = MappingProxyType({})) -> list[Finding]:
    """Rebuild `canonical.person_match` for every clinician key in any canonical table.

    named: what the crosswalk file calls the person of a clinician key. Returns what a person should look at.
    """
    identifiers = [
        Identifier(*row)
        for row in connection.raw.execute(
            "SELECT source, clinician_key, domain, match_key FROM canonical.clinician_identifier ORDER BY ALL"
        ).fetchall()
    ]
    merges = connection.raw.execute(
        "SELECT from_key, into_key FROM canonical.key_merge WHERE entity = 'clinician' ORDER BY ALL"
    ).fetchall()
    keys = {key for (key,) in connection.raw.execute(keys_in_use(*_CLINICIAN_COLUMNS)).fetchall()}
    for source, records in sorted(_organisations(identifiers).values()):
        _log.warning(
            "an NPI joins nobody: too many clinician records of one source hold it for one person's",
            extra={"of_source": source, "clinician_records": records},
        )
    found = match_records(keys, identifiers, merges=merges, named=named)
    matches = found.matches
    write_derived(
        connection,
        PersonMatch,
        pa.table(
            {
                "clinician_key": pa.array(matches, pa.string()),
                "person_key": pa.array([match.person_key for match in matches.values()], pa.string()),
                "matched_on": pa.array([match.matched_on.value for match in matches.values()], pa.string()),
            }
        ),
    )
    return found.findings


def keys_in_use(*names: str) -> str:
    """SQL for the distinct keys that columns of these names hold in any table a source is mapped to."""
    selects = [
        f'SELECT "{column.name}" AS record_key FROM canonical.{name}'
        for name, entity in ENTITIES.items()
        if not entity.derived
        for column in columns(entity)
        if column.name in names
    ]
    return f"SELECT DISTINCT record_key FROM ({' UNION ALL '.join(selects)}) WHERE record_key IS NOT NULL ORDER BY 1"


def match_records(
    clinician_keys: Iterable[str],
    identifiers: Iterable[Identifier],
    *,
    merges: Iterable[tuple[str, str]] = (),
    named: Mapping[str, str] = MappingProxyType({}),
) -> Matches:
    """Who is one person; the person's key is the smallest of its records' keys. Independent of input order."""
    people = _People()
    known = sorted(set(identifiers), key=lambda i: (i.domain, i.match_key, i.clinician_key, i.source))
    organisations = _organisations(known)
    for identifier in known:
        people.sources[identifier.clinician_key].add(identifier.source)
        if identifier.domain == MatchDomain.NPI and identifier.match_key not in organisations:
            people.npis[identifier.clinician_key].add(identifier.match_key)
    for key, name in named.items():
        people.names[key].add(name)
    every = sorted({*clinician_keys, *(i.clinician_key for i in known)})
    matched_on: dict[str, MatchedOn] = {}
    findings = {Finding(i.clinician_key, ReviewReason.SHARED_IDENTIFIER) for i in known if i.match_key in organisations}
    for how, records in [*_told(every, merges, named), *_held(known, organisations)]:
        if people.may_join(records, how):
            people.join(records)
            for record in records:
                matched_on.setdefault(record, how)
        else:
            findings |= {Finding(record, ReviewReason.CONFLICT) for record in records}
    matches = {key: Match(people.person(key), matched_on.get(key, MatchedOn.NONE)) for key in every}
    return Matches(matches, sorted(findings))


def _told(
    every: Sequence[str], merges: Iterable[tuple[str, str]], named: Mapping[str, str]
) -> Iterator[tuple[MatchedOn, list[str]]]:
    """Groups of records that the crosswalk file names alike, then pairs that a source has merged."""
    of_name: dict[str, list[str]] = defaultdict(list)
    for key in every:
        if key in named:
            of_name[named[key]].append(key)
    yield from ((MatchedOn.FILE, of_name[name]) for name in sorted(of_name) if len(of_name[name]) > 1)
    present = set(every)
    yield from ((MatchedOn.MERGE, sorted(pair)) for pair in sorted(merges) if present.issuperset(pair))


def _held(known: Sequence[Identifier], organisations: Container[str]) -> Iterator[tuple[MatchedOn, list[str]]]:
    """Groups of records that hold one identifier, NPIs first."""
    holders: dict[tuple[str, str], set[str]] = defaultdict(set)
    for identifier in known:
        if identifier.match_key not in organisations:
            holders[identifier.domain, identifier.match_key].add(identifier.clinician_key)
    for domain, how in ((MatchDomain.NPI, MatchedOn.NPI), (MatchDomain.EMAIL, MatchedOn.EMAIL)):
        for (held_domain, _), records in holders.items():
            if held_domain == domain and len(records) > 1:
                yield how, sorted(records)


def _organisations(identifiers: Iterable[Identifier]) -> dict[str, tuple[str, int]]:
    """NPIs that are no person's, with the source in which most records hold them, and how many do there."""
    held = Counter((i.match_key, i.source) for i in set(identifiers) if i.domain == MatchDomain.NPI)
    found: dict[str, tuple[str, int]] = {}
    for (match_key, source), records in sorted(held.items(), key=lambda item: (item[1], item[0])):
        if records > MOST_RECORDS_OF_A_PERSON:
            found[match_key] = (source, records)
    return found


@dataclass
class _People:
    """Disjoint sets of clinician keys, each known by its smallest."""

    parent: dict[str, str] = field(default_factory=dict)
    names: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    npis: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    sources: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def person(self, key: str) -> str:
        while (above := self.parent.get(key, key)) != key:
            key = above
        return key

    def join(self, records: list[str]) -> None:
        roots = sorted({self.person(record) for record in records})
        for root in roots[1:]:
            self.parent[root] = roots[0]
            self.names[roots[0]] |= self.names[root]
            self.npis[roots[0]] |= self.npis[root]
            self.sources[roots[0]] |= self.sources[root]

    def may_join(self, records: list[str], how: MatchedOn) -> bool:
        roots = {self.person(record) for record in records}
        if len(set().union(*(self.names[root] for root in roots))) > 1:
            return False
        if how is not MatchedOn.EMAIL:
            return True
        npis = set().union(*(self.npis[root] for root in roots))
        sources = [source for root in roots for source in self.sources[root]]
        return len(npis) <= 1 and len(sources) == len(set(sources))
