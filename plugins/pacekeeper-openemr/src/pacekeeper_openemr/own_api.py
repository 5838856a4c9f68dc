"""OpenEMR's own REST API (`/apis/<site>/api`), which answers in two ways: a bare list, or rows in an envelope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx
import orjson
from pacekeeper import DataError, SourceClient

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class OwnApi:
    """Reads lists. fhir_base: the source's FHIR base; this API lies beside it."""

    http: SourceClient
    source: str
    fhir_base: str

    def whole(self, name: str) -> list[Row]:
        """All rows of a list that cannot be paged (`appointment`: OpenEMR 7.0.2 ignores every parameter)."""
        return self._rows(name, self._get(name, {}))

    def pages(self, name: str, size: int) -> Iterator[list[Row]]:
        """Page after page of a list.

        `_limit=5` gives 6 rows, as OpenEMR looks ahead for a next page. The next page begins after `size` rows all the
        same, so that nothing is missed by a version that counts right; what comes twice is one record at the boundary.
        """
        offset, previous = 0, None
        while True:
            rows = self._rows(name, self._get(name, {"_limit": size, "_offset": offset}))
            if not rows:
                return
            if rows == previous:
                raise DataError(f"source {self.source}: {name} gives the same page twice; OpenEMR ignores _offset")
            yield rows
            if len(rows) > size + 1:  # it ignores _limit as well, and this was the whole list
                return
            offset, previous = offset + size, rows

    def _get(self, name: str, params: Mapping[str, int]) -> Any:  # Any: JSON
        base = httpx.URL(self.fhir_base.rstrip("/") + "/")
        response = self.http.exchange(f"../api/{name}", params or None, relative_to=base)
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise DataError(f"source {self.source}: {name} was answered with something that is not JSON") from None

    def _rows(self, name: str, answer: Any) -> list[Row]:
        """The rows of an answer; DataError where it holds errors, or is of neither form."""
        if isinstance(answer, Mapping):
            faults = {
                kind: len(found) for kind in ("validationErrors", "internalErrors") if (found := answer.get(kind))
            }
            if faults:
                raise DataError(f"source {self.source}: {name} was answered with errors instead of rows: {faults}")
            answer = answer.get("data")
        if not isinstance(answer, list) or not all(isinstance(row, Mapping) for row in answer):
            raise DataError(
                f"source {self.source}: {name} was answered with neither a list nor an envelope with `data`; "
                "does base_url end in /apis/<site>/fhir?"
            )
        return answer
