"""The base class of a connector's conformance tests."""

from __future__ import annotations

from pacekeeper.testing.conformance.declaration_tests import DeclarationTests
from pacekeeper.testing.conformance.fault_tests import FaultTests
from pacekeeper.testing.conformance.landing_tests import LandingTests
from pacekeeper.testing.conformance.mapping_tests import MappingTests
from pacekeeper.testing.conformance.read_tests import ReadTests


class ConnectorSuite(DeclarationTests, ReadTests, FaultTests, LandingTests, MappingTests):
    """Every claim a connector has to keep; what to declare is said in `Declarations`.

    A test that does not apply to a connector is named in the connector's `conformance_skips`, with the reason;
    `pacekeeper connectors` shows it.
    """
