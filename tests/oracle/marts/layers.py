"""What a policy's layers say of one person's week: thresholds in place of the practice's, and exemptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from tests.oracle.marts.practice import Practice, Row
from tests.oracle.weeks import exact

#: From the first to the one that wins. Values of the first three are those of a full-time person.
KINDS = ("role", "specialty", "employment_type", "tenure", "person", "temporary")
SCALED = KINDS[:3]


@dataclass
class Layered:
    """values: by threshold, and whether it is scaled by FTE."""

    values: dict[str, tuple[Fraction, bool]] = field(default_factory=dict)
    is_exempt: bool = False


def layered(practice: Practice, guardrail: str, row: Row) -> Layered:
    """What holds in a clinician's week, the layers that win last."""
    found = Layered()
    for layer in _in_order(practice):
        said = layer.get("guardrails", {}).get(guardrail)
        if said is None or not _holds(layer, row["week_id"]) or not _is_for(practice, layer, row):
            continue
        found.is_exempt |= said.get("exempt", False)
        for name, stated in said.get("thresholds", {}).items():
            found.values[name] = exact(stated["value"]), layer["kind"] in SCALED
    return found


def _in_order(practice: Practice) -> Iterator[Row]:
    """By kind, then by when they begin, then as the file has them."""
    stated = practice.policy.get("layer", [])
    yield from sorted(stated, key=lambda r: (KINDS.index(r["kind"]), r.get("effective_from", date.min)))


def _holds(layer: Row, monday: date) -> bool:
    since, until = layer.get("effective_from", date.min), layer.get("expires", date.max)
    return bool(since <= monday <= until)


def _is_for(practice: Practice, layer: Row, row: Row) -> bool:
    person, whom = row["clinician_key"], layer["match"]
    match layer["kind"]:
        case "role":
            return any(r["role"] == whom for r in practice.by_person("clinician").get(person, []))
        case "specialty":
            return any(r["specialty"] == whom for r in practice.by_person("clinician_specialty").get(person, []))
        case "employment_type":
            return whom in _employment_types(practice, person, row["week_id"])
        case "tenure":
            month = row["tenure_month"]
            return month is not None and whom["from"] <= month <= whom.get("to", month)
        case _:
            return bool(person == whom)


def _employment_types(practice: Practice, person: str, monday: date) -> set[str]:
    """Of what is in force when the week begins."""
    return {
        r["employment_type"]
        for r in practice.by_person("employment").get(person, [])
        if r["start_date"] <= monday and (r["end_date"] is None or r["end_date"] >= monday)
    }
