"""PHQ-9 forms: a panel, its total and its items, as Observations."""

from __future__ import annotations

import random

from pacekeeper.testing._clients import Client
from pacekeeper.testing._resources import LOINC, Resource, Resources, concept

PANEL = "44249-1"
TOTAL = "44261-6"
#: LOINC codes of items 1 to 9, in the order of the form.
ITEMS = (
    "44250-9",
    "44255-8",
    "44259-0",
    "44254-1",
    "44251-7",
    "44258-2",
    "44252-5",
    "44253-3",
    "44260-8",
)
_CODES = {code: concept(LOINC, code) for code in (PANEL, TOTAL, *ITEMS)}
_SURVEY = [concept("http://terminology.hl7.org/CodeSystem/observation-category", "survey")]
_NOT_ASKED = concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-asked")


def add_form(
    out: Resources, rng: random.Random, client: Client, *, identity: str, encounter: str, at: str, updated: str
) -> None:
    """Add one completed form if the client is due for one at this session; every second to fourth session is."""
    if client.score is None:
        return
    if client.forms_due_in > 0:
        client.forms_due_in -= 1
        return
    client.forms_due_in = rng.randint(1, 3)
    total = max(0, min(27, round(client.score + rng.uniform(-1.5, 1.5))))
    client.score = max(1.0, min(25.0, client.score + client.slope))
    nine = min(rng.randint(1, 2), total) if client.says_item_nine else 0
    values: list[int | None] = [*_spread(total - nine, first=rng.randrange(8)), nine]
    if values[8] == 0 and total > 24:
        values = [*_spread(24, first=0), total - 24]
    missing = rng.random()
    if missing < 0.02:
        values[rng.randrange(8)] = None
    subject = {"reference": f"Patient/{client.id}"}
    seen = {"reference": f"Encounter/{encounter}"}

    def add(suffix: str, code: str) -> Resource:
        made: Resource = {
            "resourceType": "Observation",
            "id": f"{identity}-{suffix}",
            "meta": {"versionId": "1", "lastUpdated": updated},
            "status": "final",
            "category": _SURVEY,
            "code": _CODES[code],
            "subject": subject,
            "encounter": seen,
            "effectiveDateTime": at,
        }
        out.by_type["Observation"].append(made)
        return made

    panel = add("panel", PANEL)
    whole = add("total", TOTAL)
    if missing < 0.01:
        whole["dataAbsentReason"] = _NOT_ASKED
    else:
        whole["valueInteger"] = sum(value or 0 for value in values)
    derived = [{"reference": f"Observation/{identity}-total"}]
    members = [*derived]
    for number, (code, value) in enumerate(zip(ITEMS, values, strict=True), start=1):
        if value is None:
            continue
        item = add(f"item{number}", code)
        item["valueInteger"] = value
        item["derivedFrom"] = derived
        members.append({"reference": f"Observation/{identity}-item{number}"})
    panel["hasMember"] = members


def _spread(total: int, *, first: int) -> list[int]:
    """Eight answers of 0 to 3 that add up to `total` (at most 24)."""
    base, more = divmod(min(total, 24), 8)
    return [base + ((place - first) % 8 < more) for place in range(8)]
