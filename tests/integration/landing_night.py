"""One landing in a process of its own: `python -m tests.integration.landing_night <folder> <night>`, to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from pacekeeper.columns import Code, Key
from pacekeeper.stream import Page, Stream
from tests.landing_site import LandingSite, Row

STREAMS = (
    Stream("visit", {"id": Key("visit"), "state": Code()}, deletes="key_diff"),
    Stream("part", {"kind": Code()}, child_of="visit", explode="parts"),
    Stream("note", {"id": Key("note"), "kind": Code()}, deletes="key_diff"),
)


def pages(night: int) -> list[Page]:
    """Night 2 edits some visits, loses some, and brings the first notes; some of each night are rejected."""

    def visit(number: int) -> Row:
        state = "kept" if night == 2 and number % 3 == 0 else "booked"
        state = "no code, a sentence" if number % 50 == 7 else state
        return {"id": f"v{number}", "state": state, "parts": [{"kind": f"k{n}"} for n in range(number % 4)]}

    visits = [visit(number) for number in range(400) if not (night == 2 and number % 11 == 0)]
    notes = [{"id": f"n{number}", "kind": "phone"} for number in range(100)]
    return [Page("visit", visits), *([Page("note", notes)] if night == 2 else [])]


def site_in(folder: Path, night: int) -> LandingSite:
    site = LandingSite(folder, STREAMS)
    site.nights = night - 1
    return site


if __name__ == "__main__":
    site_in(Path(sys.argv[1]), int(sys.argv[2])).land(*pages(int(sys.argv[2])))
