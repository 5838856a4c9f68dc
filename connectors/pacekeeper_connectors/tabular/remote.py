"""Files on an SFTP server or in an S3 bucket, over fsspec. Bytes go through memory; nothing raw is put on a disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from pacekeeper.connector import ConnectorSettings
from pacekeeper.errors import ConfigError, FatalError, RetryableError
from pacekeeper_connectors.tabular.files import FoundFile
from pacekeeper_connectors.tabular.host_key import known_host_policy

SCHEMES = ("sftp", "s3")


class AccessSettings(ConnectorSettings):
    """How a store is entered.

    username, password, private_key_file, host_key: for SFTP. password: of the login, or of the private key.
    host_key: the server's key as `SHA256:...`; null = it has to be in ~/.ssh/known_hosts.
    access_key_id, secret_access_key, endpoint_url, region: for S3; null = what the machine's own configuration says.
    """

    username: str | None = None
    password: SecretStr | None = None
    private_key_file: Path | None = None
    host_key: str | None = None
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    endpoint_url: str | None = None
    region: str | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0


class RemoteFiles:
    """A folder of an SFTP server (`sftp://host[:port]/folder`) or of a bucket (`s3://bucket/folder`).

    home: where the path of a private key starts.
    """

    def __init__(self, url: str, access: AccessSettings, *, home: Path) -> None:
        self._parts = urlsplit(url)
        self._access = access
        self._key_file = None if access.private_key_file is None else home / access.private_key_file
        at = f"{self._parts.hostname}:{self._parts.port}" if self._parts.port else str(self._parts.hostname)
        self.place = f"{self._parts.scheme}://{at}{self._parts.path}"

    def find(self, pattern: str) -> list[FoundFile]:
        with self._told(), self._connected() as store:
            # A pattern finds nothing in a folder that is not there, and says nothing about it.
            if not store.exists(self._root or "/"):
                raise FileNotFoundError
            listed = store.glob(f"{_literal(self._root)}/{pattern}", detail=True)
        found = [self._file(path, facts) for path, facts in listed.items() if facts.get("type") in {"file", "link"}]
        return sorted(found, key=lambda file: file.name)

    def content(self, file: FoundFile) -> bytes:
        with self._told(), self._connected() as store:
            content: bytes = store.cat_file(f"{self._root}/{file.name}")
        return content

    def _file(self, path: str, facts: Mapping[str, Any]) -> FoundFile:
        written = facts.get("mtime") or facts.get("LastModified")
        if isinstance(written, int | float):
            written = datetime.fromtimestamp(written, UTC)
        return FoundFile(path.removeprefix(self._root).lstrip("/"), int(facts.get("size") or 0), written)

    @property
    def _root(self) -> str:
        path = self._parts.path.rstrip("/")
        return f"{self._parts.netloc}{path}" if self._parts.scheme == "s3" else path

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """The file system. It is made once, and asks anew each time: a cached listing is an old one."""
        self._store.invalidate_cache()
        yield self._store

    @cached_property
    def _store(self) -> Any:  # Any: fsspec has no types
        return self._open_bucket() if self._parts.scheme == "s3" else self._open_sftp()

    def _open_sftp(self) -> Any:
        try:
            import paramiko  # type: ignore[import-untyped]  # these have no types
            from fsspec.implementations.sftp import SFTPFileSystem  # type: ignore[import-untyped]
        except ImportError:
            raise ConfigError(_needs("sftp")) from None
        access = self._access
        wait = access.timeout_seconds
        given = {
            "username": access.username,
            "password": _plain(access.password) if self._key_file is None else None,
            "passphrase": _plain(access.password) if self._key_file is not None else None,
            "key_filename": None if self._key_file is None else str(self._key_file),
        }
        try:
            return SFTPFileSystem(
                str(self._parts.hostname),
                port=self._parts.port or 22,
                host_key_policy=known_host_policy(access.host_key),
                allow_agent=False,
                look_for_keys=False,
                timeout=wait,
                banner_timeout=wait,
                auth_timeout=wait,
                skip_instance_cache=True,
                **{name: value for name, value in given.items() if value is not None},
            )
        except paramiko.AuthenticationException:
            raise ConfigError(
                f"{self.place}: the server refused the login; correct `username`, `password` or `private_key_file`"
            ) from None
        except paramiko.SSHException as error:
            raise RetryableError(f"{self.place}: the SSH connection failed ({type(error).__name__})") from None

    def _open_bucket(self) -> Any:
        try:
            import s3fs  # type: ignore[import-untyped]  # it has no types
        except ImportError:
            raise ConfigError(_needs("s3")) from None
        access = self._access
        client = {} if access.region is None else {"region_name": access.region}
        return s3fs.S3FileSystem(
            key=access.access_key_id,
            secret=_plain(access.secret_access_key),
            endpoint_url=access.endpoint_url,
            client_kwargs=client,
            config_kwargs={"connect_timeout": access.timeout_seconds, "read_timeout": access.timeout_seconds},
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What a store raises, as an error that says what to do; its own text may hold names of files and of users."""
        try:
            yield
        except (ConfigError, RetryableError, FatalError):
            raise
        except FileNotFoundError:
            raise ConfigError(f"{self.place}: there is no such folder or bucket: correct `url`") from None
        except PermissionError:
            raise ConfigError(f"{self.place}: access is refused; {_WHAT_TO_CORRECT[self._parts.scheme]}") from None
        except (OSError, EOFError) as error:
            raise RetryableError(f"{self.place}: it cannot be reached ({type(error).__name__})") from None
        except Exception as error:  # noqa: BLE001  the libraries' errors have no base of their own
            raise _unexpected(self.place, error) from None


_WHAT_TO_CORRECT = {
    "sftp": "the login may not read this folder",
    "s3": "correct `access_key_id` and `secret_access_key`, or what they may read",
}


def _unexpected(place: str, error: Exception) -> ConfigError | RetryableError | FatalError:
    """What an error of a store's library is for us, told by the name of its class."""
    name = type(error).__name__
    if any(word in name for word in ("Credential", "Auth")):
        return ConfigError(f"{place}: access is refused ({name}); correct the login in the source's settings")
    if any(word in name for word in ("Connect", "Timeout", "SSH", "Endpoint", "Proxy")):
        return RetryableError(f"{place}: it cannot be reached ({name})")
    return FatalError(f"{place}: it cannot be read ({name})")


def _literal(path: str) -> str:
    """A path in which nothing is a wildcard."""
    return "".join(f"[{mark}]" if mark in "*?[" else mark for mark in path)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _needs(extra: str) -> str:
    return f"reading files over {extra} needs `pip install pacekeeper[{extra}]`"
