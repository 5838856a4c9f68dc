"""The connector itself; what it lands and how it is mapped are in the modules beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pacekeeper.fhir import FhirConnector, FhirSettings
from pacekeeper.stream import Stream
from pacekeeper_connectors.fhir.streams import FOLDER_STREAMS, SERVER_STREAMS
from pacekeeper_connectors.fhir.value_maps import VALUE_MAPS


class Fhir(FhirConnector[FhirSettings]):
    """FHIR R4 (https://hl7.org/fhir/R4): an EHR's server, or a folder with NDJSON, resources or Bundles."""

    name = "fhir"
    streams = SERVER_STREAMS
    value_maps = VALUE_MAPS

    def resource_streams(self, *, from_server: bool) -> Sequence[Stream]:
        return SERVER_STREAMS if from_server else FOLDER_STREAMS

    def search_parameters(self, stream: Stream) -> Mapping[str, str]:
        """Observations are asked for by code: an EHR holds a hundred others for every one of these."""
        return {} if stream.keep is None else {"code": ",".join(sorted(stream.keep.values))}
