"""Canaries: strings that may come out nowhere, planted wherever a source can hold something about a person."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pacekeeper.testing._files import to_csv
from pacekeeper.testing._resources import NPI_SYSTEM, Resource
from pacekeeper.testing.practice import Practice

#: Elements whose value steers how a record is read; they keep it, but for the few records that slip.
_STEERING = frozenset(
    {
        "availableEndTime",
        "availableStartTime",
        "code",
        "daysOfWeek",
        "mode",
        "status",
        "use",
        "valueCode",
        "versionId",
    }
)
_FIXED = frozenset({"resourceType", "system", "url", "lastUpdated"})
_MOMENT = re.compile(r"\d{4}-\d\d(-\d\d)?(T.*)?|\d\d:\d\d(:\d\d)?")
#: What each column of a CSV file holds: `id:<name>` an identifier shared by that name, `text` or `typed`.
_COLUMNS = {
    "employees.csv": {
        "employee_id": "id:employee",
        "npi": "id:npi",
        "email": "id:email",
        **dict.fromkeys(("first_name", "last_name", "home_address", "phone"), "text"),
    },
    "pto.csv": {"entry_id": "id:entry", "employee_id": "id:employee"},
    "schedule_blocks.csv": {"block_id": "id:block", "staff_npi": "id:npi", "employee_id": "id:employee"},
}


def plant(practice: Practice) -> set[str]:
    """Put canaries into every text of every resource and CSV row, in place; returns them.

    A canary belongs to a field (type and path), and starts with CANARY. Ids and the references to them change
    alike, as do NPI, e-mail and employee number in all sources, so that everything still joins. Every resource gains
    undeclared elements with free text, every CSV file a column of it. Codes, statuses, dates and numbers keep their
    value, except in one record per field, where free text with a canary has slipped in: such a record is rejected
    or loses that value, so counts and planted verdicts no longer hold.
    """
    planter = _Planter()
    for kind, resources in practice.resources.items():
        slipped: set[str] = set()
        practice.resources[kind] = [planter.resource(kind, number, r, slipped) for number, r in enumerate(resources)]
    for name, text in practice.files.items():
        practice.files[name] = planter.table(name, text)
    return planter.planted


@dataclass
class _Planter:
    planted: set[str] = field(default_factory=set)
    _made: dict[str, str] = field(default_factory=dict)

    def canary(self, where: str) -> str:
        """The canary of a field; equal for equal names."""
        if where not in self._made:
            self._made[where] = "CANARY" + hashlib.sha256(where.encode()).hexdigest()[:12]
            self.planted.add(self._made[where])
        return self._made[where]

    def slip(self, where: str) -> str:
        """Free text, as a person types it into the wrong box."""
        return f"{self.canary('slipped ' + where)}'s mother called, won't come; call back!"

    def identifier(self, name: str, value: str) -> str:
        """An identifier with its canary; empty stays empty."""
        if not value:
            return value
        return f"{self.canary(name)}.{value}" if name == "email" else value + self.canary(name)

    def resource(self, kind: str, number: int, resource: Resource, slipped: set[str]) -> Resource:
        """A copy with canaries. `slipped` remembers which fields of this type have slipped once."""
        # One slip per record, spread out, so that one rejected record does not hide the next field's.
        may_slip = number % 7 == 3
        state = {"left": 1 if may_slip else 0}

        def typed(path: str, value: Any) -> Any:  # Any: a JSON scalar
            if state["left"] and path not in slipped:
                state["left"] = 0
                slipped.add(path)
                return self.slip(path)
            return value

        changed: Resource = self._walk(kind, kind, resource, typed)
        changed["text"] = {"status": "generated", "div": f"<div>{self.canary(kind + '.text.div')}</div>"}
        changed["note"] = [{"text": self.canary(kind + ".note.text")}]
        changed["comment"] = self.canary(kind + ".comment")
        changed["description"] = self.canary(kind + ".description")
        changed.setdefault("extension", [])
        changed["extension"] = [
            *changed["extension"],
            {"url": "urn:riverbend:remark", "valueString": self.canary(kind + ".extension.valueString")},
        ]
        return changed

    def _walk(self, kind: str, path: str, value: Any, typed: Callable[[str, Any], Any]) -> Any:  # Any: JSON
        if isinstance(value, dict):
            made = {name: self._field(kind, f"{path}.{name}", name, v, value, typed) for name, v in value.items()}
            if "system" in value and "code" in value:
                made["display"] = self.canary(f"{path}.display")
            if "coding" in value:
                made["text"] = self.canary(f"{path}.text")
            if "reference" in value:
                made["display"] = self.canary(f"{path}.display")
            return made
        if isinstance(value, list):
            return [self._walk(kind, path, one, typed) for one in value]
        if isinstance(value, str) and path.rpartition(".")[2] not in _STEERING:
            return f"{value} {self.canary(path)}"
        return typed(path, value)

    def _field(
        self, kind: str, path: str, name: str, value: Any, owner: dict[str, Any], typed: Callable[[str, Any], Any]
    ) -> Any:
        if not isinstance(value, str) or name in _FIXED:
            return value if name in _FIXED else self._walk(kind, path, value, typed)
        if name == "id":
            return f"{value}-{self.canary(kind + '.id')}"
        if name == "reference":
            target, _, identity = value.partition("/")
            return f"{target}/{identity}-{self.canary(target + '.id')}"
        if name in _STEERING or _MOMENT.fullmatch(value):
            return typed(path, value)
        if name == "value" and owner.get("system") == NPI_SYSTEM:
            return self.identifier("npi", value)
        if name == "value" and owner.get("system") == "email":
            return self.identifier("email", value)
        return f"{value} {self.canary(path)}"

    def table(self, name: str, text: str) -> str:
        """CSV text with canaries, and a column `remarks` more."""
        header, *rows = list(csv.reader(io.StringIO(text)))
        kinds = _COLUMNS.get(name, {})
        slips = {column: 3 + 2 * place for place, column in enumerate(c for c in header if c not in kinds)}
        made = []
        for number, row in enumerate(rows):
            cells = [
                self._cell(name, column, kinds.get(column, "typed"), cell, slip=slips.get(column) == number)
                for column, cell in zip(header, row, strict=True)
            ]
            made.append([*cells, self.canary(f"{name}.remarks")])
        return to_csv([*header, "remarks"], made)

    def _cell(self, name: str, column: str, kind: str, value: str, *, slip: bool) -> str:
        if kind.startswith("id:"):
            return self.identifier(kind.removeprefix("id:"), value)
        if kind == "text":
            return f"{value} {self.canary(f'{name}.{column}')}"
        return self.slip(f"{name}.{column}") if slip else value
