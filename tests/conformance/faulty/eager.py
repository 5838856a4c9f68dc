"""A connector whose module loads an engine when it is imported."""

from __future__ import annotations

from importlib import import_module

from tests.conformance.faulty.birch import Birch

import_module("dlt")


class Eager(Birch):
    name = "eager"
