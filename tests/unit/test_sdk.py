"""What `import pacekeeper` gives, and costs."""

from __future__ import annotations

import subprocess
import sys

import pacekeeper


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
