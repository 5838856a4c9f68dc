"""The version of the canonical contract."""

from __future__ import annotations

from typing import NamedTuple


class ContractVersion(NamedTuple):
    """major: raised when a table or column is removed or takes another form. minor: raised when something is added."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def parse_version(text: str) -> ContractVersion:
    """The version written as `1.1`."""
    major, _, minor = text.partition(".")
    return ContractVersion(int(major), int(minor))
