"""What `import pacekeeper` gives, and costs."""

from __future__ import annotations

import subprocess
import sys

import pacekeeper
from pacekeeper import testing


def test_every_public_name_is_there_and_the_list_is_sorted() -> None:
    assert list(pacekeeper.__all__) == sorted(pacekeeper.__all__)
    assert [name for name in pacekeeper.__all__ if getattr(pacekeeper, name, None) is None] == []


def test_importing_the_sdk_loads_no_heavy_library() -> None:
    heavy = "pandas ibis dlt dagster pandera polars pyarrow duckdb httpx structlog sqlmodel"
    code = (
        "import sys, pacekeeper, pacekeeper.registry, pacekeeper.settings\n"
        f"print(*[name for name in '{heavy}'.split() if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_what_plugin_authors_test_with_is_there_and_importing_it_loads_nothing() -> None:
    assert [name for name in testing.__all__ if getattr(testing, name, None) is None] == []
    code = (
        "import sys, pacekeeper.testing\n"
        "print(*[name for name in 'pytest duckdb httpx pydantic_settings pacekeeper.testing.conformance'.split()"
        " if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
