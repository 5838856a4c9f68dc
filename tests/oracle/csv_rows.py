"""From the practice's HR and schedule files to the oracle's rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from tests.oracle.people import Account, People
from tests.oracle.rows import LEDGER_LEAVE, Block, Employment, LedgerEntry, Practice
from tests.oracle.source_values import UnreadableError, day, instant, needed, needed_day, number

Files = Mapping[str, str]
Line = dict[str, str]

BLOCK_KINDS = frozenset(
    [
        "client_available",
        "admin",
        "documentation",
        "supervision",
        "team_meeting",
        "training",
        "hot_seat",
        "reply_block",
        "huddle",
        "lunch",
        "pto",
        "sick",
        "holiday",
        "closure",
        "on_call",
        "other",
    ]
)
YES = frozenset({"true", "t", "yes", "y", "1"})
NO = frozenset({"false", "f", "no", "n", "0"})


def read_files(files: Files, people: People, practice: Practice) -> None:
    """Adds employees.csv, pto.csv and schedule_blocks.csv; lines it cannot use are counted in `rejected`."""
    for name, read in (("employees", _employment), ("pto", _ledger_entry), ("schedule_blocks", _block)):
        for line in lines(files, name):
            try:
                read(line, people, practice)
            except UnreadableError as refused:
                practice.rejected[name, str(refused)] += 1


def accounts(files: Files) -> Iterator[tuple[Account, str | None, str | None]]:
    for line in lines(files, "employees"):
        yield ("hr", line["employee_id"]), line.get("npi") or None, (line.get("email") or "").lower() or None


def lines(files: Files, name: str) -> list[Line]:
    """The lines of one file, trimmed; of lines with the same key (first column) the last counts."""
    text = next((content for path, content in files.items() if path.split("/")[-1] == f"{name}.csv"), "")
    found: dict[str, Line] = {}
    for raw in csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))):
        line = {(k or "").strip(): (v or "").strip() for k, v in raw.items() if isinstance(v, str | None)}
        key = next(iter(line.values()), "")
        if key:
            found[key] = line
    return list(found.values())


def _employment(line: Line, people: People, practice: Practice) -> None:
    fte = number(line.get("fte"))
    if fte is not None and not 0 < fte <= 1.2:
        raise UnreadableError("fte_range")
    person = people.name(("hr", line["employee_id"]))
    start, end = needed_day(day(line.get("start_date"))), day(line.get("end_date"))
    practice.employments.append(Employment(person, start, end, fte))


def _ledger_entry(line: Line, people: People, practice: Practice) -> None:
    taken_on, hours = needed_day(day(line.get("date"))), number(line.get("hours"))
    if hours is None:
        raise UnreadableError("missing_required")
    kind = line.get("type", "").lower()
    if kind in LEDGER_LEAVE and line.get("approved", "").lower() not in NO:
        person = people.name(("hr", line["employee_id"]))
        practice.ledger.append(LedgerEntry(person, taken_on, kind, abs(hours)))


def _block(line: Line, people: People, practice: Practice) -> None:
    zone = line.get("tz") or None
    start = needed(instant(line.get("start"), zone=zone))
    end = needed(instant(line.get("end"), zone=zone))
    if end <= start:
        raise UnreadableError("block_length")
    kind = line.get("type", "").lower()
    practice.blocks.append(
        Block(
            person=people.name(("hr", line["employee_id"])),
            start=start,
            end=end,
            kind=kind if kind in BLOCK_KINDS else "unknown",
            is_protected=line.get("protected", "").lower() in YES,
        )
    )
