"""What mappings fill is found out once, and anew when anything it follows from changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pacekeeper.capability.kept import kept_mapped
from pacekeeper.capability.mapped import Mapped, mapped_by_source
from pacekeeper.connector import Connector, SourceContext
from pacekeeper_connectors.x12 import X12
from pacekeeper_connectors.x12.connector import X12Settings


@pytest.fixture
def found_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for every time that expressions are read."""
    calls: list[str] = []

    def counted(connector: Connector[Any], **over: Any) -> Mapped:
        calls.append(connector.name)
        return mapped_by_source(connector, **over)

    monkeypatch.setattr("pacekeeper.capability.kept.mapped_by_source", counted)
    return calls


@pytest.fixture
def billing(tmp_path: Path) -> X12:
    (tmp_path / "in").mkdir()
    context = SourceContext(source="billing", default_tz=None, clock=lambda: datetime(2026, 4, 6, tzinfo=UTC))
    return X12(X12Settings(folder=tmp_path / "in"), context)


def test_what_comes_from_disk_is_what_was_found_out(tmp_path: Path, billing: X12, found_out: list[str]) -> None:
    first = kept_mapped(tmp_path, billing, site_value_maps={})
    assert kept_mapped(tmp_path, billing, site_value_maps={}) == first
    assert first.fills("remit", "remit_key")
    assert found_out == ["x12"]


def test_other_value_maps_are_found_out_anew(tmp_path: Path, billing: X12, found_out: list[str]) -> None:
    kept_mapped(tmp_path, billing, site_value_maps={})
    kept_mapped(tmp_path, billing, site_value_maps={"payer_class": {"CI": "commercial"}})
    assert len(found_out) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"entities": {"remit": {"remit_key": 1}}, "value_maps": []}'])
def test_a_damaged_file_is_found_out_anew(tmp_path: Path, billing: X12, found_out: list[str], text: str) -> None:
    first = kept_mapped(tmp_path, billing, site_value_maps={})
    (file,) = tmp_path.glob("capability-*.json")
    file.write_text(text)
    assert kept_mapped(tmp_path, billing, site_value_maps={}) == first
    assert len(found_out) == 2
