"""From a published verdict to a person: by mail and by webhook, once, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from pacekeeper.alerts.drain import drain, drain_after_run
from pacekeeper.alerts.notes import put_note
from pacekeeper.home import PracticeHome
from pacekeeper.ops import Alert, AlertDelivery, AlertEvent, Run
from pacekeeper.ops.alert_problems import alert_problems
from pacekeeper.privacy import create_hash_key, keyed_hash
from pacekeeper.settings import load_settings
from pacekeeper_app.run_sensors import run_sensors
from tests.alert_receivers import Mailbox, Webhook, mail_server, webhook_server
from tests.verdict_table import VerdictTable

#: A Monday, in the morning: the weekly digest goes at once.
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANA, BEN, SUE = ("a" * 32, "b" * 32, "5" * 32)
CLIENT, CLINICAL = "c1e2" * 8, "d3e4" * 8
CANARIES = (ANA, BEN, SUE, CLIENT, CLINICAL, "CANARY", "1234567893")

_SETTINGS = """
[practice]
name = "Riverbend"
home_tz = "America/New_York"
data_dir = "data"

[alerts]
directory = "directory.toml"
"""
#: On other days than the digest day, a test that goes by the clock would find nothing to send.
_ANY_DAY = """
[alerts.routes.workload]
latency = "same_run"
"""
_DIRECTORY = """
[people.ana]
name = "Ana Ruiz"
clinician = {{ domain = "npi", value = " 1234567893 " }}
urls = ["mailto://127.0.0.1:{mail}?from=pacekeeper@riverbend.example&to=ana@riverbend.example", "json://127.0.0.1:{web}/ana"]

[people.sue]
name = "Sue Hall"
clinician = "{sue}"
roles = ["supervisor", "clinician"]
urls = ["json://127.0.0.1:{web}/sue"]

[people.lea]
name = "Lea Lind"
roles = ["clinical_lead", "owner"]
urls = ["json://127.0.0.1:{web}/lea"]

[people.eve]
name = "Eve Engel"
roles = ["engineer"]
urls = ["json://127.0.0.1:{web}/eve"]
"""


class Site:
    """A practice with two clinicians, whose supervisor is Sue, and a past in which nothing was the matter."""

    def __init__(self, folder: Path, mail: Mailbox, web: Webhook) -> None:
        self.folder, self.mail, self.web = folder, mail, web
        self.write("pacekeeper.toml", _SETTINGS)
        self.direct(_DIRECTORY)
        self.key = create_hash_key(folder / "data" / "hash.key")
        self.verdicts = VerdictTable()
        raw = self.verdicts.session.raw
        npi = keyed_hash(self.key, "match", "npi", "1234567893")
        raw.execute("INSERT INTO canonical.clinician_identifier VALUES ('ehr', 'account', 'npi', ?)", [npi])
        raw.execute("INSERT INTO canonical.person_match VALUES ('derived', 'account', ?)", [ANA])
        for clinician in (ANA, BEN):
            link = (
                "INSERT INTO canonical.supervision_link VALUES ('hr', ?, ?, 'clinical', DATE '2020-01-01', NULL, 't')"
            )
            raw.execute(link, [clinician, SUE])
        for week in (1, 2):
            for subject in (ANA, BEN):
                self.verdicts.say(week, "pass", subject=subject)
        self.drain()

    @property
    def home(self) -> PracticeHome:
        return PracticeHome(load_settings(self.folder / "pacekeeper.toml"))

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")

    def direct(self, text: str) -> None:
        self.write("directory.toml", text.format(mail=self.mail.port, web=self.web.port, sue=SUE))

    def drain(self, now: datetime = NOW, *, dry_run: bool = False, again: bool = False) -> list[str]:
        """Publish, see to the outbox; the bodies a dry run would have sent."""
        self.verdicts.publish(self.home)
        return [message.body for message in drain(self.home, now=now, dry_run=dry_run, again=again).messages]

    def states(self) -> list[tuple[str, str, str | None]]:
        """Recipient, state and reason of everything that was to be told."""
        return sorted((row.recipient, row.state, row.reason) for row in self.home.ops.rows(AlertDelivery))

    def command(self, *arguments: str, kill_at: str | None = None) -> subprocess.CompletedProcess[str]:
        self.verdicts.publish(self.home)
        entry = "import sys; from pacekeeper_app.cli import main; sys.argv[0] = 'pacekeeper'; main()"
        fault = {} if kill_at is None else {"PACEKEEPER_FAULT_AT": kill_at}
        return subprocess.run(
            [sys.executable, "-c", entry, *arguments, "--config", str(self.folder / "pacekeeper.toml")],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "COLUMNS": "200", **fault},
        )


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def web() -> Iterator[Webhook]:
    with webhook_server() as hook:
        yield hook


@pytest.fixture
def site(tmp_path: Path, mail: Mailbox, web: Webhook) -> Site:
    return Site(tmp_path, mail, web)


def test_a_breach_reaches_the_clinician_by_mail_and_the_supervisor_by_web_once(site: Site) -> None:
    site.verdicts.say(3, "breach", subject=ANA, value=36.5)
    site.verdicts.session.execute(
        "INSERT INTO marts.systemic_signal VALUES ('direct_hours', DATE '2026-01-19', 'systemic', 9, 4, 'denial_rate')"
    )
    for hours in range(3):
        site.drain(NOW + timedelta(hours=hours))
    ((to, title, text),) = site.mail.mails
    assert (to, title) == ("ana@riverbend.example", "Riverbend: 1 question")
    assert "Hello Ana Ruiz," in text
    assert "What would make the next weeks lighter, and who can take something off?" in text
    assert (
        "You. Direct hours in a practice week: 36.5 hours in the week of 2026-01-19 (practice policy: 30 hours)."
        in text
    )
    assert "in the same week 4 of 9 clinicians were outside, and so was the practice on denial rate" in text
    assert "This is no crisis channel" in text
    assert site.web.to("/ana") != []
    (to_supervisor,) = site.web.to("/sue")
    assert "Ana Ruiz. Direct hours in a practice week: 36.5 hours" in to_supervisor
    (alert,) = site.home.ops.rows(Alert)
    assert alert.ref in text
    assert site.web.calls == 2


def test_people_hear_again_when_it_changes_and_not_while_it_goes_on(site: Site) -> None:
    heard = []
    for week, state in enumerate(("warn", "warn", "breach", "pass"), 3):
        site.verdicts.say(week, state, subject=ANA, value=float(20 + week))
        site.drain(NOW + timedelta(weeks=week))
        heard.append(len(site.web.to("/sue")))
    assert heard == [1, 1, 2, 3]
    opened, risen, resolved = site.web.to("/sue")
    assert "New" in opened
    assert "More than before" in risen
    assert "Within practice policy again" in resolved
    assert "24 hours in the week of 2026-01-26" not in risen


def test_what_goes_on_is_told_beside_other_news(site: Site) -> None:
    site.verdicts.say(3, "warn", subject=ANA, value=23)
    site.drain()
    site.verdicts.say(4, "warn", subject=ANA, value=24)
    site.verdicts.say(4, "breach", subject=BEN, value=40)
    site.drain(NOW + timedelta(weeks=1))
    second = site.web.to("/sue")[1]
    assert "Goes on" in second
    assert "Ana Ruiz. Direct hours in a practice week: 24 hours" in second


def test_a_retraction_reaches_those_who_were_told(site: Site) -> None:
    site.verdicts.say(3, "breach", subject=ANA, value=36)
    site.drain()
    site.verdicts.say(3, "pass", subject=ANA, value=21)
    site.drain(NOW + timedelta(weeks=1))
    assert "Taken back" in site.web.to("/sue")[1]
    assert "does not hold, as late data show" in site.mail.mails[1][2]


def test_what_was_over_before_its_digest_day_is_never_told_and_on_record(site: Site) -> None:
    tuesday = NOW + timedelta(days=1)
    site.verdicts.say(3, "breach", subject=ANA)
    site.drain(tuesday)
    site.verdicts.say(3, "pass", subject=ANA)
    site.drain(tuesday + timedelta(days=1))
    site.drain(tuesday + timedelta(days=7))
    assert site.web.calls == 0
    assert ("sue", "suppressed", "over_before_it_was_told") in site.states()
    assert ("sue", "suppressed", "nothing_was_told") in site.states()


def test_no_message_names_a_client_or_a_key(site: Site) -> None:
    raw = site.verdicts.session.raw
    at = datetime(2026, 1, 20, tzinfo=UTC)
    raw.execute("INSERT INTO canonical.case_assignment VALUES ('CANARY', ?, ?, DATE '2026-01-01', NULL)", [CLIENT, ANA])
    site.verdicts.say(1, "pass", rail="no_show_run", kind="client", subject=CLIENT)
    raw.execute(
        "INSERT INTO marts.alert_response (alert_key, kind, state, client_key, clinician_key, created_on, created_at) "
        "VALUES ('derived:CANARY:old', 'off_track', 'resolved', ?, ?, ?, ?)",
        [CLIENT, ANA, at.date(), at],
    )
    site.drain()
    site.verdicts.say(3, "breach", rail="no_show_run", kind="client", subject=CLIENT, value=2)
    raw.execute(
        "INSERT INTO marts.alert_response (alert_key, kind, state, client_key, clinician_key, created_on, created_at) "
        "VALUES (?, 'off_track', 'open', ?, ?, ?, ?)",
        [f"derived:CANARY:{CLINICAL}", CLIENT, ANA, at.date(), at],
    )
    site.drain()
    texts = [" ".join(mail) for mail in site.mail.mails] + [" ".join(notice) for notice in site.web.notices]
    assert any("A client of yours. Off track, and nobody has been told yet" in text for text in texts)
    assert any("A client of Ana Ruiz. Off track" in text for text in site.web.to("/sue"))
    assert any("A client of yours. No-shows in a row" in text for text in site.web.to("/ana"))
    assert [canary for canary in CANARIES for text in texts if canary in text] == []


def test_an_alert_that_finds_nobody_is_on_record_and_told_to_the_engineer(site: Site) -> None:
    site.verdicts.say(3, "breach", subject=BEN)
    site.drain()
    (line,) = site.web.to("/eve")
    assert "Alerts that found nobody to tell" in line
    assert ("", "suppressed", "no_recipient") in site.states()
    assert [problem.what for problem in alert_problems(site.home.ops, now=NOW)] == ["alert_without_recipient"]


def test_a_receiver_that_refuses_is_tried_again_later_and_later_and_at_last_no_more(site: Site) -> None:
    site.web.answer = 500
    site.verdicts.say(3, "breach", subject=BEN)
    calls, now = [], NOW
    for minutes in (0, 5, 10, 60, 240, 960, 3840, 9000):
        now += timedelta(minutes=minutes)
        site.drain(now)
        calls.append(site.web.calls)
    # Two receivers, Sue and Eve; after 5 minutes it is too early for another attempt.
    assert calls == [2, 2, 4, 6, 8, 10, 12, 12]
    assert {state for recipient, state, _ in site.states() if recipient} == {"failed"}
    (problem, *_) = alert_problems(site.home.ops, now=now)
    assert (problem.what, problem.severity) == ("alert_not_delivered", "error")
    site.web.answer = 200
    site.drain(now, again=True)
    assert len(site.web.to("/sue")) == 1


def test_quiet_hours_and_digests_hold_messages_back(site: Site) -> None:
    quiet = _DIRECTORY.replace(
        'urls = ["json://127.0.0.1:{web}/sue"]',
        'urls = ["json://127.0.0.1:{web}/sue"]\nquiet = {{ from = 19:00:00, to = 07:00:00 }}\ndigest = "daily"',
    )
    site.direct(quiet)
    site.verdicts.say(3, "breach", subject=BEN)
    two_at_night = datetime(2026, 6, 1, 6, tzinfo=UTC)
    site.drain(two_at_night)
    assert site.web.to("/sue") == []
    assert ("sue", "pending", "quiet_hours") in site.states()
    site.drain(two_at_night + timedelta(hours=5))
    assert len(site.web.to("/sue")) == 1
    site.verdicts.say(4, "pass", subject=BEN)
    site.drain(two_at_night + timedelta(hours=9))
    assert len(site.web.to("/sue")) == 1
    assert ("sue", "pending", "digest") in site.states()
    site.drain(two_at_night + timedelta(hours=29))
    assert len(site.web.to("/sue")) == 2


def test_between_runs_the_daemon_sends_what_waited(site: Site) -> None:
    site.web.answer = 500
    site.verdicts.say(3, "breach", rail="active_caseload", subject=BEN)
    site.verdicts.say(2, "pass", rail="active_caseload", subject=BEN)
    now = datetime.now(UTC)
    site.drain(now - timedelta(hours=1))
    site.web.answer = 200
    (sensor,) = [sensor for sensor in run_sensors(site.home, job="nightly") if sensor.name == "messages"]
    with dg.DagsterInstance.ephemeral() as instance:
        for said in ("messages that were due have been seen to", "no message is due"):
            tick = sensor.evaluate_tick(dg.build_sensor_context(instance))
            assert tick.skip_message == said
    assert len(site.web.to("/sue")) == 1


def test_a_snooze_holds_all_but_worse_and_a_waiver_holds_everything_until_its_end(site: Site) -> None:
    site.verdicts.say(3, "warn", subject=ANA)
    site.drain()
    (alert,) = site.home.ops.rows(Alert)
    put_note(site.home.ops, alert.ref, "snoozed", by="sue", now=NOW, until=NOW + timedelta(weeks=3))
    site.verdicts.say(4, "breach", subject=ANA)
    site.drain(NOW + timedelta(weeks=1))
    assert len(site.web.to("/sue")) == 2
    reason = "agreed for the exam weeks"
    put_note(site.home.ops, alert.ref, "waived", by="lea", now=NOW, until=NOW + timedelta(weeks=3), reason=reason)
    site.verdicts.say(5, "pass", subject=ANA)
    site.verdicts.say(6, "breach", subject=ANA)
    site.drain(NOW + timedelta(weeks=2))
    assert len(site.web.to("/sue")) == 2
    assert ("sue", "suppressed", "waived") in site.states()


def test_after_a_silence_that_has_ended_people_hear_once_that_it_still_goes_on(site: Site) -> None:
    site.verdicts.say(3, "warn", subject=ANA)
    site.drain()
    (alert,) = site.home.ops.rows(Alert)
    put_note(site.home.ops, alert.ref, "snoozed", by="sue", now=NOW, until=NOW + timedelta(weeks=1, days=1))
    heard = []
    for week in (4, 5, 6):
        site.verdicts.say(week, "warn", subject=ANA)
        site.drain(NOW + timedelta(weeks=week - 3))
        heard.append(len(site.web.to("/sue")))
    assert heard == [1, 2, 2]


def test_a_breach_that_nobody_answers_goes_to_the_clinical_lead_once(site: Site) -> None:
    site.verdicts.say(3, "breach", subject=ANA)
    site.drain()
    for days in (14, 21, 28):
        site.drain(NOW + timedelta(days=days))
    (text,) = site.web.to("/lea")
    assert "Still open, and nobody has said that they have seen it" in text


def test_a_breach_that_was_seen_does_not_go_further(site: Site) -> None:
    site.verdicts.say(3, "breach", subject=ANA)
    site.drain()
    (alert,) = site.home.ops.rows(Alert)
    put_note(site.home.ops, alert.ref, "acknowledged", by="ana", now=NOW)
    site.drain(NOW + timedelta(days=28))
    assert site.web.to("/lea") == []


def test_when_a_directory_is_first_named_what_stands_is_one_starting_position(site: Site) -> None:
    without = _SETTINGS.partition("[alerts]")[0]
    site.write("pacekeeper.toml", without)
    for week in (3, 4):
        site.verdicts.say(week, "breach", subject=ANA, value=36)
        site.verdicts.say(week, "breach" if week == 3 else "pass", subject=BEN)
        site.drain()
    assert {reason for _, _, reason in site.states()} == {"no_directory"}
    site.write("pacekeeper.toml", _SETTINGS)
    site.drain()
    (text,) = site.web.to("/sue")
    assert "Where things stand, as we begin to tell you" in text
    assert text.count("Reference") == 1


def test_a_dry_run_prints_everything_and_sends_nothing(site: Site) -> None:
    site.write("pacekeeper.toml", _SETTINGS + _ANY_DAY)
    site.verdicts.say(3, "breach", subject=ANA)
    shown = site.command("alerts", "send", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "3 messages would go now; none has been sent." in shown.stdout
    assert "Hello Ana Ruiz," in shown.stdout
    assert site.web.calls == 0
    assert site.mail.mails == []
    assert {reason for _, _, reason in site.states()} == {"dry_run"}


def test_it_is_told_when_the_first_of_what_waits_may_go(site: Site) -> None:
    assert drain(site.home, now=NOW).next_at is None
    site.verdicts.say(3, "breach", subject=BEN)
    site.verdicts.publish(site.home)
    assert drain(site.home, now=NOW + timedelta(days=1)).next_at == datetime(2026, 6, 8, 4, tzinfo=UTC)
    assert len(site.web.to("/sue")) == 0


def test_settings_can_keep_everything_a_dry_run(site: Site) -> None:
    site.verdicts.say(3, "breach", subject=BEN)
    site.drain(NOW + timedelta(days=1))
    site.write("pacekeeper.toml", _SETTINGS + "dry_run = true\n")
    site.verdicts.say(3, "breach", subject=ANA)
    site.drain(NOW + timedelta(days=7))
    assert ("ana", "suppressed", "dry_run") in site.states()
    assert ("sue", "pending", "dry_run") in site.states()
    assert len(site.web.to("/sue")) == 0
    site.write("pacekeeper.toml", _SETTINGS)
    site.drain(NOW + timedelta(days=14))
    (text,) = site.web.to("/sue")
    assert "Where things stand" in text
    assert text.count("Reference") == 2


@pytest.mark.parametrize("point", ["alerts.derived", "alerts.routed"])
def test_killed_before_sending_the_next_run_sends_everything_once(site: Site, point: str) -> None:
    site.write("pacekeeper.toml", _SETTINGS + _ANY_DAY)
    site.verdicts.say(3, "breach", subject=ANA)
    site.home.ops.add([Run(run_id="r", as_of=NOW, started_at=NOW)])
    assert site.command("alerts", "send", kill_at=point).returncode == -signal.SIGKILL
    assert site.web.calls == 0
    for _ in range(2):
        site.drain(datetime.now(UTC) + timedelta(hours=1))
    assert (len(site.web.to("/sue")), len(site.web.to("/ana")), len(site.mail.mails)) == (1, 1, 1)


@pytest.mark.parametrize(("point", "arrived"), [("alerts.claimed", 0), ("alerts.handed_over", 1)])
def test_killed_while_sending_nothing_goes_twice_and_the_doubt_is_told(site: Site, point: str, arrived: int) -> None:
    safety = "INSERT INTO marts.alert_response (alert_key, kind, state, created_on, created_at) VALUES "
    site.verdicts.session.execute(f"{safety}('old', 'off_track', 'resolved', '2026-01-06', '2026-01-06 12:00:00Z')")
    site.drain()
    site.verdicts.session.execute(f"{safety}('new', 'off_track', 'open', '2026-01-07', '2026-01-07 12:00:00Z')")
    assert site.command("alerts", "send", kill_at=point).returncode == -signal.SIGKILL
    after = len(site.web.notices)
    assert after == arrived
    later = datetime.now(UTC) + timedelta(hours=1)
    site.drain(later)
    site.drain(later)
    everything = len(site.web.notices)
    assert next(problem.what for problem in alert_problems(site.home.ops, now=later)) == "alert_unconfirmed"
    site.drain(later, again=True)
    assert len(site.web.notices) == everything + 1
    assert {state for _, state, _ in site.states()} <= {"sent", "suppressed"}


def test_a_directory_that_cannot_be_used_fails_no_run_and_loses_nothing(site: Site) -> None:
    site.verdicts.say(3, "breach", subject=ANA)
    site.verdicts.publish(site.home)
    (site.folder / "directory.toml").chmod(0o644)
    drain_after_run(site.home, now=NOW)
    (problem,) = alert_problems(site.home.ops, now=NOW)
    assert "mode 0644: others can reach it" in problem.message
    assert site.home.ops.rows(AlertEvent) == []
    (site.folder / "directory.toml").chmod(0o600)
    drain_after_run(site.home, now=NOW)
    assert len(site.web.to("/sue")) == 1
    assert list(alert_problems(site.home.ops, now=NOW)) == []


def test_commands_list_show_and_answer(site: Site) -> None:
    site.verdicts.say(3, "breach", subject=ANA)
    site.drain()
    (alert,) = site.home.ops.rows(Alert)
    seen = site.command("alerts", "ack", alert.ref.lower(), "--by", "ana")
    assert seen.returncode == 0, seen.stderr
    wrong = site.command("alerts", "reply", alert.ref, "--by", "ana", "--reason", "two of these hours were supervision")
    assert wrong.returncode == 0, wrong.stderr
    listed = site.command("alerts", "list", "--json")
    assert '"said": ["acknowledged", "called wrong"]' in listed.stdout
    shown = site.command("alerts", "show", alert.ref)
    assert "two of these hours were supervision" in shown.stdout
    assert "opened" in shown.stdout
    missing = site.command("alerts", "ack", "NOSUCH", "--by", "ana")
    assert missing.returncode == 1
    assert "there is no alert 'NOSUCH'" in missing.stderr
