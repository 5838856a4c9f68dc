"""A GNU Health 5.0.6 on PostgreSQL, made from nothing in a folder of its own, on loopback.

PostgreSQL's server programs are looked for in PACEKEEPER_PG_BIN, then where `pg_config --bindir` says, then beside
`postgres` on PATH. As root they are run as PACEKEEPER_PG_USER, or postgres, or nobody: PostgreSQL refuses root.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

DATABASE = "hospital"
ADMIN = "admin"
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_PROGRAMS = ("initdb", "pg_ctl", "createdb", "psql")
_LONGEST_START = 60.0


class MissingPart(Exception):  # noqa: N818  it is no error where these tests are not wanted
    """Something these tests need is not on this machine, and what it is."""


class Hospital:
    """One server. seconds: what each step took. url: of Tryton. password: of `admin` and of the database's owner."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.password = secrets.token_hex(12)
        self.folder = Path(tempfile.mkdtemp(prefix="pacekeeper-gnuhealth-"))
        self._programs = Path()
        self._owner: str | None = None
        self._database_port, self._port = _free_port(), _free_port()
        self._tryton: subprocess.Popen[bytes] | None = None
        self._has_cluster = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def settings(self) -> dict[str, Any]:
        """What [sources.<name>] holds for this server, but for user and password."""
        return {"url": self.url, "database": DATABASE}

    def set_up(self) -> None:
        """Install and start everything. Raises MissingPart where the machine lacks something."""
        self._programs, self._owner = _server_programs(), _unprivileged()
        self.folder.chmod(0o711)
        for name, step in (
            ("install", self._install),
            ("cluster", self._start_cluster),
            ("database", self._make_database),
            ("server", self._start_tryton),
        ):
            began = time.monotonic()
            step()
            self.seconds[name] = round(time.monotonic() - began, 1)

    def tear_down(self) -> None:
        """Stop what was started, and leave nothing behind."""
        if self._tryton is not None:
            self._tryton.terminate()
            self._tryton.wait(20)
        if self._has_cluster:
            self._as_owner("pg_ctl", "-D", str(self.folder / "pg" / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, statement: str) -> str:
        """What a statement answers in the database, unaligned; for what Tryton offers no way to do or see."""
        address = f"host=127.0.0.1 port={self._database_port} user=postgres dbname={DATABASE}"
        return self._run([str(self._programs / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, address])

    def _install(self) -> None:
        python = self.folder / "venv" / "bin" / "python"
        self._run([sys.executable, "-m", "venv", str(self.folder / "venv")])
        try:
            wanted = ["--no-deps", "--quiet", "--disable-pip-version-check", "--requirement", str(_REQUIREMENTS)]
            self._run([str(python), "-m", "pip", "install", *wanted])
        except RuntimeError as error:
            raise MissingPart(
                f"GNU Health cannot be installed; is there a package index, and has it wheels for this Python? {error}"
            ) from None

    def _start_cluster(self) -> None:
        """PostgreSQL keeps the time of another zone on purpose: GNU Health's instants are UTC all the same."""
        home = self.folder / "pg"
        home.mkdir()
        secret = home / "password"
        secret.write_text(self.password)
        if self._owner is not None:
            shutil.chown(home, self._owner)
            shutil.chown(secret, self._owner)
        data = str(home / "data")
        how = ("-A", "scram-sha-256", "--pwfile", str(secret), "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self._as_owner("initdb", "-D", data, "-U", "postgres", *how)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self._database_port,
            "unix_socket_directories": home,
            "fsync": "off",
            "timezone": "America/Denver",
        }
        flags = " ".join(f"-c {name}={value}" for name, value in options.items())
        self._as_owner("pg_ctl", "-D", data, "-l", str(home / "log"), "-w", "-o", flags, "start")
        self._has_cluster = True

    def _make_database(self) -> None:
        server = f"127.0.0.1:{self._database_port}"
        (self.folder / "trytond.conf").write_text(
            f"[database]\nuri = postgresql://postgres:{self.password}@{server}/\n"
            f"[web]\nlisten = 127.0.0.1:{self._port}\n"
        )
        (self.folder / "trytond.conf").chmod(0o600)
        address = ("-h", "127.0.0.1", "-p", str(self._database_port), "-U", "postgres")
        self._run([str(self._programs / "createdb"), *address, DATABASE])
        secret = self.folder / "admin-password"
        secret.write_text(self.password)
        activate = ("--all", "-u", "health", "--activate-dependencies", "--email", "admin@hospital.example")
        self._tryton_program("trytond-admin", *activate, TRYTONPASSFILE=str(secret))

    def _start_tryton(self) -> None:
        program = [str(self.folder / "venv" / "bin" / "trytond"), "-c", str(self.folder / "trytond.conf")]
        with (self.folder / "trytond.log").open("wb") as log:
            self._tryton = subprocess.Popen(program, stdout=log, stderr=log)
        deadline = time.monotonic() + _LONGEST_START
        version = {"id": 0, "method": "common.server.version", "params": []}
        while time.monotonic() < deadline and self._tryton.poll() is None:
            try:
                if httpx.post(f"{self.url}/", json=version, timeout=5).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise RuntimeError(f"trytond does not answer: {(self.folder / 'trytond.log').read_text()[-2000:]}")

    def _tryton_program(self, name: str, *arguments: str, **environment: str) -> None:
        program = [str(self.folder / "venv" / "bin" / name), "-c", str(self.folder / "trytond.conf"), "-d", DATABASE]
        self._run([*program, *arguments], **environment)

    def _as_owner(self, program: str, *arguments: str) -> None:
        # pg_ctl leaves a server behind that keeps its output open: nobody must wait for the end of a pipe.
        with (self.folder / f"{program}.log").open("ab") as log:
            subprocess.run(
                [str(self._programs / program), *arguments],
                check=True,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._owner,
                group=None if self._owner is None else pwd.getpwnam(self._owner).pw_gid,
                extra_groups=None if self._owner is None else [],
            )

    def _run(self, command: Sequence[str], **environment: str) -> str:
        known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        known |= {"PGPASSWORD": self.password, **environment}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=known)
        if done.returncode:
            raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr[-1000:]}")
        return done.stdout


def _server_programs() -> Path:
    """The folder of PostgreSQL's server programs."""
    named, asked, found = os.environ.get("PACEKEEPER_PG_BIN"), shutil.which("pg_config"), shutil.which("postgres")
    folders = [Path(named)] if named else []
    if asked:
        folders.append(
            Path(subprocess.run([asked, "--bindir"], check=True, capture_output=True, text=True).stdout.strip())
        )
    if found:
        folders.append(Path(found).resolve().parent)
    for folder in folders:
        if all((folder / program).is_file() for program in _PROGRAMS):
            return folder
    raise MissingPart(
        f"PostgreSQL's server programs ({', '.join(_PROGRAMS)}) are not found: install PostgreSQL's server, or name "
        "their folder in PACEKEEPER_PG_BIN"
    )


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
