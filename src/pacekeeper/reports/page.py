"""HTML of a page: one file, nothing fetched, the same bytes for the same night."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pacekeeper.reports.words import STATE_NAMES, STATE_SIGNS, STATES

if TYPE_CHECKING:
    import jinja2


def render(template: str, **values: Any) -> str:  # Any: a template takes values of several types
    """The page. Every text is escaped; only drawings, which charts.py makes, go in as they are."""
    return (
        _environment()
        .get_template(f"{template}.html.j2")
        .render(**values, states=STATES, state_names=STATE_NAMES, state_signs=STATE_SIGNS)
    )


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("pacekeeper.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
