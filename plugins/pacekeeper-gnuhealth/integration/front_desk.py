"""Writes in GNU Health as its own client does: over JSON-RPC, as a user. Instants are UTC."""

from __future__ import annotations

import base64
from datetime import date, datetime
from typing import Any

import httpx

from hospital import ADMIN, DATABASE, Hospital


class FrontDesk:
    """A session of `admin`."""

    def __init__(self, hospital: Hospital) -> None:
        self._http = httpx.Client(base_url=hospital.url, timeout=60)
        number, session = self.call("common.db.login", ADMIN, {"password": hospital.password})
        token = base64.b64encode(f"{ADMIN}:{number}:{session}".encode()).decode()
        self._http.headers["Authorization"] = f"Session {token}"

    def call(self, method: str, *params: Any) -> Any:
        """The result of a method; an error is one of the test."""
        asked = {"id": 1, "method": method, "params": [_marked(param) for param in params]}
        answer = self._http.post(f"/{DATABASE}/", json=asked).raise_for_status().json()
        assert "result" in answer, answer
        return answer["result"]

    def create(self, model: str, *records: dict[str, Any]) -> list[int]:
        made: list[int] = self.call(f"model.{model}.create", list(records), {})
        return made

    def write(self, model: str, number: int, **changes: Any) -> None:
        self.call(f"model.{model}.write", [number], changes, {})

    def delete(self, model: str, number: int) -> None:
        self.call(f"model.{model}.delete", [number], {})

    def find(self, model: str, /, **equal: Any) -> int:
        """The one record with these values."""
        (found,) = self.call(
            f"model.{model}.search", [[name, "=", value] for name, value in equal.items()], 0, 2, None, {}
        )
        return int(found)

    def person(self, name: str, born: date, **more: Any) -> int:
        """A party; one by one, as GNU Health 5.0.6 doubles them in a list."""
        of = {"name": name, "lastname": "Example", "gender": "f", "dob": born, "is_person": True, "fed_country": "USA"}
        (made,) = self.create("party.party", {**of, **more})
        return made

    def reader(self, login: str, password: str) -> None:
        """A user who may read the calendar and evaluations besides what everybody may, and write nothing there."""
        rights = [
            {"model": self.find("ir.model", model=model), "perm_read": True}
            for model in ("gnuhealth.appointment", "gnuhealth.patient.evaluation")
        ]
        (group,) = self.create("res.group", {"name": "Pacekeeper", "model_access": [["create", rights]]})
        user = {"name": login, "login": login, "password": password, "groups": [["add", [group]]]}
        self.create("res.user", user)


def _marked(value: Any) -> Any:
    """A value as Tryton reads it in JSON."""
    if isinstance(value, dict):
        return {name: _marked(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_marked(inner) for inner in value]
    if isinstance(value, datetime):
        clock = {"hour": value.hour, "minute": value.minute, "second": value.second, "microsecond": 0}
        return {"__class__": "datetime", "year": value.year, "month": value.month, "day": value.day, **clock}
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    return value
