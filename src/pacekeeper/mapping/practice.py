"""The practice's own row, from the settings."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from pacekeeper.contract import SETTINGS
from pacekeeper.contract.practice import Practice
from pacekeeper.engine.duckdb import Connection
from pacekeeper.mapping.derived import write_derived
from pacekeeper.settings import PracticeSettings


def practice_key(name: str) -> str:
    """Key of a practice. Not secret: it names an organisation, and stands in every location and clinician."""
    return hashlib.sha256(f"practice\x1f{name}".encode()).hexdigest()[:32]


def write_practice(connection: Connection, practice: PracticeSettings) -> None:
    """Replace `canonical.practice` by what the settings say."""
    row = {
        "practice_key": [practice_key(practice.name)],
        "name": [practice.name],
        "home_tz": [practice.home_tz],
        "week_start": [practice.week_start],
    }
    write_derived(connection, Practice, pa.table(row), source=SETTINGS)
