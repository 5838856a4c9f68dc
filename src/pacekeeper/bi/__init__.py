"""Tables for BI: which views there are, what their columns are called, and who sees which rows."""

from __future__ import annotations

from pacekeeper.bi.access import Access, RoleAccess, shipped_access
from pacekeeper.bi.contract import bi_contract
from pacekeeper.bi.view import BI_SCHEMA, BiColumn, BiContract, BiView, RowRule, row_rule

__all__ = [
    "BI_SCHEMA",
    "Access",
    "BiColumn",
    "BiContract",
    "BiView",
    "RoleAccess",
    "RowRule",
    "bi_contract",
    "row_rule",
    "shipped_access",
]
