"""Mapping files for reports that practices export; docs/connectors/report-profiles.md says what each assumes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@cache
def profile_names() -> tuple[str, ...]:
    """Names of the profiles that ship with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def profile_file(name: str) -> Path:
    """The mapping file of a profile; to change it, copy it and name the copy as `mapping`."""
    return _FOLDER / f"{name}.toml"
