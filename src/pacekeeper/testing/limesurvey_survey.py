"""A LimeSurvey survey as RemoteControl shows it: questions, participants, responses and their exports."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

Response = dict[str, Any]  # what a survey asks is open by design
#: Columns that are LimeSurvey's own, with the headings a full export gives them.
OWN = {
    "id": "Response ID",
    "submitdate": "Date submitted",
    "lastpage": "Last page",
    "startlanguage": "Start language",
    "seed": "Seed",
    "token": "Access code",
    "startdate": "Date started",
    "datestamp": "Date last action",
}
_FIRST_ID = 170


@dataclass(frozen=True)
class Question:
    """One question. parts: text by code of its sub-questions; answers: text by code, of what it offers."""

    code: str
    text: str = ""
    kind: str = "F"
    parts: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def headings(self) -> dict[str, str]:
        """Full heading by heading in code."""
        if not self.parts:
            return {self.code: self.text}
        return {f"{self.code}[{part}]": f"{self.text} [{text}]" for part, text in self.parts.items()}


@dataclass
class Survey:
    """One survey. responses: by heading in code, OWN columns among them. participants: tid, token, attributes."""

    questions: Sequence[Question]
    responses: list[Response] = field(default_factory=list)
    title: str = "survey"
    participants: list[dict[str, Any]] = field(default_factory=list)
    is_anonymous: bool = False

    @property
    def headings(self) -> dict[str, str]:
        """Full heading by heading in code, in the order of an export; an anonymous survey has no access code."""
        own = {name: text for name, text in OWN.items() if not (self.is_anonymous and name == "token")}
        return own | {code: text for question in self.questions for code, text in question.headings.items()}

    def question_of(self, heading: str) -> Question | None:
        return next((question for question in self.questions if heading in question.headings), None)

    def add(self, **values: Any) -> None:
        """One more response, by headings in code; what is not given is empty."""
        row = dict.fromkeys(self.headings, "") | {"id": len(self.responses) + 1, "startlanguage": "en"} | values
        self.responses.append(row)

    def between(self, first: int | None, last: int | None, completion: str) -> list[Response]:
        """Responses with an id in a range (null = open), all, complete or incomplete."""
        found = []
        for row in self.responses:
            is_in = (first is None or row["id"] >= first) and (last is None or row["id"] <= last)
            is_complete = bool(row["submitdate"])
            if is_in and completion in {"all", "complete" if is_complete else "incomplete"}:
                found.append(row)
        return found

    def fieldmap(self, number: int) -> dict[str, dict[str, Any]]:
        """Description of every column by LimeSurvey's name of it (`900001X7X174SQ001`)."""
        own = [name for name in OWN if name in self.headings]
        found: dict[str, dict[str, Any]] = {
            name: {"fieldname": name, "sid": number, "type": name, "title": "", "aid": ""} for name in own
        }
        for heading, name in self.field_names(number).items():
            question = self.question_of(heading)
            if question is not None:
                part = heading[len(question.code) + 1 : -1] if question.parts else ""
                entry = {"fieldname": name, "sid": number, "type": question.kind, "title": question.code, "aid": part}
                found[name] = entry
        return found

    def field_names(self, number: int) -> dict[str, str]:
        """LimeSurvey's name of a column by heading in code."""
        found = {name: name for name in OWN}
        for place, question in enumerate(self.questions, _FIRST_ID):
            for heading in question.headings:
                part = heading[len(question.code) + 1 : -1] if question.parts else ""
                found[heading] = f"{number}X7X{place}{part}"
        return found

    def question_list(self, number: int) -> list[dict[str, Any]]:
        """What list_questions answers: questions, and their sub-questions with `parent_qid`."""
        return list(self._listed(number))

    def _listed(self, number: int) -> Iterator[dict[str, Any]]:
        following = _FIRST_ID + len(self.questions)
        for place, question in enumerate(self.questions, _FIRST_ID):
            about = {"sid": number, "gid": 7, "type": question.kind}
            named = {"title": question.code, "question": question.text, "parent_qid": 0}
            yield {"id": place, "qid": place, **about, **named}
            for code, text in question.parts.items():
                yield {"id": following, "qid": following, **about, "title": code, "question": text, "parent_qid": place}
                following += 1


def export(
    survey: Survey,
    number: int,
    rows: Sequence[Response],
    *,
    how: str,
    heading: str,
    kind: str,
    fields: Sequence[str] | None = None,
) -> bytes:
    """The file of an export: `json` or `csv`, headings `code` or `full`, answers `short` (codes) or `long` (texts)."""
    names = survey.field_names(number)
    headings = {
        code: (text if heading == "full" else code)
        for code, text in survey.headings.items()
        if not fields or names[code] in fields
    }
    table: list[dict[str, Any]] = [
        {shown: _cell(survey, row, code, kind) for code, shown in headings.items()} for row in rows
    ]
    if how == "json":
        if kind == "short":
            table = [{name: int(v) if name in {"id", OWN["id"]} else v for name, v in row.items()} for row in table]
        return orjson.dumps({"responses": table})
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(headings.values())
    writer.writerows(row.values() for row in table)
    # The real one ends in an empty line (6.4.2).
    return b"\xef\xbb\xbf" + out.getvalue().encode() + b"\r\n"


def _cell(survey: Survey, row: Response, code: str, kind: str) -> str:
    text = str(row.get(code, ""))
    question = survey.question_of(code)
    return question.answers.get(text, text) if kind == "long" and question is not None else text
