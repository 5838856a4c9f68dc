"""What the configured sources of a practice can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pacekeeper.capability.filled import NeverFilled, filled_by_sources, never_filled
from pacekeeper.capability.kept import kept_mapped
from pacekeeper.capability.mapped import Mapped
from pacekeeper.capability.measurable import Filled
from pacekeeper.errors import PacekeeperError

if TYPE_CHECKING:
    from pacekeeper.home import PracticeHome
    from pacekeeper.stream import Stream


@dataclass(frozen=True)
class PracticeCapability:
    """What every enabled source maps, and after a run what it has filled.

    broken: why a source cannot be asked, by source. filled: empty before the first run.
    never_filled: columns that are declared and empty in every record of this practice's servers.
    """

    sources: Mapping[str, Mapped]
    broken: Mapping[str, str] = field(default_factory=dict)
    filled: Mapping[str, Filled] = field(default_factory=dict)
    never_filled: Sequence[NeverFilled] = ()


def practice_capability(home: PracticeHome) -> PracticeCapability:
    """What the sources in the settings can tell. Asks no source, and opens the published copy only."""
    from pacekeeper.privacy import plugin_border

    sources: dict[str, Mapped] = {}
    streams: dict[str, Sequence[Stream]] = {}
    broken: dict[str, str] = {}
    for name, settings in home.sources.items():
        try:
            connector = home.connector(name)
            with plugin_border(name, connector.name):
                sources[name] = kept_mapped(home.plans_dir, connector, site_value_maps=settings.value_maps)
                streams[name] = tuple(connector.streams)
        except PacekeeperError as error:
            broken[name] = str(error)
    if not home.read_copy.exists():
        return PracticeCapability(sources, broken)
    with home.published.connect(read_only=True) as connection:
        filled = filled_by_sources(connection, sources)
        empty = [one for name, declared in streams.items() for one in never_filled(connection, name, declared)]
    return PracticeCapability(sources, broken, filled, empty)
