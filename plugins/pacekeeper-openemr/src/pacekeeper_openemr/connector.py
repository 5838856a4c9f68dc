"""The connector itself; what it lands and how it is mapped are in the modules beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import httpx
from pacekeeper import Health, PacekeeperError, Page, Stream, Window
from pacekeeper.fhir import FhirConnector, FhirSettings

from pacekeeper_openemr.own_api import OwnApi, Row
from pacekeeper_openemr.settings import OpenEmrSettings
from pacekeeper_openemr.streams import FHIR_STREAMS, OWN_STREAMS
from pacekeeper_openemr.value_maps import VALUE_MAPS

_FHIR_TYPES = tuple(sorted(stream.resource_type for stream in FHIR_STREAMS if stream.resource_type))
_WALL = "%Y-%m-%d %H:%M:%S"


class OpenEmr(FhirConnector[OpenEmrSettings]):
    """OpenEMR 7.0.2 (https://www.open-emr.org): people and encounters by FHIR, the calendar by its own REST API."""

    name = "openemr"
    settings_type: ClassVar[type[FhirSettings]] = OpenEmrSettings
    streams = (*FHIR_STREAMS, *OWN_STREAMS)
    value_maps = VALUE_MAPS
    authentication = ("a user's name and password (OAuth password grant)", "SMART Backend Services for FHIR")
    known_limits = (
        "OpenEMR keeps no end of an encounter: sessions last as long as the appointment of that client and day.",
        "Nothing tells when an appointment was made or changed; its history begins with the first read.",
        "A recurring appointment is one row: its other dates appear when OpenEMR splits them off, as a status is set.",
        "Group appointments have no clients in the API, and are left out.",
        "Clinicians' roles, measures and bills are in none of the APIs that 7.0.2 offers.",
    )

    @classmethod
    def http_auth(cls, settings: OpenEmrSettings) -> httpx.Auth | None:
        """A fixed token, or a user's; with a private key FHIR is read as a backend service instead."""
        from pacekeeper.fhir.smart import BackendServices

        from pacekeeper_openemr.access import ByApi, UserToken, user_scope

        fhir = super().http_auth(settings)
        if settings.token is not None:
            return fhir
        if not isinstance(fhir, BackendServices):
            return UserToken(settings, user_scope(_FHIR_TYPES))
        fhir.resource_types = _FHIR_TYPES
        return ByApi(fhir, UserToken(settings, user_scope(())))

    def read(self, streams: Sequence[Stream], window: Window) -> Iterator[Page]:
        """FHIR by search or export, then the lists of OpenEMR's own API."""
        yield from super().read(streams, window)
        asked = {stream.name for stream in streams}
        if "facility" in asked:
            for rows in self._own_api.pages("facility", self.settings.rest_page_size):
                yield Page("facility", rows)
        if "appointment" in asked:
            yield Page("appointment", [with_times(row) for row in self._own_api.whole("appointment")])

    def check(self) -> Health:
        """FHIR first, then the calendar's API, which wants rights of its own."""
        if self.context.default_tz is None:
            return Health(ok=False, message="OpenEMR's calendar has no time zone: set default_tz to the practice's")
        health = super().check()
        try:
            if health.ok:
                next(self._own_api.pages("facility", 1), None)
        except PacekeeperError as error:
            return Health(ok=False, message=f"FHIR answers, OpenEMR's own API does not: {error}")
        return health

    @property
    def _own_api(self) -> OwnApi:
        return OwnApi(self.http, self.context.source, self.settings.base_url)


def with_times(row: Row) -> Row:
    """The appointment with its start, end, and the midnights around it, as wall-clock texts without a zone.

    The calendar has a date and two times. An end that is not after the start is on the next day. What cannot be read is
    handed on as it is, so that the boundary rejects the row and counts it.
    """
    day, begins, ends = (str(row.get(name)) for name in ("pc_eventDate", "pc_startTime", "pc_endTime"))
    try:
        start = datetime.strptime(f"{day} {begins}", _WALL)  # noqa: DTZ007  the boundary reads it in default_tz
    except ValueError:
        return {**row, "pacekeeper_start": f"{day} {begins}"}
    midnight = start.replace(hour=0, minute=0, second=0)
    times = {"start": start, "day_start": midnight, "day_end": midnight + timedelta(days=1)}
    try:
        end = datetime.strptime(f"{day} {ends}", _WALL)  # noqa: DTZ007  the boundary reads it in default_tz
        times["end"] = end if end > start else end + timedelta(days=1)
    except ValueError:
        pass  # an appointment without an end is one of unknown length
    return {**row, **{f"pacekeeper_{name}": f"{moment:{_WALL}}" for name, moment in times.items()}}
