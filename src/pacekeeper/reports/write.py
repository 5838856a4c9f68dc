"""Writes the pages of a period into a folder, and puts on record who got what."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from pacekeeper.alerts.audience import Audience, audience
from pacekeeper.alerts.directory import Directory, load_directory
from pacekeeper.alerts.routing import Routes
from pacekeeper.engine.made import digest
from pacekeeper.errors import ConfigError
from pacekeeper.ops import ReportHandover
from pacekeeper.reports.own import Own, OwnPages
from pacekeeper.reports.page import render
from pacekeeper.reports.period import Period, period_of
from pacekeeper.reports.practice import PracticePage
from pacekeeper.reports.verdicts import Verdict, restricted, verdicts

if TYPE_CHECKING:
    from pacekeeper.engine.session import Session
    from pacekeeper.home import PracticeHome
    from pacekeeper.reports.charts import Chart

Readers = Literal["practice", "supervisors", "clinicians", "all"]
#: What the practice page counts as, in canonical `report_delivery`: the quarterly review.
_PACKS = ("outcomes", "wellbeing", "caseload", "finance")
_UNNAMED = "A clinician who is not in the directory"


@dataclass
class Written:
    """What came of it. files: pages, in order. new: hand-overs put on record for the first time.

    unnamed: clinicians with verdicts whom the directory does not name, so that nobody can be handed their page.
    """

    period: Period
    files: list[Path] = field(default_factory=list)
    new: int = 0
    unnamed: int = 0


@dataclass
class Clinician:
    """Whom a verdict is about, as `Audience` asks for it."""

    subject_key: str
    subject_kind: str = "clinician"


@dataclass(frozen=True)
class TeamMember:
    """A person on a supervisor's page."""

    name: str
    own: Own
    charts: Sequence[Chart]


def write_reports(
    home: PracticeHome,
    folder: Path,
    *,
    definitions: Mapping[str, str],
    month: str | None,
    quarter: str | None,
    readers: Readers,
    now: datetime,
) -> Written:
    """Write the pages of a month, or of a quarter's last month, for these readers.

    definitions: formula by guardrail. The same published night gives the same bytes, and no second record. Raises
    ConfigError before anything is published, for a period that is not over, and for a directory that cannot be used.
    """
    file = home.settings.directory_file
    directory = Directory() if file is None else load_directory(file)
    with home.published.connect(read_only=True) as session:
        published = _publication(session)
        last_day = published["as_of"].astimezone(ZoneInfo(home.settings.practice.home_tz)).date()
        written = Written(period_of(month, quarter, last_day=last_day))
        report = _Report(home, session, directory, definitions, written, folder, published, now)
        if readers in {"practice", "all"}:
            report.practice()
        if readers != "practice":
            report.people(readers)
    return written


def _publication(session: Session) -> Mapping[str, Any]:  # Any: column values of several types
    rows = session.rows("SELECT as_of, data_through, policy_version FROM marts.publication ORDER BY as_of DESC LIMIT 1")
    if not rows:
        raise ConfigError("no night has been published yet: run `pacekeeper run` first")
    return dict(zip(("as_of", "data_through", "policy_version"), rows[0], strict=True))


@dataclass(frozen=True)
class _Report:
    home: PracticeHome
    session: Session
    directory: Directory
    definitions: Mapping[str, str]
    written: Written
    folder: Path
    published: Mapping[str, Any]
    now: datetime

    @property
    def _zone(self) -> str:
        return self.home.settings.practice.home_tz

    def practice(self) -> None:
        """The quarter's pack, for every owner."""
        period = self.written.period
        page = PracticePage(self.session, self.home.policy(), self.definitions, period, self._zone).build()
        html = render("practice", title="How the practice is doing", about=self._about(period.quarter_name), page=page)
        self._write("practice.html", html)
        for owner in self.directory.in_role("owner") or [""]:
            for kind in _PACKS:
                self._record(kind, owner, html)

    def people(self, readers: Readers) -> None:
        """Pages about clinicians, for themselves and for who supervises them."""
        period = self.written.period
        policy = self.home.policy()
        routes = Routes(self.home.settings.alerts.routes, policy.guardrail_ids)
        pages = OwnPages(self.session, policy, routes, self.definitions, period, self._zone)
        judged = verdicts(self.session, zone=self._zone, since=period.month, until=period.end)
        keys = {one.subject_key for one in judged if one.subject_kind == "clinician"}
        subjects = [Clinician(key) for key in sorted(keys)]
        who = audience(self.session, self.directory, self.home.hash_key(), subjects)
        self.written.unnamed = sum(who.clinician(one) is None for one in subjects)
        if readers in {"clinicians", "all"}:
            for one in subjects:
                self._clinician(pages, who, one)
        if readers in {"supervisors", "all"}:
            for supervisor, team in sorted(_teams(who, subjects).items()):
                self._supervisor(pages, who, supervisor, team)

    def _clinician(self, pages: OwnPages, who: Audience, one: Clinician) -> None:
        person = who.clinician(one)
        if person is None:
            return
        history = pages.history(one.subject_key)
        html = render(
            "clinician",
            title="Your month",
            about=self._about(self.written.period.month_name),
            name=self.directory.people[person].name,
            own=pages.month(history),
            charts=pages.charts(one.subject_key, history),
        )
        self._write(f"clinicians/{person}.html", html)
        self._record("own_data", person, html, clinician_key=one.subject_key)

    def _supervisor(self, pages: OwnPages, who: Audience, supervisor: str, team: Iterable[Clinician]) -> None:
        hidden = restricted(self.session)
        members = []
        for one in team:
            person = who.clinician(one)
            name = _UNNAMED if person is None else self.directory.people[person].name
            told = [v for v in pages.history(one.subject_key, without=hidden) if _is_told(pages.routes, v)]
            members.append(TeamMember(name, pages.month(told), pages.pace(one.subject_key)))
        html = render(
            "supervisor",
            title="Conversations with your team",
            about=self._about(self.written.period.month_name),
            name=self.directory.people[supervisor].name,
            team=sorted(members, key=lambda member: member.name),
        )
        self._write(f"supervisors/{supervisor}.html", html)
        self._record("team", supervisor, html)

    def _about(self, period: str) -> Mapping[str, str]:
        zone = ZoneInfo(self._zone)
        through = self.published["data_through"]
        return {
            "practice": self.home.settings.practice.name,
            "period": period,
            "as_of": f"{self.published['as_of'].astimezone(zone):%d %B %Y, %H:%M} ({self._zone})",
            "data_through": "" if through is None else f"{through.astimezone(zone):%d %B %Y, %H:%M}",
            "policy": self.published["policy_version"],
        }

    def _write(self, name: str, html: str) -> None:
        """Readable by the practice's account alone, and whole or not at all."""
        file = self.folder / f"{self.written.period.month:%Y-%m}" / name
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists() or file.read_text(encoding="utf-8") != html:
            new = file.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_text(html, encoding="utf-8")
            os.replace(new, file)
        self.written.files.append(file)

    def _record(self, kind: str, recipient: str, html: str, *, clinician_key: str | None = None) -> None:
        month = self.written.period.month
        key = digest(kind, month.isoformat(), recipient)
        before = self.home.ops.rows(ReportHandover, delivery_key=key)
        self.written.new += not before
        row = ReportHandover(
            delivery_key=key,
            kind=kind,
            period_month=month,
            recipient=recipient,
            clinician_key=clinician_key,
            delivered_at=before[0].delivered_at if before else self.now,
            as_of=self.published["as_of"],
            content=hashlib.sha256(html.encode()).hexdigest(),
        )
        self.home.ops.add([row])


def _is_told(routes: Routes, verdict: Verdict) -> bool:
    """Whether supervisors hear of it at all: what an alert would not tell them no page does."""
    return "supervisor" in routes.of(verdict.guardrail_id, "clinician").notify


def _teams(who: Audience, subjects: Iterable[Clinician]) -> Mapping[str, list[Clinician]]:
    teams: dict[str, list[Clinician]] = defaultdict(list)
    for one in subjects:
        for supervisor in who.people("supervisor", one):
            if supervisor != who.clinician(one):
                teams[supervisor].append(one)
    return teams
