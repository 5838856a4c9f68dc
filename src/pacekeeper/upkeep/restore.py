"""A backup in the place of a practice's data. Safe to be killed, and to be repeated."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pacekeeper.contract import CONTRACT_VERSION
from pacekeeper.contract.version import parse_version
from pacekeeper.engine.faultpoint import faultpoint
from pacekeeper.errors import ConfigError
from pacekeeper.ops import OpsDatabase
from pacekeeper.ops.erasure_tables import ErasedKey, ErasedRows, Erasure
from pacekeeper.privacy import HashKey, load_hash_key
from pacekeeper.upkeep.backup import OPS, WAREHOUSE, Backup, alone, check_files, read_backup
from pacekeeper.upkeep.erase import erase_again
from pacekeeper.upkeep.kept_files import Told, copy_with_digest, flush, need_space, nobody, write_secret

if TYPE_CHECKING:
    from pacekeeper.home import PracticeHome

_ROOM = 16 << 20


def restore(
    home: PracticeHome,
    folder: Path,
    *,
    force: bool = False,
    key_from: Path | None = None,
    wait_seconds: float = 60,
    told: Told = nobody,
) -> Backup:
    """Put a backup in place and publish it; what it is comes back.

    force: also where there are data already, which are lost. key_from: the hash secret, where the data folder has none.
    Raises ConfigError, with nothing changed, where the backup is not whole or damaged, of a newer contract, made under
    another secret, or where there are data and no `force`.
    """
    folder = folder.resolve()
    backup = read_backup(folder)
    if parse_version(backup.contract) > CONTRACT_VERSION:
        raise ConfigError(
            f"{folder} has contract version {backup.contract}, and this Pacekeeper knows versions up to "
            f"{CONTRACT_VERSION}: install Pacekeeper {backup.pacekeeper} or a newer one"
        )
    held = [path for path in (home.warehouse.path, home.ops.path) if path.exists()]
    if held and not force:
        raise ConfigError(
            f"{home.data_dir} has data already, which the restore would overwrite: say --force to lose them, or give "
            "another data_dir. `pacekeeper backup` keeps them"
        )
    key = _key(home, backup, key_from)
    check_files(folder, backup, told)
    with alone(home, wait_seconds=wait_seconds):
        need_space(home.data_dir, sum(kept.bytes for kept in backup.files.values()) + _ROOM, why="the restore")
        if not home.key_path.exists():
            write_secret(home.key_path, key.secret)
        new = {name: home.data_dir / f".{name}.restored" for name in (OPS, WAREHOUSE)}
        for name, to in new.items():
            copy_with_digest(folder / name, to, told)
        has_erased = _carry_erasures(home, new[OPS])
        _swap_in(home, new)
        home.clear_work()
        shutil.rmtree(home.data_dir / "checkpoints", ignore_errors=True)
        if has_erased:
            erase_again(home, by="restore")
        home.publish()
    return backup


def _key(home: PracticeHome, backup: Backup, key_from: Path | None) -> HashKey:
    """The secret of the data folder, else the one that is given; it must be the backup's."""
    if home.key_path.exists():
        key, where = home.hash_key(), home.key_path
    elif key_from is not None:
        key, where = load_hash_key(key_from), key_from
    else:
        raise ConfigError(
            f"there is no hash secret in {home.data_dir}, and the backup holds none: say where it is kept with "
            f"--key-from; it is the one with id {backup.key_id}"
        )
    if key.key_id != backup.key_id:
        raise ConfigError(
            f"the hash secret {where} has id {key.key_id}, and the backup's keys were made under {backup.key_id}: no "
            "record would be recognised. Give the secret that belongs to the backup"
        )
    return key


def _carry_erasures(home: PracticeHome, restored: Path) -> bool:
    """Have clients who were erased since the backup stay so; whether there are any."""
    if not home.ops.path.exists():
        return False
    found = home.ops.rows(ErasedKey)
    OpsDatabase(restored).add([*found, *home.ops.rows(Erasure), *home.ops.rows(ErasedRows)])
    return bool(found)


def _swap_in(home: PracticeHome, new: dict[str, Path]) -> None:
    """The ledgers first: a kill before the warehouse follows has the next run read too much, never too little."""
    (home.published_dir / ".copied").unlink(missing_ok=True)
    for name, logs in ((OPS, ("-wal", "-shm")), (WAREHOUSE, (".wal",))):
        place = home.data_dir / name
        for log in logs:
            place.with_name(name + log).unlink(missing_ok=True)
        new[name].replace(place)
        faultpoint(f"restore.replaced.{name}")
    flush(home.data_dir)
