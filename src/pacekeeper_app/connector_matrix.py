"""The connector matrix, generated from the classes of the connectors that are installed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pacekeeper import registry
from pacekeeper.errors import PacekeeperError, PluginError
from pacekeeper.privacy import describe
from pacekeeper.stream import Stream
from pacekeeper_assets import MEASURE_NEEDS, NEEDS

if TYPE_CHECKING:
    from pacekeeper.capability import Finding, Mapped
    from pacekeeper.connector import Connector

_HEAD = """\
# Connectors

Generated from the connectors' classes; do not edit.

What each connector of this distribution can do. A guardrail is enabled *alone* where the connector maps everything it
needs, and *with others* where it maps a part and another source supplies the rest; `pacekeeper doctor` says the same of
the sources a practice has configured. Which columns each guardrail and measure needs stands in
`pacekeeper_assets.needs`. Guardrails: {guardrails}.
"""
_BY_SETTINGS = "as the source's settings say"


def connectors_markdown(distribution: str = "pacekeeper") -> str:
    """One row and one section per registered connector of a distribution."""
    rows, sections = [], []
    for entry in registry.available():
        if entry.distribution != distribution:
            continue
        try:
            row, section = _described(registry.load(entry.name))
        except PluginError as error:
            row, section = _broken(entry.name, error.reason)
        rows.append(row)
        sections += section
    table = [
        "| connector | entities | incremental | deletes | authentication | guardrails enabled alone |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    return "\n".join([_HEAD.format(guardrails=_codes(NEEDS)), *table, *sections])


def authentication(connector: type[Connector[Any]]) -> str:
    """How a connector proves itself: as it says, else by the secrets its settings name."""
    if connector.authentication:
        return ", ".join(connector.authentication)
    fields = connector.settings_type.model_fields
    secrets = [name for name, field in fields.items() if "SecretStr" in str(field.annotation)]
    return f"secret settings {_codes(secrets)}" if secrets else "none"


def _described(connector: type[Connector[Any]]) -> tuple[str, list[str]]:
    mapped = _mapped(connector)
    streams = connector.streams if isinstance(connector.streams, tuple | list) else ()
    alone, shared = _guardrails(mapped)
    entities = sorted(mapped.entities) if mapped is not None else []
    cells = [
        f"[`{connector.name}`](#{connector.name})",
        f"{len(entities)}" if mapped is not None else _BY_SETTINGS,
        _incremental(streams),
        _deletes(streams),
        authentication(connector),
        _codes(alone) if mapped is not None else _BY_SETTINGS,
    ]
    lines = [f"## {connector.name}", "", _first_line(connector), ""]
    lines += [f"- Entities: {_codes(entities) if mapped is not None else _BY_SETTINGS}."]
    if mapped is not None:
        lines += [f"- Guardrails alone: {_codes(alone) or 'none'}. With others: {_codes(shared) or 'none'}."]
        lines += _lacking(mapped, shared)
        lines += [f"- Measures of the marts alone: {_measures(mapped)}."]
    lines += [f"- Incremental: {_incremental_streams(streams)}."]
    lines += [f"- Known limits:{_sentences(connector.known_limits)}"]
    skips = [f"  - `{test}`: {reason}" for test, reason in sorted(connector.conformance_skips.items())]
    lines += ["- Conformance tests skipped:", *skips] if skips else ["- Conformance tests skipped: none."]
    return f"| {' | '.join(cells)} |", [*lines, ""]


def _broken(name: str, reason: str) -> tuple[str, list[str]]:
    return f"| `{name}` | cannot be loaded: {reason} | | | | |", []


def _mapped(connector: type[Connector[Any]]) -> Mapped | None:
    from pacekeeper.capability import mapped_by_class

    try:
        return mapped_by_class(connector)
    except PacekeeperError:
        raise
    except Exception as error:  # noqa: BLE001 - a mapping is code of a plugin
        raise PluginError(
            connector=connector.name,
            reason=f"its mappings cannot be evaluated: {describe(error)}",
            fix="evaluate them against empty raw tables, as the conformance suite does",
        ) from None


def _guardrails(mapped: Mapped | None) -> tuple[list[str], list[str]]:
    """Guardrails that a connector supports alone, and those of which it supplies a part."""
    if mapped is None:
        return [], []
    found = _findings(NEEDS, mapped)
    alone = [one.name for one in found if one.state == "measurable"]
    shared = [
        one.name
        for one in found
        if one.state != "measurable" and any(set(g) & set(mapped.entities) for g in NEEDS[one.name].required_entities)
    ]
    return alone, shared


def _lacking(mapped: Mapped, shared: list[str]) -> list[str]:
    """What other sources would have to supply, by guardrail."""
    found = {one.name: one for one in _findings(NEEDS, mapped)}
    return [
        f"  - `{name}` lacks {'; '.join(f'{_or(one.entities)} ({one.kind})' for one in found[name].missing)}"
        for name in shared
    ]


def _or(names: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def _findings(needs: Any, mapped: Mapped) -> list[Finding]:  # Any: needs by name
    from pacekeeper.capability import findings

    return list(findings(needs, {"it": mapped}).values())


def _measures(mapped: Mapped) -> str:
    found = _findings(MEASURE_NEEDS, mapped)
    able = [one.name for one in found if one.state == "measurable"]
    if len(able) == len(found):
        return f"all {len(found)}"
    lacking = [one.name for one in found if one.state != "measurable"]
    if not able:
        return "none"
    named, word = (lacking, "all but") if len(lacking) < len(able) else (able, "")
    return f"{len(able)} of {len(found)}: {word} {_codes(named)}".replace(":  ", ": ")


def _incremental(streams: Sequence[Stream]) -> str:
    roots = [stream for stream in streams if stream.child_of is None]
    if not roots:
        return _BY_SETTINGS
    able = sum(stream.cursor is not None for stream in roots)
    return "no" if not able else f"{able} of {len(roots)} streams"


def _incremental_streams(streams: Sequence[Stream]) -> str:
    if not streams:
        return _BY_SETTINGS
    groups: dict[str, list[str]] = {}
    for stream in streams:
        if stream.cursor is not None:
            groups.setdefault(f"by `{stream.cursor}`, {_lag(stream)}", []).append(stream.name)
    told = [f"{_codes(names)} {how}" for how, names in groups.items()]
    return "; ".join(told) or "no, every read is one of everything"


def _lag(stream: Stream) -> str:
    minutes = round(stream.lag.total_seconds() / 60)
    if not minutes:
        return "without reaching back"
    for unit, size in (("days", 1440), ("hours", 60), ("minutes", 1)):
        if minutes % size == 0 and minutes >= 2 * size:
            return f"reaching {minutes // size} {unit} back"
    return f"reaching {minutes} minutes back"


def _deletes(streams: Sequence[Stream]) -> str:
    kinds = Counter(stream.deletes for stream in streams if stream.child_of is None)
    if not kinds:
        return _BY_SETTINGS
    return next(iter(kinds)) if len(kinds) == 1 else ", ".join(f"{kind} ({n})" for kind, n in sorted(kinds.items()))


def _first_line(connector: type[Connector[Any]]) -> str:
    return (connector.__doc__ or "").strip().partition("\n")[0]


def _sentences(texts: Sequence[str]) -> str:
    return " none stated." if not texts else "\n" + "\n".join(f"  - {text}" for text in texts)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
