"""A practice of one GNU Health in a folder: nights through the real landing and mapping."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pacekeeper import SourceClient
from pacekeeper.privacy import keyed_hash
from pacekeeper.testing.conformance.site import SOURCE, Night, Site
from pacekeeper.testing.simulator_http import DEFAULT_NOW

from gnuhealth_records import DENVER
from pacekeeper_gnuhealth import GnuHealth, GnuHealthSettings
from pacekeeper_gnuhealth.rpc import Tryton
from pacekeeper_gnuhealth.testing import DATABASE, PASSWORD, USER


def practice(folder: Path, url: str, *, as_of: datetime = DEFAULT_NOW, **options: Any) -> Site:
    """A practice that reads this server, and has read nothing yet."""
    given = {"url": url, "database": DATABASE, "user": USER, "password": PASSWORD, "page_size": 2, **options}
    return Site(folder, GnuHealth, given, home_tz=DENVER, as_of=as_of)


@contextmanager
def calling(url: str, **options: Any) -> Iterator[Tryton]:
    """Calls of this server, each sent twice at most and without waits."""
    given = {"url": url, "database": DATABASE, "user": USER, "password": PASSWORD, **options}
    config = replace(GnuHealth.http_config(GnuHealthSettings.model_validate(given)), attempts=2, backoff_seconds=0.0)
    with SourceClient(config, source="elm", sleep=lambda _: None) as http:
        yield Tryton(http, str(given["database"]))


def landed(site: Site) -> Night:
    """One night that has to go well."""
    night = site.land()
    assert night.is_ok, night.error
    return night


def counted(site: Site) -> dict[str, tuple[int, int, int, int]]:
    """Read, inserted, updated and deleted rows of the last night, by stream."""
    return {name: (row.read, row.inserted, row.updated, row.tombstones) for name, row in site.ledger().items()}


def key(site: Site, entity: str, number: int) -> str:
    """What a record's id became."""
    return keyed_hash(site.key, SOURCE, entity, str(number))


def current(site: Site, stream: str, *columns: str) -> list[tuple[Any, ...]]:
    """These columns of a stream's current rows, sorted."""
    rows = site.query(f'SELECT {", ".join(columns)} FROM raw_{SOURCE}."{stream}__current"')
    return sorted((tuple(row.values()) for row in rows), key=str)
