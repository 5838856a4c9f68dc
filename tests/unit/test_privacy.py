"""The hash secret, and the border around plugin code."""

from __future__ import annotations

import hashlib
import hmac
import os
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pacekeeper.errors import ConfigError, DataError, FatalError, PacekeeperError, PluginError, RetryableError
from pacekeeper.http import BearerToken
from pacekeeper.privacy import (
    HashKey,
    code_text,
    create_hash_key,
    describe,
    guarded,
    keyed_hash,
    load_hash_key,
    plugin_border,
    scrub,
)

CANARY = "canary anna lee"


def plugin(source: str) -> Callable[..., object]:
    """The function `run` of a module that is not ours."""
    module = types.ModuleType("acme.client")
    exec(compile(source, "acme/client.py", "exec"), module.__dict__)  # noqa: S102  it is the code under test
    found = module.__dict__["run"]
    assert callable(found)
    return found  # type: ignore[no-any-return]


def crossing(run: Callable[..., object], *args: object) -> PacekeeperError:
    """What comes out of the border; its printed form, causes included, holds no canary."""
    with pytest.raises(PacekeeperError) as caught, plugin_border("ehr", "acme"):
        run(*args)
    printed = "".join(traceback.format_exception(caught.value))
    assert CANARY not in printed
    assert "anna" not in printed
    return caught.value


def test_a_new_secret_is_32_bytes_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "hash.key"
    key = create_hash_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(key.secret) == 32
    assert load_hash_key(path) == key
    assert key.key_id == hashlib.sha256(key.secret).hexdigest()[:8]
    assert key.secret.hex() not in repr(key)
    assert str(key.secret) not in repr(key)


def test_a_secret_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "hash.key"
    key = create_hash_key(path)
    with pytest.raises(ConfigError, match="never overwritten"):
        create_hash_key(path)
    assert load_hash_key(path) == key


def test_a_missing_secret_refuses_and_names_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pacekeeper init") as caught:
        load_hash_key(tmp_path / "hash.key")
    assert "restore" in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_secret_that_others_can_reach_refuses(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "hash.key"
    create_hash_key(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode 0{mode:o}.*chmod 600"):
        load_hash_key(path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_secret_of_another_length_refuses(tmp_path: Path, size: int) -> None:
    path = tmp_path / "hash.key"
    path.write_bytes(os.urandom(size))
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="32 bytes"):
        load_hash_key(path)


def test_a_keyed_hash_is_hmac_sha256_over_the_joined_parts() -> None:
    key = HashKey.of(bytes(32))
    expected = hmac.new(bytes(32), b"ehr\x1fclient\x1f1", hashlib.sha256).hexdigest()[:32]
    assert keyed_hash(key, "ehr", "client", "1") == expected
    assert keyed_hash(key, "ehr", "client1") != expected
    assert keyed_hash(HashKey.of(b"1" * 32), "ehr", "client", "1") != expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("read http://h/Patient/1?name=x now", "read <url> now"),
        ("to anna@example.org", "to <email>"),
        ("no row for 'Anna Lee'", "no row for <quoted>"),
        ("born 1970-01-02 id A12B", "born # id #"),
        ("Bearer abcdef rejected", "<credential> rejected"),
        ("key AbcdefghijklmnopqrstuvwxyZ", "key #"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_scrub_masks_what_may_identify(text: str, expected: str) -> None:
    assert scrub(text) == expected


def test_any_other_error_becomes_class_and_place() -> None:
    error = crossing(plugin("def run(name):\n    return {}[name]\n"), CANARY)
    assert type(error) is FatalError
    assert str(error) == "ehr: acme failed with KeyError at acme.client:2"


def test_an_error_inside_a_library_names_the_plugins_line_too() -> None:
    error = crossing(plugin("import json\ndef run(text):\n    json.loads(text)\n"), CANARY)
    assert "JSONDecodeError at json.decoder:" in str(error)
    assert "called from acme.client:3" in str(error)


def test_sys_exit_in_a_plugin_ends_only_the_plugin() -> None:
    error = crossing(plugin("import sys\ndef run(name):\n    sys.exit(name)\n"), CANARY)
    assert "failed with SystemExit" in str(error)


@pytest.mark.parametrize(
    "statement",
    [
        "raise RetryableError(f'page {name} of claims answered nothing')",
        "raise RetryableError('page %s of claims answered nothing' % name)",
        "raise RetryableError('page {} of claims answered nothing'.format(name))",
        "raise RetryableError('page ' + name + ' of claims answered nothing')",
    ],
    ids=["f-string", "percent", "format", "plus"],
)
def test_a_plugins_own_words_survive_and_its_data_does_not(statement: str) -> None:
    run = plugin(f"from pacekeeper.errors import RetryableError\ndef run(name):\n    {statement}\n")
    error = crossing(run, CANARY)
    assert type(error) is RetryableError
    assert str(error) == "ehr: acme raised RetryableError at acme.client:3: page … of claims answered nothing"


def test_an_error_that_is_all_data_keeps_only_its_class_and_place() -> None:
    run = plugin("from pacekeeper.errors import DataError\ndef run(name):\n    raise DataError(name)\n")
    error = crossing(run, CANARY)
    assert type(error) is DataError
    assert "no text that is safe to show" in str(error)


def test_a_plugins_subclass_of_our_error_becomes_our_class() -> None:
    run = plugin(
        "from pacekeeper.errors import DataError\n"
        "class Odd(DataError):\n    def __str__(self): return self.args[0]\n"
        "def run(name):\n    raise Odd(name)\n"
    )
    assert type(crossing(run, CANARY)) is DataError


def test_a_plugin_error_raised_by_a_plugin_is_rebuilt() -> None:
    run = plugin(
        "from pacekeeper.errors import PluginError\n"
        "def run(name):\n    raise PluginError(connector=name, reason=name, fix=name)\n"
    )
    error = crossing(run, CANARY)
    assert isinstance(error, PluginError)
    assert error.connector == "acme"


def test_chained_causes_and_notes_do_not_cross() -> None:
    run = plugin(
        "from pacekeeper.errors import FatalError\n"
        "def run(name):\n"
        "    try:\n        raise ValueError(name)\n"
        "    except ValueError as cause:\n"
        "        problem = FatalError('claims cannot be read')\n"
        "        problem.add_note(name)\n"
        "        raise problem from cause\n"
    )
    assert "claims cannot be read" in str(crossing(run, CANARY))


def test_our_own_texts_cross_whole() -> None:
    run = plugin(
        "from pacekeeper.http import BearerToken\nfrom pydantic import SecretStr\n"
        "def run():\n    return BearerToken(SecretStr(''))\n"
    )
    assert str(crossing(run)).startswith("the bearer token is empty, or holds a line break")
    assert BearerToken.__module__ == "pacekeeper.http_auth"


def test_a_note_that_a_plugin_adds_to_our_error_does_not_cross() -> None:
    run = plugin(
        "from pacekeeper.http import BearerToken\nfrom pydantic import SecretStr\n"
        "def run(name):\n"
        "    try:\n        BearerToken(SecretStr(''))\n"
        "    except Exception as problem:\n        problem.add_note(name)\n        raise\n"
    )
    assert "bearer token" in str(crossing(run, CANARY))


def test_nothing_happens_to_what_does_not_fail() -> None:
    with plugin_border("ehr", "acme"):
        value = 1
    assert value == 1


def test_a_guarded_iterator_translates_the_plugins_errors_and_not_the_consumers() -> None:
    def pages() -> Iterator[int]:
        yield 1
        raise KeyError(CANARY)

    found = guarded(pages(), source="ehr", connector="acme")
    assert next(found) == 1
    with pytest.raises(FatalError, match="KeyError"):
        next(found)
    with pytest.raises(ZeroDivisionError):
        [page / 0 for page in guarded(pages(), source="ehr", connector="acme")]


def test_describe_of_an_error_never_raised_is_its_class() -> None:
    assert describe(KeyError(CANARY)) == "KeyError"
    assert code_text(KeyError(CANARY)) == ""
