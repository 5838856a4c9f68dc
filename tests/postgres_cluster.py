"""A PostgreSQL server of the tests' own, from installed server programs, on loopback, in a folder of its own.

The programs are looked for in PACEKEEPER_PG_BIN, then where Debian and `pg_config` have them. As root they are run as
PACEKEEPER_PG_USER, or postgres, or nobody: PostgreSQL refuses root.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

_PROGRAMS = ("initdb", "pg_ctl", "postgres")


class MissingPart(Exception):  # noqa: N818  it is no error where PostgreSQL is not wanted
    """What this machine lacks."""


class Cluster:
    """One server. url: of its superuser, without a database's name at the end."""

    def __init__(self) -> None:
        self._programs, self._owner = _server_programs(), _unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="pacekeeper-postgres-"))
        self._folder.chmod(0o711)
        self._home = self._folder / "pg"
        self._home.mkdir()
        self.password, self.port = secrets.token_hex(12), free_port()

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Sorted as in English and set to another zone on purpose: neither may tell in what is computed."""
        secret = self._home / "password"
        secret.write_text(self.password)
        if self._owner is not None:
            for path in (self._home, secret):
                shutil.chown(path, self._owner)
        how = ("-A", "scram-sha-256", "--pwfile", str(secret), "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        english = ("--locale-provider=icu", "--icu-locale=en-US")
        self._run("initdb", "-D", str(self._home / "data"), "-U", "postgres", *how, *english)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self._home,
            "fsync": "off",
            "timezone": "America/Denver",
            "datestyle": "SQL",
        }
        flags = " ".join(f"-c {name}={value}" for name, value in options.items())
        self._run("pg_ctl", "-D", str(self._home / "data"), "-l", str(self._home / "log"), "-w", "-o", flags, "start")

    def database(self) -> str:
        """The address of a new, empty database that is as Pacekeeper wants it."""
        import psycopg

        name = f"practice_{secrets.token_hex(4)}"
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            connection.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc "
                "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'".encode()
            )
        return f"{self.url}/{name}"

    def copy(self, url: str) -> str:
        """The address of a copy of a database that nobody is connected to."""
        import psycopg

        name = f"practice_{secrets.token_hex(4)}"
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {url.rpartition('/')[2]}".encode())
        return f"{self.url}/{name}"

    def files(self) -> list[Path]:
        """What the server has on disk, its log included."""
        return [path for path in self._home.rglob("*") if path.is_file()]

    def wait_until_alone(self, url: str) -> None:
        """Return when the server has seen that nobody is connected to a database any more."""
        import psycopg

        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            for _ in range(300):
                if connection.execute(others, [url.rpartition("/")[2]]).fetchall() == [(0,)]:
                    return
                time.sleep(0.1)
        raise TimeoutError(f"somebody is still connected to {url.rpartition('/')[2]}")

    def stop(self) -> None:
        """Stop it where it runs, and leave nothing behind."""
        if (self._home / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self._home / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        # pg_ctl leaves a server behind that keeps its output open: nobody must wait for the end of a pipe.
        with (self._folder / f"{program}.log").open("ab") as log:
            # Not by `user=`: for that Python copies this whole process, and a run of many tests is large.
            as_owner = [] if self._owner is None else [_runuser(), "-u", self._owner, "--"]
            command = [*as_owner, str(self._programs / program), *arguments]
            subprocess.run(command, check=True, stdout=log, stderr=log, cwd=self._folder)


def _server_programs() -> Path:
    named, asked = os.environ.get("PACEKEEPER_PG_BIN"), shutil.which("pg_config")
    folders = [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if asked:
        found = subprocess.run([asked, "--bindir"], check=True, capture_output=True, text=True)
        folders.append(Path(found.stdout.strip()))
    for folder in folders:
        if all((folder / program).is_file() for program in _PROGRAMS):
            return folder
    raise MissingPart(
        f"PostgreSQL's server programs ({', '.join(_PROGRAMS)}) are not found: install PostgreSQL's server, or name "
        "their folder in PACEKEEPER_PG_BIN"
    )


def _runuser() -> str:
    found = shutil.which("runuser") or shutil.which("runuser", path="/usr/sbin:/sbin")
    if found is None:
        raise MissingPart("PostgreSQL does not run as root, and there is no runuser (util-linux) to run it as another")
    return found


def _unprivileged() -> str | None:
    """Who runs PostgreSQL; null = whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    for name in filter(None, (os.environ.get("PACEKEEPER_PG_USER"), "postgres", "nobody")):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise MissingPart("PostgreSQL does not run as root: name another user in PACEKEEPER_PG_USER")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
