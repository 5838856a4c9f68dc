"""What the connectors of survey systems share: a site file, and the streams and mappings that follow from it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from pacekeeper.connector import Connector, ConnectorSettings, EntityMapping, Health
from pacekeeper.errors import ConfigError, PacekeeperError
from pacekeeper.settings import Zone
from pacekeeper.stream import Stream
from pacekeeper_connectors.questionnaire.entities import sheet_mappings, sheet_value_maps
from pacekeeper_connectors.questionnaire.spec import Measure, Staff
from pacekeeper_connectors.questionnaire.streams import client_streams, staff_streams


class SurveySettings(ConnectorSettings):
    """Settings that every survey system has.

    url: the API's address. mapping: the site file, relative to the settings file. server_tz: zone of the server's own
    times; null = default_tz.
    """

    url: str
    mapping: Path
    server_tz: Zone | None = None


class SurveySite(Protocol):
    """A site file that has no faults. client_domain: what the client identifiers are."""

    @property
    def known_measures(self) -> tuple[Measure, ...]: ...

    @property
    def known_staff(self) -> tuple[Staff, ...]: ...

    @property
    def client_domain(self) -> str: ...


S = TypeVar("S", bound=SurveySettings)


class SurveyConnector(Connector[S]):
    """Base of the connectors of survey systems. system: what it reads, for messages."""

    system: ClassVar[str]
    #: Whether only what has changed is asked for after the first night.
    is_incremental: bool = False
    conformance_skips = {  # noqa: RUF012  as declared by the base class
        "test_undeclared_fields_do_not_land": "only the fields that the mapping file names are asked for, so that no "
        "others come",
    }

    @property
    def mapping_path(self) -> Path:
        return self.context.home / self.settings.mapping

    def site_files(self) -> Sequence[Path]:
        return (self.mapping_path,)

    @cached_property
    @abstractmethod
    def site(self) -> SurveySite:
        """The site file, read when it is first needed. Raises ConfigError that names every fault."""

    @abstractmethod
    def look(self) -> str:
        """See whether the system has all that the site file names, and say what is there. Raises where it has not."""

    @cached_property
    def streams(self) -> Sequence[Stream]:  # type: ignore[override]  # they depend on the site file
        site = self.site
        client = client_streams(site.client_domain, incremental=self.is_incremental) if site.known_measures else ()
        return (*client, *(staff_streams() if site.known_staff else ()))

    def site_value_maps(self) -> Mapping[str, Mapping[str, str]]:
        return sheet_value_maps(self.site.known_measures, self.site.known_staff)

    def entity_mappings(self) -> Sequence[EntityMapping]:
        site = self.site
        return sheet_mappings(site.known_measures, site.known_staff, domain=site.client_domain)

    def check(self) -> Health:
        try:
            return Health(ok=True, message=self.look())
        except ConfigError as error:
            return Health(ok=False, message=str(error))
        except PacekeeperError as error:
            return Health(ok=False, message=f"{self.system} cannot be read: {error}")
