"""Bring a bundle into a running Superset: what its import knows, and the rules on rows, which it does not."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from pydantic import SecretStr

from pacekeeper.errors import ConfigError
from pacekeeper.superset.ids import DATABASE
from pacekeeper.superset.row_rules import ADMIN, NOTHING

_SECONDS = 120
_PAGE = "(page_size:1000)"


@dataclass(frozen=True)
class Loaded:
    """How many there are of each after loading."""

    dashboards: int
    rules: int
    roles: int


def load_bundle(
    file: Path, address: str, *, user: str, password: SecretStr, database_password: SecretStr | None = None
) -> Loaded:
    """Import the zip over what an earlier one made, and make roles and rules those of the access matrix.

    database_password: of the login in the zip's database; null = it has one already, or needs none.
    Raises ConfigError where Superset refuses.
    """
    with zipfile.ZipFile(file) as archive:
        root = archive.namelist()[0].split("/")[0]
        rules = yaml.safe_load(archive.read(f"{root}/row_rules.yaml"))["rules"]
        count = sum(name.startswith(f"{root}/dashboards/") for name in archive.namelist())
    with httpx.Client(base_url=address.rstrip("/") + "/api/v1", timeout=_SECONDS) as http:
        superset = _Superset(http)
        superset.log_in(user, password)
        secrets = {} if database_password is None else {f"databases/{DATABASE}.yaml": database_password}
        superset.import_assets(file, secrets)
        datasets = superset.datasets()
        roles = superset.roles(sorted({role for rule in rules for role in rule["roles"]} - {ADMIN}))
        superset.keep_rules(rules, datasets, roles)
        superset.grant(rules, roles)
    return Loaded(count, len(rules), len(roles) - 1)


@dataclass(frozen=True)
class _Superset:
    """Its REST API."""

    http: httpx.Client

    def log_in(self, user: str, password: SecretStr) -> None:
        body = {"username": user, "password": password.get_secret_value(), "provider": "db", "refresh": False}
        token = self._ask("POST", "/security/login", "logging in", json=body)["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.http.headers["X-CSRFToken"] = self._ask("GET", "/security/csrf_token/", "logging in")["result"]
        self.http.headers["Referer"] = str(self.http.base_url)

    def import_assets(self, file: Path, passwords: Mapping[str, SecretStr]) -> None:
        told = json.dumps({name: secret.get_secret_value() for name, secret in passwords.items()})
        bundle = {"bundle": (file.name, file.read_bytes(), "application/zip")}
        self._ask("POST", "/assets/import/", "importing the zip", files=bundle, data={"passwords": told})

    def datasets(self) -> dict[str, int]:
        """Ids of ours by name."""
        found = self._ask("GET", f"/dataset/?q={_PAGE}", "looking for the datasets")["result"]
        return {one["table_name"]: one["id"] for one in found if one["database"]["database_name"] == DATABASE}

    def roles(self, wanted: list[str]) -> dict[str, int]:
        """Ids by name, of Superset's administrators too; those that are missing are made."""
        found = self._ask("GET", f"/security/roles/?q={_PAGE}", "looking for roles")["result"]
        ids = {one["name"]: one["id"] for one in found if one["name"] in {*wanted, ADMIN}}
        for name in wanted:
            if name not in ids:
                ids[name] = self._ask("POST", "/security/roles/", "making a role", json={"name": name})["id"]
        return ids

    def keep_rules(self, rules: list[dict[str, Any]], datasets: Mapping[str, int], roles: Mapping[str, int]) -> None:
        there = self._ask("GET", f"/rowlevelsecurity/?q={_PAGE}", "looking for rules on rows")["result"]
        ids = {one["name"]: one["id"] for one in there}
        for rule in rules:
            body = {
                **{key: rule[key] for key in ("name", "filter_type", "clause", "group_key")},
                "tables": [datasets[name] for name in rule["datasets"]],
                "roles": [roles[name] for name in rule["roles"]],
            }
            if rule["name"] in ids:
                self._ask("PUT", f"/rowlevelsecurity/{ids[rule['name']]}", "changing a rule on rows", json=body)
            else:
                self._ask("POST", "/rowlevelsecurity/", "making a rule on rows", json=body)

    def grant(self, rules: list[dict[str, Any]], roles: Mapping[str, int]) -> None:
        """Let each role ask the datasets of which it sees rows, and no others."""
        rights = self._rights()
        for role, number in roles.items():
            names = {
                name
                for rule in rules
                if rule["roles"] == [role] and rule["clause"] != NOTHING
                for name in rule["datasets"]
            }
            if names:
                body = {"permission_view_menu_ids": sorted(rights[name] for name in names)}
                self._ask("POST", f"/security/roles/{number}/permissions", "granting datasets to a role", json=body)

    def _rights(self) -> dict[str, int]:
        """Id of the right to ask a dataset of ours, by its name."""
        found, page = {}, 0
        while True:
            asked = f"/security/permissions-resources/?q=(page:{page},page_size:100)"
            rows = self._ask("GET", asked, "looking for rights")["result"]
            for one in rows:
                right, on = one["permission"]["name"], one["view_menu"]["name"]
                if right == "datasource_access" and on.startswith(f"[{DATABASE}]."):
                    found[on.split("[")[2].split("]")[0]] = one["id"]
            if not rows:
                return found
            page += 1

    def _ask(self, method: str, path: str, doing: str, **how: Any) -> Any:  # Any: what JSON knows
        try:
            answer = self.http.request(method, path, **how)
        except httpx.TransportError as error:
            raise ConfigError(f"{doing}: Superset at {self.http.base_url.host} does not answer") from error
        if answer.is_error:
            raise ConfigError(f"{doing}: Superset answered {answer.status_code}: {answer.text[:500]}")
        return answer.json()
