"""The practice page: a quarter's outcomes, wellbeing, caseload and finance together. Aggregates alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pacekeeper.measures.statistics import wilson
from pacekeeper.policy import Policy
from pacekeeper.reports.charts import Chart, states_svg, trend_svg
from pacekeeper.reports.measures import LEAST_CASES, LEAST_PEOPLE, MEASURES, cells, chart
from pacekeeper.reports.period import Period
from pacekeeper.reports.verdicts import Verdict, by_state, restricted, verdicts
from pacekeeper.reports.words import STATES, number, reason, title

if TYPE_CHECKING:
    from pacekeeper.engine.session import Session

SECTIONS = (
    ("outcomes", "Outcomes and measurement"),
    ("wellbeing", "Wellbeing of staff"),
    ("workload", "Caseload and workload"),
    ("attendance", "Attendance and access"),
    ("documentation", "Documentation and time in the EHR"),
    ("finance", "Finance"),
)
_KNOWN = frozenset({"pass", "warn", "breach"})
#: A rate of fewer cases than that is shown with its interval, and no more is made of it.
_CASES_FOR_COMPARISON = 30
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Section:
    """A heading of the pack. tables: head and rows."""

    name: str
    title: str
    charts: Sequence[Chart]
    tables: Sequence[Table]


@dataclass(frozen=True)
class Table:
    """Rows of texts under a caption."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Practice:
    """Everything on the practice page."""

    counts: Mapping[str, int]
    states: Chart
    by_guardrail: Table
    why_unknown: Table
    unknown: Table
    systemic: Table
    inputs: str
    sections: Sequence[Section]
    trends: Sequence[Chart]
    completeness: Table


@dataclass(frozen=True)
class PracticePage:
    """Builds the page from a published copy."""

    session: Session
    policy: Policy
    definitions: Mapping[str, str]
    period: Period
    zone: str

    def build(self) -> Practice:
        hidden = restricted(self.session)
        found = [one for one in self._verdicts(self.period.quarter_start) if one.guardrail_id not in hidden]
        tables = {"outcomes": [self._outcomes()], "wellbeing": [self._surveys()]}
        charts: dict[str, list[Chart]] = defaultdict(list)
        for measure in MEASURES:
            charts[measure.section].append(chart(measure, cells(self.session, measure, self.period)))
        return Practice(
            by_state(found),
            self._states(found),
            self._by_guardrail(found),
            self._why_unknown(found),
            self._unknown(found),
            *self._systemic(hidden),
            [Section(name, title, charts[name], tables.get(name, ())) for name, title in SECTIONS],
            self._trends(hidden),
            self._completeness(),
        )

    def _verdicts(self, since: date) -> list[Verdict]:
        return verdicts(self.session, zone=self.zone, since=since, until=self.period.end)

    def _states(self, found: Sequence[Verdict]) -> Chart:
        months = self.period.months
        counts = {month: by_state(one for one in found if one.last_day.replace(day=1) == month) for month in months}
        return Chart(
            title="Verdicts by state",
            definition="One verdict per guardrail, subject and period, in the colours above. Unknown is never fine.",
            window=self.period.quarter_name,
            unknown=_share_unknown(found),
            svg=states_svg(
                [
                    {"bar": f"{month:%b}", "state": state, "n": counts[month][state]}
                    for month in months
                    for state in STATES
                ],
                label="Shares of verdicts by state and month; numbers in the table",
            ),
            head=("Month", *STATES),
            rows=[(f"{month:%B %Y}", *(f"{counts[month][state]:,}" for state in STATES)) for month in months],
        )

    def _by_guardrail(self, found: Sequence[Verdict]) -> Table:
        by_rail: dict[str, list[Verdict]] = defaultdict(list)
        for one in found:
            by_rail[one.guardrail_id].append(one)
        rows = [
            (title(self.policy, rail), *(f"{by_state(own)[state]:,}" for state in STATES))
            for rail, own in sorted(by_rail.items(), key=lambda item: title(self.policy, item[0]))
        ]
        return Table("Verdicts of the quarter by guardrail", ("Guardrail", *STATES), rows)

    def _why_unknown(self, found: Sequence[Verdict]) -> Table:
        counts = Counter(reason(one.reason) for one in found if one.state == "unknown")
        rows = [(why, f"{n:,}") for why, n in counts.most_common()]
        return Table("Why verdicts are not known", ("Why", "Verdicts"), rows)

    def _unknown(self, found: Sequence[Verdict]) -> Table:
        counts = Counter((one.guardrail_id, one.reason) for one in found if one.state == "unknown")
        rows = [
            (title(self.policy, rail), f"{n:,}", reason(why))
            for (rail, why), n in sorted(counts.items(), key=lambda item: (-item[1], item[0][0], str(item[0][1])))
        ]
        return Table("What is not known, and why", ("Guardrail", "Verdicts", "Why"), rows)

    def _systemic(self, hidden: frozenset[str]) -> tuple[Table, str]:
        """Guardrails that looked practice-wide, and what of the practice was out of bounds in those weeks."""
        rows = self.session.rows(
            "SELECT guardrail_id, count(*), max(week_id), arg_max(out_of_band_n, week_id), "
            "arg_max(evaluable_n, week_id), string_agg(DISTINCT systemic_inputs, ', ') "
            "FROM marts.systemic_signal WHERE classification = 'systemic' "
            f"AND week_id + 6 >= DATE '{self.period.quarter_start}' AND week_id + 6 < DATE '{self.period.end}' "
            "GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        inputs = {one.strip() for *_, listed in rows for one in (listed or "").split(",") if one.strip()}
        table = Table(
            "Looks practice-wide: ask about schedule, referrals and systems before anybody is asked about themselves",
            ("Guardrail", "Weeks", "Last such week", "Near or outside then"),
            [
                (
                    title(self.policy, rail),
                    str(weeks),
                    str(last),
                    f"{out} of {known}" if known >= LEAST_PEOPLE else f"hidden: fewer than {LEAST_PEOPLE} people",
                )
                for rail, weeks, last, out, known, _ in rows
                if rail not in hidden
            ],
        )
        return table, "; ".join(sorted(title(self.policy, one) for one in inputs))

    def _outcomes(self) -> Table:
        rows = self.session.rows(
            "SELECT instrument, count(*) FILTER (reliable_class IS NOT NULL), "
            "count(*) FILTER (reliable_class IN ('improved', 'recovered')), "
            "count(*) FILTER (reliable_class = 'deteriorated'), count(*) FILTER (reliable_class IS NULL) "
            "FROM marts.episode_outcome WHERE is_primary AND end_state <> 'open' GROUP BY 1 ORDER BY 1"
        )
        return Table(
            "Change in episodes that have ended, all so far. Not known: no score at the beginning or no second one. "
            "Who was measured may differ from who was not",
            ("Instrument", "Known", "Improved reliably", "Got worse reliably", "Not known"),
            [
                (
                    instrument.upper().replace("PHQ9", "PHQ-9").replace("GAD7", "GAD-7"),
                    f"{n:,}",
                    rate(better, n),
                    rate(worse, n),
                    f"{unknown:,}",
                )
                for instrument, n, better, worse, unknown in rows
            ],
        )

    def _surveys(self) -> Table:
        rows = self.session.rows(
            "SELECT closes_on, team_key, instrument, scale, invited_n, n, prevalence, mean, suppressed, rule "
            f"FROM marts.staff_survey_agg WHERE instrument <> 'sheets' AND closes_on < DATE '{self.period.end}' "
            "ORDER BY closes_on DESC, team_key <> 'practice', team_key, instrument, scale"
        )
        keys = sorted({team for _, team, *_ in rows} - {"practice"})
        teams = {key: f"Team {place}" for place, key in enumerate(keys, 1)}
        hidden = "hidden, to protect the people who answered"
        return Table(
            "Anonymous staff surveys. Teams are numbered, not named; what few answered is hidden",
            ("Wave until", "Who", "Scale", "Answered", "Present", "Mean"),
            [
                (
                    str(until),
                    teams.get(team, "Whole practice"),
                    f"{instrument.replace('_', '-')} {scale.replace('_', ' ')}" + (f" ({rule})" if rule else ""),
                    hidden if is_hidden else f"{n} of {invited}",
                    hidden if is_hidden else "–" if prevalence is None else number(prevalence, "ratio"),
                    hidden if is_hidden else number(mean),
                )
                for until, team, instrument, scale, invited, n, prevalence, mean, is_hidden, rule in rows
            ],
        )

    def _trends(self, hidden: frozenset[str]) -> list[Chart]:
        """Per guardrail on clinicians' weeks: who is outside, of those who can be judged."""
        weekly = [one for one in self._verdicts(self.period.weeks_from) if one.subject_kind == "clinician"]
        by_rail: dict[str, dict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
        for one in weekly:
            if one.guardrail_id not in hidden and one.is_weekly:
                by_rail[one.guardrail_id][one.period].append(one)
        return [self._trend(rail, by_rail[rail]) for rail in sorted(by_rail, key=lambda rail: title(self.policy, rail))]

    def _trend(self, rail: str, weeks: Mapping[str, Sequence[Verdict]]) -> Chart:
        points, rows = [], []
        for week, own in sorted(weeks.items()):
            known = sum(one.state in _KNOWN for one in own)
            out = sum(one.is_out for one in own)
            is_few = known < LEAST_PEOPLE
            points.append({"at": week, "value": None if is_few else out / known})
            rest = by_state(own)
            shown = f"fewer than {LEAST_PEOPLE} could be judged" if is_few else f"{out} of {known}"
            rows.append((week, shown, str(rest["unknown"]), str(rest["exempt"])))
        name = title(self.policy, rail)
        return Chart(
            title=name,
            definition="Line: share of clinicians near a limit or outside policy, of those who could be judged.",
            window=f"{len(rows)} weeks",
            unknown=_share_unknown([one for own in weeks.values() for one in own]),
            svg=trend_svg(
                points,
                label=f"{name}: share of clinicians outside policy by week; numbers in the table",
                unit="",
                per_cent=True,
                size=(300, 90),
            ),
            head=("Week of", "Near or outside", "Not known", "Does not apply"),
            rows=rows,
            formula=self.definitions.get(rail, ""),
        )

    def _completeness(self) -> Table:
        rows = self.session.rows(
            "SELECT source, count(*), count(*) FILTER (complete_through IS NULL), "
            "CAST(min(complete_through) AS DATE), CAST(max(complete_through) AS DATE) "
            "FROM marts.source_completeness GROUP BY 1 ORDER BY 1"
        )
        return Table(
            "What was read, and up to when it is complete",
            ("Source", "Kinds of record", "Never read whole", "All complete through", "Newest through"),
            [
                (source, str(n), str(never), "never" if never else str(least), str(newest or "never"))
                for source, n, never, least, newest in rows
            ],
        )


def rate(n: int, of: int) -> str:
    """A share as small numbers allow: none, with its interval, or plain."""
    if of < LEAST_CASES:
        return f"hidden: fewer than {LEAST_CASES} episodes"
    share = number(n / of, "ratio")
    if of >= _CASES_FOR_COMPARISON:
        return share
    interval = wilson([n], [of], confidence=_CONFIDENCE)
    return f"{share} (95 %: {number(float(interval.lo[0]), 'ratio')} to {number(float(interval.hi[0]), 'ratio')})"


def _share_unknown(found: Sequence[Verdict]) -> str:
    unknown = sum(one.state == "unknown" for one in found)
    return f"Not known: {unknown:,} of {len(found):,} verdicts."
