"""The connector itself; what it lands and how it is mapped are in the modules beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from pacekeeper import ConfigError, Connector, Health, PacekeeperError, Page, RetryableError, Stream, Window

from pacekeeper_gnuhealth.rpc import Tryton
from pacekeeper_gnuhealth.settings import GnuHealthSettings
from pacekeeper_gnuhealth.streams import MODELS, STREAMS
from pacekeeper_gnuhealth.value_maps import VALUE_MAPS
from pacekeeper_gnuhealth.wire import npi, record

if TYPE_CHECKING:
    from pacekeeper.http import HttpConfig


class GnuHealth(Connector[GnuHealthSettings]):
    """GNU Health HMIS 5.0 (https://www.gnuhealth.org) over the JSON-RPC of its Tryton server."""

    name = "gnuhealth"
    settings_type = GnuHealthSettings
    streams = STREAMS
    value_maps = VALUE_MAPS
    authentication = ("a user's name and password, for which Tryton gives a session",)
    conformance_skips = {  # noqa: RUF012  as declared by the base class
        "test_undeclared_fields_do_not_land": "the fields of each record are asked for by name, so that no others come",
    }
    known_limits = (
        "A read of changes does not tell what was deleted; a read of everything does (`pacekeeper run --reread`).",
        "An appointment has no planned end, and nothing tells when it was booked: a free slot may be older.",
        "The time of a cancellation is that of the change in which it was first read; what was cancelled before the "
        "first read has none.",
        "A done appointment without an evaluation is kept, and no session: nothing tells how long it took.",
        "Groups, measures and bills are not read.",
    )

    @classmethod
    def http_config(cls, settings: GnuHealthSettings) -> HttpConfig:
        from pacekeeper.http import HttpConfig

        from pacekeeper_gnuhealth.access import SessionAuth

        return HttpConfig(base_url=settings.url, auth=SessionAuth(settings), timeout_seconds=60)

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """Every stream in one session, which is given back at the end."""
        with self._session() as tryton:
            for stream in streams:
                yield from self._pages(tryton, stream, window)

    def check(self) -> Health:
        """One record of each model, with every field that a night reads."""
        try:
            with self._session() as tryton:
                for model in MODELS.values():
                    tryton.probe(model)
        except ConfigError as error:
            return Health(ok=False, message=str(error))
        except PacekeeperError as error:
            return Health(ok=False, message=f"GNU Health cannot be read: {error}")
        return Health(ok=True, message=f"all {len(MODELS)} models can be read")

    def _pages(self, tryton: Tryton, stream: Stream, window: Window) -> Iterator[Page]:
        """A stream's records by id.

        The watermark is the server's time at the first answer: what changes meanwhile is read again next time.
        """
        model = MODELS[stream.name]
        since = None if stream.cursor is None else window.since_of(stream.name)
        shown = [stamp for stamp in model.stamps if stamp in model.fields]
        watermark: datetime | None = None
        for rows in tryton.pages(model, since=since, size=self.settings.page_size):
            watermark = watermark or self._server_time()
            made = [record(row, stamps=shown) for row in rows]
            if stream.name == "professional":
                for row in made:
                    row["npi"] = npi(row.pop("code", None))
            yield Page(stream.name, made, watermark=watermark if stream.cursor is not None else None)
        if watermark is None:
            yield Page(stream.name, watermark=self._server_time() if stream.cursor is not None else None)

    def _server_time(self) -> datetime | None:
        """What the server's clock said at the last answer; null where it says nothing of use."""
        try:
            return parsedate_to_datetime(self.http.last_date or "").astimezone(UTC)
        except ValueError:
            return None

    @contextmanager
    def _session(self) -> Iterator[Tryton]:
        """A session that is given back; a server that does not answer is not asked to take it."""
        tryton = Tryton(self.http, self.settings.database)
        try:
            yield tryton
        except RetryableError:
            tryton.forget()
            raise
        finally:
            tryton.end()
