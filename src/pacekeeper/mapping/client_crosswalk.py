"""Which client records are one person.

Joining two people's records is worse than leaving one person's apart, so an identifier joins only where nothing speaks
against it. The crosswalk file has the last word; a merge that a source reports comes next. A shared MRN joins, unless
more than two records of one source hold it. A member number or an e-mail address is often a family's: it joins two
records only where each source has one. No identifier joins records of different years of birth. Names are not known
here, and match nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from pacekeeper.contract.client_match import ClientMatch
from pacekeeper.contract.vocabulary import ReviewReason
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.crosswalk import MOST_RECORDS_OF_A_PERSON, Finding, keys_in_use
from pacekeeper.mapping.derived import write_derived

_STRENGTH = ("file", "merge", "mrn", "member", "email", "other")


def match_clients(connection: Connection, named: Mapping[str, str] = MappingProxyType({})) -> list[Finding]:
    """Rebuild `canonical.client_match` for every client key in any canonical table.

    named: what the crosswalk file calls the person of a client key. Returns what a person should look at.
    """
    raw = connection.raw
    names = pa.table({"record_key": pa.array(named, pa.string()), "name": pa.array(named.values(), pa.string())})
    raw.register("names_given", names)
    try:
        raw.execute(f"CREATE OR REPLACE TEMP TABLE client_record AS {keys_in_use('client_key')}")
        raw.execute(
            "CREATE OR REPLACE TEMP TABLE client_name AS SELECT * FROM names_given SEMI JOIN client_record "
            "USING (record_key)"
        )
        _find_edges(connection)
        _connect(connection)
        _drop_conflicts(connection)
        findings = raw.execute("SELECT record_key, reason FROM client_finding ORDER BY ALL").fetchall()
        matched = raw.execute(_MATCHES).to_arrow_table()
    finally:
        raw.unregister("names_given")
    write_derived(connection, ClientMatch, matched)
    return [Finding(key, ReviewReason(reason)) for key, reason in findings]


def _find_edges(connection: Connection) -> None:
    """`client_edge`: pairs of records that something joins, each record with the smallest of its group."""
    connection.raw.execute(f"""
        CREATE OR REPLACE TEMP TABLE held AS
        SELECT DISTINCT source, client_key, domain, match_key FROM canonical.client_identifier;
        CREATE OR REPLACE TEMP TABLE held_by AS
        SELECT domain, match_key, max(of_source) AS most, sum(of_source) AS records, min(first_key) AS first_key
        FROM (SELECT domain, match_key, source, count(*) AS of_source, min(client_key) AS first_key
              FROM held GROUP BY ALL) GROUP BY ALL;
        CREATE OR REPLACE TEMP TABLE client_finding AS
        SELECT DISTINCT h.client_key AS record_key, '{ReviewReason.SHARED_IDENTIFIER}' AS reason
        FROM held h JOIN held_by b USING (domain, match_key)
        WHERE b.most > CASE b.domain WHEN 'mrn' THEN {MOST_RECORDS_OF_A_PERSON} ELSE 1 END;
        CREATE OR REPLACE TEMP TABLE client_edge AS
        SELECT h.client_key AS a, b.first_key AS b, h.domain AS how
        FROM held h JOIN held_by b USING (domain, match_key)
        WHERE b.records > 1 AND b.most <= CASE b.domain WHEN 'mrn' THEN {MOST_RECORDS_OF_A_PERSON} ELSE 1 END
        UNION ALL
        SELECT m.from_key, m.into_key, 'merge' FROM canonical.key_merge m
        WHERE m.entity = 'client' AND m.from_key IN (FROM client_record) AND m.into_key IN (FROM client_record)
        UNION ALL
        SELECT record_key, min(record_key) OVER (PARTITION BY name), 'file' FROM client_name;
    """)


def _connect(connection: Connection) -> None:
    """`client_person`: every record with the smallest key that its edges reach."""
    raw = connection.raw
    raw.execute("""
        CREATE OR REPLACE TEMP TABLE both_ways AS
        SELECT a, b FROM client_edge WHERE a <> b UNION SELECT b, a FROM client_edge WHERE a <> b;
        CREATE OR REPLACE TEMP TABLE client_person AS SELECT record_key, record_key AS person_key FROM client_record;
    """)
    while raw.execute("""
        UPDATE client_person SET person_key = found.person_key
        FROM (SELECT e.a AS record_key, min(p.person_key) AS person_key
              FROM both_ways e JOIN client_person p ON p.record_key = e.b GROUP BY ALL) found
        WHERE found.record_key = client_person.record_key AND found.person_key < client_person.person_key
    """).fetchall() != [(0,)]:
        pass


def _drop_conflicts(connection: Connection) -> None:
    """Undo what identifiers joined where the file's names or the years of birth tell people apart."""
    raw = connection.raw
    raw.execute(f"""
        CREATE OR REPLACE TEMP TABLE in_conflict AS
        SELECT p.person_key FROM client_person p
        LEFT JOIN client_name n USING (record_key) LEFT JOIN canonical.client c ON c.client_key = p.record_key
        GROUP BY ALL HAVING count(DISTINCT n.name) > 1 OR count(DISTINCT c.birth_year) > 1;
        CREATE OR REPLACE TEMP TABLE undone AS
        SELECT e.a, e.b, e.how FROM client_edge e JOIN client_person p ON p.record_key = e.a
        WHERE p.person_key IN (FROM in_conflict) AND e.how NOT IN ('file', 'merge') AND e.a <> e.b;
        INSERT INTO client_finding
        SELECT DISTINCT record_key, '{ReviewReason.CONFLICT}' FROM (SELECT a AS record_key FROM undone UNION ALL
                                                                 SELECT b FROM undone);
        DELETE FROM client_edge USING undone
        WHERE client_edge.a = undone.a AND client_edge.b = undone.b AND client_edge.how = undone.how;
    """)
    if connection.count("SELECT count(*) FROM undone"):
        _connect(connection)


_ORDER = " ".join(f"WHEN '{how}' THEN {place}" for place, how in enumerate(_STRENGTH))
_MATCHES = f"""
    SELECT p.record_key AS client_key, p.person_key, coalesce(m.how, 'none') AS matched_on
    FROM client_person p LEFT JOIN (
        SELECT record_key, arg_min(how, CASE how {_ORDER} END) AS how
        FROM (SELECT a AS record_key, how FROM client_edge WHERE a <> b UNION ALL
              SELECT b, how FROM client_edge WHERE a <> b) GROUP BY ALL
    ) m USING (record_key) ORDER BY 1
"""
