"""What the published verdicts change about the alerts that stand, as one query over the readers' copy.

The newest evaluated verdict of a subject decides: warn and breach fail, pass does not, unknown and exempt say nothing.
What was over before anybody knew of it is not announced.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pacekeeper.ops import Alert, AlertMark

if TYPE_CHECKING:
    import pyarrow as pa

    from pacekeeper.engine.session import Session

SEVERITY = {1: "warn", 2: "breach"}
_RANK = {name: rank for rank, name in SEVERITY.items()}
_SUBJECT = "guardrail_id, subject_kind, subject_key"
#: Off-track alerts of which no source has told the therapist and the supervisor: known by the copy, not by a guardrail.
OFF_TRACK = "off_track"

#: How far back verdicts are looked at of subjects without an open alert: what failed longer ago is over, or open.
_LOOK_BACK_DAYS = 400

# An alert about a client that was reviewed late stays late; what was asked for is done all the same.
_JUDGED = f"""
CREATE OR REPLACE TEMP TABLE _judged AS
SELECT {_SUBJECT}, period, period_start, period_end, version, policy_version, state,
       CASE state WHEN 'pass' THEN 0 WHEN 'done' THEN 0 WHEN 'warn' THEN 1 WHEN 'breach' THEN 2 END AS rank
FROM (
    SELECT v.guardrail_id, v.subject_kind, v.subject_key, v.period, v.period_start, v.period_end, v.version,
           v.policy_version,
           CASE WHEN v.is_retracted THEN 'withdrawn'
                WHEN v.state NOT IN ('warn', 'breach') THEN v.state
                WHEN v.guardrail_id = 'offtrack_review' AND a.reviewed_at IS NOT NULL THEN 'done'
                WHEN v.guardrail_id = 'safety_review' AND a.risk_reviewed_at IS NOT NULL THEN 'done'
                WHEN v.guardrail_id = 'dual_notification' AND (a.reviewed_at IS NOT NULL
                     OR (a.therapist_notified_at IS NOT NULL AND a.supervisor_notified_at IS NOT NULL)) THEN 'done'
                ELSE v.state END AS state
    FROM marts.guardrail_result AS v
    LEFT JOIN marts.alert_response AS a ON v.subject_kind = 'alert' AND a.alert_key = v.subject_key
    WHERE v.is_current AND (v.subject_key IN (SELECT subject_key FROM _alert) OR v.period_end
          >= (SELECT max(as_of) FROM marts.guardrail_result) - INTERVAL {_LOOK_BACK_DAYS} DAY)
    UNION ALL
    SELECT '{OFF_TRACK}', 'alert', alert_key, CAST(created_on AS VARCHAR), created_at, created_at, 1, '',
           CASE WHEN state = 'false_positive' THEN 'withdrawn'
                WHEN reviewed_at IS NOT NULL OR state IN ('reviewed', 'resolved') THEN 'done'
                WHEN therapist_notified_at IS NOT NULL AND supervisor_notified_at IS NOT NULL THEN 'done'
                ELSE 'warn' END
    FROM marts.alert_response
    WHERE kind IN ('off_track', 'reliable_drop') AND created_on IS NOT NULL
)
"""

_RAILS = """
CREATE OR REPLACE TEMP TABLE _rail AS
SELECT guardrail_id, subject_kind, max(period_end) AS period_end,
       max(period_end) FILTER (WHERE rank IS NOT NULL) AS newest_end
FROM _judged GROUP BY ALL
"""

# Of most subjects the newest evaluated verdict is a pass, and no alert is open: no more is asked of them.
_ASKED = f"""
CREATE OR REPLACE TEMP TABLE _asked_of AS
SELECT j.* FROM _judged AS j SEMI JOIN (
    SELECT {_SUBJECT} FROM _judged WHERE rank IS NOT NULL GROUP BY ALL
    HAVING max(period) FILTER (WHERE rank > 0) > coalesce(max(period) FILTER (WHERE rank = 0), '')
    UNION SELECT {_SUBJECT} FROM _alert
) AS s USING ({_SUBJECT})
"""

_NEWEST = f"""
CREATE OR REPLACE TEMP TABLE _newest AS
SELECT {_SUBJECT}, max(period) AS period, arg_max(version, period) AS version, arg_max(rank, period) AS rank,
       arg_max(period_start, period) AS period_start, arg_max(period_end, period) AS period_end,
       arg_max(policy_version, period) AS policy_version, max(period) FILTER (WHERE rank = 0) AS last_good,
       arg_max(version, period) FILTER (WHERE rank = 0) AS good_version,
       arg_max(state, period) FILTER (WHERE rank = 0) AS good_state
FROM _asked_of WHERE rank IS NOT NULL GROUP BY ALL
"""

# fails, unknowns: verdicts of the periods an alert was announced for, as they stand now.
_STANDING = f"""
CREATE OR REPLACE TEMP TABLE _standing AS
WITH span AS (
    SELECT a.ref, count(*) FILTER (WHERE j.rank > 0) AS fails,
           count(*) FILTER (WHERE j.state IN ('unknown', 'exempt')) AS unknowns,
           bool_or(j.policy_version <> a.policy_version) AS is_rejudged,
           max(j.version) FILTER (WHERE j.period = a.last_period) AS version_now
    FROM _alert AS a JOIN _asked_of AS j USING ({_SUBJECT})
    WHERE j.period BETWEEN a.opened_period AND a.last_period GROUP BY a.ref
)
SELECT a.ref, a.last_period, a.last_version, a.severity_rank, {", ".join("a." + c for c in _SUBJECT.split(", "))},
       n.period, n.version, n.rank, n.policy_version, n.last_good, n.good_version, n.good_state,
       coalesce(s.fails, 0) AS fails, coalesce(s.unknowns, 0) AS unknowns,
       coalesce(s.is_rejudged, false) AS is_rejudged, coalesce(s.version_now, a.last_version) AS version_now,
       n.period IS NOT NULL AS is_judged,
       n.period IS NOT NULL AND n.rank > 0 AND coalesce(n.last_good, '') < a.last_period AS goes_on
FROM _alert AS a
LEFT JOIN _newest AS n ON a.guardrail_id = n.guardrail_id AND a.subject_kind = n.subject_kind
     AND a.subject_key = n.subject_key AND n.period >= a.opened_period
LEFT JOIN span AS s ON s.ref = a.ref
"""

_DECIDED = """
CREATE OR REPLACE TEMP TABLE _decided AS
SELECT *, CASE
        WHEN goes_on AND (period > last_period OR (period = last_period AND version <> last_version)) THEN
            CASE WHEN rank > severity_rank THEN 'escalated' WHEN period > last_period THEN 'ongoing'
                 ELSE 'confirmed' END
        WHEN goes_on THEN NULL
        WHEN is_judged AND (fails > 0 OR unknowns > 0 OR is_rejudged OR good_state = 'done') THEN 'resolved'
        WHEN is_judged OR (fails = 0 AND unknowns = 0) THEN 'retracted'
    END AS event
FROM _standing
"""

_EVENTS = f"""
SELECT ref, {_SUBJECT}, event,
       CASE event WHEN 'resolved' THEN last_good WHEN 'retracted' THEN last_period ELSE period END AS period,
       CASE event WHEN 'resolved' THEN good_version WHEN 'retracted' THEN version_now ELSE version END AS version,
       rank, NULL AS since_period, policy_version
FROM _decided WHERE event IS NOT NULL
UNION ALL
SELECT NULL, n.guardrail_id, n.subject_kind, n.subject_key,
       CASE WHEN m.period_end IS NULL OR (k.policy_version IS NULL AND n.policy_version <> '')
                 OR (p.policy_version IS NOT NULL AND p.policy_version <> n.policy_version)
                 OR (n.version = 1 AND n.period_end < m.period_end
                     - CASE WHEN n.subject_kind IN ('client', 'alert') THEN INTERVAL 14 DAY ELSE INTERVAL 0 DAY END)
            THEN 'starting_position' ELSE 'opened' END,
       n.period, n.version, n.rank, f.since_period, n.policy_version
FROM _newest AS n
JOIN _rail AS g ON g.guardrail_id = n.guardrail_id AND g.subject_kind = n.subject_kind
JOIN (SELECT j.guardrail_id, j.subject_kind, j.subject_key, min(j.period) AS since_period
      FROM _asked_of AS j JOIN _newest AS w USING ({_SUBJECT})
      WHERE w.rank > 0 AND j.rank > 0 AND j.period > coalesce(w.last_good, '') GROUP BY ALL) AS f
     ON f.guardrail_id = n.guardrail_id AND f.subject_kind = n.subject_kind AND f.subject_key = n.subject_key
LEFT JOIN _mark AS m ON m.guardrail_id = n.guardrail_id AND m.subject_kind = n.subject_kind
LEFT JOIN _policy AS k ON k.policy_version = n.policy_version
LEFT JOIN marts.guardrail_result AS p ON p.guardrail_id = n.guardrail_id AND p.subject_kind = n.subject_kind
     AND p.subject_key = n.subject_key AND p.period = n.period AND p.version = n.version - 1
WHERE n.rank > 0
  AND NOT EXISTS (SELECT 1 FROM _decided AS d WHERE d.guardrail_id = n.guardrail_id
                  AND d.subject_kind = n.subject_kind AND d.subject_key = n.subject_key
                  AND coalesce(d.event, '') NOT IN ('resolved', 'retracted'))
  AND CASE WHEN n.subject_kind IN ('client', 'alert')
           THEN n.period_end >= (SELECT max(as_of) FROM marts.guardrail_result) - INTERVAL 90 DAY
           ELSE epoch(n.period_end) >= epoch(g.newest_end) - 1.5 * (epoch(n.period_end) - epoch(n.period_start)) END
ORDER BY ALL
"""


# What is about clients has rows only where something happened: it was looked through up to the last verdicts' instant.
_SEEN = f"""
SELECT guardrail_id, subject_kind, period_end FROM _rail WHERE subject_kind NOT IN ('client', 'alert')
UNION ALL
SELECT rail, kind, (SELECT max(as_of) FROM marts.guardrail_result) AS seen_at FROM (
    VALUES ('{OFF_TRACK}', 'alert'), ('offtrack_review', 'alert'), ('safety_review', 'alert'),
           ('dual_notification', 'alert'), ('no_show_run', 'client')
    UNION SELECT guardrail_id, subject_kind FROM _rail WHERE subject_kind IN ('client', 'alert')
) AS kept (rail, kind)
WHERE seen_at IS NOT NULL
ORDER BY ALL
"""


@dataclass(frozen=True)
class Transition:
    """Something that happens to an alert. ref: of one that stands; null = it opens now.

    period, version: the verdict it follows from. severity: null where an alert closes.
    """

    ref: str | None
    guardrail_id: str
    subject_kind: str
    subject_key: str
    event: str
    period: str
    version: int
    severity: str | None
    since_period: str | None
    policy_version: str


@dataclass(frozen=True)
class Seen:
    """Up to where verdicts have been looked through now."""

    marks: tuple[AlertMark, ...]
    policies: tuple[str, ...]


def transitions(
    session: Session, *, standing: Iterable[Alert], marks: Iterable[AlertMark], policies: Iterable[str]
) -> tuple[list[Transition], Seen]:
    """What the verdicts of `session` change, given the open alerts, and what was looked through before."""
    _place(session, standing, marks, policies)
    for sql in (_JUDGED, _RAILS, _ASKED, _NEWEST, _STANDING, _DECIDED):
        session.execute(sql)
    found = [
        Transition(ref, rail, kind, key, event, period, version, SEVERITY.get(rank), since, policy or "")
        for ref, rail, kind, key, event, period, version, rank, since, policy in session.rows(_EVENTS)
    ]
    marks_now = session.rows(_SEEN)
    seen = tuple(AlertMark(guardrail_id=rail, subject_kind=kind, period_end=end) for rail, kind, end in marks_now)
    versions = session.rows("SELECT DISTINCT policy_version FROM _judged ORDER BY ALL")
    return found, Seen(seen, tuple(version for (version,) in versions))


def _place(session: Session, standing: Iterable[Alert], marks: Iterable[AlertMark], policies: Iterable[str]) -> None:
    """Put what is known of alerts beside the verdicts, in temporary tables."""
    alerts = list(standing)
    names = ("ref", "guardrail_id", "subject_kind", "subject_key", "opened_period", "last_period", "policy_version")
    columns = {name: [str(getattr(alert, name)) for alert in alerts] for name in names}
    numbers = {
        "last_version": [alert.last_version for alert in alerts],
        "severity_rank": [_RANK[alert.severity] for alert in alerts],
    }
    texts = ", ".join(f"{name} VARCHAR" for name in names)
    _table(session, "_alert", f"{texts}, last_version BIGINT, severity_rank INTEGER", {**columns, **numbers})
    known = list(marks)
    of_marks: dict[str, list[str | datetime]] = {
        "guardrail_id": [mark.guardrail_id for mark in known],
        "subject_kind": [mark.subject_kind for mark in known],
        "period_end": [mark.period_end for mark in known],
    }
    _table(session, "_mark", "guardrail_id VARCHAR, subject_kind VARCHAR, period_end TIMESTAMPTZ", of_marks)
    _table(session, "_policy", "policy_version VARCHAR", {"policy_version": list(policies)})


def _table(session: Session, name: str, columns: str, rows: object) -> None:
    import pyarrow as pa

    table: pa.Table = pa.table(rows)
    session.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")
    if table.num_rows:
        session.insert(name, table)
