"""What a chart is, before Superset: figures of one view, with definition, window and how many are not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["line", "bar", "share", "heat", "table"]
PER_CENT, WHOLE, ONE_DECIMAL, DOLLARS = ".0%", ",d", ",.1f", "$,.0f"


@dataclass(frozen=True)
class Figure:
    """A number over rows of a view. label: what it is called in legend and head. format: of D3."""

    label: str
    sql: str
    format: str = WHOLE


@dataclass(frozen=True)
class Gap:
    """How much of a chart is missing, over the same rows. unknown, of, hidden: SQL. words: what is counted.

    hidden: how many statistics are left out because they are about too few; null = the chart has no such.
    """

    unknown: str
    of: str
    words: str
    hidden: str | None = None


@dataclass(frozen=True)
class Chart:
    """Figures of one view. name: stays the same when the title changes.

    x: column of the horizontal axis, a date but in `heat`; null in a table. by: columns that tell series or rows apart.
    period: column of dates that the page's time filter and the window go by; null = the view has none.
    where: SQL condition on rows; having: on what the figures are computed of.
    """

    name: str
    title: str
    view: str
    kind: Kind
    definition: str
    figures: tuple[Figure, ...]
    gap: Gap
    period: str | None
    x: str | None = None
    by: tuple[str, ...] = ()
    where: str | None = None
    having: str | None = None
    is_monthly: bool = False
    is_wide: bool = False


@dataclass(frozen=True)
class Board:
    """A dashboard. about: what it is for, in a sentence."""

    name: str
    title: str
    about: str
    charts: tuple[Chart, ...]
