"""A sound connector passes every test of the suite, with none skipped, and pytest has nothing to say about it."""

from __future__ import annotations

import pytest

from tests.conformance.faulty.birch_suite import BirchSuite


@pytest.mark.filterwarnings("error::pytest.PytestWarning")
class TestBirch(BirchSuite):
    """The suite of an invented EHR."""
