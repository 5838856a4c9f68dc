"""Digest of the code that makes a result: one kept from an earlier run is good as long as it stays the same."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib import metadata, util
from pathlib import Path


@cache
def code_fingerprint(packages: tuple[str, ...], libraries: tuple[str, ...] = ()) -> str:
    """packages: packages and modules, by the content of their Python and TOML files. libraries: by version."""
    hashed = hashlib.sha256()
    for package in packages:
        for file in _files(package):
            hashed.update(file.name.encode() + file.read_bytes())
    hashed.update("\n".join(f"{name} {metadata.version(name)}" for name in libraries).encode())
    return hashed.hexdigest()


def plugin_fingerprint(plugin: type) -> str:
    """Of the packages that a plugin's class and what it is derived from are in, without Pacekeeper's own."""
    bases = {base.__module__.partition(".")[0] for base in plugin.__mro__}
    return code_fingerprint(tuple(sorted(bases - {"abc", "builtins", "pacekeeper", "typing"})))


def _files(package: str) -> list[Path]:
    try:
        spec = util.find_spec(package)
    except ValueError:  # a module that was not imported by its name, such as the program that is run
        spec = None
    if spec is None or spec.submodule_search_locations is None:
        file = getattr(sys.modules.get(package), "__file__", None) if spec is None else spec.origin
        return [Path(file)] if file else []
    found = (file for place in spec.submodule_search_locations for file in Path(place).rglob("*.*"))
    return sorted(file for file in found if file.suffix in {".py", ".toml"})
