"""Every way a connector plugin can be broken, with distributions that look installed."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from pacekeeper import registry
from pacekeeper.errors import ConfigError, PluginError
from pacekeeper.settings import Settings, SourceSettings

CANARY = "canary7731"
GOOD = """
    from pacekeeper import Code, Connector, ConnectorSettings, HttpConfig, Key, Stream
    from pydantic import SecretStr

    class AcmeSettings(ConnectorSettings):
        base_url: str = "http://127.0.0.1:9"
        token: SecretStr = SecretStr("t")

    class Acme(Connector[AcmeSettings]):
        name = "acme"
        settings_type = AcmeSettings
        streams = (Stream("visits", columns={"id": Key("session"), "state": Code()}),)

        @classmethod
        def http_config(cls, settings):
            return HttpConfig(settings.base_url)

        def read_stream(self, stream, window):
            yield from ()
"""


class Site:
    """A folder on sys.path into which distributions are put."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        source: str = GOOD,
        *,
        name: str = "acme",
        distribution: str = "pacekeeper-acme",
        module: str = "acme_plugin",
        value: str | None = None,
        version: str = "1.4.0",
    ) -> None:
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        value = f"{module}:Acme" if value is None else value
        (info / "entry_points.txt").write_text(f"[pacekeeper.connectors]\n{name} = {value}\n")
        (self.folder / f"{module}.py").write_text(dedent(source))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Site(tmp_path)
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]


def refusal(name: str = "acme") -> PluginError:
    """The PluginError of loading a connector; its printed form holds no canary."""
    with pytest.raises(PluginError) as caught:
        registry.load(name)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    return caught.value


def clock() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


def build(**options: object) -> object:
    source = SourceSettings.model_validate({"connector": "acme", **options})
    return registry.build_source("north", source, Settings(), clock)


def test_listing_imports_nothing(site: Site) -> None:
    site.install("raise RuntimeError")
    entries = {entry.name: entry for entry in registry.available()}
    assert entries["acme"] == registry.ConnectorEntry("acme", "pacekeeper-acme", "1.4.0", "acme_plugin:Acme")
    assert {"fhir", "tabular"} <= set(entries)
    assert entries["fhir"].distribution == "pacekeeper"
    assert "acme_plugin" not in sys.modules


def test_a_sound_plugin_loads_and_builds(site: Site) -> None:
    site.install()
    assert registry.load("acme").name == "acme"
    source = SourceSettings.model_validate(
        {"connector": "acme", "default_tz": "Europe/Paris", "requests_per_second": 2, "base_url": "http://127.0.0.1:7"}
    )
    connector = registry.build_source("north", source, Settings(home=Path("/srv")), clock)
    assert connector.context.source == "north"
    assert connector.context.default_tz == "Europe/Paris"
    assert connector.context.clock() == clock()
    assert connector.context.home == Path("/srv")
    assert connector.http.source == "north"


def test_a_missing_plugin_names_what_is_installed_and_what_is_close(site: Site) -> None:
    site.install()
    error = refusal("acmee")
    assert "not installed; installed are acme, " in error.reason
    assert "tabular" in error.reason
    assert "did you mean 'acme'?" in error.fix


def test_a_name_registered_by_two_distributions_is_refused_for_both(site: Site) -> None:
    site.install()
    site.install(distribution="other-acme", module="other_plugin", version="0.2")
    error = refusal()
    assert "more than once" in error.reason
    assert "pacekeeper-acme" in error.distribution
    assert "other-acme" in error.distribution
    assert "other-acme, pacekeeper-acme" in error.fix


def test_an_older_copy_later_on_the_path_is_no_second_registration(
    site: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install(version="2.0")
    behind = tmp_path_factory.mktemp("behind")
    Site(behind).install(version="1.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(behind)])
    assert [entry.version for entry in registry.available() if entry.name == "acme"] == ["2.0"]


@pytest.mark.parametrize(
    ("source", "reason", "fix"),
    [
        (f"raise RuntimeError('{CANARY}')", "acme_plugin failed with RuntimeError at acme_plugin:1", "update"),
        (f"import json; json.loads('{CANARY}')", "JSONDecodeError at json.decoder", "report"),
        (f"import sys; sys.exit('{CANARY}')", "failed with SystemExit", "report"),
        ("def broken(:", "importing acme_plugin failed with SyntaxError", "report"),
        ("import nowhere_to_be_found.deep", "needs the module nowhere_to_be_found", "install what provides"),
        ("from json import no_such_name", "what it imports from json is not there", "version of json"),
        ("Other = 1", "its module acme_plugin has no Acme", "reinstall"),
        ("Acme = 'text'", "acme_plugin:Acme is no subclass of pacekeeper.Connector", "register the connector class"),
        ("class Acme: pass", "no subclass of pacekeeper.Connector", "register the connector class"),
        (GOOD + "    Acme.api_version = 2", "built for connector API 2, this is connector API 1", "update Pacekeeper"),
        (GOOD + "    Acme.api_version = 0", "built for connector API 0", "update the distribution"),
        (GOOD + "    Acme.api_version = '1'", "api_version is no whole number", "api_version = 1"),
        (GOOD + "    Acme.name = 'other'", "its class has the name 'other'", "set name = 'acme'"),
        (GOOD + "    del Acme.name", "its class has the name no text", "set name = 'acme'"),
        (GOOD + "    Acme.settings_type = dict", "settings_type is no subclass", "derive"),
        (GOOD + "    del Acme.read_stream", "neither read nor read_stream", "implement one"),
        (GOOD + "    Acme.streams = ('visits',)", "no sequence of pacekeeper.Stream", "declare"),
        (GOOD + "    Acme.streams = (Stream('Visits', {}),)", "not lower_snake_case", "correct the stream"),
        (GOOD + "    Acme.streams = Acme.streams * 2", "stream visits is declared twice", "correct the stream"),
        (GOOD + "    Acme.maps('session', of='vists')(lambda raw: raw.visits)", "stream 'vists'", "one of visits"),
    ],
    ids=[
        "crash at import",
        "crash in a library",
        "exit at import",
        "syntax",
        "missing dependency",
        "missing name",
        "missing class",
        "text",
        "foreign class",
        "newer api",
        "older api",
        "api no number",
        "other name",
        "no name",
        "settings type",
        "no read",
        "no streams",
        "bad stream",
        "stream twice",
        "mapping of nothing",
    ],
)  # fmt: skip
def test_a_broken_plugin_is_refused_with_distribution_reason_and_fix(
    site: Site, source: str, reason: str, fix: str
) -> None:
    site.install(source)
    error = refusal()
    assert (error.connector, error.distribution, error.version) == ("acme", "pacekeeper-acme", "1.4.0")
    assert reason in error.reason
    assert fix in error.fix
    assert str(error).startswith("connector 'acme' (distribution pacekeeper-acme, version 1.4.0): ")


@pytest.mark.parametrize("value", ["acme_plugin", ":Acme", "acme_plugin:"], ids=["no class", "no module", "empty"])
def test_an_entry_point_of_another_form_is_refused(site: Site, value: str) -> None:
    site.install(value=value)
    assert "not of the form module:Class" in refusal().reason


def test_an_entry_point_to_a_module_that_is_not_there_is_refused(site: Site) -> None:
    site.install(value="gone_plugin.deep:Acme")
    assert "its module gone_plugin does not exist" in refusal().reason


def test_one_broken_plugin_leaves_the_others_alone(site: Site) -> None:
    site.install("raise RuntimeError", name="bad", distribution="bad-plugin", module="bad_plugin")
    site.install()
    broken_files = {
        "no_equals_sign": b"[pacekeeper.connectors]\nno equals sign\n",
        "no_text": b"[pacekeeper.connectors]\nx = \xff\n",
        "no_metadata": b"[pacekeeper.connectors]\nnameless = nowhere:Nothing\n",
        "empty": b"",
    }
    for name, entry_points in broken_files.items():
        (site.folder / f"{name}-1.dist-info").mkdir()
        (site.folder / f"{name}-1.dist-info" / "entry_points.txt").write_bytes(entry_points)
    assert {"acme", "bad", "nameless"} <= {entry.name for entry in registry.available()}
    refusal("bad")
    assert registry.load("acme").name == "acme"
    assert build() is not None


def test_streams_that_depend_on_settings_are_checked_when_the_source_is_built(site: Site) -> None:
    site.install(GOOD + "    Acme.streams = property(lambda self: ('visits',))")
    registry.load("acme")
    with pytest.raises(PluginError, match=r"no sequence of pacekeeper\.Stream"):
        build()


@pytest.mark.parametrize(
    "fault",
    [
        f"    Acme.http_config = classmethod(lambda cls, settings: {{}}['{CANARY}'])",
        f"    def init(self, *_): raise ValueError('{CANARY}')\n    Acme.__init__ = init",
        f"    Acme.streams = property(lambda self: {{}}['{CANARY}'])",
    ],
    ids=["http_config", "constructor", "streams"],
)
def test_a_plugin_that_fails_when_built_is_refused(site: Site, fault: str) -> None:
    site.install(GOOD + fault)
    with pytest.raises(PluginError) as caught:
        build()
    assert "source north cannot be set up: " in str(caught.value)
    assert "version 1.4.0" in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_settings_type_that_crashes_is_the_plugins_fault(site: Site) -> None:
    head = "class AcmeSettings(ConnectorSettings):\n"
    crash = "        def model_post_init(self, _):\n            {}[self.base_url]\n\n"
    site.install(GOOD.replace(head, head + crash))
    with pytest.raises(PluginError) as caught:
        build(base_url=CANARY)
    assert "KeyError at acme_plugin:" in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_bad_setting_is_the_persons_fault(site: Site) -> None:
    site.install()
    with pytest.raises(ConfigError, match=r"sources\.north\.tokne is not a known setting; did you mean token"):
        build(tokne=CANARY)
    with pytest.raises(ConfigError, match="north: the base address should be"):
        build(base_url="nowhere")


def test_a_config_error_of_a_plugin_keeps_its_words_and_not_its_data(site: Site) -> None:
    site.install(
        GOOD
        + "\n        def __init__(self, settings, context, http=None):\n"
        + "            from pacekeeper import ConfigError\n"
        + "            raise ConfigError(f'no clinic {settings.base_url} is known')\n"
    )
    with pytest.raises(ConfigError, match="source north cannot be set up: no clinic … is known") as caught:
        build(base_url=f"http://{CANARY}")
    assert CANARY not in "".join(traceback.format_exception(caught.value))
