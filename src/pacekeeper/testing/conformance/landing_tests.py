"""Tests of what lands, and of what must never."""

# ruff: noqa: S101  these are tests, wherever they lie
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import SecretStr

from pacekeeper.landing.versions import all_columns
from pacekeeper.testing._faults import Faults
from pacekeeper.testing.canary_scan import MARK, canary_places, has_mark
from pacekeeper.testing.conformance.canaries import UNDECLARED, with_canaries, with_undeclared
from pacekeeper.testing.conformance.declarations import Declarations, Lab
from pacekeeper.testing.conformance.declared import Folder, Server
from pacekeeper.testing.conformance.site import SOURCE, Site

_FOR_EVER = frozenset(range(1, 5_000))
#: A secret this short may occur by chance.
_SHORTEST_SECRET = 6


class LandingTests(Declarations):
    """Declared is what lands."""

    def test_every_declared_column_is_populated(self, lab: Lab) -> None:
        """Some record of the corpus fills it; for the others `unfilled` says why."""
        empty = []
        for stream in lab.streams:
            filled = ", ".join(f'count("{name}") AS "{name}"' for name in stream.columns)
            (counts,) = lab.base.site.query(f'SELECT {filled} FROM raw_{SOURCE}."{stream.name}"')
            empty += [f"{stream.name}.{name}" for name, rows in counts.items() if not rows]
        left = [name for name in empty if name not in self.unfilled]
        rejected = lab.base.site.reasons("rejected")
        assert not left, (
            f"no row of the corpus fills {', '.join(left)}: correct the path, add a record, or say why in `unfilled`"
            + (f" (rejected rows: {rejected})" if rejected else "")
        )
        filled_after_all = [name for name in self.unfilled if "." in name and name not in empty]
        assert not filled_after_all, f"`unfilled` names {', '.join(filled_after_all)}, which the corpus fills"

    def test_no_row_of_the_corpus_is_rejected(self, lab: Lab) -> None:
        """The declared types and patterns fit what the vendor sends."""
        rejected = lab.base.site.reasons("rejected")
        assert not rejected, f"rows were rejected (reason: rows): {rejected}"

    def test_undeclared_fields_do_not_land(self, lab: Lab) -> None:
        """They are counted by name, and go nowhere."""
        with lab.serving(with_undeclared(self.corpus)) as server:
            site = lab.fresh(server)
            night = site.land()
            assert night.is_ok, f"a field more in every record ends the read: {night.error}"
            unread = site.reasons("undeclared")
        for stream in lab.streams:
            landed = {row["column_name"] for row in site.query(f'DESCRIBE raw_{SOURCE}."{stream.name}"')}
            more = {name for name in landed - set(all_columns(stream)) if not name.startswith("_dlt")}
            assert not more, f"stream {stream.name}: columns {', '.join(sorted(more))} landed undeclared"
            held = [name for name in landed & set(stream.columns) if self._holds_mark(site, stream.name, name)]
            assert not held, f"stream {stream.name}: {', '.join(held)} holds what stood in an undeclared field"
        for stream in lab.top_streams:
            if site.ledger()[stream.name].read and not self.reads_files:
                assert UNDECLARED in unread.get(stream.name, {}), (
                    f"stream {stream.name}: a new field in every record is not reported; hand the records over whole"
                )

    def test_canaries_do_not_leak(self, lab: Lab, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
        """Planted in ids, undeclared texts and slipped into declared columns, they are in no file, log or error."""
        records = {stream.name: self.list_of(stream) for stream in lab.top_streams}
        corpus = with_canaries(self.corpus, lab.streams, records)
        caplog.set_level("DEBUG")
        with lab.serving(corpus) as server:
            site = lab.fresh(server)
            night = site.land()
            said = [night.error]
            if night.is_ok:
                said += [str(result) for result in site.map()]
            leaks = self._leaks(lab, site, server)
        for faults in (Faults(fail=lab.lists()), Faults(truncate_on=_FOR_EVER), Faults(forbid=lab.lists())):
            if not self.reads_files:
                with lab.serving(corpus, faults) as server:
                    said.append(lab.fresh(server).read().error)
        said.append(caplog.text)
        said += capfd.readouterr()
        assert not any(has_mark(text) for text in said), "a canary shows in an error, a log or on the screen"
        assert not leaks, f"canaries lie in {', '.join(sorted(set(leaks)))}"
        assert night.is_ok, f"with other ids in the same form the read fails: {night.error}"
        assert any(row.read for row in site.ledger().values())

    def _leaks(self, lab: Lab, site: Site, server: Server) -> list[str]:
        """Files of the practice in which a canary or a secret of the settings lies."""
        own = [site.folder / "pacekeeper.toml", *([server.path] if isinstance(server, Folder) else [])]
        scratch = lab.new_folder()
        scratch.mkdir()
        leaks = canary_places(site.folder, ignoring=own, scratch=scratch)
        for secret in self._secrets(site):
            for path in site.folder.rglob("*"):
                if path.is_file() and path not in own and secret.encode() in path.read_bytes():
                    leaks.append(f"{path.name} (a secret of the settings)")
        return leaks

    def _secrets(self, site: Site) -> Sequence[str]:
        settings = site.connector().settings
        found = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
        return [secret for secret in found if len(secret) >= _SHORTEST_SECRET]

    def _holds_mark(self, site: Site, stream: str, column: str) -> bool:
        rows = site.query(
            f'SELECT count(*) AS n FROM raw_{SOURCE}."{stream}" WHERE contains(CAST("{column}" AS VARCHAR), ?)', [MARK]
        )
        return bool(rows[0]["n"])
