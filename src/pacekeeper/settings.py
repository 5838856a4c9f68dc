"""What a practice configures: `pacekeeper.toml` and the environment, of which the environment wins.

An environment variable is `PACEKEEPER_` and the path of the setting, joined by two underscores, in any case:
`PACEKEEPER_SOURCES__EHR__TOKEN` is `token` in `[sources.ehr]`. An empty variable counts as not set.
Constructing `Settings` reads nothing; only `load_settings` reads files and the environment.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from pacekeeper.errors import ConfigError
from pacekeeper.settings_problem import problem_lines
from pacekeeper.source_options import validated_options

if TYPE_CHECKING:
    from pacekeeper.connector import Connector, ConnectorSettings

FILE_NAME = "pacekeeper.toml"
#: Names the settings file, when it is neither in the working directory nor above it.
FILE_VARIABLE = "PACEKEEPER_CONFIG"
_SECTIONS = ("practice", "policy", "identity", "warehouse", "operations", "alerts", "bi", "sources")
#: dlt loads source `ehr` by way of schema `raw_ehr_staging`; the others stand for rows that come from no source.
_TAKEN_NAMES = frozenset({"settings", "derived"})
_SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("should be an IANA time zone such as America/New_York") from None
    return name


def _known_calendar(name: str) -> str:
    from pacekeeper.business_calendar import public_holidays

    try:
        public_holidays(name, years=(2026,))
    except NotImplementedError:
        raise ValueError("should be a country, or a part of one, such as US or US-CA") from None
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PracticeSettings(_Section):
    """`[practice]`: who the practice is, and where its data lies."""

    name: str = Field(min_length=1, max_length=200, description="as it appears in the marts")
    home_tz: Zone = Field(description="IANA zone that decides weeks")
    week_start: Weekday = Field(default="monday", description="first local day of the practice week")
    holidays: Annotated[str, AfterValidator(_known_calendar)] | None = Field(
        default=None,
        description="days on which nothing is expected, beside closures that a source tells: of a country, or of a "
        "part of one, such as `US` or `US-CA`",
    )
    data_dir: Path = Field(
        default=Path(".pacekeeper"), description="warehouse, ledgers and hash secret: back it up, keep it private"
    )


class PolicySettings(_Section):
    """`[policy]`: the name of a shipped profile, or a file of one's own (relative to the settings file)."""

    profile: str = Field(default="default", description="name of a shipped profile")
    file: Path | None = Field(default=None, description="a policy of one's own, instead of a profile")

    @model_validator(mode="after")
    def _one_of(self) -> PolicySettings:
        if self.file is not None and "profile" in self.model_fields_set:
            raise ValueError("give either profile or file, not both")
        return self


class IdentitySettings(_Section):
    """`[identity]`: how people are found in several sources."""

    crosswalk: Path | None = Field(
        default=None,
        description="CSV file of who is who, relative to the settings file; without one, shared identifiers only",
    )


class OperationsSettings(_Section):
    """`[operations]`: when nights run, what they say, and who hears that one went well."""

    schedule: Annotated[str, Field(pattern=r"^(off|\S+( \S+){4})$")] = Field(
        default="0 2 * * *",
        description="when Dagster's daemon starts a night: cron, in the practice's home zone; `off` = never",
    )
    log: Literal["json", "text"] | None = Field(
        default=None, description="runs log to standard error; `json` = a line per event, for a log collector"
    )
    dagster_dir: Path | None = Field(
        default=None,
        description="folder with the `dagster.yaml` of a service; without one, `dagster` in the data folder",
    )
    heartbeat_file: Path | None = Field(
        default=None, description="gets the instant of every good night; relative to the settings file"
    )
    heartbeat_url: SecretStr | None = Field(
        default=None, description="asked (GET) after every good night: a monitor that alerts when nobody asks"
    )
    export_folder: Path | None = Field(
        default=None, description="gets a version of the marts as Parquet after every good night; `pacekeeper export`"
    )
    keep_exports: int = Field(default=3, ge=1, description="versions that stay in `export_folder`")
    keep_ledger_days: int = Field(default=400, ge=8, description="ledgers of runs; the newest of each source stay")
    keep_dagster_days: int = Field(default=90, ge=8, description="runs and events in Dagster's own storage")
    keep_raw_days: int | None = Field(
        default=None,
        ge=30,
        description="raw versions that a later one replaced; without it all stay, and with it old history cannot be "
        "mapped again",
    )


class AlertSettings(_Section):
    """`[alerts]`: who is told of breaches. Without a directory they are on record, and nobody is told."""

    directory: Path | None = Field(
        default=None, description="TOML file of people and addresses, mode 0600; relative to the settings file"
    )
    dry_run: bool = Field(default=False, description="true: what would be sent is on record, and nothing is sent")
    routes: dict[str, dict[str, Any]] = Field(
        default={}, description="laid over the shipped routing table, by class or guardrail"
    )


class WarehouseSettings(_Section):
    """`[warehouse]`: the DuckDB file in which data is landed and mapped, and the engine of the marts."""

    engine: Literal["duckdb", "postgres"] = Field(
        default="duckdb", description="where marts are built and served; `postgres` needs `url`"
    )
    url: SecretStr | None = Field(
        default=None, description="of the practice's own database: `postgresql://user:password@host:5432/database`"
    )
    memory_limit: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}(\.[0-9]{1,3})? ?[KMGT]i?B$")] | None = Field(
        default=None, description="such as `8GB`, above which DuckDB spills to disk; without one, half of the memory"
    )
    plans_dir: Path | None = Field(
        default=None, description="folder for compiled plans of the marts; without one, `plans` in the data folder"
    )

    @model_validator(mode="after")
    def _url_where_needed(self) -> WarehouseSettings:
        if (self.engine == "postgres") != (self.url is not None):
            raise ValueError('give url with engine = "postgres", and only with it')
        return self


class BiSettings(_Section):
    """`[bi]`: what tables for BI have beside aggregates. In PostgreSQL each reader sees what their role may."""

    person_rows: bool = Field(
        default=False,
        description="true: the DuckDB copy and exports have rows of single clinicians, for whoever can open them",
    )
    names: bool = Field(
        default=False,
        description="true: view `person_label` has names from the directory file, where readers see rows of persons",
    )


class SourceSettings(_Section):
    """`[sources.<name>]`: the keys every source has; all others are `options`, the connector's own settings."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    connector: str = Field(
        min_length=1, max_length=100, description="name of a connector; `pacekeeper connectors` lists them"
    )
    enabled: bool = Field(default=True, description="false: not read, and its rows stay")
    deadline_minutes: float = Field(default=30, gt=0, le=24 * 60, description="reading is stopped then")
    requests_per_second: float | None = Field(
        default=None, gt=0, le=1000, description="most calls to an HTTP source; without one, no limit of our own"
    )
    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$")] | None = Field(
        default=None,
        description="sources with the same account at a vendor are read one after another; without one, at any time",
    )
    expected: Literal["daily", "business_days", "weekly"] | None = Field(
        default=None,
        description="how often something new comes; longer silence is late, but not over weekends (unless `daily`), "
        "holidays and closures",
    )
    default_tz: Zone | None = Field(
        default=None, description="IANA zone of local times that have none; without it such times are rejected"
    )
    quarantine_limit: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="share of a stream's or an entity's rows; where more are rejected, what depends on them is unknown",
    )
    value_maps: dict[str, dict[str, str]] = Field(
        default={}, description="canonical value by vendor code, by name of the map; laid over the connector's own"
    )

    @property
    def options(self) -> Mapping[str, Any]:
        """What the connector's `settings_type` is given. May hold secrets in the clear: never print it."""
        return self.__pydantic_extra__ or {}

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [(name, value) for name, value in super().__repr_args__() if name in type(self).model_fields]


class Settings(BaseSettings):
    """Everything a practice configures. Frozen, and safe to hand to another process.

    home: folder that relative paths start from: the settings file's, or the working directory without one.
    file: the settings file; null = there is none.
    """

    model_config = SettingsConfigDict(
        env_prefix="PACEKEEPER_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    practice: PracticeSettings = PracticeSettings(name="unconfigured practice", home_tz="UTC")
    policy: PolicySettings = PolicySettings()
    identity: IdentitySettings = IdentitySettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    operations: OperationsSettings = OperationsSettings()
    bi: BiSettings = BiSettings()
    alerts: AlertSettings = AlertSettings()
    sources: dict[str, SourceSettings] = {}
    home: Path = Field(default_factory=Path.cwd)
    file: Path | None = None

    @property
    def data_dir(self) -> Path:
        """Absolute folder of the warehouse, the spool and the operational database."""
        return (self.home / self.practice.data_dir).resolve()

    @property
    def policy_file(self) -> Path | None:
        """Absolute path of the practice's own policy; null = the shipped profile."""
        return None if self.policy.file is None else (self.home / self.policy.file).resolve()

    @property
    def crosswalk_file(self) -> Path | None:
        """Absolute path of the crosswalk file; null = there is none."""
        return None if self.identity.crosswalk is None else (self.home / self.identity.crosswalk).resolve()

    @property
    def directory_file(self) -> Path | None:
        """Absolute path of the directory file; null = there is none."""
        return None if self.alerts.directory is None else (self.home / self.alerts.directory).resolve()

    @field_validator("sources")
    @classmethod
    def _source_names(cls, sources: dict[str, SourceSettings]) -> dict[str, SourceSettings]:
        for name in sources:
            # "__" and a trailing "_" could not be told from the separator in an environment variable's name.
            if name.endswith("_staging") or name in _TAKEN_NAMES:
                raise ValueError(f"source name {name!r} is one that Pacekeeper or dlt uses itself; choose another")
            if not _SOURCE_NAME.fullmatch(name) or "__" in name or name.endswith("_"):
                raise ValueError(
                    f"source name {name!r} should be lower_snake_case: a letter, then at most 40 letters, digits "
                    "and single underscores"
                )
        return sources

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


class _Environment(EnvSettingsSource):
    """PACEKEEPER_* variables as nested tables."""

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        # A connector's option has no field here. pydantic-settings would read it as JSON, and turn the token "1234"
        # into a number: it stays text, and the connector's own settings type says what it means.
        return value if field is None else super().decode_complex_value(field_name, field, value)


def load_settings(path: Path | None = None, *, required: bool = True) -> Settings:
    """Settings from `path`, else the file PACEKEEPER_CONFIG names, else ./pacekeeper.toml or the nearest one above.

    required=False: with no file anywhere, defaults without sources. Raises ConfigError that names every place looked
    at; no error names a value.
    """
    file, looked = _find(path)
    tables = {} if file is None else _tables(file)
    environment = _environment()
    if file is None and required and not environment:
        raise ConfigError(
            f"no settings found. Looked for: {'; '.join(looked)}; environment variables PACEKEEPER_PRACTICE__* and "
            "PACEKEEPER_SOURCES__*. Run `pacekeeper init`, or name a file in the environment variable "
            f"{FILE_VARIABLE}"
        )
    unknown = sorted(set(tables) - set(_SECTIONS))
    if unknown:
        raise ConfigError(f"{file}: [{unknown[0]}] is no section; sections are {', '.join(_SECTIONS)}")
    merged = _merged(tables, environment)
    if file is not None or required:
        merged.setdefault("practice", {})
    home = Path.cwd() if file is None else file.parent
    try:
        return Settings(**merged, home=home, file=file)
    except ValidationError as error:
        lines = problem_lines(error, file=file, model=Settings)
    raise ConfigError("settings are not usable: " + "; ".join(lines))


def connector_settings(
    connector: type[Connector[Any]], name: str, source: SourceSettings, *, file: Path | None = None
) -> ConnectorSettings:
    """What `connector.settings_type` makes of a source's options. file: the settings file, for messages.

    ConfigError names source, key, what is expected and every place looked at, and no value.
    """
    shared = SourceSettings.model_fields
    return validated_options(connector.settings_type, source=name, options=source.options, file=file, shared=shared)


def _find(path: Path | None) -> tuple[Path | None, list[str]]:
    named = os.environ.get(FILE_VARIABLE)
    if path is not None or named:
        chosen = Path(path or named or "").expanduser().resolve()
        if not chosen.is_file():
            origin = "" if path is not None else f" (named by the environment variable {FILE_VARIABLE})"
            raise ConfigError(f"settings file {chosen}{origin} does not exist; run `pacekeeper init` to make one")
        return chosen, []
    here = Path.cwd()
    candidates = [folder / FILE_NAME for folder in (here, *here.parents)]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    return found, [f"environment variable {FILE_VARIABLE} (not set)", *map(str, candidates)]


def _tables(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        reason = "is not UTF-8 text"
    except OSError as error:
        reason = f"cannot be read ({type(error).__name__})"
    except tomllib.TOMLDecodeError as error:
        # tomllib's text may quote what it found; its position is safe.
        found = re.search(r"\(at (line \d+, column \d+|end of document)\)", str(error))
        reason = f"is not valid TOML at {found.group(1) if found else 'an unknown line'}"
    raise ConfigError(f"settings file {file} {reason}")


def _environment() -> dict[str, Any]:
    try:
        return _Environment(Settings)()
    except SettingsError:
        # Its cause holds the value.
        pass
    raise ConfigError(
        "an environment variable PACEKEEPER_PRACTICE, PACEKEEPER_POLICY or PACEKEEPER_SOURCES is not valid JSON; "
        "set single values instead, such as PACEKEEPER_PRACTICE__NAME"
    )


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`under` with `over` laid on it, table by table."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result
