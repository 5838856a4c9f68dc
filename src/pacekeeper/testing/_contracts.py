"""Rates agreed with payers, what a session of each service costs, and members of a contract paid by the head."""

from __future__ import annotations

from datetime import date

from pacekeeper.testing._answers import PlantedBreach
from pacekeeper.testing._calendar import month_before
from pacekeeper.testing._files import to_csv
from pacekeeper.testing._scene import Scene

RATE_HEADER = ("rate_id", "contract", "payer", "model", "code", "rate", "from", "to")
COST_HEADER = ("service", "per_session", "per_hour", "from", "to")
MEMBER_HEADER = ("month", "payer", "contract", "members", "revenue")
_RATES = (("90791", 154.0), ("90834", 105.0), ("90837", 126.0), ("90847", 133.0), ("90853", 42.0))
#: Contract, payer, and months from its newest rate to the last month.
_CONTRACTS = (
    ("summit-care", "commercial", 9),
    ("harbor-plan", "commercial", 36),
    ("state-aid", "medicaid", 14),
    ("federal-b", "medicare", 3),
)
_LIMIT_MONTHS = 24
#: Cost of a session by service line; that of testing is more than any payer pays.
_COSTS = (("outpatient", 55.0), ("medication", 40.0), ("peer-support", 30.0), ("group", 20.0), ("testing", 400.0))
_LOSING = "testing"
#: Months of service are judged once they are so many days old, and for the third time in a row.
_SETTLED_DAYS, _STREAK = 120, 3


def contract_files(scene: Scene) -> dict[str, str]:
    """Rates, costs and members."""
    calendar = scene.calendar
    rates = []
    for contract, payer, age in _CONTRACTS:
        since = _months_back(calendar.last_month, age)
        for code, rate in _RATES:
            rates.append((f"{contract}-{code}", contract, payer, "fee_for_service", code, f"{rate:.2f}", since, ""))
        for month in calendar.months():
            old = (month.year - since.year) * 12 + month.month - since.month + 1
            if old > _LIMIT_MONTHS:
                why = f"the newest rate is in its {old}th month"
                margin = float(old - _LIMIT_MONTHS)
                scene.answers.append(
                    PlantedBreach("payer_contract_age", "contract", contract, month, "breach", why, margin)
                )
    costs = [(service, f"{cost:.2f}", "", "2020-01-01", "") for service, cost in _COSTS]
    members = [(month, "medicaid", "state-heads", 400, "11600.00") for month in calendar.months()]
    _answer_margins(scene)
    return {
        "payer_rates.csv": to_csv(RATE_HEADER, rates),
        "costs.csv": to_csv(COST_HEADER, costs),
        "members.csv": to_csv(MEMBER_HEADER, members),
    }


def _answer_margins(scene: Scene) -> None:
    """From the third settled month on, where testing was done in each of them."""
    tested: set[date] = set()
    for held in scene.diary.held:
        if held.kind == "testing":
            tested.add(scene.calendar.east.wall(held.start)[0].replace(day=1))
    as_of = scene.calendar.east.wall(scene.calendar.as_of)[0]
    settled = [m for m in scene.calendar.months() if (as_of - m).days > _SETTLED_DAYS + 31 and m in tested]
    for month in settled[_STREAK - 1 :]:
        why = "each test costs 400 dollars and brings 126 at most, the third settled month in a row"
        scene.answers.append(
            PlantedBreach("service_line_margin", "service_line", _LOSING, month, "breach", why, 27_400.0)
        )


def _months_back(month: date, count: int) -> date:
    for _ in range(count):
        month = month_before(month)
    return month
