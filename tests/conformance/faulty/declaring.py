"""Connectors with a fault in what they declare, and in what they do before they read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, SecretStr, field_validator

from pacekeeper import ConfigError, ConnectorSettings, Health, Key, SourceContext, Stream
from pacekeeper.expr import RawTables, Table
from tests.conformance.faulty.birch import CLIENT, STAFF, VISIT, Birch, BirchSettings
from tests.conformance.faulty.birch_suite import BirchSuite
from tests.conformance.faulty.planted import PLANTED, Planted, caught_by


@caught_by("test_listing_imports_nothing", "registered 0 times")
class Unlisted(Birch):
    name = "unlisted"


@caught_by(
    "test_importing_does_no_io_and_loads_no_engine", "the suite tests tests.conformance.faulty.declaring.Namesake"
)
class Namesake(Birch):
    """Another class is registered under its name."""


def _registered(module: str, name: str, says: str) -> None:
    """Plant a connector whose module must not be imported here: naming it is enough for the test."""
    stand_in = type(name.title(), (Birch,), {"name": name, "__module__": module})
    suite = type(f"{name}Suite", (BirchSuite,), {"connector": stand_in})
    PLANTED.append(Planted(name.title(), suite, "test_importing_does_no_io_and_loads_no_engine", says))


_registered("tests.conformance.faulty.eager", "eager", "importing it loads dlt")
_registered("tests.conformance.faulty.elder", "elder", "importing it calls socket.getaddrinfo")


@caught_by("test_construction_does_no_io", "opens|open birch.txt")
class OpensAFile(Birch):
    def __init__(self, settings: BirchSettings, context: SourceContext, http: Any = None) -> None:
        super().__init__(settings, context, http)
        path = Path(context.home) / "birch.txt"
        path.write_text("cache")


@caught_by("test_construction_does_no_io", "constructing it")
class CallsAtOnce(Birch):
    def __init__(self, settings: BirchSettings, context: SourceContext, http: Any = None) -> None:
        super().__init__(settings, context, http)
        self.about = self.http.get_json("/api/staff")


class LaxSettings(ConnectorSettings):
    model_config = ConfigDict(extra="ignore")
    base_url: str = "http://127.0.0.1:1"
    client_id: str
    client_secret: SecretStr


@caught_by("test_settings_refuse_unknown_missing_and_bad_values", "an unknown setting is accepted")
class LaxBirch(Birch):
    settings_type = LaxSettings


class AnyAddress(BirchSettings):
    base_url: str


@caught_by("test_settings_refuse_unknown_missing_and_bad_values", "a bad value of base_url is accepted")
class TakesAnyAddress(Birch):
    settings_type = AnyAddress

    @classmethod
    def http_config(cls, settings: BirchSettings) -> Any:
        return super().http_config(settings) if "//" in settings.base_url else None


class OpenSecret(ConnectorSettings):
    base_url: str
    client_id: str
    client_secret: str


@caught_by("test_settings_never_show_secrets", "client_secret hold secrets")
class ShowsItsSecret(Birch):
    settings_type = OpenSecret


class TalkativeSettings(BirchSettings):
    @field_validator("client_id")
    @classmethod
    def _known(cls, value: str) -> str:
        if value != "me":
            raise ConfigError(f"client_id {value} is not known to Birch")
        return value


@caught_by("test_settings_never_show_secrets", "the error about setting client_id shows its value")
class QuotesSettings(Birch):
    settings_type = TalkativeSettings


@caught_by("test_streams_keys_and_cursors_are_sound", "declared twice")
class TwinStreams(Birch):
    streams = (*Birch.streams, STAFF)


@caught_by("test_streams_keys_and_cursors_are_sound", "needs exactly one Key column, has 2")
class TwoKeys(Birch):
    streams = (STAFF, replace(CLIENT, columns={**CLIENT.columns, "other": Key("client")}), VISIT, Birch.streams[3])


@caught_by("test_streams_keys_and_cursors_are_sound", "cursor minutes is no Instant")
class CursorOfMinutes(Birch):
    streams = (STAFF, CLIENT, replace(VISIT, cursor="minutes"), Birch.streams[3])


@caught_by("test_streams_keys_and_cursors_are_sound", "the corpus has no list 'room'")
class UnservedStream(Birch):
    streams = (*Birch.streams, Stream("room", columns={"id": Key("room")}))


@caught_by("test_every_mapping_is_of_a_stream_and_to_an_entity", "'visits' is no entity")
class MapsToNothing(Birch):
    pass


@MapsToNothing.maps("visits", of="visit")
def visits(raw: RawTables) -> Table:
    """An entity nobody has."""
    return raw.visit


@caught_by("test_every_mapping_is_of_a_stream_and_to_an_entity", "it maps to no entity")
class MapsNothing(Birch):
    mappings = ()


@caught_by("test_skips_name_tests_and_give_reasons", "give the reason in a sentence")
class SkipsInSilence(Birch):
    conformance_skips: ClassVar[Mapping[str, str]] = {"test_a_read_ends": "later"}


@caught_by("test_skips_name_tests_and_give_reasons", "the suite has no test")
class SkipsAnother(Birch):
    conformance_skips: ClassVar[Mapping[str, str]] = {"test_of_nothing": "the vendor has no such thing at all"}


@caught_by("test_check_tells_a_working_source_from_an_unreachable_one", "finds nothing wrong")
class AlwaysWell(Birch):
    def check(self) -> Health:
        return Health(ok=True, message="Birch is always well")


@caught_by("test_check_tells_a_working_source_from_an_unreachable_one", "cannot connect")
class CheckRaises(Birch):
    def check(self) -> Health:
        self.http.get_json("/api/staff")
        return Health(ok=True, message="Birch answers")
