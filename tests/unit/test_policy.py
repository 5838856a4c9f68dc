"""Policy files: what they say, what is refused, and what contradicts itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path

import pytest

from pacekeeper.contract.vocabulary import PtoKind, SessionType
from pacekeeper.errors import PolicyError
from pacekeeper.policy import lint, load_policy, notices, plugin_failures, profiles, read_policy
from pacekeeper.policy.schema import PTO_KINDS, SESSION_TYPES

OWN = 'extends = "default"\nprofile = "own"\ntitle = "Own"\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "policy.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_default_profile_states_its_thresholds() -> None:
    policy = load_policy()
    hours, use = policy.guardrail("direct_hours"), policy.guardrail("utilization")
    assert [hours.threshold(key) for key in ("warn", "breach", "breach_single_week")] == [22, 30, 35]
    assert [hours.settings.whole(key) for key in ("consistent_weeks", "consistent_window")] == [3, 4]
    assert [use.threshold(key) for key in ("floor", "warn", "breach")] == [0.70, 0.85, 0.90]
    assert [use.settings.whole("floor_streak"), use.settings.number("min_available_h")] == [3, 8]
    caseload, missed = policy.guardrail("active_caseload"), policy.guardrail("no_show")
    assert [caseload.threshold(key) for key in ("warn", "breach")] == [50, 60]
    assert [missed.threshold("breach"), missed.settings.whole("min_n"), missed.settings.word("definition")] == [
        0.1,
        20,
        "A",
    ]


@pytest.mark.parametrize("profile", profiles())
def test_shipped_profile_leaves_no_conflict_unacknowledged(profile: str) -> None:
    assert all(finding.acknowledged for finding in lint(load_policy(profile)))


def test_default_profile_has_no_conflict_to_acknowledge() -> None:
    assert lint(load_policy("default")) == ()


def test_high_volume_profile_shows_the_conflicts_it_acknowledges() -> None:
    found = lint(load_policy("high_volume"))
    assert {finding.rule for finding in found} == {"target_above_cap", "ramp_above_cap", "floor_above_cap"}
    assert all(finding.acknowledged for finding in found)


def test_target_above_the_ceiling_is_refused_unless_acknowledged(tmp_path: Path) -> None:
    section = '[expectation]\ndirect_max = { value = 23, unit = "hours", provenance = "us" }\n'
    with pytest.raises(
        PolicyError, match=r"policy.toml contradicts itself: target_above_cap .* up to 23 h, while"
    ) as e:
        load_policy(file=written(tmp_path, OWN + section))
    assert "acknowledge_conflict = true" in str(e.value)
    policy = load_policy(file=written(tmp_path, OWN + "acknowledge_conflict = true\n" + section))
    assert [(finding.rule, finding.acknowledged) for finding in lint(policy)] == [("target_above_cap", True)]


def test_every_contradiction_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    text = (
        OWN
        + '[expectation]\ndirect_max = { value = 23, unit = "hours", provenance = "us" }\n'
        + '[guardrails.direct_hours.thresholds]\nwarn = { value = 33, unit = "hours", provenance = "us" }\n'
        + "[[change]]\neffective_from = 2026-02-02\n"
        + '[change.guardrails.direct_hours.thresholds]\nwarn = { value = 20, unit = "hours", provenance = "us" }\n'
    )
    with pytest.raises(PolicyError) as caught:
        load_policy(file=written(tmp_path, text))
    said = str(caught.value)
    assert "from 2000-01-01: thresholds of direct_hours are [33.0, 30.0, 35.0]" in said
    assert "from 2026-02-02: expected are up to 23 h, while direct_hours warns above 20 h" in said


def test_ceiling_of_22_h_with_32_bookable_h_contradicts_the_floor(tmp_path: Path) -> None:
    text = OWN + '[expectation]\nbookable = { value = 32, unit = "hours", provenance = "us" }\n'
    with pytest.raises(PolicyError, match=r"floor_above_cap .*68\.8%.*31\.4 h"):
        load_policy(file=written(tmp_path, text))


def test_thresholds_out_of_order_cannot_be_acknowledged(tmp_path: Path) -> None:
    text = (
        OWN
        + "acknowledge_conflict = true\n[guardrails.active_caseload.thresholds]\n"
        + 'warn = { value = 61, unit = "clients", provenance = "us" }\n'
    )
    with pytest.raises(PolicyError, match="thresholds of active_caseload") as caught:
        load_policy(file=written(tmp_path, text))
    assert "acknowledge_conflict" not in str(caught.value)


def test_change_holds_for_weeks_that_begin_on_or_after_its_date(tmp_path: Path) -> None:
    text = OWN + (
        '[[change]]\neffective_from = 2026-02-02\nreason = "trial"\n'
        '[change.guardrails.direct_hours.thresholds]\nwarn = { value = 24, unit = "hours", provenance = "us" }\n'
    )
    policy = load_policy(file=written(tmp_path, text))
    before, after = date(2026, 1, 26), date(2026, 2, 2)
    assert policy.guardrail("direct_hours", on=before).threshold("warn") == 22
    assert policy.guardrail("direct_hours", on=after).threshold("warn") == 24
    assert policy.guardrail("direct_hours", on=after).threshold("breach") == 30
    assert policy.on(before).version == load_policy().latest.version
    assert policy.on(after).version != policy.on(before).version


def test_version_follows_values_and_not_the_words_around_them(tmp_path: Path) -> None:
    same = (
        OWN
        + '[guardrails.no_show]\nowner = "front desk"\n[guardrails.no_show.thresholds]\n'
        + 'breach = { value = 0.1, unit = "ratio", provenance = "us" }\n'
    )
    other = same.replace("0.1,", "0.12,")
    assert load_policy(file=written(tmp_path, same)).latest.version == load_policy().latest.version
    assert load_policy(file=written(tmp_path, other)).latest.version != load_policy().latest.version


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("[guardrail.x]\n", ["top level", "guardrail"], id="unknown section"),
        pytest.param("[guardrails.naps]\n", ["guardrails", "naps"], id="unknown guardrail"),
        pytest.param("[fte]\nmaximum = 1\n", ["fte", "maximum"], id="unknown key"),
        pytest.param(
            '[guardrails.direct_hours.thresholds]\nwarn = { value = 22, unit = "sessions", provenance = "x" }\n',
            ["guardrails.direct_hours.thresholds.warn", "'sessions'", "'hours'"],
            id="wrong unit",
        ),
        pytest.param(
            '[guardrails.no_show.settings]\nmin_n = { value = 2.5, unit = "appointments", provenance = "x" }\n',
            ["guardrails.no_show.settings.min_n", "whole number"],
            id="count that is not whole",
        ),
        pytest.param(
            '[guardrails.no_show.thresholds]\nbreach = { value = 0.1, unit = "ratio" }\n',
            ["guardrails.no_show.thresholds.breach", "provenance"],
            id="no provenance",
        ),
        pytest.param(
            '[leave]\nkinds = { value = ["nap"], unit = "pto_kind", provenance = "x" }\n',
            ["leave.kinds", "take"],
            id="word outside the vocabulary",
        ),
        pytest.param(
            '[guardrails.no_show]\nseverity = "loud"\n', ["guardrails.no_show", "severity", "error"], id="severity"
        ),
        pytest.param('[[change]]\nreason = "x"\n', ["change 1", "effective_from"], id="change without a date"),
        pytest.param(
            "[[change]]\neffective_from = 1999-01-01\n",
            ["change 1", "1999-01-01", "order"],
            id="change before the start",
        ),
        pytest.param("a = \n", ["policy.toml", "TOML"], id="no TOML"),
    ],
)
def test_error_names_file_section_and_key(tmp_path: Path, text: str, named: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(file=written(tmp_path, OWN + text))
    assert all(part in str(caught.value) for part in [*named, "policy.toml" if "TOML" in named else ""]), str(
        caught.value
    )


def test_file_without_a_base_must_state_everything(tmp_path: Path) -> None:
    text = 'profile = "own"\ntitle = "Own"\neffective_from = 2026-01-05\n'
    with pytest.raises(PolicyError, match=r"policy.toml: fte is missing; .*extends"):
        load_policy(file=written(tmp_path, text))


@pytest.mark.rule("U12")
def test_policy_says_what_counts_and_how_groups_count() -> None:
    settings = load_policy().guardrail("direct_hours").settings
    assert (settings.word("count_basis"), settings.word("group_rule")) == ("completed", "one_interval")
    assert set(settings.words("countable")) >= {"intake", "group"}


@pytest.mark.rule("U12")
def test_policy_that_does_not_say_what_counts_is_refused(tmp_path: Path) -> None:
    default = resources.files("pacekeeper.policy") / "profiles" / "default.toml"
    lines = default.read_text(encoding="utf-8").splitlines()
    silent = "\n".join(line for line in lines if not line.startswith("count_basis"))
    # What only the shipped block may say is left out, as a practice's own whole policy would.
    shipped_only = re.compile(r"^(subject|rules|ascending|excludes) = .*$|, choices = \[[^]]*\]", re.MULTILINE)
    with pytest.raises(PolicyError, match="count_basis is missing"):
        load_policy(file=written(tmp_path, shipped_only.sub("", silent)))


def test_unknown_profile_and_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="'brisk'; shipped are default, high_volume"):
        load_policy("brisk")
    with pytest.raises(PolicyError, match="does not exist"):
        load_policy(file=tmp_path / "nowhere.toml")


def test_unknown_guardrail_and_key_are_named_with_what_there_is() -> None:
    with pytest.raises(PolicyError, match="no guardrail 'naps'; it has active_caseload"):
        load_policy().guardrail("naps")
    with pytest.raises(PolicyError, match="thresholds has no 'warn'; it has breach"):
        load_policy().guardrail("no_show").threshold("warn")


def test_vocabularies_are_those_of_the_contract() -> None:
    assert set(SESSION_TYPES) == {str(kind) for kind in SessionType}
    assert set(PTO_KINDS) == {str(kind) for kind in PtoKind}


CASE_POINTS = """\
[guardrails.night_points]
enabled = false
title = "Case points at the end of a practice week"
period = "week end"
owner = "supervisor"
severity = "warn"
subject = "clinician"
rules = ["W06"]

[guardrails.night_points.thresholds]
cap = { unit = "points", provenance = "practice article: a cap of the practice's own (S0)" }

[guardrails.night_points.settings]
unrated = { value = "as_medium", unit = "word", choices = ["as_medium", "skip"], provenance = "project choice" }
"""


def plugin(folder: Path, toml: str | None, *, name: str = "caseload") -> None:
    """Installs a distribution that ships guardrails; null: its module cannot be imported."""
    module = f"pacekeeper_{name}_plugin"
    pack = f"from pacekeeper.measures import MeasurePack\n\nMeasures = MeasurePack(policy_toml={toml!r})\n"
    source = "raise RuntimeError\n" if toml is None else pack
    (folder / f"{module}.py").write_text(source)
    info = folder / f"pacekeeper_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pacekeeper-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[pacekeeper.measures]\n{name} = {module}:Measures\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path to install plugins in; what they import is forgotten afterwards."""
    before = set(sys.modules)
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("pacekeeper_") and name.endswith("_plugin"):
            del sys.modules[name]


def test_guardrail_of_a_plugin_is_part_of_every_policy_and_off_until_it_is_configured(
    site: Path, tmp_path: Path
) -> None:
    version = load_policy().latest.version
    plugin(site, CASE_POINTS)
    rail = load_policy("high_volume").guardrail("night_points")
    assert (rail.enabled, rail.subject, rail.rules, rail.unit) == (False, "clinician", ("W06",), "points")
    assert (rail.threshold_or_none("cap"), rail.open_values) == (None, ("thresholds.cap",))
    assert "night_points" not in load_policy().guardrail_ids
    assert load_policy().latest.version == version
    cap = '[guardrails.night_points.thresholds]\ncap = { value = 60, unit = "points", provenance = "us" }\n'
    own = load_policy(file=written(tmp_path, OWN + "[guardrails.night_points]\nenabled = true\n" + cap))
    assert own.guardrail("night_points").threshold("cap") == 60
    assert own.guardrail("night_points").settings.word("unrated") == "as_medium"
    assert "night_points" in own.guardrail_ids
    assert own.latest.version != version


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("enabled = true\n", ["cap has no value", "enabled = false"], id="switched on without a cap"),
        pytest.param(
            '[guardrails.night_points.thresholds]\ncap = { value = 60, unit = "hours", provenance = "us" }\n',
            ["thresholds.cap", "'hours'", "'points'"],
            id="another unit",
        ),
        pytest.param(
            '[guardrails.night_points.settings]\nunrated = { value = "as_low", unit = "word", provenance = "us" }\n',
            ["settings.unrated", "one of as_medium, skip"],
            id="a word that is no choice",
        ),
        pytest.param('subject = "team"\n', ["unknown key subject"], id="what only the shipped block says"),
    ],
)
def test_plugins_defaults_bind_a_policy_like_ours(site: Path, tmp_path: Path, text: str, named: list[str]) -> None:
    plugin(site, CASE_POINTS)
    with pytest.raises(PolicyError) as caught:
        load_policy(file=written(tmp_path, OWN + "[guardrails.night_points]\n" + text))
    assert all(part in str(caught.value) for part in ["guardrails.night_points", *named]), str(caught.value)


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        pytest.param(None, ["cannot be loaded: RuntimeError"], id="import fails"),
        pytest.param("[guardrails", ["no valid TOML"], id="no TOML"),
        pytest.param("[fte]\nmax_scale = 1\n", ["[guardrails.<id>] tables only"], id="more than guardrails"),
        pytest.param(CASE_POINTS.replace('"points"', '"dots"'), ["cap", "unit is 'dots'"], id="unknown unit"),
        pytest.param(CASE_POINTS.replace("false", "true"), ["cap has no value"], id="on, and open"),
        pytest.param(CASE_POINTS.replace("W06", "weights"), ["rules", "W01"], id="no id of a rule"),
        pytest.param(
            CASE_POINTS.replace("night_points", "no_show"), ["no_show is defined already, by default.toml"], id="twice"
        ),
    ],
)
def test_broken_plugin_is_left_out_and_named_with_what_to_do(site: Path, toml: str | None, named: list[str]) -> None:
    before = load_policy().latest.version
    plugin(site, toml)
    plugin(site, CASE_POINTS.replace("night_points", "sound_points"), name="sound")
    assert "sound_points" in load_policy().latest.guardrails
    assert load_policy().latest.version == before
    (said,) = plugin_failures()
    assert all(part in said for part in ["distribution pacekeeper-caseload", "Fix: ", *named]), said


def test_open_guardrail_is_told_with_what_to_set(site: Path) -> None:
    plugin(site, CASE_POINTS)
    assert lint(load_policy()) == ()
    (found,) = (one for one in notices(load_policy(), today=date(2026, 3, 2)) if "night_points" in one.message)
    assert (found.rule, found.message) == (
        "not_configured",
        "night_points judges nothing: thresholds.cap has no value",
    )
    assert "[guardrails.night_points]" in found.fix


def template_rail(name: str, template: str, *, excludes: str = "") -> str:
    return (
        CASE_POINTS.replace("night_points", name)
        .replace("enabled = false", f'enabled = true\nexcludes = ["{excludes}"]')
        .replace("{ unit", "{ value = 1, unit")
        .replace("[guardrails", "\n[guardrails")
        + f'schedule_template = {{ value = ["{template}"], unit = "schedule_template", provenance = "us" }}\n'
    )


@pytest.mark.parametrize(
    ("template", "rules"), [("half_day_blocks", {"exclusive_templates"}), ("four_client_days", set())]
)
def test_guardrails_of_different_schedule_templates_may_not_judge_the_same_one(
    site: Path, template: str, rules: set[str]
) -> None:
    blocks = template_rail("admin_block", "half_day_blocks")
    plugin(site, blocks + template_rail("own_days", template, excludes="admin_block"))
    assert {finding.rule for finding in lint(read_policy())} == rules


def test_examples_of_the_how_to_can_be_used_as_they_stand(site: Path, tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "policy.md"
    examples = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    _, own, points, change, layers, pay, fragment = examples
    plugin(site, fragment, name="notes")
    policy = load_policy(file=written(tmp_path, "\n".join([own, points, change, layers, pay])))
    assert lint(policy) == ()
    assert policy.guardrail("case_points").threshold("breach") == 60
    assert policy.guardrail("note_lag").settings.word("unsigned") == "count"
    assert [layer.kind for layer in policy.layers] == ["role", "temporary"]
