"""What of a warehouse was made from what, so that it is only made again where that has changed.

`contract.made` has a row for everything that was made to its end; what a run that died has half made has none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacekeeper.engine.session import Session

from pacekeeper.sql_text import sql_literal

_TABLE = "contract.made"
_DDL = (
    "CREATE SCHEMA IF NOT EXISTS contract; "
    f"CREATE TABLE IF NOT EXISTS {_TABLE} (what VARCHAR NOT NULL, made_from VARCHAR NOT NULL)"
)


def digest(*parts: object) -> str:
    """Digest of values that JSON knows, and of tuples of them."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def made_from(session: Session, what: str) -> str | None:
    """Digest of what it was made from; null where it was never made to the end."""
    session.execute(_DDL)
    found = session.rows(f"SELECT made_from FROM {_TABLE} WHERE what = {sql_literal(what)}")
    return str(found[0][0]) if found else None


@contextmanager
def making(session: Session, what: str, of: str) -> Iterator[None]:
    """The block makes it, of what has this digest; noted where the block ends well."""
    forget(session, what)
    yield
    note(session, what, of)


def note(session: Session, what: str, of: str) -> None:
    """It has been made, of what has this digest."""
    forget(session, what)
    session.execute(f"INSERT INTO {_TABLE} VALUES ({sql_literal(what)}, {sql_literal(of)})")


def forget(session: Session, what: str) -> None:
    """Have it made again."""
    session.execute(_DDL)
    session.execute(f"DELETE FROM {_TABLE} WHERE what = {sql_literal(what)}")
