"""The picture of the architecture: `python -m pacekeeper_app.architecture` draws it with Graphviz' `dot`."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from pathlib import Path

from pacekeeper import registry
from pacekeeper.contract import ENTITIES
from pacekeeper_assets import CATALOGUE

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "architecture.svg"

_DOT = """\
digraph pacekeeper {{
  rankdir=TB; nodesep=0.3; ranksep=0.35; bgcolor=white; fontname="sans-serif"; margin=0.2;
  node [shape=box, style="rounded,filled", fillcolor="#eef3f8", color="#54708c", fontname="sans-serif", fontsize=12];
  edge [color="#54708c", fontname="sans-serif", fontsize=10];
  sources [label="Source systems\\nEHR, HR, schedule,\\nbilling, surveys", fillcolor="#ffffff"];
  connectors [label="Connectors\\n{connectors}\\nand plugins"];
  raw [label="Raw\\nimmutable versions"];
  canonical [label="Canonical\\n{entities} entities,\\none contract"];
  {{
    node [fillcolor="#fdf1dc", color="#a06a12"];
    boundary [label="Boundary\\ndeclared columns only,\\nidentifiers become keyed hashes"];
    quarantine [label="Quarantine\\nrows with a reason,\\nwithout their values"];
  }}
  marts [label="Marts\\n{marts} tables"];
  policy [label="Policy\\nthe practice's own values,\\neach from a date on", fillcolor="#ffffff"];
  verdicts [label="Verdicts\\n{guardrails} guardrails:\\npass, warn, breach,\\nexempt, unknown"];
  readers [label="Readers' copies\\nswapped in whole"];
  people [label="Dashboards, alerts,\\ncommand line", fillcolor="#ffffff"];
  sources -> connectors -> boundary -> raw -> canonical -> marts -> verdicts -> readers -> people;
  boundary -> quarantine [style=dashed];
  canonical -> quarantine [style=dashed];
  policy -> verdicts;
  {{ rank=same; raw; quarantine }}
  {{ rank=same; marts; policy }}
}}
"""


def architecture_dot() -> str:
    """The picture as Graphviz reads it."""
    own = [entry.name for entry in registry.available() if entry.distribution == "pacekeeper"]
    rows = [", ".join(own[start : start + 3]) for start in range(0, len(own), 3)]
    return _DOT.format(
        connectors=",\\n".join(rows),
        entities=len(ENTITIES),
        marts=len(CATALOGUE.marts),
        guardrails=len(CATALOGUE.guardrails),
    )


def drawn_from(dot: str) -> str:
    """The line of a picture that says what it was drawn from."""
    return f"<!-- drawn from {sha256(dot.encode()).hexdigest()} -->"


def draw() -> None:
    """Write the picture. Needs `dot` on the path."""
    dot = architecture_dot()
    svg = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True, check=True).stdout  # noqa: S607 - wherever the system has it
    PICTURE.write_text(f"{svg.rstrip()}\n{drawn_from(dot)}\n", encoding="utf-8")


if __name__ == "__main__":
    draw()
