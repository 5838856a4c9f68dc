"""What code does while it is watched: the files it opens, the addresses it calls, the modules it loads."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_CALLS = {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec"}
_seen: ContextVar[list[str] | None] = ContextVar("_seen", default=None)
_is_watching = False


@contextmanager
def watched_io() -> Iterator[list[str]]:
    """Files opened, processes started and addresses looked up during the block, in words; modules do not count."""
    _watch()
    seen: list[str] = []
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)


def _watch() -> None:
    global _is_watching  # an audit hook cannot be taken off again
    if not _is_watching:
        sys.addaudithook(_note)
        _is_watching = True


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is None or (seen := _seen.get()) is None:  # at exit no name is left
        return
    if event in _CALLS:
        seen.append(event)
    elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike) and not _is_code(arguments[0]):
        seen.append(f"open {Path(os.fsdecode(arguments[0])).name}")


_ENVIRONMENT = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def _is_code(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> bool:
    name = os.fsdecode(path)
    return name.endswith((".py", ".pyc", ".so", ".pyd", ".zip")) or name.startswith(_ENVIRONMENT)


#: Answers with what listing and importing a connector does, one finding per line.
_PROBE = """
import importlib, sys
watching, seen = False, []
def note(event, arguments):
    if watching and event in {calls!r}:
        seen.append("importing it calls " + event)
    if watching and event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        if not str(arguments[0]).endswith((".pyc", ".lock")) and "__pycache__" not in str(arguments[0]):
            seen.append("importing it writes a file")
sys.addaudithook(note)
from pacekeeper import registry
before = set(sys.modules)
entries = [e for e in registry.available() if e.name == {name!r}]
if len(entries) != 1:
    seen.append("it is registered %d times in the entry-point group %s" % (len(entries), registry.GROUP))
for entry in entries:
    module = entry.value.partition(":")[0]
    loaded = [m for m in set(sys.modules) - before if m == module or m.startswith(module.partition(".")[0] + ".")]
    if loaded:
        seen.append("listing connectors imports " + sorted(loaded)[0])
    watching = {importing!r}
    if watching:
        found = importlib.import_module(module)
        watching = False
        for part in entry.value.partition(":")[2].split("."):
            found = getattr(found, part)
        if found.__module__ + "." + found.__qualname__ != {place!r}:
            seen.append("the entry point names " + entry.value + ", the suite tests " + {place!r})
        banned = sorted({{"dagster", "dlt", "pandera"}} & set(sys.modules))
        if banned:
            seen.append("importing it loads " + ", ".join(banned))
print("\\n".join(seen))
"""


def registration_faults(name: str, place: str, *, importing: bool, paths: Sequence[str]) -> list[str]:
    """What is wrong with how a connector is registered or, with `importing`, with what its import does.

    place: module and class with a dot between. paths: where the process looks for distributions. Runs in a process of
    its own, which has imported nothing yet.
    """
    script = _PROBE.format(calls=_CALLS, name=name, place=place, importing=importing)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    done = subprocess.run(  # noqa: S603  our own interpreter and script
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60, env=environment
    )
    if done.returncode:
        return [f"importing it fails: {done.stderr.strip().splitlines()[-1] if done.stderr else 'no reason given'}"]
    return done.stdout.split("\n") if done.stdout.strip() else []
