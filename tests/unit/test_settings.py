"""Settings: file and environment, and errors that name places and never values."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, SecretStr, field_validator

from pacekeeper.connector import Connector, ConnectorSettings
from pacekeeper.errors import ConfigError
from pacekeeper.settings import Settings, SourceSettings, connector_settings, load_settings

CANARY = "canary7731"
MINIMAL = '[practice]\nname = "Riverbend"\nhome_tz = "America/New_York"\n'
EHR = MINIMAL + '[sources.ehr]\nconnector = "acme"\nbase_url = "http://h"\n'


class AcmeSettings(ConnectorSettings):
    base_url: str
    token: SecretStr = Field(description="bearer token, from the EHR's admin page")
    page_size: Annotated[int, Field(ge=1)] = 100
    clinics: list[str] = Field(default_factory=list)
    mode: Literal["live", "test"] = "live"

    @field_validator("base_url")
    @classmethod
    def _encrypted(cls, value: str) -> str:
        if value.startswith("ftp"):
            raise ValueError(f"should be an http address, not {value}")
        return value


class Acme(Connector[AcmeSettings]):
    name = "acme"
    settings_type = AcmeSettings


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PACEKEEPER_CONFIG", "PACEKEEPER_WAREHOUSE__PLANS_DIR"):
        monkeypatch.delenv(name, raising=False)


def write(folder: Path, text: str, name: str = "pacekeeper.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None
    return str(caught.value)


def options_refusal(source: SourceSettings, name: str = "ehr", file: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        connector_settings(Acme, name, source, file=file)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None
    return str(caught.value)


def test_the_file_in_the_working_directory_is_read(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        EHR
        + 'deadline_minutes = 5\nrequests_per_second = 2.5\ndefault_tz = "Europe/Paris"\nquarantine_limit = 0.1\n'
        + '[sources.ehr.value_maps.appointment_status]\nbooked-late = "booked"\n',
    )
    settings = load_settings()
    ehr = settings.sources["ehr"]
    assert (settings.practice.home_tz, settings.practice.week_start) == ("America/New_York", "monday")
    assert (ehr.deadline_minutes, ehr.requests_per_second, ehr.default_tz) == (5, 2.5, "Europe/Paris")
    assert (ehr.quarantine_limit, ehr.enabled) == (0.1, True)
    assert ehr.value_maps == {"appointment_status": {"booked-late": "booked"}}
    assert dict(ehr.options) == {"base_url": "http://h"}
    assert (settings.file, settings.home) == (file, tmp_path)
    assert settings.data_dir == tmp_path / ".pacekeeper"


def test_the_nearest_file_above_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, MINIMAL)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert load_settings().home == tmp_path


def test_a_path_wins_over_the_variable_which_wins_over_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pacekeeper", "named", "given"):
        write(tmp_path, MINIMAL.replace("Riverbend", name), f"{name}.toml")
    assert load_settings().practice.name == "pacekeeper"
    monkeypatch.setenv("PACEKEEPER_CONFIG", str(tmp_path / "named.toml"))
    assert load_settings().practice.name == "named"
    assert load_settings(tmp_path / "given.toml").practice.name == "given"


def test_without_any_file_defaults_have_no_sources(tmp_path: Path) -> None:
    settings = load_settings(required=False)
    assert settings.sources == {}
    assert settings.file is None
    assert settings.home == tmp_path


def test_without_any_file_a_required_load_names_every_place(tmp_path: Path) -> None:
    text = refusal()
    for place in ("PACEKEEPER_CONFIG", str(tmp_path / "pacekeeper.toml"), "/pacekeeper.toml", "PACEKEEPER_SOURCES__*"):
        assert place in text


@pytest.mark.parametrize("required", [True, False])
def test_a_named_file_that_is_missing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, required: bool
) -> None:
    monkeypatch.setenv("PACEKEEPER_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(ConfigError, match=r"gone\.toml \(named by the environment variable PACEKEEPER_CONFIG\)"):
        load_settings(required=required)


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACEKEEPER_PRACTICE__NAME", "Riverbend")
    monkeypatch.setenv("PACEKEEPER_PRACTICE__HOME_TZ", "America/Chicago")
    monkeypatch.setenv("PACEKEEPER_SOURCES__EHR__CONNECTOR", "acme")
    settings = load_settings()
    assert settings.practice.home_tz == "America/Chicago"
    assert settings.sources["ehr"].connector == "acme"


def test_the_environment_wins_key_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, EHR + 'token = "from file"\n')
    monkeypatch.setenv("PACEKEEPER_SOURCES__EHR__TOKEN", "from environment")
    monkeypatch.setenv("PACEKEEPER_SOURCES__EHR__DEADLINE_MINUTES", "7")
    ehr = load_settings().sources["ehr"]
    assert ehr.deadline_minutes == 7
    assert dict(ehr.options) == {"base_url": "http://h", "token": "from environment"}


@pytest.mark.parametrize(
    "variable",
    [
        "PACEKEEPER_SOURCES__NORTH_CLINIC__TOKEN",
        "pacekeeper_sources__north_clinic__token",
        "Pacekeeper_Sources__North_Clinic__Token",
    ],
    ids=["upper", "lower", "mixed"],
)
def test_an_option_reaches_a_source_with_underscores_in_any_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    write(tmp_path, EHR.replace("sources.ehr", "sources.north_clinic"))
    monkeypatch.setenv(variable, CANARY)
    settings = load_settings()
    own = connector_settings(Acme, "north_clinic", settings.sources["north_clinic"])
    assert isinstance(own, AcmeSettings)
    assert own.token.get_secret_value() == CANARY


@pytest.mark.parametrize("token", ["12345", "true", "null", "1e5", '{"a": 1}', "[1]", "007"])
def test_a_token_that_looks_like_something_else_stays_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    write(tmp_path, EHR)
    monkeypatch.setenv("PACEKEEPER_SOURCES__EHR__TOKEN", token)
    own = connector_settings(Acme, "ehr", load_settings().sources["ehr"])
    assert isinstance(own, AcmeSettings)
    assert own.token.get_secret_value() == token


def test_numbers_and_lists_can_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, EHR + 'token = "t"\n')
    monkeypatch.setenv("PACEKEEPER_SOURCES__EHR__PAGE_SIZE", "50")
    monkeypatch.setenv("PACEKEEPER_SOURCES__EHR__CLINICS", '["north", "south"]')
    own = connector_settings(Acme, "ehr", load_settings().sources["ehr"])
    assert isinstance(own, AcmeSettings)
    assert (own.page_size, own.clinics) == (50, ["north", "south"])


def test_a_missing_option_names_source_key_meaning_and_both_places(tmp_path: Path) -> None:
    file = write(tmp_path, EHR)
    text = options_refusal(load_settings().sources["ehr"], file=file)
    assert "sources.ehr.token is missing (bearer token, from the EHR's admin page)" in text
    assert f"token in [sources.ehr] of {file}" in text
    assert "environment variable PACEKEEPER_SOURCES__EHR__TOKEN (not set)" in text


def test_an_empty_variable_counts_as_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, EHR)
    monkeypatch.setenv("PACEKEEPER_SOURCES__EHR__TOKEN", "")
    assert "token is missing" in options_refusal(load_settings().sources["ehr"])


def test_a_bad_option_says_what_is_expected_and_that_the_variable_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, EHR + 'token = "t"\n')
    monkeypatch.setenv("PACEKEEPER_SOURCES__EHR__PAGE_SIZE", CANARY)
    text = options_refusal(load_settings().sources["ehr"])
    assert "page_size is not accepted: should be a valid integer" in text
    assert "PACEKEEPER_SOURCES__EHR__PAGE_SIZE (set)" in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"token": 7731}, "token is not accepted: should be a valid string"),
        ({"mode": CANARY}, "should be 'live' or 'test'"),
        ({"page_size": 0}, "should be greater than or equal to 1"),
        ({"clinics": f"[{CANARY}"}, "clinics is not accepted: should be a valid list"),
        ({"clinics": f'[{{"{CANARY}": 1}}]'}, "sources.ehr.clinics.0 is not accepted: should be a valid string"),
        (
            {"base_ulr": CANARY},
            "base_ulr is not a known setting; did you mean base_url? (known: account, base_url,",
        ),
        ({"base_url": f"ftp://{CANARY}"}, "base_url is not accepted: should be an http address, not"),
    ],
    ids=["number", "choice", "range", "no json", "json", "typo", "validator"],
)
def test_a_bad_option_is_refused_without_its_value(options: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"connector": "acme", "base_url": "http://h", "token": CANARY, **options}
    text = options_refusal(SourceSettings.model_validate(given))
    # The validator above counts as plugin code: it keeps its words, not what it quotes.
    assert words in text


def test_every_fault_is_named_at_once() -> None:
    text = options_refusal(SourceSettings(connector="acme"))
    assert "sources.ehr.base_url is missing" in text
    assert "sources.ehr.token is missing" in text


def test_options_are_in_no_printed_form(tmp_path: Path) -> None:
    write(tmp_path, EHR + f'token = "{CANARY}"\n')
    settings = load_settings()
    assert CANARY not in f"{settings!r} {settings} {settings.sources['ehr']!r} {settings.sources['ehr']}"
    own = connector_settings(Acme, "ehr", settings.sources["ehr"])
    assert CANARY not in f"{own!r} {own}"


def test_settings_can_be_handed_to_another_process(tmp_path: Path) -> None:
    write(tmp_path, EHR + 'token = "t"\n')
    settings = load_settings()
    again = pickle.loads(pickle.dumps(settings))  # noqa: S301  its own bytes
    assert again == settings
    assert dict(again.sources["ehr"].options) == dict(settings.sources["ehr"].options)


def test_constructing_settings_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACEKEEPER_PRACTICE__NAME", "Riverbend")
    monkeypatch.setenv("PACEKEEPER_SOURCES__EHR__CONNECTOR", "acme")
    assert Settings().sources == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "practice.name is missing"),
        (MINIMAL.replace("New_York", CANARY), "home_tz is not accepted: should be an IANA time zone"),
        (MINIMAL + 'week_start = "canary7731"\n', "week_start is not accepted: should be 'monday', 'tuesday'"),
        (MINIMAL + 'nmae = "canary7731"\n', "practice.nmae is not a known setting"),
        (MINIMAL + "[source.ehr]\n", "[source] is no section"),
        (EHR + "quarantine_limit = 5\n", "quarantine_limit is not accepted: should be less than or equal to 1"),
        (EHR + 'deadline_minutes = "canary7731"\n', "PACEKEEPER_SOURCES__EHR__DEADLINE_MINUTES (not set)"),
        (EHR + 'default_tz = "../canary7731"\n', "default_tz is not accepted: should be an IANA time zone"),
        (MINIMAL + "[sources.ehr]\n", "sources.ehr.connector is missing"),
        (MINIMAL + '[sources]\nehr = "canary7731"\n', "sources.ehr is not accepted"),
        (MINIMAL + '[policy]\nprofile = "a"\nfile = "canary7731"\n', "either profile or file"),
    ],
    ids=["empty", "zone", "weekday", "typo", "section", "limit", "number", "path", "connector", "scalar", "policy"],
)
def test_a_bad_setting_is_refused_with_its_place_and_without_its_value(tmp_path: Path, text: str, words: str) -> None:
    file = write(tmp_path, text)
    found = refusal()
    assert words in found
    assert str(file) in found


@pytest.mark.parametrize("name", ["North", "north-clinic", "1st", "a__b", "north_", "x" * 42])
def test_a_source_name_that_a_schema_or_variable_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, MINIMAL + f'[sources."{name}"]\nconnector = "acme"\n')
    assert f"source name {name!r} should be lower_snake_case" in refusal()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (MINIMAL + f"x = {CANARY}\n", "line 4, column 5"),
        (MINIMAL + f'[practice]\nname = "{CANARY}"\n', "line 4"),
        (MINIMAL + f'token = "{CANARY}', "end of document"),
    ],
    ids=["value", "twice", "unterminated"],
)
def test_a_toml_fault_names_file_and_line(tmp_path: Path, text: str, line: str) -> None:
    file = write(tmp_path, text)
    found = refusal()
    assert f"{file} is not valid TOML at {line}" in found


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pacekeeper.toml").write_bytes(b'name = "\xff"')
    assert "is not UTF-8 text" in refusal()


def test_a_variable_that_is_no_json_is_refused_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, MINIMAL)
    monkeypatch.setenv("PACEKEEPER_SOURCES", CANARY)
    with pytest.raises(ConfigError, match="PACEKEEPER_SOURCES is not valid JSON") as caught:
        load_settings()
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


def test_policy_file_and_data_dir_start_from_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, MINIMAL + 'data_dir = "state"\n[policy]\nfile = "policy.toml"\n')
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    settings = load_settings(file)
    assert settings.data_dir == tmp_path / "state"
    assert settings.policy_file == tmp_path / "policy.toml"
