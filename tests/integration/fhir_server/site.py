"""A FHIR source against the loopback server: settings, keys, and what its pages hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import orjson
from pydantic import SecretStr

from pacekeeper.fhir import FhirSettings
from pacekeeper.http import SourceClient
from pacekeeper.stream import JsonLines, Page, Window
from pacekeeper.testing import FhirServer
from pacekeeper_connectors.fhir import Fhir
from tests.raw_bench import context

EARLY, LATE = "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"
BETWEEN = datetime(2026, 1, 15, tzinfo=UTC)


@cache
def keys(kind: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Private JWK, public JWK and private PEM of a new key: `rsa`, `p384` or `p256`."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm

    made: Any = (
        rsa.generate_private_key(65537, 2048)
        if kind == "rsa"
        else ec.generate_private_key(ec.SECP384R1() if kind == "p384" else ec.SECP256R1())
    )
    algorithm: Any = RSAAlgorithm if kind == "rsa" else ECAlgorithm
    private = algorithm.to_jwk(made, as_dict=True) | {"kid": f"{kind}-1"}
    public = algorithm.to_jwk(made.public_key(), as_dict=True) | {"kid": f"{kind}-1"}
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return private, public, pem


def signed(kind: str = "rsa", **more: Any) -> dict[str, Any]:
    """Settings of a client that signs its token requests."""
    return {"client_id": "pacekeeper", "private_key": SecretStr(orjson.dumps(keys(kind)[0]).decode()), **more}


@contextmanager
def connected(
    server: FhirServer,
    waits: list[float] | None = None,
    *,
    transport: httpx.BaseTransport | None = None,
    **more: Any,
) -> Iterator[Fhir]:
    """The connector on a server; waits receives every pause it makes, none of which is waited."""
    given = more if "client_id" in more else {"token": SecretStr("demo-token"), **more}
    settings = FhirSettings.model_validate({"base_url": server.url, **given})
    config = Fhir.http_config(settings)
    assert config is not None
    slept = waits if waits is not None else []
    with SourceClient(config, source="ehr", sleep=slept.append, transport=transport) as client:
        yield Fhir(settings, context(), client)


def pages(connector: Fhir, *names: str, since: datetime | None = None) -> list[Page]:
    """What a read of the named streams hands over; of all where none is named."""
    streams = [s for s in connector.streams if not names or s.name in names]
    per_stream = {} if since is None else {s.name: since for s in streams}
    return list(connector.read(streams, Window(since=since, per_stream=per_stream)))


def documents(found: Sequence[Page], stream: str | None = None) -> list[dict[str, Any]]:
    """The resources on the pages, of one stream where it is named."""
    return [
        orjson.loads(str(text))
        for page in found
        if isinstance(page.rows, JsonLines) and stream in {None, page.stream}
        for text in page.rows.documents.to_pylist()
    ]


def ids(found: Sequence[Page], stream: str | None = None) -> Counter[str]:
    """How often each resource is on the pages."""
    return Counter(document["id"] for document in documents(found, stream))


def deleted(found: Sequence[Page], stream: str) -> list[str]:
    return [identity for page in found if page.stream == stream for identity in page.deleted]


def patient(n: int, updated: str = EARLY) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{n}", "meta": {"versionId": "1", "lastUpdated": updated}}


def appointment(n: int, updated: str = EARLY, *, status: str = "booked") -> dict[str, Any]:
    return {
        "resourceType": "Appointment",
        "id": f"a{n}",
        "meta": {"versionId": "1", "lastUpdated": updated},
        "status": status,
        "start": "2026-03-02T15:00:00Z",
        "participant": [
            {"actor": {"reference": f"Patient/p{n}"}, "status": "accepted"},
            {"actor": {"reference": "Practitioner/c1"}, "status": "accepted"},
        ],
    }


def practitioner(identity: str = "c1") -> dict[str, Any]:
    return {"resourceType": "Practitioner", "id": identity, "meta": {"versionId": "1", "lastUpdated": EARLY}}


def bundle_of(*resources: dict[str, Any]) -> dict[str, Any]:
    """A search's answer, without a total."""
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource} for resource in resources]}


def corpus() -> dict[str, list[dict[str, Any]]]:
    """Six clients, each with an appointment; the last client changed late."""
    return {
        "Patient": [patient(n, LATE if n == 5 else EARLY) for n in range(6)],
        "Appointment": [appointment(n) for n in range(6)],
        "Practitioner": [practitioner()],
    }
