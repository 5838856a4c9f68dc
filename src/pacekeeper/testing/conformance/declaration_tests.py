"""Tests of what a connector declares, before anything is read."""

# ruff: noqa: S101  these are tests, wherever they lie
from __future__ import annotations

import re
import shutil
import sys
from typing import Any

from pydantic import SecretStr

from pacekeeper.columns import Instant
from pacekeeper.contract import ENTITIES
from pacekeeper.errors import ConfigError
from pacekeeper.source_options import validated_options
from pacekeeper.testing.conformance.declarations import Declarations, Lab
from pacekeeper.testing.conformance.declared import Folder
from pacekeeper.testing.conformance.site import SOURCE, Site
from pacekeeper.testing.conformance.watched import registration_faults, watched_io

_PLANTED = "s3cret-Canary-value"
_SECRET_NAME = re.compile(r"(^|_)(token|password|passwd|secret|api_?key|private_?key|credential)s?$")
_SHORTEST_REASON = 15


class DeclarationTests(Declarations):
    """Registration, settings, construction, streams."""

    def test_listing_imports_nothing(self) -> None:
        """It is registered once, under its name, and listing connectors does not import it."""
        faults = registration_faults(self.connector.name, self._place(), importing=False, paths=sys.path)
        assert not faults, "; ".join(faults)

    def test_importing_does_no_io_and_loads_no_engine(self) -> None:
        """Its modules neither call, nor write, nor start anything, nor import Dagster or dlt."""
        faults = registration_faults(self.connector.name, self._place(), importing=True, paths=sys.path)
        assert not faults, "; ".join(faults)

    def test_construction_does_no_io(self, lab: Lab) -> None:
        """Making the connector opens no file and no connection."""
        with lab.serving() as server:
            site = lab.fresh(server)
            options = self._options(site)
            client = site.client(options)
            context = site.connector().context
            server.reset()
            with watched_io() as seen:
                self.connector(options, context, client)
            assert not seen, f"constructing it does I/O: {', '.join(seen)}"
            assert not server.data_calls, "constructing it calls the server"

    def test_settings_refuse_unknown_missing_and_bad_values(self, lab: Lab) -> None:
        """Each gives a ConfigError that names the setting."""
        with lab.serving() as server:
            good = dict(self.settings(server))
        self._accept(good)
        self._refuse({**good, "pacekeeper_suite_setting": _PLANTED}, "an unknown setting")
        for name, field in self.connector.settings_type.model_fields.items():
            if field.is_required():
                self._refuse({k: v for k, v in good.items() if k != name}, f"settings without {name}")
        for bad in self.bad_settings:
            self._refuse({**good, **bad}, f"a bad value of {', '.join(bad)}")

    def test_settings_never_show_secrets(self, lab: Lab) -> None:
        """Neither by their text, nor in an error; what is named like a secret is a SecretStr."""
        with lab.serving() as server:
            good = dict(self.settings(server))
        open_secrets = [
            name
            for name, field in self.connector.settings_type.model_fields.items()
            if _SECRET_NAME.search(name) and field.annotation in {str, str | None}
        ]
        assert not open_secrets, f"settings {', '.join(open_secrets)} hold secrets: declare them as pydantic.SecretStr"
        made = self._accept(good)
        secrets = {value.get_secret_value() for _, value in made if isinstance(value, SecretStr)}
        shown = f"{made!r} {made!s} {made.model_dump()} {made.model_dump_json()}"
        assert not any(secret in shown for secret in secrets if secret), "the settings show a secret in their text"
        for name in self.connector.settings_type.model_fields:
            for planted in (_PLANTED, [_PLANTED], {_PLANTED: _PLANTED}):
                text = self._error_text({**good, name: planted})
                assert _PLANTED not in text, f"the error about setting {name} shows its value"

    def test_streams_keys_and_cursors_are_sound(self, lab: Lab) -> None:
        """Names are unique, every record has one key, cursors are instants, every path can be read."""
        with lab.serving() as server:
            streams = list(lab.fresh(server).connector().streams)  # check_streams has passed
        assert streams, "it declares no stream"
        for stream in streams:
            if stream.cursor is not None:
                cursor = stream.columns[stream.cursor]
                assert isinstance(cursor, Instant), f"stream {stream.name}: cursor {stream.cursor} is no Instant"
        for stream in streams:
            if stream.child_of is None:
                assert self.list_of(stream) in self.corpus, (
                    f"stream {stream.name}: the corpus has no list {self.list_of(stream)!r}; name it in `records`"
                )

    def test_every_mapping_is_of_a_stream_and_to_an_entity(self, lab: Lab) -> None:
        """What it maps exists, and is an entity that a source can fill."""
        with lab.serving() as server:
            connector = lab.fresh(server).connector()
            streams = {stream.name for stream in connector.streams}
            mappings = list(connector.entity_mappings())
        assert mappings, "it maps to no entity"
        for mapping in mappings:
            assert mapping.of.removesuffix("@versions") in streams, f"{mapping.entity} is of {mapping.of!r}, no stream"
            entity = ENTITIES.get(mapping.entity)
            is_open = entity is not None and not entity.derived
            assert is_open, f"{mapping.entity!r} is no entity a source can fill"

    def test_skips_name_tests_and_give_reasons(self) -> None:
        """`conformance_skips` of the connector, which `pacekeeper connectors` shows."""
        for name, reason in self.connector.conformance_skips.items():
            assert callable(getattr(type(self), name, None)), f"conformance_skips: the suite has no test {name!r}"
            assert len(reason.strip()) >= _SHORTEST_REASON, (
                f"conformance_skips[{name!r}]: give the reason in a sentence"
            )

    def test_check_tells_a_working_source_from_an_unreachable_one(self, lab: Lab) -> None:
        """`check()` answers ok, then not ok, and never raises."""
        with lab.serving() as server:
            connector = lab.fresh(server, timeout_seconds=2.0).connector()
            health = connector.check()
            assert health.ok, f"check() does not accept a working source: {health.message}"
            broken = lab.fresh(server, timeout_seconds=2.0)
            broken.home  # noqa: B018  its settings name the server while it runs
            if isinstance(server, Folder):
                shutil.rmtree(server.path)
        assert not broken.connector().check().ok, "check() finds nothing wrong with a source that is not there"

    def _place(self) -> str:
        return f"{self.connector.__module__}.{self.connector.__qualname__}"

    def _options(self, site: Site) -> Any:
        return validated_options(self.connector.settings_type, source=SOURCE, options=site.options, file=None)

    def _accept(self, options: dict[str, Any]) -> Any:
        return validated_options(self.connector.settings_type, source=SOURCE, options=options, file=None)

    def _refuse(self, options: dict[str, Any], what: str) -> None:
        text = self._error_text(options)
        assert text, f"{what} is accepted"
        assert _PLANTED not in text, f"the error about {what} shows a value"

    def _error_text(self, options: dict[str, Any]) -> str:
        """Text of the ConfigError these options give; empty where they are accepted."""
        try:
            made = self._accept(options)
            self.connector.http_config(made)
        except ConfigError as error:
            return str(error)
        return ""
