"""REDCap projects of a synthetic practice: weekly measures of some clients, and an anonymous staff survey by team."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from pacekeeper.testing._answers import PlantedBreach
from pacekeeper.testing.redcap_project import RedcapProject, Row, dictionary_row

if TYPE_CHECKING:
    from pacekeeper.testing.practice import Practice

#: Tokens of the two projects on a RedcapServer.
CLIENT_TOKEN = "C" * 32
STAFF_TOKEN = "5" * 32
#: System of the identifier that the practice's Patient resources carry.
MRN_SYSTEM = "urn:riverbend:mrn"
#: What a field holds whose value is missing on purpose.
MISSING_CODES = "NASK, Not asked | UNK, Unknown"
CLIENT_FILE = """\
# What the project's forms mean; see docs/connectors/redcap.md.
client = "mrn"

[measures.phq9]
total = "phq9_total"
date = "phq9_date"
respondent = "self"

[measures.gad7]
date = "gad7_date"
respondent = { field = "gad7_who", values = { 1 = "self", 2 = "caregiver" } }
"""
_FOUR = "0, Not at all | 1, Several days | 2, More than half the days | 3, Nearly every day"
_FIVE = "1, Never | 2, Rarely | 3, Sometimes | 4, Often | 5, Always"
_PULSE = ("exhausted", "detached", "notes_at_home", "supported", "fair_load")
#: Sheets of a team below which answers may be hidden, and the benchmark of the practice articles.
_LEAST_SHEETS, _BENCHMARK = 5, 0.482
_LENGTHS = {"phq9": 9, "gad7": 7}


@dataclass(frozen=True)
class SurveyCorpus:
    """Two projects and their site files.

    mrns: identifiers of the clients in the project that the practice's EHR knows; forms: PHQ-9 and GAD-7 forms with at
    least one answer and a client. dirt: faulty records by kind. sheets: handed-in staff sheets. answer_key: what the
    staff's answers lead to.
    """

    clients: RedcapProject
    staff: RedcapProject
    client_file: str
    staff_file: str
    mrns: frozenset[str]
    forms: int
    sheets: int
    dirt: dict[str, int]
    answer_key: tuple[PlantedBreach, ...]

    @property
    def projects(self) -> dict[str, RedcapProject]:
        """By token, as a RedcapServer takes them."""
        return {CLIENT_TOKEN: self.clients, STAFF_TOKEN: self.staff}


def build_surveys(practice: Practice, *, seed: int = 7, every: int = 12) -> SurveyCorpus:
    """Surveys that fit a practice, equal for equal arguments; every twelfth client in care fills in forms."""
    rng = random.Random(f"surveys {seed}")  # noqa: S311  synthetic data
    seen = _weeks_seen(practice)
    chosen = [mrn for mrn in sorted(seen) if len(seen[mrn]) >= 3][::every]
    rows: list[Row] = []
    forms = 0
    for number, mrn in enumerate(chosen, 1):
        made = list(_forms(str(number), seen[mrn], rng))
        forms += len(made)
        rows += [{"record_id": str(number), "mrn": mrn, "intake_complete": "2"}, *made]
    dirt = _soil(rows)
    clients = RedcapProject(
        _client_fields(), rows, "Measures", surveys=frozenset({"phq9"}), missing_data_codes=MISSING_CODES
    )
    sheets, staff_file, answer_key = _staff(practice, rng)
    staff = RedcapProject(_staff_fields(), sheets, "Pulse", surveys=frozenset({"pulse"}))
    return SurveyCorpus(
        clients, staff, CLIENT_FILE, staff_file, frozenset(chosen), forms, len(sheets), dirt, answer_key
    )


def _weeks_seen(practice: Practice) -> dict[str, list[date]]:
    """Mondays of the weeks with a finished session, by MRN."""
    mrns = {
        patient["id"]: identifier["value"]
        for patient in practice.resources["Patient"]
        for identifier in patient["identifier"]
        if identifier["system"] == MRN_SYSTEM
    }
    found: dict[str, set[date]] = {}
    for encounter in practice.resources["Encounter"]:
        patient = encounter.get("subject", {}).get("reference", "").removeprefix("Patient/")
        if patient in mrns and encounter["status"] == "finished" and encounter.get("period"):
            day = datetime.fromisoformat(encounter["period"]["start"]).date()
            found.setdefault(mrns[patient], set()).add(day - timedelta(days=day.weekday()))
    return {mrn: sorted(weeks) for mrn, weeks in found.items()}


def _forms(record: str, weeks: Sequence[date], rng: random.Random) -> Iterator[Row]:
    """One PHQ-9 and one GAD-7 a week; scores go down, item 9 is never positive. One form in fifty lacks an item."""
    level = rng.uniform(0.8, 2.2)
    for instance, monday in enumerate(weeks, 1):
        day = monday + timedelta(days=rng.randrange(5))
        for form, length in _LENGTHS.items():
            codes = _codes(level, length)
            if rng.random() < 0.02:
                codes[rng.randrange(length)] = rng.choice(["", "NASK"])
            whole = all(code.isdigit() for code in codes)
            row = {"record_id": record, "redcap_repeat_instrument": form, "redcap_repeat_instance": str(instance)}
            row |= {f"{form}_{n}": code for n, code in enumerate(codes, 1)}
            row |= {f"{form}_date": day.isoformat(), f"{form}_complete": "2"}
            if form == "phq9":
                row["phq9_total"] = str(sum(map(int, codes))) if whole else ""
                if rng.random() < 0.7:
                    row["phq9_timestamp"] = f"{day.isoformat()} {rng.randrange(7, 22):02d}:{rng.randrange(60):02d}:00"
            else:
                row["gad7_who"] = "1" if rng.random() < 0.95 else "2"
            yield row
        level = max(0.2, level - rng.uniform(0, 0.15))


def _codes(level: float, length: int) -> list[str]:
    """Answers whose mean is about `level`; of a PHQ-9 the last is 0."""
    asked = length - 1 if length == _LENGTHS["phq9"] else length
    whole, more = divmod(round(level * asked), asked)
    return [str(min(3, whole + (place < more))) for place in range(asked)] + ["0"] * (length - asked)


def _soil(rows: list[Row]) -> dict[str, int]:
    """Add a record without an identifier, one of a client nobody knows, a form that is empty, one code too high."""
    empty = dict.fromkeys((f"phq9_{n}" for n in range(1, 10)), "")
    ones = dict.fromkeys((f"phq9_{n}" for n in range(1, 10)), "1")
    form = {"redcap_repeat_instrument": "phq9", "redcap_repeat_instance": "1", "phq9_date": "2026-01-05"}
    for record, mrn, answers in (
        ("9001", "", ones),
        ("9002", "MRN-NOBODY", ones),
        ("9003", "MRN-NOBODY-2", empty),
        ("9004", "MRN-NOBODY-3", ones | {"phq9_9": "4"}),
    ):
        rows.append({"record_id": record, "mrn": mrn, "intake_complete": "2"})
        rows.append({"record_id": record, **form, **answers, "phq9_complete": "0"})
    return {"no_client": 1, "unknown_client": 2, "form_not_filled": 1, "item_out_of_range": 1}


def _client_fields() -> list[Row]:
    fields = [dictionary_row("record_id", "intake"), dictionary_row("mrn", "intake", identifier="y")]
    fields.append(dictionary_row("first_name", "intake", identifier="y"))
    for form, length in _LENGTHS.items():
        fields += [dictionary_row(f"{form}_{n}", form, "radio", choices=_FOUR) for n in range(1, length + 1)]
        fields.append(dictionary_row(f"{form}_date", form, validation="date_mdy"))
    fields.append(dictionary_row("phq9_total", "phq9", "calc"))
    fields.append(dictionary_row("gad7_who", "gad7", "radio", choices="1, The client | 2, A parent or guardian"))
    return fields


def _staff_fields() -> list[Row]:
    fields = [dictionary_row("record_id", "pulse")]
    fields.append(dictionary_row("team", "pulse", "dropdown", choices="east, East | west, West"))
    fields += [dictionary_row(name, "pulse", "radio", choices=_FIVE) for name in _PULSE]
    return [*fields, dictionary_row("remark", "pulse", "notes")]


def _staff(practice: Practice, rng: random.Random) -> tuple[list[Row], str, tuple[PlantedBreach, ...]]:
    """Sheets of two waves, each open two weeks, about seven of ten invited people answering; the site file; verdicts.

    One in four says to be burnt out, and three of four of the eastern team in the second wave.
    """
    invited = {"east": 0, "west": 0}
    for role in practice.resources["PractitionerRole"]:
        if "end" not in role.get("period", {}):
            team = "west" if role["location"][0]["reference"].endswith("west") else "east"
            invited[team] += 1
    last = practice.as_of.date() - timedelta(days=practice.as_of.date().weekday() + 28)
    waves = {"first": last - timedelta(weeks=12), "second": last}
    sheets: list[Row] = []
    found: list[PlantedBreach] = []
    for opens in waves.values():
        handed_in: dict[str, int] = {}
        for team, people in invited.items():
            is_planted = (team, opens) == ("east", last)
            first = len(sheets)
            for _ in range(people):
                if rng.random() < 0.7:
                    place = len(sheets) - first
                    tired = place % 4 > 0 if is_planted else place % 4 == 2
                    day = opens + timedelta(days=rng.randrange(12))
                    sheets.append(_sheet(len(sheets) + 1, team, day, rng, exhausted=4 if tired else 1 + place % 2))
            handed_in[team] = len(sheets) - first
        # Beside a team of too few sheets the other one is not shown either.
        if opens == last and min(handed_in.values()) >= _LEAST_SHEETS:
            tired_n = handed_in["east"] - (handed_in["east"] + 3) // 4
            why = f"{tired_n} of {handed_in['east']} sheets say burnt out, where 0.482 is the benchmark"
            margin = tired_n / handed_in["east"] - _BENCHMARK
            found.append(PlantedBreach("burnout_prevalence", "team", "east", opens, "warn", why, margin))
    rng.shuffle(sheets)
    return sheets, _staff_file(waves, invited), tuple(found)


def _sheet(number: int, team: str, day: date, rng: random.Random, *, exhausted: int) -> Row:
    answers = {name: str(rng.randint(1, 5)) for name in _PULSE[1:] if rng.random() < 0.98}
    answers = {_PULSE[0]: str(exhausted), **answers}
    stamp = f"{day.isoformat()} {rng.randrange(8, 20):02d}:{rng.randrange(60):02d}:00"
    return {"record_id": str(number), "pulse_timestamp": stamp, "team": team, **answers, "pulse_complete": "2"}


def _staff_file(waves: dict[str, date], invited: dict[str, int]) -> str:
    lines = ["# An anonymous survey; see docs/connectors/redcap.md.", "[staff_survey]", 'instrument = "mini_z"']
    lines += ['form = "pulse"', 'team = "team"', f'item_codes = {{ {_PULSE[0]} = "1" }}']
    lines += [f"items = [{', '.join(f'{name!r}' for name in _PULSE)}]"]
    asked = ", ".join(f"{team} = {people}" for team, people in invited.items())
    for name, opens in waves.items():
        closes = opens + timedelta(days=13)
        lines += ["", f"[staff_survey.waves.{name}]", f"opens_on = {opens}", f"closes_on = {closes}"]
        lines.append(f"invited = {{ {asked} }}")
    return "\n".join(lines) + "\n"
