"""Why a transaction set is not read."""

from __future__ import annotations


class SetFault(Exception):  # noqa: N818  a finding about a file, caught where the set is quarantined
    """A set breaks a rule. reason: lower_snake_case name of the rule; it holds nothing of the file."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
