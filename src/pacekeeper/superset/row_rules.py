"""The access matrix as Superset's rules on rows. Its import knows no rules, so they are a file of ours in the zip."""

from __future__ import annotations

from collections.abc import Collection

from pacekeeper.bi import BiContract, BiView, row_rule, shipped_access
from pacekeeper.sql_text import sql_literal
from pacekeeper.superset.dataset import Yaml

NOTHING, EVERYTHING = "1 = 0", "1 = 1"
#: Of somebody's several roles each adds what it sees.
GROUP = "pacekeeper"
#: Superset's own role, which may change every rule.
ADMIN = "Admin"
_SEEN = {EVERYTHING: "all rows", NOTHING: "no rows"}


def role_name(role: str) -> str:
    """What a role of the access matrix is called in Superset."""
    return f"Pacekeeper {role}"


def clause(role: str, view: BiView) -> str:
    """SQL on a row of a dataset of the bundle, which has no rows about persons: what the role sees."""
    rule = row_rule(role, view)
    if rule is None or not rule.aggregates:
        return NOTHING
    return EVERYTHING if rule.topics is None else f"topic IN ({', '.join(map(sql_literal, rule.topics))})"


def rules_yaml(contract: BiContract, views: Collection[str]) -> list[Yaml]:
    """Per role and clause its datasets; the last rule is for everybody who has none of the roles, and shows nothing."""
    roles = list(shipped_access().role)
    shown = [view for view in contract.views if view.name in views]
    found: list[Yaml] = []
    for role in roles:
        by_clause: dict[str, list[str]] = {}
        for view in shown:
            by_clause.setdefault(clause(role, view), []).append(view.name)
        found += [
            _rule(f"{role_name(role)}: {_SEEN.get(text, 'its topics')}", [role_name(role)], text, names)
            for text, names in sorted(by_clause.items())
        ]
    others = [ADMIN, *map(role_name, roles)]
    everybody = _rule("Pacekeeper: nobody else", others, NOTHING, [view.name for view in shown])
    return [*found, {**everybody, "filter_type": "Base"}]


def _rule(name: str, roles: list[str], text: str, names: list[str]) -> Yaml:
    """roles: whom a rule is for; of a `Base` rule whom it is not for."""
    return {
        "name": name,
        "filter_type": "Regular",
        "roles": roles,
        "datasets": names,
        "clause": text,
        "group_key": GROUP,
    }
