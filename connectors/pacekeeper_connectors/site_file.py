"""Reading a file in which a site describes its source; all its faults are told at once, with what would be right."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from pacekeeper.errors import ConfigError

M = TypeVar("M", bound=BaseModel)
#: A choice between two forms adds the name of the form to the place of a fault: it is no key of the file.
_FORM = re.compile(r"literal\[.*|[A-Z]\w*Spec")


class Section(BaseModel):
    """A table of a site's file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def file_marks(files: Iterable[Path]) -> list[tuple[str, int, int, int]]:
    """What tells files from what they may become: path, size, when content and entry were last written (ns)."""
    facts = [(str(path), path.stat()) for path in files]
    return [(name, found.st_size, found.st_mtime_ns, found.st_ctime_ns) for name, found in facts]


def load_site_file(path: Path, model: type[M], *, page: str, faults: Callable[[M], Iterable[str]]) -> M:
    """The file at `path` as `model`; ConfigError that names every fault.

    page: where its format is described. faults: what is wrong with a file whose keys and types are right.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"mapping file {path} does not exist: create it ({page} has an example), or set `mapping` in the source's "
            "settings"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"mapping file {path} cannot be read as TOML: {error}") from None
    try:
        found = model.model_validate(content)
    except ValidationError as error:
        told = [_fault(detail, model) for detail in error.errors(include_url=False, include_input=False)]
    else:
        told = list(faults(found))
        if not told:
            return found
    raise ConfigError(f"mapping file {path}: " + "; ".join(dict.fromkeys(told)))


def nearest(given: str, known: Sequence[str]) -> str:
    """`'phq9_1', or another one of ...`: what a name that is not known may have been meant to be."""
    close = difflib.get_close_matches(given, known, n=1)
    hint = f"{close[0]!r}, or another " if close else ""
    shown = sorted(known)[:30]
    rest = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
    return f"{hint}one of {', '.join(shown) or 'none: there are none'}{rest}"


def _fault(detail: ErrorDetails, model: type[BaseModel]) -> str:
    path = [str(part) for part in detail["loc"] if not _FORM.fullmatch(str(part))]
    *section, key = path or ["the file"]
    place = f"{key} in [{'.'.join(section)}]" if section else f"[{key}]"
    if detail["type"] == "missing":
        return f"{place} is missing"
    if detail["type"] == "extra_forbidden":
        known = _keys(model, section)
        return f"{place} is not a known key; it should be {nearest(key, known)}" if known else f"{place} is not known"
    return f"{place}: {detail['msg'].removeprefix('Value error, ')}"


def _keys(model: type[BaseModel], section: Sequence[str]) -> list[str]:
    """The keys of the table that a path leads to; empty where it leads to none."""
    found: type[BaseModel] | None = model
    waiting = False
    for part in section:
        if waiting:
            waiting = False
            continue
        field = found.model_fields.get(part) if found is not None else None
        if field is None:
            return []
        found, waiting = _table_of(field.annotation)
    return list(found.model_fields) if found is not None else []


def _table_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:  # Any: a type annotation
    """The model of a table, and whether a name or number comes before it (`dict[str, Model]`, `tuple[Model, ...]`)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) in {dict, tuple}:
        inner = get_args(annotation)[0 if get_origin(annotation) is tuple else 1]
        return _table_of(inner)[0], True
    if get_origin(annotation) in {Union, UnionType}:
        for choice in get_args(annotation):
            found = _table_of(choice)
            if found[0] is not None:
                return found
    return None, False
