"""The conformance suite: subclass `ConnectorSuite`, declare a corpus and how it is served, run pytest."""

from __future__ import annotations

from pacekeeper.testing.conformance.declared import Folder, NoRow, Row, Server, local
from pacekeeper.testing.conformance.suite import ConnectorSuite

__all__ = ["ConnectorSuite", "Folder", "NoRow", "Row", "Server", "local"]
