"""A live look at a source through the real boundary and the real mappings, of which nothing is kept."""

from __future__ import annotations

from pacekeeper.probe.finding import CodeCount, CursorFinding, Probe, StreamFinding
from pacekeeper.probe.run import probe_source

__all__ = ["CodeCount", "CursorFinding", "Probe", "StreamFinding", "probe_source"]
