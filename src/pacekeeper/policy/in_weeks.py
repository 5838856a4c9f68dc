"""A policy as tables to join weeks and people with: layers, and the version in force."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from pacekeeper.policy.layers import Layer
    from pacekeeper.policy.model import Policy


def layer_rows(policy: Policy) -> pa.Table:
    """One row per layer, guardrail and threshold, and one per layer and guardrail it exempts from.

    kind, match: whom it is for; of kind `tenure`, month_from and month_to (both included, null month_to = and later),
    which are null for every other kind. rank: of the rows that apply to a person, week, guardrail and key, the highest
    wins; of the exempting ones, any one exempts. from_date, until_date: it holds in weeks whose first local day is on
    or between them; null = without such a limit. key, value: the threshold, in the guardrail's unit; of kinds before
    `tenure` for a full-time person. Both null where is_exempt. provenance: of the value; of an exemption, the layer.
    layer: its name for people.
    """
    import pyarrow as pa

    columns: list[tuple[str, pa.DataType]] = [
        ("kind", pa.string()),
        ("rank", pa.int64()),
        ("match", pa.string()),
        ("month_from", pa.int64()),
        ("month_to", pa.int64()),
        ("from_date", pa.date32()),
        ("until_date", pa.date32()),
        ("guardrail_id", pa.string()),
        ("key", pa.string()),
        ("value", pa.float64()),
        ("is_exempt", pa.bool_()),
        ("provenance", pa.string()),
        ("layer", pa.string()),
    ]
    rows = [row for rank, layer in enumerate(policy.layers, start=1) for row in _rows(layer, rank)]
    return pa.Table.from_pylist(rows, schema=pa.schema(columns))


def version_rows(policy: Policy) -> pa.Table:
    """One row per span of days in which the same version holds, oldest first; every day is in exactly one.

    from_date, until_date: weeks whose first local day is on or between them; null = without such a limit.
    policy_version: `Policy.version_on` of these weeks.
    """
    import pyarrow as pa

    begins = {revision.effective_from for revision in policy.revisions[1:]}
    begins |= {layer.effective_from for layer in policy.layers if layer.effective_from is not None}
    begins |= {layer.expires + timedelta(days=1) for layer in policy.layers if layer.expires is not None}
    starts = [None, *sorted(begins)]
    ends = [*(start - timedelta(days=1) for start in sorted(begins)), None]
    rows = [
        {"from_date": start, "until_date": end, "policy_version": policy.version_on(start or date.min)}
        for start, end in zip(starts, ends, strict=True)
    ]
    columns: list[tuple[str, pa.DataType]] = [
        ("from_date", pa.date32()),
        ("until_date", pa.date32()),
        ("policy_version", pa.string()),
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(columns))


def _rows(layer: Layer, rank: int) -> list[dict[str, Any]]:  # Any: column values of several types
    common = {
        "kind": layer.kind,
        "rank": rank,
        "match": layer.match,
        "month_from": layer.first_month,
        "month_to": layer.last_month,
        "from_date": layer.effective_from,
        "until_date": layer.expires,
        "layer": layer.label,
    }
    values: list[dict[str, Any]] = [
        {
            "guardrail_id": name,
            "key": key,
            "value": entry.value,
            "is_exempt": False,
            "provenance": entry.provenance,
        }
        for name, entries in layer.thresholds.items()
        for key, entry in entries.items()
    ]
    exempt: list[dict[str, Any]] = [
        {"guardrail_id": name, "key": None, "value": None, "is_exempt": True, "provenance": layer.label}
        for name in layer.exempt
    ]
    return [{**common, **row} for row in [*values, *exempt]]
