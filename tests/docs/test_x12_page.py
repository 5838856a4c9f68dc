"""The page about X12 files names every reason for which the code refuses something."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REASON = re.compile(r'(?:SetFault|Faulty|broken_off|required|_rejected)\((?:[^()"]|\([^()]*\))*"([a-z_]+)"')
CHOSEN = re.compile(r'"([a-z_]+)" if |else "([a-z_]+)"')


def test_every_reason_is_on_the_page() -> None:
    text = (ROOT / "docs" / "connectors" / "x12.md").read_text(encoding="utf-8")
    found: set[str] = set()
    for folder in ("src/pacekeeper/x12", "connectors/pacekeeper_connectors/x12"):
        for module in (ROOT / folder).glob("*.py"):
            source = module.read_text(encoding="utf-8")
            found |= set(REASON.findall(source))
            lines = [line for line in source.splitlines() if "SetFault(" in line or "reason =" in line]
            found |= {one for line in lines for pair in CHOSEN.findall(line) for one in pair if one}
    assert len(found) > 20
    assert {reason for reason in found if f"`{reason}`" not in text} == set()
