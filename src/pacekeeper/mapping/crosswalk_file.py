"""The crosswalk file: which records of which sources are one person, where no identifier says so, or says it wrongly.

A CSV file outside the warehouse with the columns source, entity (client or clinician), id (as the source writes it) and
person (any label; it never lands). Records under one label are one person, records under different labels are not.
"""

from __future__ import annotations

import csv
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pacekeeper.contract.vocabulary import MergedEntity
from pacekeeper.errors import ConfigError
from pacekeeper.privacy import HashKey, keyed_hash

COLUMNS = ("source", "entity", "id", "person")


@dataclass(frozen=True)
class Crosswalk:
    """Hashed labels of persons by record key."""

    clients: Mapping[str, str] = field(default_factory=dict)
    clinicians: Mapping[str, str] = field(default_factory=dict)


def read_crosswalk(path: Path, key: HashKey) -> Crosswalk:
    """What the file says.

    Raises ConfigError, which names line and column and no value, where the file is missing, readable by others, or not
    in the form above, and where it names one record twice.
    """
    found: dict[MergedEntity, dict[str, str]] = {entity: {} for entity in MergedEntity}
    for line, row in _rows(path):
        entity = row["entity"].strip()
        if entity not in found:
            raise ConfigError(f"crosswalk file {path.name}, line {line}: entity must be client or clinician")
        empty = [name for name in COLUMNS if not row[name].strip()]
        if empty:
            raise ConfigError(f"crosswalk file {path.name}, line {line}: {', '.join(empty)} must not be empty")
        record = keyed_hash(key, row["source"].strip(), entity, row["id"].strip())
        of_entity = found[MergedEntity(entity)]
        if record in of_entity:
            raise ConfigError(f"crosswalk file {path.name}, line {line}: this record is named twice; keep one line")
        of_entity[record] = keyed_hash(key, "crosswalk", entity, row["person"].strip())
    return Crosswalk(found[MergedEntity.CLIENT], found[MergedEntity.CLINICIAN])


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                raise ConfigError(
                    f"crosswalk file {path} has mode {mode:04o}: others can read it. Run: chmod 600 {path}"
                )
            reader = csv.DictReader(file, restval="")
            if sorted(reader.fieldnames or ()) != sorted(COLUMNS):
                raise ConfigError(f"crosswalk file {path}: its first line must name the columns {','.join(COLUMNS)}")
            return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(
            f"crosswalk file {path} cannot be read ({type(error).__name__}); correct [identity] crosswalk"
        ) from None
