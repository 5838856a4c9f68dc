"""Whom an alert is for: the directory's people, joined with the published copy by key, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pacekeeper.alerts.directory import Directory, Identifier
from pacekeeper.alerts.routing import Role
from pacekeeper.sql_text import sql_literal

if TYPE_CHECKING:
    from pacekeeper.engine.session import Session
    from pacekeeper.privacy import HashKey

_AS_OF = "(SELECT CAST(max(as_of) AS DATE) FROM marts.guardrail_result)"
_SUPERVISORS = f"""
SELECT coalesce(c.person_key, l.clinician_key), coalesce(s.person_key, l.supervisor_key)
FROM canonical.supervision_link AS l
LEFT JOIN canonical.person_match AS c ON c.clinician_key = l.clinician_key
LEFT JOIN canonical.person_match AS s ON s.clinician_key = l.supervisor_key
WHERE l.valid_from <= {_AS_OF} AND (l.valid_to IS NULL OR l.valid_to >= {_AS_OF})
ORDER BY CASE l.kind WHEN 'clinical' THEN 1 ELSE 0 END, l.valid_from, 2
"""
_THERAPISTS = f"""
SELECT coalesce(m.person_key, a.client_key) AS client, coalesce(p.person_key, a.clinician_key)
FROM canonical.case_assignment AS a
LEFT JOIN canonical.client_match AS m ON m.client_key = a.client_key
LEFT JOIN canonical.person_match AS p ON p.clinician_key = a.clinician_key
WHERE a.from_date <= {_AS_OF} AND (a.to_date IS NULL OR a.to_date >= {_AS_OF})
  AND client IN (SELECT subject_key FROM _asked)
ORDER BY a.from_date, 2
"""
_OF_ALERTS = """
SELECT alert_key, clinician_key, supervisor_key FROM marts.alert_response
WHERE alert_key IN (SELECT subject_key FROM _asked)
"""


class Subject(Protocol):
    """What an alert is about."""

    subject_kind: str
    subject_key: str


@dataclass(frozen=True)
class Audience:
    """People by the keys of the warehouse. therapists: clinicians of clients and of alerts about clients."""

    directory: Directory
    ids: Mapping[str, str]
    supervisors: Mapping[str, str]
    therapists: Mapping[str, str]
    alert_supervisors: Mapping[str, str]

    def clinician_key(self, subject: Subject) -> str | None:
        """Key of the clinician whom it is about, or whose client; null = there is none, or nobody knows."""
        if subject.subject_kind == "clinician":
            return subject.subject_key
        return self.therapists.get(subject.subject_key)

    def clinician(self, subject: Subject) -> str | None:
        """The same as an id of the directory; null also where it does not name them."""
        key = self.clinician_key(subject)
        return None if key is None else self.ids.get(key)

    def people(self, role: Role, subject: Subject) -> list[str]:
        """Ids of those who hear of it in a role; for a supervisor who is nobody else, or unknown, the clinical lead."""
        if role == "clinician":
            own = self.clinician(subject)
            return [] if own is None else [own]
        if role == "supervisor" and subject.subject_kind in {"clinician", "client", "alert"}:
            own = self.clinician(subject)
            found = self._supervisor(own, subject)
            return [found] if found is not None and found != own else self.directory.in_role("clinical_lead")
        return self.directory.in_role(role)

    def _supervisor(self, own: str | None, subject: Subject) -> str | None:
        people = self.directory.people
        stated = next((name for name, person in people.items() if own is not None and own in person.supervises), None)
        if stated is not None:
            return stated
        key = self.alert_supervisors.get(subject.subject_key) or self.supervisors.get(self.clinician_key(subject) or "")
        if key is not None and key in self.ids:
            return self.ids[key]
        team = None if own is None else people[own].team
        in_team = (name for name in self.directory.in_role("supervisor") if people[name].team == team)
        return None if team is None else next(in_team, None)


def audience(session: Session, directory: Directory, key: HashKey, subjects: Iterable[Subject]) -> Audience:
    """Who is who for these subjects, by the copy of `session`. key: the practice's, for identifiers."""
    people: dict[str, str] = {}
    persons = dict(session.rows("SELECT clinician_key, person_key FROM canonical.person_match"))
    identifiers = {
        (domain, match): clinician
        for domain, match, clinician in session.rows(
            "SELECT domain, match_key, max(clinician_key) FROM canonical.clinician_identifier GROUP BY ALL"
        )
    }
    for name, person in directory.people.items():
        own = person.clinician
        found = identifiers.get((own.domain, own.hashed(key))) if isinstance(own, Identifier) else own
        if found is not None:
            people[persons.get(found, found)] = name
    asked = sorted({subject.subject_key for subject in subjects})
    values = ", ".join(f"({sql_literal(one)})" for one in asked)
    session.execute("CREATE OR REPLACE TEMP TABLE _asked (subject_key VARCHAR)")
    if asked:
        session.execute(f"INSERT INTO _asked VALUES {values}")
    # The last row of a clinician stands: clinical links come after others, later ones after earlier ones.
    of_alerts = session.rows(_OF_ALERTS)
    return Audience(
        directory,
        people,
        dict(session.rows(_SUPERVISORS)),
        {**dict(session.rows(_THERAPISTS)), **{alert: clinician for alert, clinician, _ in of_alerts if clinician}},
        {alert: supervisor for alert, _, supervisor in of_alerts if supervisor},
    )
