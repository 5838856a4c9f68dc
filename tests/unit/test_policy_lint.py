"""What contradicts itself in a policy: each rule with numbers to redo by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacekeeper.policy import LintFinding, lint, load_policy, read_policy

OWN = 'extends = "default"\nprofile = "own"\ntitle = "Own"\n'
#: The tiers of practice article S1, F08.
TIERS = """
[[pay_tier]]
from = 1
to = 20
unit = "sessions"
share = 0.55
provenance = "practice article (S1)"

[[pay_tier]]
from = 21
to = 25
unit = "sessions"
share = 0.60
provenance = "practice article (S1)"

[[pay_tier]]
from = 26
unit = "sessions"
share = 0.65
provenance = "practice article (S1)"
"""


def found_in(folder: Path, text: str) -> list[LintFinding]:
    file = folder / "policy.toml"
    file.write_text(OWN + text, encoding="utf-8")
    return list(lint(read_policy(file=file)))


def session(hours: float) -> str:
    return f'[pay]\nsession_hours = {{ value = {hours}, unit = "hours", provenance = "us" }}\n'


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        # 26 sessions of 50 minutes are 21.7 h, of an hour 26 h: the ceiling of 22 h lies between.
        pytest.param(TIERS, ["mixed_units"], id="length of a session not stated"),
        pytest.param(TIERS + session(0.75), [], id="26 x 0.75 h = 19.5 h"),
        pytest.param(TIERS + session(0.9), ["pay_tier_above_cap"], id="26 x 0.9 h = 23.4 h"),
        # 27 sessions of 50 minutes are 22.5 h.
        pytest.param(TIERS.replace("= 26", "= 27"), ["pay_tier_above_cap"], id="27 x 50 min"),
    ],
)
def test_tier_of_pay_that_begins_above_the_ceiling_is_a_conflict(tmp_path: Path, text: str, rules: list[str]) -> None:
    assert [finding.rule for finding in found_in(tmp_path, text)] == rules


@pytest.mark.parametrize(("basis", "rules"), [("individual_outcomes", ["individual_bonus"]), ("team_goals", [])])
def test_bonus_on_outcomes_of_single_clinicians_is_a_conflict(tmp_path: Path, basis: str, rules: list[str]) -> None:
    text = f'[pay]\nbonus_basis = {{ value = "{basis}", unit = "word", provenance = "us" }}\n'
    assert [finding.rule for finding in found_in(tmp_path, text)] == rules


def test_ramp_in_clients_is_held_against_the_ceiling_as_hours(tmp_path: Path) -> None:
    cap = (
        '[guardrails.direct_hours.thresholds]\nwarn = { value = 18, unit = "hours", provenance = "us" }\n'
        '[expectation]\ndirect_max = { value = 18, unit = "hours", provenance = "us" }\n'
        'bookable = { value = 24, unit = "hours", provenance = "us" }\n'
    )
    # Month 3 ends at 22 clients: 18.3 h at 50 minutes, 16.5 h at 45; month 4 ends at 22 h.
    assert [finding.message for finding in found_in(tmp_path, cap) if finding.rule == "ramp_above_cap"] == [
        "from 2000-01-01: ramp month 3 expects up to 22 clients, above the 18 h ceiling",
        "from 2000-01-01: ramp month 4 expects up to 22 hours, above the 18 h ceiling",
    ]
    short = [finding for finding in found_in(tmp_path, cap + session(0.75)) if finding.rule == "ramp_above_cap"]
    assert [finding.message for finding in short] == [
        "from 2000-01-01: ramp month 4 expects up to 22 hours, above the 18 h ceiling"
    ]


def test_floor_above_the_ceiling_comes_with_the_hours_to_book(tmp_path: Path) -> None:
    # 22 of 32 h are 68.75 %; 22 / 0.85 = 25.9 h and 22 / 0.75 = 29.3 h.
    (finding,) = found_in(tmp_path, '[expectation]\nbookable = { value = 32, unit = "hours", provenance = "us" }\n')
    assert (finding.rule, finding.acknowledged) == ("floor_above_cap", False)
    assert "to 25.9 to 29.3 h" in finding.fix


def test_pay_is_no_part_of_the_version(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(OWN + TIERS + session(0.75), encoding="utf-8")
    policy = load_policy(file=file)
    assert [(tier.first, tier.last, tier.share) for tier in policy.latest.pay.tiers] == [
        (1, 20, 0.55),
        (21, 25, 0.60),
        (26, None, 0.65),
    ]
    assert policy.latest.version == load_policy().latest.version
