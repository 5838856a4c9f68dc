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
    known_limits = (
        "A search for changes does not tell what was deleted, unless the server offers _history of a type.",
        "An export of one group or of patients tells deletions only where the server writes `deleted` files.",
        "An export that was interrupted begins anew in the next run.",
        "Of past versions only the time of a cancellation is read; what else changed before the first read is unknown.",
    )

    def resource_streams(self, *, from_server: bool) -> Sequence[Stream]:
        return SERVER_STREAMS if from_server else FOLDER_STREAMS

    def search_parameters(self, stream: Stream) -> Mapping[str, str]:
        """Observations are asked for by code: an EHR holds a hundred others for every one of these."""
        if stream.keep is None or not stream.keep.path.startswith("code."):
            return {}
        return {"code": ",".join(sorted(stream.keep.values))}
