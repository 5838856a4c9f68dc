"""A FHIR R4 server on loopback: paging, tokens, versions, history, `$export`, and faults by flag.

Use it in a test (`with FhirServer(practice.resources) as server: ... server.url`), or serve a written practice::

    python -m pacekeeper.testing.fhir_server --folder practice --port 8000
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from pacekeeper.testing._faults import ExportFaults, Faults
from pacekeeper.testing._fhir_export import Exports
from pacekeeper.testing._fhir_http import Handler
from pacekeeper.testing._fhir_store import ResourceStore
from pacekeeper.testing._fhir_tokens import Tokens
from pacekeeper.testing._loopback import Loopback
from pacekeeper.testing._resources import TYPES, Resource

__all__ = ["ExportFaults", "Faults", "FhirServer", "main"]


class FhirServer(Loopback):
    """Serves `resources` (lists of FHIR resources by type) at `url` on an ephemeral port of 127.0.0.1.

    A page holds at most `page_size` rows, whatever `_count` asks for, in the order the lists have, unless `_sort` says
    otherwise. token: accepted without asking /auth/token; null = no authentication. client_id and client_secret are
    what /auth/token (`token_url`) accepts; jwks: public keys (JWK) by which it accepts the client's signed assertions
    too (SMART Backend Services). `exports.jobs` are the exports that were asked for. `calls` counts requests by path
    without query; `requests` holds them in order, with query. faults may be set anew at any time.
    """

    handler = Handler

    def __init__(
        self,
        resources: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        page_size: int = 200,
        token: str | None = "demo-token",  # noqa: S107 - for loopback only
        faults: Faults | None = None,
        port: int = 0,
        client_id: str = "pacekeeper",
        client_secret: str = "demo-secret",  # noqa: S107 - for loopback only
        jwks: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(port=port)
        self.store = ResourceStore(resources, page_size=page_size)
        self.token = token
        self.client_id = client_id
        self.client_secret = client_secret
        self.jwks = list(jwks)
        self.exports = Exports(self.store)
        self.faults = faults or Faults()
        self.calls: Counter[str] = Counter()
        self.requests: list[str] = []
        self.tokens = Tokens(token)
        self.data_calls = 0

    @property
    def now(self) -> datetime:
        return self.store.clock

    @property
    def url(self) -> str:
        """The FHIR base address, what a source's `base_url` wants."""
        return f"{self.root}/fhir"

    @property
    def token_url(self) -> str:
        return f"{self.root}/auth/token"

    def replace(self, resources: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Serve these resources and no others from now on."""
        self.store.replace(resources)

    def update(self, kind: str, resource: Mapping[str, Any], *, at: datetime) -> Resource:
        """Store a new version of a resource, last updated at `at`, or a new resource; returns what is now served."""
        return self.store.update(kind, resource, at=at)

    def remove(self, kind: str, identity: str, *, at: datetime | None = None) -> None:
        """Delete a resource, at the time of the latest change where `at` is null."""
        self.store.remove(kind, identity, at=at)

    def reset(self, faults: Faults | None = None) -> None:
        """Forget all calls counted so far, and show these faults (default: none) from now on."""
        with self.lock:
            self.faults = faults or Faults()
            self.calls.clear()
            self.requests.clear()
            self.data_calls = 0
            self.tokens = Tokens(self.token)


def read_folder(folder: Path) -> dict[str, list[Resource]]:
    """Resources by type of a practice that `Practice.write` wrote."""
    return {
        name: [orjson.loads(line) for line in (folder / "fhir" / f"{name}.ndjson").read_bytes().splitlines()]
        for name in TYPES
        if (folder / "fhir" / f"{name}.ndjson").exists()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a written practice until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m pacekeeper.testing.fhir_server", description=main.__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="what pacekeeper.testing.practice wrote")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--page-size", type=int, default=200)
    parser.add_argument("--token", default="demo-token")
    chosen = parser.parse_args(arguments)
    resources = read_folder(chosen.folder)
    if not resources:
        parser.error(f"{chosen.folder} holds no fhir/*.ndjson; write one with python -m pacekeeper.testing.practice")
    with FhirServer(resources, page_size=chosen.page_size, token=chosen.token, port=chosen.port) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        try:
            server.stopping.wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
