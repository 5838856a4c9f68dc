"""What a terminal shows of a subject is enough to find it again."""

from __future__ import annotations

import pytest

from pacekeeper_app.cli.console import short_subject

KEY = "3f9a" * 8


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (KEY, KEY[:12]),
        (f"derived:safety_item:{KEY}", f"derived:safety_item:{KEY[:12]}"),
        ("practice", "practice"),
        ("commercial_payer", "commercial_payer"),
    ],
)
def test_keys_are_cut_and_names_are_not(subject: str, shown: str) -> None:
    assert short_subject(subject) == shown
    assert subject.startswith(shown)
