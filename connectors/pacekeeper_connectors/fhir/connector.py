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
    authentication = (
        "a bearer token",
        "OAuth client credentials",
        "SMART Backend Services with a key for RS384 or ES384",
        "none for a folder",
    )
    known_limits = (
        "What was deleted shows in a read of everything; at once only where the server writes `deleted` files into an "
        "export, or offers _history of a type.",
        "Past versions are read of appointments only, where the server offers _history; of single appointments at most "
        "1000 histories in one read, and as many for times of cancellation.",
        "Participants of past versions do not land; that the clinicians changed does.",
        "An export that was interrupted is taken up, but all its files are read again; one whose address holds more "
        "than a job's name is begun anew.",
        "A location's address is not read; its time zone only from the FHIR timezone extension.",
        "R4 only: STU3 and R5 servers are refused by `pacekeeper check`.",
    )

    def resource_streams(self, *, from_server: bool) -> Sequence[Stream]:
        return SERVER_STREAMS if from_server else FOLDER_STREAMS

    def search_parameters(self, stream: Stream) -> Mapping[str, str]:
        """Observations are asked for by code: an EHR holds a hundred others for every one of these."""
        if stream.keep is None or not stream.keep.path.startswith("code."):
            return {}
        return {"code": ",".join(sorted(stream.keep.values))}
