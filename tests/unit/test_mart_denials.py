"""What payers refuse, redone by hand. Money is in cents; the month is that of the first remittance."""

from __future__ import annotations

from datetime import date

import pytest
from tests.marts import Row, World
from tests.marts.billing import claim, remit

ONLY = ("denials", "denial_rate")
JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
TENTH, LATER = date(2026, 1, 10), date(2026, 2, 3)
NO_AUTH = ("contractual", "197", 10_000, "authorisation")
NO_INFO = ("payer", "16", 10_000, "coding")
WRITTEN_OFF = ("contractual", "45", 3_000, None)


def practice() -> World:
    made = World(only=ONLY)
    made.employ(date(2025, 1, 6))
    made.seat(made.day(0), "09:00")
    return made


def row(made: World, *, payer: str = "all", family: str = "all", who: str = "practice", month: date = JANUARY) -> Row:
    rows = made.select(
        f"SELECT * FROM marts.denials WHERE payer_class = '{payer}' AND reason_family = '{family}'"
        f" AND clinician_key = '{who}' AND month_id = DATE '{month}'"
    )
    assert len(rows) == 1, f"{len(rows)} rows"
    return rows[0]


@pytest.fixture(scope="module")
def world() -> World:
    """Ten claims of 100 dollars, decided on 10 January, and what came of them."""
    made = practice()
    for number in range(4):
        claim(made, f"paid{number}", 10_000, date(2026, 1, 4))
        remit(made, TENTH, f"paid{number}", 7_000, WRITTEN_OFF)
    remit(made, TENTH, "refused", 0, NO_AUTH, NO_INFO)
    remit(made, TENTH, "appealed", 0, NO_INFO, payer_class="medicaid")
    remit(made, LATER, "appealed", 6_500, WRITTEN_OFF, payer_class="medicaid")
    claim(made, "again", 10_000, original_claim_key="first")
    remit(made, TENTH, "first", 0, NO_INFO)
    remit(made, LATER, "again", 0, ("contractual", "29", 10_000, "timeliness"))
    remit(made, TENTH, "deductible", 0, ("patient", "1", 10_000, None))
    remit(made, TENTH, "capitated", 0, ("contractual", "24", 10_000, "other"))
    remit(made, TENTH, "uncovered", 0, ("patient", "204", 10_000, "other"))
    remit(made, TENTH, "mistake", 0, NO_AUTH, charged=10_000)
    remit(made, date(2026, 1, 12), "mistake", 0, charged=-10_000, status="reversal")
    remit(made, date(2026, 1, 12), "mistake", 7_000, WRITTEN_OFF)
    made.run(weeks=12)
    return made


@pytest.mark.formula(29)
@pytest.mark.rule("F04")
def test_initial_and_final_denials_are_counted_by_line(world: World) -> None:
    found = row(world)
    # 4 paid, refused, appealed, first, deductible, capitated, uncovered, and the decision that replaced the mistake
    assert (found["lines_n"], found["claims_n"], found["charge_cents"]) == (11, 11, 110_000)
    # refused, appealed, first, uncovered; all but the appealed one are denied to the end
    assert (found["denied_initial_n"], found["denied_final_n"]) == (4, 3)
    assert (found["denied_cents"], found["recovered_cents"]) == (40_000, 6_500)
    assert found["denial_initial_ratio"] == pytest.approx(4 / 11)
    assert found["denial_final_ratio"] == pytest.approx(3 / 11)


@pytest.mark.edge_case(33)
def test_a_reversed_decision_a_deductible_and_capitation_are_no_denials() -> None:
    made = practice()
    remit(made, TENTH, "mistake", 0, NO_AUTH)
    remit(made, date(2026, 1, 12), "mistake", 0, charged=-10_000, status="reversal")
    remit(made, date(2026, 1, 14), "mistake", 7_000, WRITTEN_OFF)
    remit(made, TENTH, "deductible", 0, ("patient", "1", 10_000, None))
    remit(made, TENTH, "capitated", 0, ("contractual", "24", 10_000, "other"))
    remit(made, TENTH, "shared", 0, ("patient", "16", 10_000, "coding"))
    made.run(weeks=12)
    assert (row(made)["lines_n"], row(made)["denied_initial_n"]) == (4, 0)


@pytest.mark.edge_case(33)
def test_a_second_payer_is_no_first_decision(world: World) -> None:
    made = practice()
    remit(made, TENTH, "both", 7_000, WRITTEN_OFF)
    remit(made, LATER, "both", 0, ("other", "22", 3_000, "eligibility"), status="secondary")
    made.run(weeks=12)
    assert (row(made)["lines_n"], row(made)["denied_initial_n"]) == (1, 0)


@pytest.mark.edge_case(33)
def test_a_correction_of_the_same_day_and_amount_stands_and_what_it_corrects_does_not() -> None:
    made = practice()
    remit(made, TENTH, "same", 7_000, WRITTEN_OFF)
    remit(made, LATER, "same", -7_000, charged=-10_000, status="reversal")
    remit(made, LATER, "same", 7_000, WRITTEN_OFF)
    remit(made, TENTH, "other", 7_000, WRITTEN_OFF)
    made.run(weeks=12)
    assert [row(made, month=month)["lines_n"] for month in (JANUARY, FEBRUARY)] == [1, 1]


@pytest.mark.parametrize(("numbers", "final"), [(("a", "b"), 0), ((None, None), 1), (("a", None), 1), (("a", "a"), 1)])
def test_lines_are_known_by_their_control_number_where_every_decision_gives_it(
    numbers: tuple[str | None, str | None], final: int
) -> None:
    """Of two lines the first is refused; a correction has them in the other order and pays it."""
    made = practice()
    first, second = numbers
    for day, refused_number, paid_number in ((TENTH, first, second), (LATER, second, first)):
        remit(made, day, "split", 0, NO_AUTH)
        refused = made.rows["claim_payment_line"][-1]
        refused |= {"line_no": 1, "line_control_key": refused_number}
        paid = {"line_no": 2, "line_control_key": paid_number, "paid_cents": 7_000}
        made.rows["claim_payment_line"].append(refused | paid | {"payment_line_key": f"{day}"})
    made.run(weeks=12)
    found = row(made)
    assert (found["lines_n"], found["denied_initial_n"], found["denied_final_n"]) == (2, 1, final)


def test_a_line_that_is_decided_after_others_of_its_claim_counts_when_it_is() -> None:
    made = practice()
    remit(made, TENTH, "split", 7_000, WRITTEN_OFF)
    remit(made, LATER, "split", 0, NO_AUTH, status="forwarded")
    made.rows["claim_payment_line"][-1]["line_no"] = 2
    made.run(weeks=12)
    found = [row(made, month=month) for month in (JANUARY, FEBRUARY)]
    assert [(r["lines_n"], r["denied_initial_n"], r["claims_n"]) for r in found] == [(1, 0, 1), (1, 1, 1)]


@pytest.mark.edge_case(33)
def test_of_two_payers_on_one_day_the_first_decides_first() -> None:
    made = practice()
    for name in ("a", "b", "c", "d"):
        for status in ("secondary", "primary"):
            remit(made, TENTH, name, 0, ("other", "22", 3_000, "eligibility"), status=status)
    for processed in made.rows["claim_payment"]:
        processed["payer_class"] = "medicare" if processed["status"] == "primary" else "commercial"
    made.run(weeks=12)
    assert row(made, payer="medicare")["lines_n"] == 4


def test_a_payment_that_is_taken_back_for_good_is_decided_no_more() -> None:
    made = practice()
    remit(made, TENTH, "paid", 7_000, WRITTEN_OFF)
    remit(made, TENTH, "back", 7_000, WRITTEN_OFF)
    remit(made, date(2026, 1, 20), "back", -7_000, charged=-10_000, status="reversal")
    made.run(weeks=12)
    assert row(made)["lines_n"] == 1


@pytest.mark.rule("D19")
def test_families_add_up_to_all_and_a_line_counts_in_one(world: World) -> None:
    rows = world.select(
        "SELECT reason_family, denied_initial_n FROM marts.denials WHERE clinician_key = 'practice'"
        f" AND payer_class = 'all' AND month_id = DATE '{JANUARY}'"
    )
    found = {one["reason_family"]: one["denied_initial_n"] for one in rows}
    # The refused one names an authorisation and coding: the former comes first.
    assert found == {"all": 4, "authorisation": 1, "coding": 2, "other": 1}
    assert row(world, family="coding")["denial_initial_ratio"] == pytest.approx(2 / 11)


def test_payers_are_told_apart(world: World) -> None:
    assert (row(world, payer="medicaid")["lines_n"], row(world, payer="commercial")["lines_n"]) == (1, 10)


@pytest.mark.rule("F04")
def test_days_to_pay_run_from_submission(world: World) -> None:
    # four claims of 4 January paid on the 10th
    assert row(world, payer="commercial")["days_to_pay"] == 6
    assert row(world, family="coding")["days_to_pay"] is None


def test_a_clinician_is_shown_from_eleven_lines_on(world: World) -> None:
    assert row(world, who="c1")["lines_n"] == 11
    made = practice()
    for number in range(10):
        remit(made, TENTH, f"c{number}", 7_000, WRITTEN_OFF)
    made.run(weeks=12)
    assert made.select("SELECT * FROM marts.denials WHERE clinician_key = 'c1'") == []


def billed(denied: int, paid: int) -> World:
    made = practice()
    for number in range(denied + paid):
        if number < denied:
            remit(made, TENTH, f"c{number}", 0, NO_AUTH)
        else:
            remit(made, TENTH, f"c{number}", 7_000, WRITTEN_OFF)
    return made


def said(made: World) -> tuple[str, str | None]:
    made.run(weeks=6)
    (found,) = made.select(
        f"SELECT state, reason FROM marts.guardrail_result WHERE guardrail_id = 'denial_rate' AND period = '{JANUARY}'"
    )
    return found["state"], found["reason"]


@pytest.mark.rule("F04", "D19")
@pytest.mark.parametrize(
    ("denied", "paid", "expected"),
    [
        (1, 19, ("pass", None)),
        (2, 18, ("warn", "above_warning")),
        (3, 17, ("breach", "above_ceiling")),
        (3, 10, ("unknown", "low_denominator")),
    ],
    ids=["5 percent", "10 percent", "15 percent", "13 lines"],
)
def test_denial_rate(denied: int, paid: int, expected: tuple[str, str | None]) -> None:
    assert said(billed(denied, paid)) == expected


@pytest.mark.rule("F04")
def test_denials_are_unknown_once_remittances_are_stale() -> None:
    made = billed(0, 25)
    made.completeness[("ehr", "remit")] = made.at(date(2026, 1, 20), "00:00")
    assert said(made) == ("unknown", "stale")
