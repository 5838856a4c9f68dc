"""What every part of the generator draws on: reproducible numbers in SQL, and the writing of canonical tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from pacekeeper.contract import ENTITIES
from pacekeeper.engine.duckdb import Connection
from pacekeeper.sql_text import sql_literal
from pacekeeper.testing.canonical_practice.shares import Shares

#: Zones of the practice from east to west; the first one is its home zone. Two of them change their clocks on one date.
ZONES = ("America/New_York", "America/Denver", "America/Phoenix")
#: Clinicians from which on every kind of them occurs.
_ENOUGH_FOR_ALL = 10
EHR, HR, BILLING, SURVEY = "ehr", "hr", "billing", "survey"


@dataclass(frozen=True)
class Canvas:
    """One generation. Working tables are temporary and named `w_*`; people, episodes and visits have numbers in them.

    weeks_ahead: weeks after the last one for which appointments are booked. as_of_s: epoch seconds of the end of the
    last week in the westernmost zone. unmapped: an entity that no source maps; its table stays empty.
    written: rows by source and entity.
    """

    connection: Connection
    seed: int
    clinicians: int
    weeks: int
    weeks_ahead: int
    first_week: date
    as_of: datetime
    shares: Shares
    unmapped: str | None = None
    written: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def as_of_s(self) -> int:
        return int(self.as_of.timestamp())

    def run(self, sql: str) -> None:
        """Run statements."""
        self.connection.raw.execute(sql)

    def table(self, name: str, select: str) -> None:
        """Make a working table."""
        self.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")

    def write(self, entity: str, source: str, select: str) -> None:
        """Add rows to a canonical table; columns are matched by name, and those that are not named are null."""
        if entity not in ENTITIES:
            raise KeyError(f"the contract has no entity {entity}")
        if entity != self.unmapped:
            self.run(
                f"INSERT INTO canonical.{entity} BY NAME SELECT {sql_literal(source)} AS source, * FROM ({select})"
            )
            written = self.connection.count(f"SELECT count(*) FROM canonical.{entity} WHERE source = ?", (source,))
            self.written[source, entity] = written

    def define_macros(self) -> None:
        """Functions of SQL that take what is drawn and a row's number.

        `u`: 0 to below 1; `below`: 0 to k - 1; `pick`: one of a list; `k`: a key; `moment`: an instant of epoch
            seconds;
        `day`: a date by week and weekday (0 = the first); `*_clinician`: keys of a person's records.
        A number depends on the seed, on what is drawn and on the row, never on order or threads. `hash` is hashed
        again: DuckDB combines hashes by exclusive or, which would tie all draws of one row together.
        """
        seed = sql_literal(f"{self.seed}/")
        first = f"DATE '{self.first_week.isoformat()}'"
        for signature, body in (
            ("draw(what, n)", f"hash(hash({seed} || what, n::BIGINT))"),
            ("u(what, n)", "(draw(what, n) >> 11)::DOUBLE / 9007199254740992"),
            ("below(what, n, k)", "(draw(what, n) % k::UBIGINT)::BIGINT"),
            ("pick(what, n, choices)", "choices[1 + below(what, n, len(choices))]"),
            ("k(what, n)", f"md5({seed} || what || '/' || n::VARCHAR)"),
            ("moment(s)", "to_timestamp(s::DOUBLE)"),
            ("day(week, weekday)", f"{first} + (week * 7 + weekday)::INTEGER"),
            ("week_of(d)", f"((d - {first}) // 7)::INTEGER"),
            ("ehr_clinician(c, second)", "k('ehr/clinician', c * 2 + second::INTEGER)"),
            ("hr_clinician(c)", "k('hr/clinician', c)"),
            ("billing_clinician(c)", "k('billing/clinician', c)"),
        ):
            self.run(f"CREATE OR REPLACE TEMP MACRO {signature} AS {body}")

    def clinicians_of(self, share: float) -> int:
        """How many clinicians a share is: at least one of ten or more; of fewer, as many as it comes to."""
        exact = share * self.clinicians
        return math.ceil(exact) if self.clinicians >= _ENOUGH_FOR_ALL else round(exact)

    def chosen(self, what: str, share: float, *, rather_not: str = "false") -> str:
        """SQL, over rows numbered `n`: whether a clinician is of that share of them; some are chosen last."""
        wanted = self.clinicians_of(share)
        return f"(row_number() OVER (ORDER BY {rather_not}, u('{what}', n), n) <= {wanted})"


def choose(drawn: str, shares: Mapping[str, float | str], otherwise: str) -> str:
    """SQL for one of some texts. drawn: SQL of a number from 0 to below 1; `null` stands for no text."""
    edges, total = [], "0"
    for value, share in shares.items():
        total = f"{total} + {share}"
        edges.append(f"WHEN {drawn} < {total} THEN {_text(value)}")
    return f"CASE {' '.join(edges)} ELSE {_text(otherwise)} END"


def _text(value: str) -> str:
    return "NULL" if value == "null" else sql_literal(value)
