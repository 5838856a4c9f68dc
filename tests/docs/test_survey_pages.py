"""Every mapping file that the pages of the survey connectors show is one that the connectors accept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pacekeeper_connectors.limesurvey.site import load_site as load_limesurvey
from pacekeeper_connectors.redcap.site import load_site as load_redcap

PAGES = Path(__file__).resolve().parents[2] / "docs" / "connectors"


def blocks(page: str) -> list[str]:
    text = (PAGES / page).read_text(encoding="utf-8")
    found = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    return [block for block in found if "[sources." not in block]


@pytest.mark.parametrize("number", [0, 1], ids=["clients", "staff"])
def test_the_mapping_files_of_the_redcap_page_are_accepted(tmp_path: Path, number: int) -> None:
    file = tmp_path / "redcap.toml"
    file.write_text(blocks("redcap.md")[number])
    site = load_redcap(file)
    assert [measure.label for measure in site.known_measures] == ([] if number else ["phq9", "epds"])
    assert bool(site.known_staff) == bool(number)


def test_the_mapping_file_of_the_limesurvey_page_is_accepted(tmp_path: Path) -> None:
    (block,) = blocks("limesurvey.md")
    file = tmp_path / "limesurvey.toml"
    file.write_text(block)
    site = load_limesurvey(file)
    assert [measure.label for measure in site.known_measures] == ["s900001_phq9"]
    assert [staff.label for staff in site.known_staff] == ["s900002_staff"]
