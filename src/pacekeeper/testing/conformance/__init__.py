"""The conformance suite: subclass `ConnectorSuite`, declare a corpus and how it is served, run pytest."""

from __future__ import annotations

from pacekeeper.testing.conformance.declared import Corpus, Folder, NoRow, Row, Server, local
from pacekeeper.testing.conformance.site import SOURCE, Night, Site
from pacekeeper.testing.conformance.suite import ConnectorSuite

__all__ = ["SOURCE", "ConnectorSuite", "Corpus", "Folder", "Night", "NoRow", "Row", "Server", "Site", "local"]
