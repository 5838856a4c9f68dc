"""Who reads whose rows: the directory's people, with the clinicians whom they are and whom they supervise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacekeeper.alerts.audience import audience
from pacekeeper.alerts.directory import Directory, Person
from pacekeeper.engine.readers import VERDICTS

if TYPE_CHECKING:
    from pacekeeper.engine.duckdb import Connection
    from pacekeeper.privacy import HashKey

_CLINICIANS = """
SELECT DISTINCT coalesce(m.person_key, c.clinician_key)
FROM canonical.clinician AS c LEFT JOIN canonical.person_match AS m USING (clinician_key) ORDER BY 1
"""


@dataclass(frozen=True)
class Reader:
    """A person of the directory. roles: of `access.toml`, empty = reads nothing. key: theirs as a clinician, if any.

    team: keys of clinicians whose rows a supervisor reads.
    """

    id: str
    name: str
    roles: tuple[str, ...]
    key: str | None
    team: tuple[str, ...]


@dataclass
class _Clinician:
    subject_key: str
    subject_kind: str = "clinician"


def readers(connection: Connection, directory: Directory, key: HashKey) -> list[Reader]:
    """Everybody of the directory; nobody before marts were built.

    A team is that of alerts: whoever would hear of a clinician as the supervisor.
    key: the practice's, for identifiers. Who is no supervisor by the directory has no team, whatever HR data say.
    """
    if not {VERDICTS, "alert_response"} <= connection.column_types("marts").keys():
        return []
    known = [_Clinician(str(one)) for (one,) in connection.rows(_CLINICIANS)]
    who = audience(connection, directory, key, known)
    keys = {name: clinician for clinician, name in who.ids.items()}
    teams: dict[str, list[str]] = {}
    for clinician in known:
        for supervisor in who.people("supervisor", clinician):
            teams.setdefault(supervisor, []).append(clinician.subject_key)
    found = []
    for name, person in directory.people.items():
        roles = _roles(person)
        team = tuple(teams.get(name, ())) if "supervisor" in roles else ()
        found.append(Reader(name, person.name, roles, keys.get(name), team))
    return found


def visible_keys(reader: Reader) -> list[tuple[str, str]]:
    """Role and key of a clinician: whose rows the person reads, and in which role."""
    own = [("clinician", reader.key)] if reader.key is not None and "clinician" in reader.roles else []
    return [*own, *(("supervisor", key) for key in reader.team)]


def _roles(person: Person) -> tuple[str, ...]:
    """A clinical lead reads as a supervisor: of those who have no other."""
    named = ["supervisor" if role == "clinical_lead" else role for role in person.roles]
    return tuple(role for role in ("owner", "supervisor", "clinician", "billing", "engineer") if role in named)
