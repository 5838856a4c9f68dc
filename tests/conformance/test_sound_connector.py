"""A sound connector passes every test of the suite, with none skipped."""

from __future__ import annotations

from tests.conformance.faulty.birch_suite import BirchSuite


class TestBirch(BirchSuite):
    """The suite of an invented EHR."""
