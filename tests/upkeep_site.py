"""A practice of two tabular sources that is small enough for many nights in one process.

Source `ehr`: clients, visits of one client, group visits with their seats, notes that name their visit alone. Source
`forms`: the same people under other ids, met by MRN, and remarks that name a visit of the EHR.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pacekeeper.home import PracticeHome
from pacekeeper.landing.night import land_sources
from pacekeeper.mapping.night import map_sources
from pacekeeper.measures.publication import Publication
from pacekeeper.ops import MappingRun, Run, SourceRun, StreamRun
from pacekeeper.privacy import keyed_hash
from pacekeeper.settings import load_settings
from tests.integration.test_unchanged_sources import extracted_here

FIRST = datetime(2026, 3, 2, 6, tzinfo=UTC)
SETTINGS = """\
[practice]
name = "Riverbend"
home_tz = "America/New_York"
data_dir = "data"

[sources.ehr]
connector = "tabular"
folder = "ehr"
mapping = "ehr.toml"
quarantine_limit = 1.0

[sources.forms]
connector = "tabular"
folder = "forms"
mapping = "forms.toml"
quarantine_limit = 1.0
"""
_TIMES = "start = {type = 'instant'}\nend = {type = 'instant'}\nwho = {type = 'ref', entity = 'clinician'}\n"
EHR = f"""\
[streams.client]
files = "client-*.csv"
columns.client_id = {{type = "key", entity = "client"}}
columns.mrn = {{type = "match", domain = "mrn"}}
columns.born = {{type = "birth_year"}}

[streams.visit]
files = "visit-*.csv"
[streams.visit.columns]
visit_id = {{type = "key", entity = "session"}}
client_id = {{type = "ref", entity = "client"}}
{_TIMES}
[streams.seat]
files = "seat-*.csv"
key = ["visit_id", "client_id"]
columns.visit_id = {{type = "ref", entity = "session", required = true}}
columns.client_id = {{type = "ref", entity = "client", required = true}}

[streams.note]
files = "note-*.csv"
[streams.note.columns]
note_id = {{type = "key", entity = "note"}}
visit_id = {{type = "ref", entity = "session"}}
at = {{type = "instant"}}

[[map]]
entity = "client"
of = "client"
[map.columns]
client_key = "client_id"
birth_year = "born"
part2_flag = {{value = "unknown"}}

[[map]]
entity = "client_identifier"
of = "client"
skip_without = ["match_key"]
[map.columns]
client_key = "client_id"
domain = {{value = "mrn"}}
match_key = "mrn"

[[map]]
entity = "session"
of = "visit"
[map.columns]
session_key = "visit_id"
clinician_key = "who"
started_at = "start"
ended_at = "end"
duration_source = {{value = "actual"}}
session_type = {{value = "individual"}}
modality = {{value = "in_person"}}
is_intake = {{value = false}}
status = {{value = "completed"}}

[[map]]
entity = "session_participant"
of = "visit"
skip_without = ["client_key"]
[map.columns]
session_key = "visit_id"
client_key = "client_id"
attended = {{value = true}}

[[map]]
entity = "session_participant"
of = "seat"
[map.columns]
session_key = "visit_id"
client_key = "client_id"
attended = {{value = true}}

[[map]]
entity = "note"
of = "note"
[map.columns]
note_key = "note_id"
session_key = "visit_id"
note_type = {{value = "progress"}}
created_at = "at"
status = {{value = "final"}}
"""
FORMS = """\
[streams.person]
files = "person-*.csv"
columns.person_id = {type = "key", entity = "client"}
columns.mrn = {type = "match", domain = "mrn"}

[streams.remark]
files = "remark-*.csv"
[streams.remark.columns]
remark_id = {type = "key", entity = "note"}
visit_id = {type = "ref", entity = "session", source = "ehr"}
at = {type = "instant"}

[[map]]
entity = "client"
of = "person"
[map.columns]
client_key = "person_id"
part2_flag = {value = "unknown"}

[[map]]
entity = "client_identifier"
of = "person"
skip_without = ["match_key"]
[map.columns]
client_key = "person_id"
domain = {value = "mrn"}
match_key = "mrn"

[[map]]
entity = "note"
of = "remark"
[map.columns]
note_key = "remark_id"
session_key = "visit_id"
note_type = {value = "progress"}
created_at = "at"
status = {value = "final"}
"""
FILES = {
    "ehr/client-1.csv": "client_id,mrn,born\nann,M1,1980\nbob,M2,1990\ncid,M3,1970\n",
    "ehr/visit-1.csv": "visit_id,client_id,start,end,who\n"
    "v1,ann,2026-02-02T10:00:00Z,2026-02-02T11:00:00Z,dr\n"
    "v2,bob,2026-02-02T12:00:00Z,2026-02-02T13:00:00Z,dr\n"
    "g1,,2026-02-03T12:00:00Z,2026-02-03T13:00:00Z,dr\n",
    "ehr/seat-1.csv": "visit_id,client_id\ng1,ann\ng1,bob\n",
    "ehr/note-1.csv": "note_id,visit_id,at\nn1,v1,2026-02-02T12:00:00Z\nn2,v2,2026-02-02T14:00:00Z\n"
    "n3,g1,2026-02-03T14:00:00Z\n",
    "forms/person-1.csv": "person_id,mrn\np1,M1\np2,M2\n",
    "forms/remark-1.csv": "remark_id,visit_id,at\nr1,v1,2026-02-04T12:00:00Z\nr2,v2,2026-02-04T14:00:00Z\n",
}


def make_home(folder: Path) -> PracticeHome:
    """The practice before its first night."""
    for name, text in {**FILES, "ehr.toml": EHR, "forms.toml": FORMS, "pacekeeper.toml": SETTINGS}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    made = PracticeHome(load_settings(folder / "pacekeeper.toml"))
    made.create()
    return made


def reopened(home: PracticeHome) -> PracticeHome:
    """The same practice, as another process would open it."""
    return PracticeHome(load_settings(home.settings.file))


def night(home: PracticeHome, number: int) -> dict[str, StreamRun]:
    """One night without marts but a small one, published; the landing ledger by stream."""
    as_of, run_id = FIRST + timedelta(days=number), f"night-{number}"
    home.ops.add([Run(run_id=run_id, as_of=as_of, started_at=as_of)])
    results = land_sources(home, run_id=run_id, as_of=as_of, extractor=extracted_here)
    assert [(one.source, one.state, one.message if one.state != "ok" else None) for one in results] == [
        ("ehr", "ok", None),
        ("forms", "ok", None),
    ]
    map_sources(home, run_id=run_id, as_of=as_of)
    mapped = home.ops.rows(MappingRun, run_id=run_id)
    assert [(row.entity, row.message) for row in mapped if not row.is_current or not row.is_balanced] == []
    with home.warehouse.connect() as connection:
        connection.execute(
            "CREATE OR REPLACE TABLE marts.contact AS SELECT person_key, count(*) AS sessions_n "
            "FROM canonical.session_participant JOIN canonical.client_match USING (client_key) GROUP BY 1"
        )
    home.publish(Publication(run_id, as_of, as_of + timedelta(minutes=5), "policy-1"))
    home.ops.finish_run(run_id, state="success", ended_at=as_of + timedelta(minutes=5))
    ledger = home.ops.rows(StreamRun, run_id=run_id)
    assert [row.stream for row in ledger if not row.is_balanced] == []
    assert len(home.ops.rows(SourceRun, run_id=run_id)) == 2
    return {row.stream: row for row in ledger}


def key_of(home: PracticeHome, source: str, entity: str, identity: str) -> str:
    """What a record's id lands as."""
    return keyed_hash(home.hash_key(), source, entity, identity)
