"""A source's own settings, read by its connector's settings type."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pacekeeper.errors import ConfigError
from pacekeeper.settings_problem import problem_lines

M = TypeVar("M", bound=BaseModel)


def validated_options(
    settings_type: type[M], *, source: str, options: Mapping[str, Any], file: Path | None, shared: Collection[str] = ()
) -> M:
    """The options as `settings_type`; ConfigError with one line per fault, which names no value.

    shared: names that stand in the same table and are not the connector's.

    A list or table may be given as JSON text, the only way an environment variable can hold one.
    """
    try:
        return settings_type.model_validate(dict(options))
    except ValidationError as error:
        first = error
    decoded = _decoded(options, {str(detail["loc"][0]) for detail in first.errors() if detail["loc"]})
    try:
        if decoded:
            return settings_type.model_validate({**options, **decoded})
    except ValidationError as error:
        first = error
    lines = problem_lines(first, file=file, model=settings_type, prefix=("sources", source), shared=shared)
    raise ConfigError(f"source {source}: " + "; ".join(lines))


def _decoded(options: Mapping[str, Any], faulty: set[str]) -> dict[str, Any]:
    found = {}
    for name in faulty & set(options):
        text = options[name]
        if isinstance(text, str) and text.lstrip().startswith(("[", "{")):
            try:
                found[name] = json.loads(text)
            except ValueError:
                continue
    return found
