"""Revenue by service line, payer mix and age of contracts, redone by hand. Money is in cents."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.marts import Row, World
from tests.marts.billing import charge, claim, pay, remit

ONLY = ("revenue_service_line", "payer_mix", "payer_contract_month", "service_line_margin", "payer_contract_age")
JANUARY = date(2026, 1, 1)


def practice() -> World:
    made = World(only=ONLY, days=400)
    made.employ(date(2025, 1, 6))
    made.seat(date(2025, 12, 1), "09:00", client="k0")  # the practice's record begins here
    made.add("cost_rate", cost_rate_key="x", service_line="therapy", session_cost_cents=2_000, hour_cost_cents=6_000,
             currency="USD", effective_from=date(2025, 1, 1))  # fmt: skip
    return made


def line(made: World, service_line: str, month: date = JANUARY) -> Row:
    (row,) = made.select(
        f"SELECT * FROM marts.revenue_service_line WHERE service_line = '{service_line}' AND month_id = DATE '{month}'"
    )
    return row


def said(made: World, guardrail: str, subject: str) -> list[tuple[str, str | None]]:
    rows = made.select(
        "SELECT state, reason FROM marts.guardrail_result WHERE is_current"
        f" AND guardrail_id = '{guardrail}' AND subject_key = '{subject}' ORDER BY period"
    )
    return [(row["state"], row["reason"]) for row in rows]


@pytest.fixture(scope="module")
def world() -> World:
    """A couple, a group of three, a missed appointment that was charged, and a claim with two charges."""
    made = practice()
    made.session(made.day(0), "09:00", 60, clients=("k1", "k2"), session_key="pair", session_type="couple",
                 service_line="therapy")  # fmt: skip
    charge(made, made.day(0), 20_000, session_key="pair", client_key="k1", claim_key="A")
    made.session(made.day(1), "09:00", 90, clients=("g1", "g2", "g3"), session_key="group", session_type="group")
    for client, payer in (("g1", "medicaid"), ("g2", "medicaid"), ("g3", "commercial")):
        made.add("session_participant", session_key="group", client_key=client, episode_key="ep", attended=True)
        charge(made, made.day(1), 6_000, session_key="group", client_key=client, payer_class=payer)
    made.rows["session_participant"] = [
        row for row in made.rows["session_participant"] if row["session_key"] != "group" or row.get("episode_key")
    ]
    made.add("episode", episode_key="ep", client_key="g1", service_line="groups", opened_on=date(2025, 9, 1),
             status="active")  # fmt: skip
    missed = made.seat(made.day(1, 2), "09:00", status="no_show", client="k9")
    charge(made, made.day(1, 2), 5_000, appointment_key=missed, procedure_code="90837", client_key="k9",
           service_line="therapy", claim_key="A")  # fmt: skip
    claim(made, "A", 25_000)
    pay(made, date(2026, 3, 2), 10_001, claim_key="A")
    pay(made, date(2026, 3, 9), 3_000, charge_key="ch0", payment_source="client")
    pay(made, date(2026, 4, 9), -1_000, claim_key="A", is_reversal=True)
    pay(made, date(2026, 1, 20), 700, client_key="k5")
    remit(made, date(2026, 3, 2), "A", 10_001, ("contractual", "45", 9_000, None), ("patient", "3", 3_000, None),
          charged=25_000, allowed_cents=13_001)  # fmt: skip
    made.add("member_month", member_month_key="m", month=JANUARY, payer_class="medicaid", members_n=40,
             revenue_cents=100_000, currency="USD")  # fmt: skip
    made.run(weeks=30)
    return made


@pytest.mark.edge_case(2)
def test_a_couple_is_one_session_and_one_charge(world: World) -> None:
    row = line(world, "therapy")
    assert (row["sessions_n"], row["charges_n"]) == (1, 2)


@pytest.mark.edge_case(1)
def test_a_group_is_one_session_with_a_charge_for_each_client(world: World) -> None:
    row = line(world, "groups")
    assert (row["sessions_n"], row["charges_n"], row["charge_cents"]) == (1, 3, 18_000)


@pytest.mark.edge_case(18)
def test_a_fee_for_a_missed_appointment_is_money_and_no_session(world: World) -> None:
    row = line(world, "therapy")
    assert (row["missed_fee_cents"], row["charge_cents"], row["sessions_n"]) == (5_000, 25_000, 1)


@pytest.mark.edge_case(34)
def test_money_stands_in_the_month_of_service_whenever_it_was_posted(world: World) -> None:
    # 10 001 and 3 000 in March, 1 000 taken back in April
    assert line(world, "therapy")["paid_cents"] == 12_001
    assert line(world, "unlinked")["paid_cents"] == 700


@pytest.mark.edge_case(35)
def test_money_of_a_client_without_a_claim_counts(world: World) -> None:
    made = practice()
    made.session(made.day(0), "09:00", 60, session_key="own", service_line="therapy")
    paid = charge(made, made.day(0), 9_000, session_key="own", payer_class="self_pay")
    pay(made, made.day(0), 4_500, charge_key=paid, payment_source="client")
    made.run(weeks=30)
    assert line(made, "therapy")["paid_cents"] == 4_500
    assert line(made, "therapy")["net_collection_ratio"] == 0.5


@pytest.mark.rule("F01", "F03")
def test_margin_is_what_was_paid_less_cost_per_session_and_hour(world: World) -> None:
    row = line(world, "therapy")
    # one hour: 2 000 + 6 000
    assert (row["direct_cost_cents"], row["margin_cents"]) == (8_000, 4_001)
    assert row["allowed_cents"] == 13_001
    assert line(world, "groups")["margin_cents"] is None, "no rate of costs"


@pytest.mark.formula(29)
@pytest.mark.rule("F04")
def test_net_collection_leaves_out_what_the_contract_writes_off(world: World) -> None:
    # 25 000 charged, 9 000 written off
    assert line(world, "therapy")["net_collection_ratio"] == pytest.approx(12_001 / 16_000)
    assert line(world, "therapy")["patient_cents"] == 3_000


@pytest.mark.formula(30)
@pytest.mark.rule("F05")
def test_pmpm_is_capitated_revenue_per_member_month(world: World) -> None:
    row = line(world, "capitation")
    assert (row["pmpm_usd_cents"], row["non_ffs_ratio"]) == (2_500, 1.0)


@pytest.mark.rule("F05")
def test_a_monthly_code_is_no_fee_for_service() -> None:
    made = practice()
    made.session(made.day(0), "09:00", 60)
    for code, cents in (("99492", 3_000), ("90837", 9_000)):
        pay(
            made, made.day(1), cents, charge_key=charge(made, made.day(0), 9_000, procedure_code=code, session_key="s0")
        )
    made.run(weeks=30)
    assert line(made, "unknown")["non_ffs_ratio"] == 0.25


def test_a_month_is_settled_after_120_days() -> None:
    made = practice()
    made.session(made.day(0), "09:00", 60, session_key="s", service_line="therapy")
    pay(made, made.day(0), 9_000, charge_key=charge(made, made.day(0), 9_000, session_key="s"))
    end_of_january = date(2026, 1, 31)
    made.run(weeks=30, as_of=made.at(end_of_january + timedelta(days=120), "12:00"))
    assert (line(made, "therapy")["is_settled"], line(made, "therapy")["net_collection_ratio"]) == (False, None)
    made.run(weeks=30, as_of=made.at(end_of_january + timedelta(days=121), "12:00"))
    assert (line(made, "therapy")["is_settled"], line(made, "therapy")["net_collection_ratio"]) == (True, 1.0)


@settings(max_examples=10, deadline=None)
@given(
    charges=st.lists(st.integers(0, 30_000), min_size=1, max_size=4),
    payments=st.lists(st.integers(-9_999, 30_000), max_size=4),
)
def test_no_cent_is_lost_between_claims_and_service_lines(charges: list[int], payments: list[int]) -> None:
    made = practice()
    made.session(made.day(0), "09:00", 60)
    for number, cents in enumerate(charges):
        charge(made, made.day(0), cents, claim_key="A", service_line=f"line{number}")
    for cents in payments:
        pay(made, made.day(2), cents, claim_key="A")
    made.run(weeks=6)
    (total,) = made.select("SELECT sum(paid_cents) AS paid FROM marts.revenue_service_line")
    assert total["paid"] == sum(payments)


def test_charges_that_name_only_client_and_day_get_a_session_each_by_code_then_renderer_then_start() -> None:
    made = practice()
    made.clinician("c2")
    made.employ(date(2025, 1, 6), key="c2")
    for name, clock, who, kind in (
        ("z", "08:00", "c1", "individual"), ("y", "10:00", "c1", "individual"), ("x", "12:00", "c2", "individual"),
        ("w", "14:00", "c1", "family"), ("v", "16:00", "c1", "consult"),
    ):  # fmt: skip
        made.session(made.day(0), clock, 60, key=who, session_key=name, session_type=kind, service_line=name)
    charge(made, made.day(0), 1, session_key="v", client_key="k1")
    for cents, code, who, claim_key in (
        (10, "90837", "c1", "A"), (100, "90847", "c2", "B"), (1_000, "90837", "c2", "C"), (10_000, "90837", "c1", "D"),
        (100_000, "90785", "c1", "C"), (1_000_000, "90834", "c9", "E"),
    ):  # fmt: skip
        charge(made, made.day(0), cents, client_key="k1", procedure_code=code, clinician_key=who, claim_key=claim_key)
    made.run(weeks=6)
    # The add-on goes with its claim; the sixth finds no session free and shares the first of its kind.
    asked = {name: line(made, name)["charge_cents"] for name in "zyxwv"}
    assert asked == {"z": 1_000_010, "y": 10_000, "x": 101_000, "w": 100, "v": 1}


def test_a_charge_that_names_a_held_session_is_for_it_though_its_appointment_was_missed() -> None:
    made = practice()
    told = ("completed", "cancelled"), ("completed", "no_show"), ("voided", "no_show")
    for number, (status, missed) in enumerate(told):
        seat = made.seat(made.day(0, number), "09:00", status=missed, client="k1")
        made.session(made.day(0, number), "15:00", 60, session_key=f"s{number}", service_line="walk_in", status=status)
        charge(made, made.day(0, number), 10**number, session_key=f"s{number}", appointment_key=seat, client_key="k1",
               service_line=None if number < 2 else "walk_in")  # fmt: skip
    made.run(weeks=6)
    row = line(made, "walk_in")
    assert (row["sessions_n"], row["charge_cents"], row["missed_fee_cents"]) == (2, 111, 100)


def test_of_two_records_of_a_session_the_one_that_was_held_kept_the_appointment() -> None:
    made = practice()
    seat = made.seat(made.day(0), "09:00", client="k1")
    for key, status in (("a", "voided"), ("b", "completed")):
        made.session(made.day(0), "09:00", 60, session_key=key, service_line=key, status=status, appointment_key=seat)
    charge(made, made.day(0), 9_000, appointment_key=seat, client_key="k9")
    made.run(weeks=6)
    assert line(made, "b")["charge_cents"] == 9_000


def test_a_session_and_a_fee_without_a_line_take_that_of_the_episode() -> None:
    made = practice()
    for name, client, opened in (("e1", "k1", date(2025, 1, 1)), ("e2", "k2", date(2025, 1, 1))):
        made.add("episode", episode_key=name, client_key=client, service_line=name, opened_on=opened, status="active")
    made.session(made.day(0), "09:00", 60, clients=("k1",))
    seats = [
        made.seat(made.day(0), "11:00", status="no_show", client="k2", episode_key=named) for named in ("e1", None)
    ]
    for seat in seats:
        charge(made, made.day(0), 5_000, appointment_key=seat, client_key="k2")
    made.run(weeks=6)
    assert {name: (line(made, name)["sessions_n"], line(made, name)["missed_fee_cents"]) for name in ("e1", "e2")} == {
        "e1": (1, 5_000),
        "e2": (0, 5_000),
    }


@pytest.mark.parametrize(("charged", "paid_for"), [("first", "again"), ("again", "first")])
def test_money_of_a_claim_and_of_the_one_that_replaces_it_meets_the_same_charges(charged: str, paid_for: str) -> None:
    made = practice()
    made.session(made.day(0), "09:00", 60, session_key="s", service_line="therapy")
    charge(made, made.day(0), 9_000, session_key="s", claim_key=charged)
    claim(made, "first", 9_000)
    claim(made, "again", 9_000, frequency="replacement", original_claim_key="first")
    pay(made, made.day(2), 6_000, claim_key=paid_for)
    remit(made, made.day(2), paid_for, 6_000, ("contractual", "45", 3_000, None), charged=9_000, allowed_cents=6_000)
    made.run(weeks=6)
    row = line(made, "therapy")
    assert (row["paid_cents"], row["allowed_cents"], row["contractual_cents"]) == (6_000, 6_000, 3_000)
    assert not made.select("SELECT 1 FROM marts.revenue_service_line WHERE service_line = 'unlinked'")


def a_year(paid_by_month: dict[int, int]) -> World:
    made = practice()
    for month, cents in paid_by_month.items():
        day = date(2026, month, 5)
        name = made.session(day, "09:00", 60, service_line="therapy", session_key=f"s{month}")
        pay(made, day, cents, charge_key=charge(made, day, 20_000, session_key=name))
    made.run(weeks=42)
    return made


@pytest.mark.rule("F01")
def test_the_third_month_in_the_red_is_a_breach() -> None:
    made = a_year({1: 7_999, 2: 8_000, 3: 7_000, 4: 6_000, 5: 5_000, 6: 0})
    # A session costs 8 000. March, April and May lie below; June is not settled in the autumn's first weeks.
    assert said(made, "service_line_margin", "therapy") == [
        ("pass", None), ("pass", None), ("pass", None), ("pass", None), ("breach", "below_floor"),
        ("unknown", "partial"),
    ]  # fmt: skip


@pytest.mark.rule("F01")
def test_without_costs_a_margin_is_unknown() -> None:
    made = a_year({1: 9_000})
    made.rows["cost_rate"].clear()
    made.run(weeks=42)
    assert said(made, "service_line_margin", "therapy") == [("unknown", "no_source")]


def mix(made: World, subject: str) -> dict[str, Row]:
    rows = made.select(
        f"SELECT * FROM marts.payer_mix WHERE clinician_key = '{subject}' AND quarter_id = DATE '{JANUARY}'"
    )
    return {row["payer_class"]: row for row in rows}


@pytest.mark.rule("F02")
def test_payer_mix_counts_a_group_once_for_each_payer(world: World) -> None:
    found = mix(world, "c1")
    assert {name: row["sessions_n"] for name, row in found.items()} == {"commercial": 2, "medicaid": 1}
    assert (found["commercial"]["sessions_ratio"], found["medicaid"]["clients_n"]) == (pytest.approx(2 / 3), 2)


@pytest.mark.edge_case(12)
@pytest.mark.rule("F02", "F11")
def test_money_follows_the_biller_and_sessions_the_person_in_the_room() -> None:
    made = practice()
    made.clinician("intern", role="intern")
    made.employ(date(2025, 1, 6), key="intern")
    made.session(made.day(0), "09:00", 60, key="intern", session_key="s")
    name = charge(made, made.day(0), 9_000, session_key="s", clinician_key="intern", billing_clinician_key="c1")
    pay(made, made.day(1), 6_000, charge_key=name)
    made.run(weeks=30)
    room, biller = mix(made, "intern")["commercial"], mix(made, "c1")["commercial"]
    assert (room["sessions_n"], room["paid_ratio"]) == (1, None)
    assert (biller["sessions_n"], biller["paid_ratio"]) == (0, 1.0)
    assert room["paid_cents"] is None
    assert biller["paid_cents"] is None, "shares only: no ranking of clinicians by revenue"
    assert mix(made, "practice")["commercial"]["paid_cents"] == 6_000


@pytest.mark.rule("F02")
def test_without_a_charge_the_coverage_of_the_day_says_who_pays() -> None:
    made = practice()
    made.session(made.day(0), "09:00", 60)
    made.add("coverage", coverage_key="v1", client_key="k1", payer_class="medicare", to_date=date(2025, 12, 31))
    made.add("coverage", coverage_key="v2", client_key="k1", payer_class="tricare", from_date=date(2026, 1, 1))
    made.run(weeks=30)
    assert set(mix(made, "c1")) == {"tricare"}


@pytest.mark.rule("F02")
@pytest.mark.parametrize(
    ("places", "payer"),
    [((2, 1), "tricare"), ((1, 2), "commercial"), ((None, 2), "tricare"), ((None, None), "tricare")],
)
def test_of_several_coverages_the_primary_one_pays_else_the_latest(
    places: tuple[int | None, int | None], payer: str
) -> None:
    made = practice()
    made.session(made.day(0), "09:00", 60)
    for name, place, since in (("commercial", places[0], date(2025, 1, 1)), ("tricare", places[1], date(2025, 6, 1))):
        made.add("coverage", coverage_key=name, client_key="k1", payer_class=name, priority=place, from_date=since)
    made.run(weeks=30)
    assert set(mix(made, "c1")) == {payer}


@pytest.mark.rule("F02")
def test_a_payer_who_was_asked_or_has_a_contract_has_a_row_before_anything_is_paid() -> None:
    made = practice()
    charge(made, made.day(0), 9_000, payer_class="medicaid")
    claim(made, "A", 9_000, made.day(0), payer_class="workers_comp")
    made.add(
        "payer_contract", rate_key="r", payer_class="tricare", rate_cents=1, currency="USD",
        effective_from=date(2025, 1, 1), effective_to=JANUARY,
    )  # fmt: skip
    made.run(weeks=30)
    found = mix(made, "practice")
    assert {name: (row["sessions_n"], row["paid_cents"]) for name, row in found.items()} == dict.fromkeys(
        ("medicaid", "workers_comp", "tricare"), (0, 0)
    )
    assert set(mix(made, "c1")) == {"medicaid"}


def rated(effective: date, **over: object) -> World:
    made = practice()
    made.session(made.day(0), "09:00", 60)
    made.add(
        "payer_contract", rate_key="r", contract_code="north", payer_class="commercial", procedure_code="90837",
        rate_cents=12_000, currency="USD", effective_from=effective, **over,
    )  # fmt: skip
    return made


@pytest.mark.rule("F03")
def test_a_contract_is_old_after_two_years() -> None:
    made = rated(date(2024, 2, 1))
    made.run(weeks=10)
    # January 2026 is its 24th month, February its 25th
    assert said(made, "payer_contract_age", "north") == [("pass", None), ("pass", None), ("breach", "above_ceiling")]
    made.completeness[("ehr", "payer_contract")] = None
    made.run(weeks=10)
    assert said(made, "payer_contract_age", "north")[-1] == ("unknown", "no_source")


@pytest.mark.rule("F03")
def test_what_is_allowed_is_held_against_the_rate() -> None:
    made = rated(date(2025, 2, 1))
    # Nobody ended the rate of before.
    made.rows["payer_contract"].append(
        made.rows["payer_contract"][0] | {"rate_key": "old", "rate_cents": 6_000, "effective_from": date(2022, 2, 1)}
    )
    charge(made, made.day(0), 15_000, claim_key="A", contract_code="north", procedure_code="90837")
    remit(made, made.day(0), "A", 9_000, charged=15_000, allowed_cents=9_000)
    made.run(weeks=10)
    rows = made.select("SELECT allowed_to_rate_ratio FROM marts.payer_contract_month ORDER BY month_id")
    assert [row["allowed_to_rate_ratio"] for row in rows] == [None, 0.75, None]
