"""Weights of cases, 1 to 3, as their clinicians rated them when they were opened; the heaviest with a reason."""

from __future__ import annotations

from pacekeeper.testing._files import to_csv
from pacekeeper.testing._scene import Scene

WEIGHT_HEADER = ("rating_id", "episode_id", "client_id", "mrn", "employee_id", "from", "weight", "method", "rated_by")
FLAG_HEADER = ("rating_id", "flag")
_WEIGHTS = (1, 2, 2, 1, 2, 2, 1, 2, 2, 3)
_FLAGS = ("trauma", "recent_loss", "si_risk", "perinatal_loss")


def weight_files(scene: Scene) -> dict[str, str]:
    """One rating per episode."""
    rows, flags = [], []
    for number, episode in enumerate(scene.out.by_type["EpisodeOfCare"]):
        client = episode["patient"]["reference"][8:]
        person = scene.people[int(client[3:7])]
        weight = _WEIGHTS[number % len(_WEIGHTS)]
        rating = f"W{client[3:]}"
        since = episode["period"]["start"]
        rows.append((rating, episode["id"], client, "", person.employee_id, since, weight, "clinician", "therapist"))
        if weight == max(_WEIGHTS):
            flags.append((rating, _FLAGS[number // len(_WEIGHTS) % len(_FLAGS)]))
    return {"case_weights.csv": to_csv(WEIGHT_HEADER, rows), "case_flags.csv": to_csv(FLAG_HEADER, flags)}
