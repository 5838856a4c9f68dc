"""Who is who: accounts of the EHR and lines of the HR file that share an NPI or an e-mail are one person."""

from __future__ import annotations

from collections.abc import Iterable

Account = tuple[str, str]
"""("ehr", practitioner id) or ("hr", employee id)."""


class People:
    """Names a person by NPI, the smallest if there are several; without one by the account's own id."""

    def __init__(self, accounts: Iterable[tuple[Account, str | None, str | None]]) -> None:
        """accounts: (account, NPI or null, e-mail or null), the same account as often as it is written."""
        self._parent: dict[tuple[str, str], tuple[str, str]] = {}
        npis: dict[Account, str] = {}
        for account, npi, email in accounts:
            self._root(account)
            if npi:
                self._join(account, ("npi", npi))
                npis[account] = npi
            if email:
                self._join(account, ("email", email))
        self._npi_of: dict[tuple[str, str], str] = {}
        for account, npi in npis.items():
            root = self._root(account)
            self._npi_of[root] = min(npi, self._npi_of.get(root, npi))
        self._accounts = sorted(a for a in self._parent if a[0] in {"ehr", "hr"})

    def _root(self, node: tuple[str, str]) -> tuple[str, str]:
        self._parent.setdefault(node, node)
        while self._parent[node] != node:
            node = self._parent[node]
        return node

    def _join(self, left: tuple[str, str], right: tuple[str, str]) -> None:
        first, second = sorted((self._root(left), self._root(right)))
        self._parent[second] = first

    def name(self, account: Account) -> str:
        """The person behind an account; an account nobody declared is a person of its own."""
        if account not in self._parent:
            return account[1]
        root = self._root(account)
        if root in self._npi_of:
            return self._npi_of[root]
        return min((a for a in self._accounts if self._root(a) == root), key=lambda a: (a[0] != "ehr", a))[1]

    def all_names(self) -> set[str]:
        return {self.name(account) for account in self._accounts}
