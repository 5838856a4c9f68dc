"""A practice's billing as X12 files: weekly 837P claims, the 277CA answers to them, and the 835 remittances.

Equal for equal arguments. Every finished session of a client who is insured is one claim with one line; its rendering
clinician has the NPI that EHR and HR have, its client the member number `member_id` gives. Write them out::

    python -m pacekeeper.testing.x12_files --clinicians 40 --weeks 26 --seed 7 --out billing
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pacekeeper.testing._answers import PlantedBreach, of_practice
from pacekeeper.testing._calendar import month_before
from pacekeeper.testing._x12_claims import BillingKey, Outcome, Service, outcome_of, services_of
from pacekeeper.testing._x12_sets import acknowledgement, claim_set, remittance
from pacekeeper.testing.practice import Practice, asked_for
from pacekeeper.testing.x12_writer import Envelope, SetContent

CLAIMS = ("HC", "005010X222A1")
STATUS = ("HN", "005010X214")
REMITS = ("HP", "005010X221A1")
#: Claims in one remittance; the implementation guide recommends no more.
_MOST_CLAIMS = 10_000
#: Share of claims that payers deny in one month, the limit, and lines below which a share says little.
_SHARE_DENIED_ONCE, _DENIAL_LIMIT, _LEAST_LINES = 0.2, 0.1, 40
#: Days from a practice week's Monday to its claims, to the answer, and to the money.
_SENT_AFTER, _ANSWERED_AFTER, _PAID_AFTER, _REVERSED_AFTER = 7, 8, 21, 35


@dataclass(frozen=True)
class BillingFiles:
    """files: content by name; key: what must come out of them, money in cents; answer_key: verdicts they lead to."""

    files: Mapping[str, bytes]
    key: BillingKey
    answer_key: tuple[PlantedBreach, ...] = ()

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


def billing_files(practice: Practice, *, seed: int = 7, broken_sets: int = 1) -> BillingFiles:
    """The files of a practice up to its `as_of`. broken_sets: sets with a wrong count, beside the whole ones.

    Payers deny few claims, but every fifth of those that they decide in the month before the last.
    """
    weeks: defaultdict[date, list[Service]] = defaultdict(list)
    for service in services_of(practice, seed=seed):
        weeks[service.day - timedelta(days=service.day.weekday())].append(service)
    files: dict[str, bytes] = {}
    key = BillingKey()
    last_day = practice.as_of.date()
    hard = month_before(month_before(last_day))
    lines = denied = 0
    for number, monday in enumerate(sorted(weeks), 1):
        is_hard = (monday + timedelta(days=_PAID_AFTER)).replace(day=1) == hard
        more = {"denied": _SHARE_DENIED_ONCE} if is_hard else {}
        outcomes = [outcome_of(service, seed=seed, **more) for service in weeks[monday]]
        if is_hard:
            lines += sum(outcome.is_accepted for outcome in outcomes)
            denied += sum(outcome.result == "denied" for outcome in outcomes)
        _write_week(files, key, number, monday, outcomes, last_day)
    for number in range(broken_sets):
        at = _at(last_day, 0)
        whole = Envelope(*CLAIMS, 9_000 + number, at).file([claim_set(weeks[max(weeks)][:1], "0001", at)])
        files[f"claims-broken-{number + 1}.837"] = whole.replace(b"~\nSE*", b"~\nSE*9", 1)
        key.broken_sets += 1
    return BillingFiles(files, key, tuple(_answers(hard, lines, denied)))


def _answers(month: date, lines: int, denied: int) -> Iterable[PlantedBreach]:
    if lines >= _LEAST_LINES and denied / lines > _DENIAL_LIMIT:
        why = f"{denied} of {lines} lines denied at first in the month"
        yield of_practice("denial_rate", month, why, denied / lines - _DENIAL_LIMIT)


def _write_week(
    files: dict[str, bytes],
    key: BillingKey,
    number: int,
    monday: date,
    outcomes: Sequence[Outcome],
    last_day: date,
) -> None:
    """Claims of one week, and those answers that have come by the last day."""
    if (sent := monday + timedelta(days=_SENT_AFTER)) <= last_day:
        at = _at(sent, 0)
        services = [outcome.service for outcome in outcomes]
        files[f"claims-{sent}.837"] = Envelope(*CLAIMS, 1000 + number, at).file([claim_set(services, "0001", at)])
        key.add_claims(services)
    if (answered := monday + timedelta(days=_ANSWERED_AFTER)) <= last_day:
        content = acknowledgement(outcomes, "0001", answered)
        files[f"status-{answered}.277"] = _from_payer(STATUS, 2000 + number, answered).file([content])
        key.add_answers(outcomes)
    if (paid := monday + timedelta(days=_PAID_AFTER)) <= last_day:
        sets = _remittances([o for o in outcomes if o.is_accepted], paid, key, is_reversal=False)
        files[f"remit-{paid}.835"] = _from_payer(REMITS, 3000 + number, paid).file(sets)
    taken_back = [outcome for outcome in outcomes if outcome.is_reversed]
    if taken_back and (reversed_on := monday + timedelta(days=_REVERSED_AFTER)) <= last_day:
        sets = _remittances(taken_back, reversed_on, key, is_reversal=True)
        files[f"remit-reversal-{reversed_on}.835"] = _from_payer(REMITS, 4000 + number, reversed_on).file(sets)


def _remittances(outcomes: Iterable[Outcome], paid_on: date, key: BillingKey, *, is_reversal: bool) -> list[SetContent]:
    """One remittance per payer."""
    payers: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        payers[outcome.service.filing].append(outcome)
    found = []
    for number, (payer, of_payer) in enumerate(sorted(payers.items()), 1):
        # The first payer of a day keeps a fee that belongs to no claim.
        fee_cents = 500 if number == 1 and not is_reversal else 0
        trace = f"{paid_on:%Y%m%d}{number:02d}{int(is_reversal)}"
        found.append(
            remittance(
                of_payer,
                f"{number:04d}",
                paid_on,
                payer=payer,
                trace=trace,
                fee_cents=fee_cents,
                is_reversal=is_reversal,
            )
        )
        key.add_remit(of_payer, fee_cents=fee_cents, is_reversal=is_reversal)
    return found


def remittance_file(*, claims: int, seed: int = 7) -> bytes:
    """A large file for measuring, of remittances of at most 10,000 claims."""
    first = date(2026, 1, 5)
    services = [
        Service(
            claim=f"RB{n:07d}",
            patient=f"pt-{n // 8:07d}",
            given_name="Synthia",
            family_name=f"Example{n // 8}",
            birth_date="1990-01-01",
            postal_code="10047",
            npi=f"{1_000_000_000 + n % 40}",
            day=first + timedelta(days=n % 90),
            procedure="90837" if n % 3 else "90834",
            charge_cents=18_000 if n % 3 else 15_000,
            is_remote=n % 2 == 0,
            filing="CI",
        )
        for n in range(claims)
    ]
    outcomes = [outcome_of(service, seed=seed) for service in services]
    sets = [
        remittance(
            outcomes[at : at + _MOST_CLAIMS],
            f"{number:04d}",
            date(2026, 4, 6),
            payer="CI",
            trace=f"T{number}",
            fee_cents=500,
            is_reversal=False,
        )
        for number, at in enumerate(range(0, claims, _MOST_CLAIMS), 1)
    ]
    return _from_payer(REMITS, 1, date(2026, 4, 6)).file(sets)


def _at(day: date, minutes: int) -> datetime:
    return datetime(day.year, day.month, day.day, 6) + timedelta(minutes=minutes)  # noqa: DTZ001  these files name no zone


def _from_payer(kind: tuple[str, str], control: int, day: date) -> Envelope:
    return Envelope(*kind, control, _at(day, 30), sender="CLEARING", receiver="RIVERBEND")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a practice's billing files to a folder."""
    practice, out, seed = asked_for(arguments, module="x12_files", about=main.__doc__)
    found = billing_files(practice, seed=seed)
    found.write(out)
    sys.stdout.write(f"{len(found.files)} files, {found.key.claims} claims\n")


if __name__ == "__main__":
    main()
