"""Layers of a policy: whom they are for, when they hold, what is refused, and the version in force."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pacekeeper.contract.vocabulary import ClinicianRole, EmploymentType
from pacekeeper.errors import PolicyError
from pacekeeper.policy import LintFinding, Policy, layer_rows, load_policy, notices, version_rows
from pacekeeper.policy.schema import EMPLOYMENT_TYPES, ROLES

OWN = 'extends = "default"\nprofile = "own"\ntitle = "Own"\n'
LEAVE = """
[[layer]]
kind = "temporary"
match = "c0ffee"
effective_from = 2026-03-02
expires = 2026-03-29
reason = "return to work"
approver = "clinical lead"
[layer.guardrails.utilization]
exempt = true
[layer.guardrails.direct_hours.thresholds]
warn = { value = 12, unit = "hours", provenance = "agreed in writing" }
"""
INTERNS = """
[[layer]]
kind = "role"
match = "intern"
[layer.guardrails.direct_hours.thresholds]
warn = { value = 18, unit = "hours", provenance = "agreement with the university" }
"""
FIRST_QUARTER = """
[[layer]]
kind = "tenure"
match = { from = 1, to = 3 }
[layer.guardrails.active_caseload.thresholds]
warn = { value = 20, unit = "clients", provenance = "practice" }
breach = { value = 25, unit = "clients", provenance = "practice" }
"""


def own(folder: Path, text: str) -> Policy:
    file = folder / "policy.toml"
    file.write_text(OWN + text, encoding="utf-8")
    return load_policy(file=file)


def test_rows_name_whom_and_when_a_value_is_for_and_later_kinds_rank_higher(tmp_path: Path) -> None:
    rows = layer_rows(own(tmp_path, LEAVE + INTERNS + FIRST_QUARTER)).to_pylist()
    told = [(row["rank"], row["kind"], row["match"], row["guardrail_id"], row["key"], row["value"]) for row in rows]
    assert told == [
        (1, "role", "intern", "direct_hours", "warn", 18.0),
        (2, "tenure", "1-3", "active_caseload", "warn", 20.0),
        (2, "tenure", "1-3", "active_caseload", "breach", 25.0),
        (3, "temporary", "c0ffee", "direct_hours", "warn", 12.0),
        (3, "temporary", "c0ffee", "utilization", None, None),
    ]
    assert [(row["month_from"], row["month_to"]) for row in rows] == [(None, None), (1, 3), (1, 3), *[(None, None)] * 2]
    assert [(row["from_date"], row["until_date"]) for row in (rows[0], rows[-1])] == [
        (None, None),
        (date(2026, 3, 2), date(2026, 3, 29)),
    ]
    assert [row["is_exempt"] for row in rows] == [False] * 4 + [True]
    assert rows[0]["provenance"] == "agreement with the university"
    assert [row["layer"] for row in (rows[0], rows[-1])] == ["layer 2: role intern", "layer 1: temporary c0ffee"]
    assert "return to work" not in str(rows)


def test_of_two_layers_of_a_kind_the_one_that_begins_later_ranks_higher(tmp_path: Path) -> None:
    late = INTERNS.replace("[layer.", "effective_from = 2026-06-01\n[layer.").replace("18", "20")
    rows = layer_rows(own(tmp_path, late + INTERNS)).to_pylist()
    assert [(row["rank"], row["value"]) for row in rows] == [(1, 18.0), (2, 20.0)]


def test_policy_without_layers_has_no_rows_and_one_version() -> None:
    policy = load_policy()
    assert layer_rows(policy).num_rows == 0
    assert version_rows(policy).to_pylist() == [
        {"from_date": None, "until_date": None, "policy_version": policy.latest.version}
    ]


def test_layer_takes_part_in_the_version_of_the_weeks_in_which_it_holds(tmp_path: Path) -> None:
    policy = own(tmp_path, LEAVE)
    plain = load_policy().latest.version
    before, first, last, after = (policy.version_on(date(2026, 3, day)) for day in (1, 2, 29, 30))
    assert before == after == plain
    assert first == last != plain
    assert version_rows(policy).to_pylist() == [
        {"from_date": None, "until_date": date(2026, 3, 1), "policy_version": plain},
        {"from_date": date(2026, 3, 2), "until_date": date(2026, 3, 29), "policy_version": first},
        {"from_date": date(2026, 3, 30), "until_date": None, "policy_version": plain},
    ]
    prolonged = own(tmp_path, LEAVE.replace("03-29", "05-31"))
    other_value = own(tmp_path, LEAVE.replace("value = 12", "value = 13"))
    assert prolonged.version_on(date(2026, 3, 2)) == first
    assert other_value.version_on(date(2026, 3, 2)) != first


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param(INTERNS.replace("role", "mood"), ["kind is 'mood'", "role, specialty"], id="unknown kind"),
        pytest.param(INTERNS.replace("intern", "novice"), ["match is 'novice'", "intern"], id="unknown role"),
        pytest.param(FIRST_QUARTER.replace("to = 3", "to = 0"), ["match", "not below from"], id="months backwards"),
        pytest.param(LEAVE.replace("c0ffee", "Ann Lee"), ["match", "clinician key"], id="a name"),
        pytest.param(LEAVE.replace("expires = 2026-03-29\n", ""), ["expires must be a date"], id="no end"),
        pytest.param(LEAVE.replace("2026-03-29", "2026-03-01"), ["expires 2026-03-01 is before"], id="ends too early"),
        pytest.param(LEAVE.replace('approver = "clinical lead"\n', ""), ["approver is missing"], id="no approver"),
        pytest.param(LEAVE.replace('reason = "return to work"\n', ""), ["reason is missing"], id="no reason"),
        pytest.param(INTERNS.replace("warn =", "wran ="), ["direct_hours.thresholds", "wran"], id="unknown key"),
        pytest.param(INTERNS.replace('"hours"', '"clients"'), ["warn", "'clients'", "'hours'"], id="wrong unit"),
        pytest.param(INTERNS.replace(", provenance", ", because"), ["warn", "because"], id="no provenance"),
        pytest.param(INTERNS.replace("direct_hours", "naps"), ["guardrails", "naps"], id="unknown guardrail"),
        pytest.param(
            INTERNS.replace(".thresholds]\n", "]\nexempt = true\n[layer.guardrails.no_show.thresholds]\n")
            .replace("warn", "breach")
            .replace("18", "0.2")
            .replace('"hours"', '"ratio"'),
            ["kind role exempts nobody", "temporary"],
            id="a role that is exempt",
        ),
        pytest.param("[layer]\nkind = 1\n", ["[[layer]]"], id="one table"),
    ],
)
def test_error_names_file_layer_and_key(tmp_path: Path, text: str, named: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        own(tmp_path, text)
    said = str(caught.value)
    where = ["policy.toml"] if "[[layer]]" in named else ["policy.toml: layer 1"]
    assert all(part in said for part in [*where, *named]), said


def test_thresholds_of_a_layer_must_be_in_order_with_the_practices(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"layer 1: role intern, thresholds of direct_hours are \[31.0, 30.0, 35.0\]"):
        own(tmp_path, INTERNS.replace("18", "31"))


def told(policy: Policy, *, today: date) -> tuple[LintFinding, ...]:
    """Notices about layers; guardrails that wait for a number have their own."""
    return tuple(found for found in notices(policy, today=today) if found.rule != "not_configured")


def test_ceiling_of_a_layer_under_the_floor_is_told_and_not_refused(tmp_path: Path) -> None:
    # 18 of 28 bookable hours are 64 %, under the floor of 70 %; 20 hours are 71 %.
    (found,) = told(own(tmp_path, INTERNS), today=date(2026, 3, 2))
    assert (found.rule, "layer 1: role intern: 18 h of 28" in found.message) == ("layer_floor_above_cap", True)
    assert told(own(tmp_path, INTERNS.replace("18", "20")), today=date(2026, 3, 2)) == ()


def test_expired_layer_is_told_and_kept(tmp_path: Path) -> None:
    policy = own(tmp_path, LEAVE)
    assert told(policy, today=date(2026, 3, 29)) == ()
    (found,) = told(policy, today=date(2026, 3, 30))
    assert found.rule == "layer_expired"
    assert "keep this one" in found.fix


def test_vocabularies_are_those_of_the_contract() -> None:
    assert set(ROLES) == {str(role) for role in ClinicianRole}
    assert set(EMPLOYMENT_TYPES) == {str(kind) for kind in EmploymentType}
