"""What the readers hand over; plain tuples, because there is one for every claim."""

from __future__ import annotations

from typing import Any, TypeAlias

#: One record: which stream it is of, and its fields, texts and lists of rows; identifiers in the clear.
Record: TypeAlias = tuple[str, dict[str, Any]]  # Any: texts, numbers, and lists of such rows
#: One record as a JSON object in UTF-8, behind its stream.
Document: TypeAlias = tuple[str, bytes]
