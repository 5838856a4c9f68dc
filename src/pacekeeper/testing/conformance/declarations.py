"""What a subclass of the suite declares, and how its corpus is served."""

# ruff: noqa: S101  these are tests, wherever they lie
from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from pacekeeper.connector import Connector
from pacekeeper.mapping.result import MappingResult
from pacekeeper.stream import Stream
from pacekeeper.testing._faults import Faults
from pacekeeper.testing.conformance.declared import Corpus, Folder, Row, Server
from pacekeeper.testing.conformance.site import Night, Site
from pacekeeper.testing.simulator import Endpoint, Simulator
from pacekeeper.testing.simulator_http import DEFAULT_NOW

if TYPE_CHECKING:
    from pacekeeper.testing.simulator_auth import Auth


class Declarations:
    """What the author of a connector declares; every attribute but the first three has a default.

    connector: the class. corpus: synthetic records by list, at least two pages of the longest list; ids are invented.
    endpoints, auth: how the vendor's API serves them; a server of one's own comes from `serve`.
    settings: what a site would write in [sources.<name>] to reach this server.
    records: list of the corpus by stream, where it has neither the stream's name nor its resource type.
    edits: by list, a record's id and the fields (dotted) that change beside the cursor: what a late edit is. Where
    nothing is said, the last record gets a value of another one.
    deletions: by list, the id that is taken away; the last record's where nothing is said.
    expected: canonical rows that must be there, or must not; some prove that a trap was seen (see Row).
    unmapped: `entity.column` -> codes of the corpus that no value map knows, on purpose.
    unfilled: `stream.column` or `entity` -> why no record of the corpus fills it.
    inferred: `entity.column` -> why its value does not come from a code, or not from it alone.
    bad_settings: settings that must be refused, besides unknown and missing ones.
    default_tz: what the site says about local times without zone; null = they are rejected. as_of: of the first night.
    """

    connector: ClassVar[type[Connector[Any]]]
    corpus: ClassVar[Corpus]
    endpoints: ClassVar[Sequence[Endpoint]] = ()
    auth: ClassVar[Auth | None] = None
    records: ClassVar[Mapping[str, str]] = {}
    edits: ClassVar[Mapping[str, tuple[str, Mapping[str, Any]]]] = {}
    deletions: ClassVar[Mapping[str, str]] = {}
    expected: ClassVar[Sequence[Row]] = ()
    unmapped: ClassVar[Mapping[str, frozenset[str]]] = {}
    unfilled: ClassVar[Mapping[str, str]] = {}
    inferred: ClassVar[Mapping[str, str]] = {}
    bad_settings: ClassVar[Sequence[Mapping[str, Any]]] = ()
    default_tz: ClassVar[str | None] = None
    home_tz: ClassVar[str] = "UTC"
    as_of: ClassVar[datetime] = DEFAULT_NOW

    def settings(self, server: Server) -> Mapping[str, Any]:
        """Settings of a source that reads this server, or this folder (`server.path`)."""
        return {"base_url": server.url}

    def serve(self, corpus: Corpus) -> Server:
        """A server of this corpus, not yet started."""
        return Simulator(corpus, self.endpoints, auth=self.auth)

    def write_files(self, corpus: Corpus, folder: Path) -> None:
        """For a connector that reads files: write the corpus into the folder, in place of what is there.

        Overriding this makes `serve` unnecessary, and everything about networks not applicable.
        """
        raise NotImplementedError

    def late_time(self, at: datetime, like: object) -> Any:
        """A moment in the form the vendor writes its cursor in, as `like` is; local time where that has no offset."""
        from zoneinfo import ZoneInfo

        if isinstance(like, int | float):
            return type(like)(at.timestamp())
        text = str(like)
        try:
            is_local = datetime.fromisoformat(text).tzinfo is None
        except ValueError:
            is_local = False
        if is_local:
            at = at.astimezone(ZoneInfo(self.default_tz or "UTC")).replace(tzinfo=None)
            return at.isoformat(sep=text[10] if len(text) > 10 else "T", timespec="seconds")
        return at.isoformat().replace("+00:00", "Z")

    @property
    def reads_files(self) -> bool:
        return type(self).write_files is not Declarations.write_files

    def list_of(self, stream: Stream) -> str:
        """The list of the corpus a top-level stream is read from."""
        kind = stream.resource_type
        return self.records.get(stream.name, kind if kind is not None and kind in self.corpus else stream.name)

    @pytest.fixture(scope="class")
    @classmethod
    def lab(cls, tmp_path_factory: pytest.TempPathFactory) -> Lab:
        """Where the tests of one suite try the connector; what is landed once is shared."""
        return Lab(cls(), tmp_path_factory.mktemp("suite"))

    @pytest.fixture(autouse=True)
    def _stated_skip(self, request: pytest.FixtureRequest) -> None:
        reason = self.connector.conformance_skips.get(request.node.originalname)
        if reason:
            pytest.skip(f"stated by the connector: {reason}")


class Lab:
    """Servers of the declared corpus, practices that read them, and the one that has been read and mapped already."""

    def __init__(self, suite: Declarations, folder: Path) -> None:
        self.suite = suite
        self.folder = folder
        self._numbers = itertools.count(1)

    def needs_network(self) -> None:
        """Skip the test of a connector that reads files."""
        if self.suite.reads_files:
            pytest.skip("not applicable: it reads files")

    @contextmanager
    def serving(
        self,
        corpus: Corpus | None = None,
        faults: Faults | None = None,
        deleted: Mapping[str, Sequence[str]] | None = None,
    ) -> Iterator[Server]:
        """The corpus (default: as declared), served. deleted: ids by list that the vendor says were deleted."""
        corpus = self.suite.corpus if corpus is None else corpus
        if self.suite.reads_files:
            path = self.new_folder() / "files"
            path.mkdir(parents=True)
            self.suite.write_files(corpus, path)
            yield Folder(path)
            return
        with self.suite.serve(corpus) as server:
            if isinstance(server, Simulator):
                server.deleted = {name: list(ids) for name, ids in (deleted or {}).items()}
            server.reset(faults)
            yield server

    def fresh(self, server: Server, **how: Any) -> Site:
        """A practice that has read nothing yet."""
        return Site(
            self.new_folder(),
            self.suite.connector,
            self.suite.settings(server),
            default_tz=self.suite.default_tz,
            home_tz=self.suite.home_tz,
            as_of=self.suite.as_of,
            **how,
        )

    def landed(self, server: Server) -> Site:
        """A practice that has read the declared corpus, and now reads this server."""
        return self.base.site.copy(self.new_folder(), self.suite.settings(server))

    @cached_property
    def sound(self) -> Sound:
        """One read of the declared corpus as far as the spool, with nothing going wrong."""
        with self.serving() as server:
            read = self.fresh(server).read()
            assert read.is_ok, f"a read of the declared corpus failed: {read.error}"
            assert sum(read.rows.values()), "a read of the declared corpus gave no row; is `records` right?"
            return Sound(read, server.data_calls)

    @cached_property
    def base(self) -> Base:
        """The declared corpus, landed. Tests copy it, and leave it as it is, but for the mapping."""
        with self.serving() as server:
            site = self.fresh(server)
            night = site.land()
            assert night.is_ok, f"landing the declared corpus failed: {night.error}"
            return Base(site, night, list(site.connector().streams))

    @property
    def streams(self) -> list[Stream]:
        return self.base.streams

    @property
    def top_streams(self) -> list[Stream]:
        return [stream for stream in self.streams if stream.child_of is None]

    def new_folder(self) -> Path:
        return self.folder / f"{next(self._numbers)}"

    def lists(self) -> frozenset[str]:
        return frozenset(self.suite.corpus)


class Sound:
    """A read that met no fault, and how many calls the server let in for it."""

    def __init__(self, read: Night, calls: int) -> None:
        self.read = read
        self.calls = calls


class Base:
    """A practice that has read the declared corpus once."""

    def __init__(self, site: Site, night: Night, streams: list[Stream]) -> None:
        self.site = site
        self.night = night
        self.streams = streams

    @cached_property
    def mapped(self) -> Mapping[str, MappingResult]:
        """What its mapping came to, by entity; mapped when a test first asks."""
        return {result.entity: result for result in self.site.map()}
