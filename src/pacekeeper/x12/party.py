"""A subscriber or patient of a claim, by what tells one from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pacekeeper.x12.values import Elements, element, member_number


@dataclass
class Party:
    """is_current: its NM1 has come, so that an address that follows is its own. is_told: its record is handed over."""

    member: str = ""
    given_name: str = ""
    birth_date: str = ""
    postal_code: str = ""
    is_current: bool = False
    is_told: bool = False

    def name(self, nm1: Elements) -> None:
        """Take the identity of an NM1 segment in."""
        self.is_current = True
        self.given_name = element(nm1, 4).casefold()
        self.member = member_number(nm1)

    def identity(self, subscriber: Party) -> str | None:
        """What the client's key is made of: the member number; for a dependent, birth date and given name beside it.

        A family shares one number. Null where there is no number, or nothing that tells a dependent from the others.
        """
        if not subscriber.member:
            return None
        if self is subscriber:
            return subscriber.member
        if not self.birth_date and not self.given_name:
            return None
        return f"{subscriber.member}|{self.birth_date}|{self.given_name}"

    def record(self, *, is_subscriber: bool, of: Party) -> dict[str, Any]:
        """The record of a client. member: only the subscriber's own, because a dependent shares it."""
        return {
            "id": self.identity(of),
            "member": self.member if is_subscriber else None,
            "birth_date": self.birth_date,
            "postal_code": self.postal_code,
        }
