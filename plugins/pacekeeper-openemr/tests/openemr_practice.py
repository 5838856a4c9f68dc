"""A practice of one OpenEMR in a folder: nights through the real landing and mapping."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson
from pacekeeper.testing import SOURCE, Night, Site

from openemr_records import DENVER, corpus
from pacekeeper_openemr import OpenEmr
from pacekeeper_openemr.testing import Accounts, Deviations, OpenEmrSimulator


@cache
def key() -> tuple[str, dict[str, Any]]:
    """A backend client's private key as a setting holds it, and its public half."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from jwt.algorithms import ECAlgorithm

    made = ec.generate_private_key(ec.SECP384R1())
    private: Any = ECAlgorithm.to_jwk(made, as_dict=True)
    public: Any = ECAlgorithm.to_jwk(made.public_key(), as_dict=True)
    return orjson.dumps({**private, "kid": "k1"}).decode(), {**public, "kid": "k1"}


def openemr(records: dict[str, Any] | None = None, **deviations: Any) -> OpenEmrSimulator:
    """An OpenEMR that knows our user and our key. deviations: what is switched off of what it does."""
    accounts = Accounts(public_key=key()[1])
    return OpenEmrSimulator(records or corpus(), deviations=Deviations(**deviations), accounts=accounts)


def practice(folder: Path, server: OpenEmrSimulator, *, tz: str | None = DENVER, **options: Any) -> Site:
    """A practice that reads this server with a user's account, and has read nothing yet."""
    known = server.accounts
    user = {"username": known.username, "password": known.password, "user_client_id": known.user_client_id}
    given = {"base_url": server.base_url, **user, **options}
    return Site(folder, OpenEmr, given, default_tz=tz)


def by_key() -> dict[str, str]:
    """Settings that read FHIR as a backend service."""
    return {"client_id": Accounts().client_id, "private_key": key()[0]}


def landed(site: Site) -> Night:
    """One night that has to go well."""
    night = site.land()
    assert night.is_ok, night.error
    return night


def rows(site: Site) -> dict[str, int]:
    """Current rows in the raw tables."""
    return {stream.name: count(site, f'raw_{SOURCE}."{stream.name}__current"') for stream in site.connector().streams}


def count(site: Site, table: str, where: str = "true") -> int:
    """Rows of a table."""
    return int(site.query(f"SELECT count(*) AS n FROM {table} WHERE {where}")[0]["n"])
