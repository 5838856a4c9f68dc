"""The warehouse of a service: a PostgreSQL database that holds canonical tables, marts and what readers see.

Landing and mapping work in the DuckDB file of the data folder; what they make is sent here (decision 9).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from pacekeeper.contract import CONTRACT_VERSION
from pacekeeper.contract.version import parse_version
from pacekeeper.engine.postgres_session import PostgresSession
from pacekeeper.errors import ConfigError, FatalError, RetryableError

if TYPE_CHECKING:
    import psycopg

#: A statement that takes longer is ended by the server, also when this process is gone.
STATEMENT_TIMEOUT_MINUTES = 60
_CONNECT_TIMEOUT_SECONDS = "15"
_OPTIONS = {
    "timezone": "UTC",
    "datestyle": "ISO",
    "client_encoding": "UTF8",
    "extra_float_digits": 1,
    # What has no schema in our SQL is a temporary table.
    "search_path": "pg_temp",
    "statement_timeout": f"{STATEMENT_TIMEOUT_MINUTES}min",
    # Plans of marts join what was computed a moment ago. PostgreSQL takes it to be a row or two, and would then go
    # through everything else once for each row.
    "enable_nestloop": "off",
    "jit": "off",
    "work_mem": "128MB",
    "temp_buffers": "64MB",
}
#: Orders of text that are the order of code points, which is DuckDB's.
_COLLATIONS = ("C", "POSIX", "C.UTF-8", "C.UTF8", "C.utf8")
_OLDEST_SERVER = 150_000
#: Held by the one process that writes.
_WRITER_LOCK = 0x7061636B
_TO_CREATE = "CREATE DATABASE <name> TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"


@dataclass(frozen=True)
class PostgresWarehouse:
    """A database for one practice. Making one opens nothing. url: `postgresql://user:password@host:port/database`.

    key_id: of the hash secret that the keys in it are made under.
    """

    url: SecretStr
    key_id: str

    @contextmanager
    def connect(self) -> Iterator[PostgresSession]:
        """A session that may write, alone; its schemas are there.

        Raises ConfigError where driver, login, database or its rights are not as they must be, RetryableError where the
        server cannot be reached and while another process writes, and FatalError where a statement fails. No error
        holds a password or a row.
        """
        import_driver()
        import psycopg

        with self._open() as raw:
            try:
                session = PostgresSession(raw)
                _check_database(session)
                self._check_contents(session)
                yield session
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
                raise ConfigError(
                    f"the role {raw.info.user!r} may not write to {_where(raw)}: make it the owner of the database "
                    "(ALTER DATABASE <name> OWNER TO <role>) and of the schemas that Pacekeeper made, or name another "
                    "role in [warehouse] url"
                ) from None
            except psycopg.errors.QueryCanceled:
                raise FatalError(
                    f"a statement on {_where(raw)} was ended, by hand or after {STATEMENT_TIMEOUT_MINUTES} minutes; "
                    "readers keep what they had. Run again, when the server has less to do"
                ) from None
            except psycopg.OperationalError as error:
                raise RetryableError(
                    f"{_where(raw)} was lost, or is short of memory or disk ({type(error).__name__}); readers keep "
                    "what they had. Run again, when the server is well"
                ) from None
            except psycopg.Error as error:
                raise FatalError(
                    f"a statement on {_where(raw)} failed ({type(error).__name__}, SQLSTATE {error.sqlstate}); "
                    "readers keep what they had. Run again; look in the server's log if it fails again"
                ) from None

    @contextmanager
    def _open(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        import psycopg
        from psycopg import conninfo

        options = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
        try:
            wanted = conninfo.conninfo_to_dict(self.url.get_secret_value())
        except psycopg.Error:
            # Its text quotes the address, password included.
            raise ConfigError(
                "url in [warehouse] is no address of PostgreSQL; write postgresql://user:password@host:5432/database, "
                "or set it as PACEKEEPER_WAREHOUSE__URL"
            ) from None
        wanted = {"connect_timeout": _CONNECT_TIMEOUT_SECONDS, "application_name": "pacekeeper", **wanted}
        wanted["options"] = " ".join(filter(None, (str(wanted.get("options") or ""), options)))
        try:
            raw = psycopg.connect(**wanted, autocommit=True)  # type: ignore[arg-type]  # every option is text
        except psycopg.Error as error:
            raise _not_opened(wanted, str(error)) from None
        try:
            yield raw
        finally:
            raw.close()

    def _check_contents(self, session: PostgresSession) -> None:
        """Make what tells whose database this is; refuse another practice's, and one that a newer Pacekeeper wrote."""
        if not session.rows(f"SELECT pg_try_advisory_lock({_WRITER_LOCK})")[0][0]:
            raise RetryableError(
                f"another process is writing to {_where(session.raw)}; wait until that run has ended, or stop it"
            )
        session.execute("CREATE SCHEMA IF NOT EXISTS contract")
        session.execute("CREATE TABLE IF NOT EXISTS contract.version (version VARCHAR, key_id VARCHAR)")
        found = session.rows("SELECT version, key_id FROM contract.version")
        if found and found[0][1] != self.key_id:
            raise ConfigError(
                f"the keys in {_where(session.raw)} were made under another hash secret ({found[0][1]}, not "
                f"{self.key_id}): it belongs to another practice or data folder. Give each its own database"
            )
        if found and parse_version(found[0][0]) > CONTRACT_VERSION:
            raise ConfigError(
                f"{_where(session.raw)} was written with contract version {found[0][0]}, and this Pacekeeper knows "
                f"versions up to {CONTRACT_VERSION}: install the Pacekeeper that wrote it, or a newer one"
            )
        if not found or found[0][0] != str(CONTRACT_VERSION):
            with session.transaction():
                session.execute("DELETE FROM contract.version")
                session.raw.execute(
                    "INSERT INTO contract.version VALUES (%s, %s)", (str(CONTRACT_VERSION), self.key_id)
                )


def import_driver() -> None:
    """Raises ConfigError where psycopg is not installed."""
    try:
        import psycopg  # noqa: F401  only whether it is there
    except ImportError:
        raise ConfigError(
            "[warehouse] engine is postgres, and its driver is not installed: pip install 'pacekeeper[postgres]'"
        ) from None


def _check_database(session: PostgresSession) -> None:
    if session.raw.info.server_version < _OLDEST_SERVER:
        raise ConfigError(f"{_where(session.raw)} is older than PostgreSQL {_OLDEST_SERVER // 10_000}: use a newer one")
    encoding, collation, is_copy = session.rows(
        "SELECT pg_encoding_to_char(encoding), "
        "CASE WHEN datlocprovider = 'i' THEN 'ICU' ELSE datcollate END, pg_is_in_recovery() "
        "FROM pg_database WHERE datname = current_database()"
    )[0]
    if is_copy:
        raise ConfigError(f"{_where(session.raw)} is a standby, which nobody can write to: name the primary")
    if encoding != "UTF8" or collation not in _COLLATIONS:
        raise ConfigError(
            f"{_where(session.raw)} has encoding {encoding} and collation {collation}; marts are the same on every "
            f"engine only where text is UTF-8 and sorted by code point. Make a database with: {_TO_CREATE}"
        )


def _where(raw: psycopg.Connection[tuple[Any, ...]]) -> str:
    return f"database {raw.info.dbname!r} on {raw.info.host}:{raw.info.port}"


def _not_opened(wanted: dict[str, Any], text: str) -> ConfigError | RetryableError:
    """What a failure to connect means to a person. text: the driver's, which names no password."""
    place = f"database {wanted.get('dbname')!r} on {wanted.get('host')}:{wanted.get('port', 5432)}"
    if "authentication failed" in text or "no password supplied" in text:
        return ConfigError(
            f"the server refused user {wanted.get('user')!r} or the password for {place}: correct [warehouse] url"
        )
    if "does not exist" in text:
        return ConfigError(
            f"there is no {place}, or no role {wanted.get('user')!r}. To make the database: {_TO_CREATE}"
        )
    return RetryableError(
        f"{place} cannot be reached: is the server running, the address in [warehouse] url right, and this machine "
        "let in (pg_hba.conf, firewall)?"
    )
