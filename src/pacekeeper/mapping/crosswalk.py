"""Which clinician records are one person: records that share an identifier, in one source or across several.

A shared NPI joins, unless more than two records of one source hold it: it is an organisation's then, and tells nobody
apart. A shared e-mail address joins unless that would put two different NPIs, or two records of
one source that nothing else joins, into one person: such an address is a team's, not a person's.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.person_match import PersonMatch
from pacekeeper.contract.schema import columns
from pacekeeper.contract.vocabulary import MatchDomain, MatchedOn
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.derived import write_derived

_log = logging.getLogger(__name__)
#: Clinician records of one source that one person may have: a record that was made twice, or a second role.
MOST_RECORDS_OF_A_PERSON = 2


@dataclass(frozen=True)
class Identifier:
    """One identifier of one clinician record."""

    source: str
    clinician_key: str
    domain: str
    match_key: str


@dataclass(frozen=True)
class Match:
    """A clinician record's person, and the identifier by which it met another record."""

    person_key: str
    matched_on: MatchedOn


def match_clinicians(connection: Connection) -> int:
    """Rebuild `canonical.person_match` for every clinician key in any canonical table; returns its rows."""
    identifiers = [
        Identifier(*row)
        for row in connection.raw.execute(
            "SELECT source, clinician_key, domain, match_key FROM canonical.clinician_identifier ORDER BY ALL"
        ).fetchall()
    ]
    selects = [
        f'SELECT "{column.name}" AS clinician_key FROM canonical.{name}'
        for name, entity in ENTITIES.items()
        if not entity.derived
        for column in columns(entity)
        if column.name in {"clinician_key", "primary_clinician_key"}
    ]
    keys = connection.raw.execute(
        f"SELECT DISTINCT clinician_key FROM ({' UNION ALL '.join(selects)}) WHERE clinician_key IS NOT NULL ORDER BY 1"
    ).fetchall()
    for source, records in sorted(_organisations(identifiers).values()):
        _log.warning(
            "an NPI joins nobody: too many clinician records of one source hold it for one person's",
            extra={"of_source": source, "clinician_records": records},
        )
    matches = match_records((key for (key,) in keys), identifiers)
    return write_derived(
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


def match_records(clinician_keys: Iterable[str], identifiers: Iterable[Identifier]) -> dict[str, Match]:
    """Person by clinician key; the person's key is the smallest of its records' keys. Independent of input order."""
    people = _People()
    known = sorted(set(identifiers), key=lambda i: (i.domain, i.match_key, i.clinician_key, i.source))
    organisations = _organisations(known)
    holders: Mapping[tuple[str, str], list[Identifier]] = defaultdict(list)
    for identifier in known:
        people.sources[identifier.clinician_key].add(identifier.source)
        if identifier.domain == MatchDomain.NPI:
            if identifier.match_key in organisations:
                continue
            people.npis[identifier.clinician_key].add(identifier.match_key)
        holders[identifier.domain, identifier.match_key].append(identifier)
    matched_on: dict[str, MatchedOn] = {}
    for domain, name in ((MatchDomain.NPI, MatchedOn.NPI), (MatchDomain.EMAIL, MatchedOn.EMAIL)):
        for (held_domain, _), group in holders.items():
            records = sorted({i.clinician_key for i in group})
            if held_domain != domain or len(records) < 2:
                continue
            if domain is MatchDomain.NPI or people.may_join(records):
                people.join(records)
                for record in records:
                    matched_on.setdefault(record, name)
    every = sorted({*clinician_keys, *(i.clinician_key for i in known)})
    return {key: Match(people.person(key), matched_on.get(key, MatchedOn.NONE)) for key in every}


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
            self.npis[roots[0]] |= self.npis[root]
            self.sources[roots[0]] |= self.sources[root]

    def may_join(self, records: list[str]) -> bool:
        roots = {self.person(record) for record in records}
        npis = set().union(*(self.npis[root] for root in roots))
        sources = [source for root in roots for source in self.sources[root]]
        return len(npis) <= 1 and len(sources) == len(set(sources))
