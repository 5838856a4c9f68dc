"""Which records of the sources a key stands for: the sources are asked again, and matched in memory.

No table holds what a key was made from. Whoever may know asks; the answer goes to their screen and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pacekeeper.columns import Key
from pacekeeper.errors import ConfigError, PacekeeperError
from pacekeeper.landing.boundary import Boundary, Part, PartKind
from pacekeeper.ops.erasure_tables import KeyLookup
from pacekeeper.privacy import guarded, plugin_border
from pacekeeper.probe.run import leaving_nothing
from pacekeeper.sql_text import sql_literal
from pacekeeper.stream import Page, Stream, Window

if TYPE_CHECKING:
    from pacekeeper.connector import Connector
    from pacekeeper.home import PracticeHome

#: Kinds of people, and where it stands which of their records are one person's.
_MATCHES = {"client": "client_match", "clinician": "person_match"}
#: As much of a key as commands show.
_SHORTEST = 12
#: Told the source, and how many of its records have been looked at.
OnRead = Callable[[str, int], object]


@dataclass(frozen=True)
class Record:
    """A record of one person. kind: client or clinician; key: of this record."""

    kind: str
    key: str
    source: str


@dataclass(frozen=True)
class Named:
    """A record, and the id by which its source knows it; null = the source does not have it now, or error says why."""

    record: Record
    identity: str | None
    error: str | None = None


def records_of(home: PracticeHome, key: str) -> list[Record]:
    """Every record, over all sources, of the client or clinician whom a key names; its first 12 digits will do.

    Of the key of a clinical alert, those of its client. Raises ConfigError where nothing published has the key, or
    several people's begin like it.
    """
    if len(key) < _SHORTEST or not set(key) <= set("0123456789abcdef"):
        raise ConfigError(f"this is no key: give at least {_SHORTEST} of its digits, 0 to 9 and a to f")
    with home.published.connect(read_only=True) as connection:
        for kind, match in _MATCHES.items():
            people = connection.rows(
                f"SELECT DISTINCT person_key FROM canonical.{match} WHERE {kind}_key IN ({_keys(kind, key)})"
            )
            if len(people) > 1:
                raise ConfigError("keys of several people begin like this: give all of it")
            if people:
                found = connection.rows(
                    f"SELECT {kind}_key, r.source FROM canonical.{kind} r JOIN canonical.{match} m USING ({kind}_key) "
                    f"WHERE m.person_key = {sql_literal(str(people[0][0]))} ORDER BY ALL"
                )
                return [Record(kind, str(record), str(source)) for record, source in found]
    raise ConfigError("nothing that is published has this key; after an erasure nobody can tell whose it was")


def _keys(kind: str, key: str) -> str:
    """SQL for the keys of records that are meant: their own, or those of clients whom an alert is about."""
    begins = f"starts_with({{}}, {sql_literal(key)})"
    own = f"SELECT {kind}_key FROM canonical.{kind} WHERE {begins.format(f'{kind}_key')}"
    if kind != "client":
        return own
    return f"{own} UNION SELECT client_key FROM canonical.clinical_alert WHERE {begins.format('alert_key')}"


def resolve_key(home: PracticeHome, key: str, *, by: str, now: datetime, on_read: OnRead) -> list[Named]:
    """What the sources call the records of the person whom a key names, in the order of `records_of`.

    Reads the sources' streams of clients, or of clinicians, until the records are found. That somebody looked is on
    record before anything is read; the ids are not. A source that cannot be read is told, and the others are read.
    """
    records = records_of(home, key)
    by_source: dict[str, list[Record]] = {}
    for record in records:
        by_source.setdefault(record.source, []).append(record)
    lookup = KeyLookup(lookup_id=str(uuid4()), at=now, by=by, kind=records[0].kind, key=records[0].key, found=0)
    home.ops.add([lookup])
    named = {}
    for source, own in by_source.items():
        found: dict[str, str] = {}
        error = None
        try:
            with leaving_nothing():
                found = _ask(home, source, own, until=now, on_read=on_read)
        except PacekeeperError as problem:
            error = str(problem)
        named.update({record: Named(record, found.get(record.key), error) for record in own})
    lookup.found = sum(one.identity is not None for one in named.values())
    home.ops.add([lookup])
    return [named[record] for record in records]


def _ask(
    home: PracticeHome, source: str, records: Sequence[Record], *, until: datetime, on_read: OnRead
) -> dict[str, str]:
    if source not in home.settings.sources:
        raise ConfigError(f"{source} is not in the settings any more: it cannot be asked")
    connector = home.connector(source)
    with plugin_border(source, connector.name):
        streams = [one for one in connector.streams if _identifies(one, records[0].kind)]
    wanted, found = {record.key for record in records}, {}

    def take(kind: PartKind, stream: str, _: Part) -> None:
        if kind == "rows":
            found.update(boundary.identities(stream, wanted))

    default_tz = connector.context.default_tz
    boundary = Boundary(streams, source=source, key=home.hash_key(), default_tz=default_tz, sink=take, flush_rows=1)
    try:
        for stream in streams:
            _read(connector, stream, boundary, until=until, on_read=on_read, is_done=lambda: wanted <= set(found))
    finally:
        boundary.close()
    return found


def _identifies(stream: Stream, kind: str) -> bool:
    return any(isinstance(column, Key) and column.entity == kind for column in stream.columns.values())


def _read(
    connector: Connector[Any],
    stream: Stream,
    boundary: Boundary,
    *,
    until: datetime,
    on_read: OnRead,
    is_done: Callable[[], bool],
) -> None:
    source = connector.context.source
    with plugin_border(source, connector.name):
        pages = iter(connector.read([stream], Window(since=None, until=until, per_stream={})))
    try:
        for page in guarded(pages, source=source, connector=connector.name):
            if is_done():
                return
            if isinstance(page, Page) and page.stream == stream.name and not page.is_past:
                boundary.add(page)
                on_read(source, boundary.counts[stream.name].read)
    finally:
        if hasattr(pages, "close"):
            pages.close()
