"""What the tests of site files share: a file with one thing changed, and what a person reads then."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pacekeeper.errors import ConfigError


def fault_of(load: Callable[[Path], object], path: Path, text: str) -> str:
    """The message with which the file is refused; it names the file."""
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert path.name in str(raised.value)
    return str(raised.value)


def assert_told(
    load: Callable[[Path], object], path: Path, sample: str, *, before: str, after: str, expected: str
) -> None:
    """The sample with `after` in the place of `before` is refused in words that `expected`, a pattern, is found in."""
    assert before in sample
    told = fault_of(load, path, sample.replace(before, after))
    assert re.search(expected, told), told
