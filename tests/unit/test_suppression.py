"""What is hidden in a published table, and that nobody can work it out."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from pacekeeper.errors import ConfigError
from pacekeeper.measures.suppression import CellColumns, SuppressionRule, suppress

STAFF = SuppressionRule(minimum=5, zero_shown=False, extremes_below=10)
SHOWN_ZERO = SuppressionRule(minimum=5, zero_shown=True)
CLIENTS = SuppressionRule(minimum=11, zero_shown=True)
COLUMNS = CellColumns(values=("mean",), shares=("prevalence",))
few = settings(max_examples=60, deadline=None)


def cells(*rows: tuple[str, str | None, int | None], prevalence: dict[str, float] | None = None) -> pa.Table:
    return pa.table(
        {
            "cell": pa.array([name for name, _, _ in rows], pa.string()),
            "parent": pa.array([parent for _, parent, _ in rows], pa.string()),
            "n": pa.array([n for _, _, n in rows], pa.int64()),
            "mean": pa.array([3.5] * len(rows), pa.float64()),
            "prevalence": pa.array([(prevalence or {}).get(name, 0.5) for name, _, _ in rows], pa.float64()),
        }
    )


def kinds(published: pa.Table) -> dict[str, str | None]:
    return {row["cell"]: row["suppression_kind"] for row in published.to_pylist()}


def family(rule: SuppressionRule, *children: int) -> list[str | None]:
    """Kinds of a total and its children."""
    rows = [(f"c{number}", "all", n) for number, n in enumerate(children)]
    return list(kinds(suppress(cells(("all", None, sum(children)), *rows), rule, COLUMNS)).values())


def test_a_hidden_cell_loses_its_count_and_its_values_and_the_rest_stays() -> None:
    published = suppress(cells(("small", None, 4), ("big", None, 5), ("unknown", None, None)), STAFF, COLUMNS)
    assert published.drop_columns(["parent"]).to_pylist() == [
        {
            "cell": "small",
            "n": None,
            "mean": None,
            "prevalence": None,
            "suppressed": True,
            "suppression_kind": "primary",
        },
        {"cell": "big", "n": 5, "mean": 3.5, "prevalence": 0.5, "suppressed": False, "suppression_kind": None},
        {
            "cell": "unknown",
            "n": None,
            "mean": None,
            "prevalence": None,
            "suppressed": True,
            "suppression_kind": "primary",
        },
    ]


@pytest.mark.parametrize(
    ("rule", "children", "expected"),
    [
        (STAFF, (10, 8, 20), [None, None, None, None]),
        (STAFF, (3, 8, 10, 20), [None, "primary", "complementary", None, None]),
        (STAFF, (3, 8, 10), [None, "primary", "complementary", "complementary"]),
        (STAFF, (3, 17), [None, "primary", "complementary"]),
        # 6 together and one of them 5 or more: the other is 1. A third has to go.
        (SHOWN_ZERO, (1, 5, 10, 12, 20), [None, "primary", "complementary", "complementary", None, None]),
        # 8 together, each at most 4: both are 4. A third.
        (STAFF, (4, 4, 10, 12, 20), [None, "primary", "primary", "complementary", None, None]),
        # 5 together in five cells of at least 1; there is no other sibling, so the total goes.
        (SHOWN_ZERO, (1, 1, 1, 1, 1), ["complementary", *["primary"] * 5]),
        (CLIENTS, (0, 10, 15, 30, 40), [None, None, "primary", "complementary", None, None]),
        (STAFF, (0, 12, 15), [None, "primary", None, None]),
    ],
    ids=[
        "none",
        "next-smallest",
        "left alone",
        "two",
        "n fixed",
        "n fixed by kinds",
        "total",
        "zero shown",
        "zero not",
    ],
)
def test_siblings_of_a_small_cell_go_until_nothing_gives_it_away(
    rule: SuppressionRule, children: tuple[int, ...], expected: list[str | None]
) -> None:
    assert family(rule, *children) == expected


def test_a_remainder_that_no_row_names_is_protected_too() -> None:
    published = suppress(cells(("all", None, 40), ("a", "all", 20), ("b", "all", 10), ("c", "all", 8)), STAFF, COLUMNS)
    assert kinds(published) == {"all": None, "a": None, "b": None, "c": "complementary"}


def test_a_share_of_none_or_all_is_hidden_at_small_n() -> None:
    table = cells(("a", None, 9), ("b", None, 10), ("c", None, 9), prevalence={"a": 1.0, "b": 0.0, "c": 0.1})
    assert kinds(suppress(table, STAFF, COLUMNS)) == {"a": "extreme", "b": None, "c": None}


def test_a_hidden_total_is_not_the_sum_of_shown_parts() -> None:
    table = cells(
        ("all", None, 30),
        ("east", "all", 4),
        ("west", "all", 26),
        ("w1", "west", 12),
        ("w2", "west", 8),
        ("w3", "west", 6),
    )
    assert kinds(suppress(table, STAFF, COLUMNS)) == {
        "all": None,
        "east": "primary",
        "west": "complementary",
        "w1": None,
        "w2": None,
        "w3": "complementary",
    }


def test_under_a_small_total_not_even_a_zero_is_shown() -> None:
    table = cells(("all", None, 3), ("a", "all", 0), ("b", "all", 3))
    assert set(kinds(suppress(table, CLIENTS, COLUMNS)).values()) == {"primary"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", None, 5), ("a", None, 6)], "unique"),
        ([("a", "b", 5)], "not among the cells"),
        ([("a", None, 5), ("b", "a", 6)], "more units than their parent"),
        ([("a", "b", 5), ("b", "a", 5)], "own ancestor"),
    ],
    ids=["twice", "no parent", "too many", "circle"],
)
def test_cells_that_are_no_tree_are_refused(rows: list[tuple[str, str | None, int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        suppress(cells(*rows), STAFF, COLUMNS)


def test_a_table_without_cells_stays_empty() -> None:
    nobody = pa.table({"cell": pa.array([], pa.string()), "unit": pa.array([], pa.string())})
    assert suppress(cells(), STAFF, COLUMNS, members=nobody).num_rows == 0


def test_a_rule_that_tells_its_own_secret_is_refused() -> None:
    with pytest.raises(ConfigError):
        SuppressionRule(minimum=2, zero_shown=True)
    with pytest.raises(ConfigError):
        SuppressionRule(minimum=5, zero_shown=True, extremes_below=6)


sizes = st.lists(st.one_of(st.integers(0, 6), st.integers(0, 30)), min_size=1, max_size=5)


@pytest.mark.formula(32)
@few
@given(
    teams=st.lists(st.tuples(sizes, st.integers(0, 6)), min_size=1, max_size=4),
    zero_shown=st.booleans(),
    minimum=st.sampled_from([3, 5, 11]),
)
def test_no_hidden_count_can_be_worked_out(
    teams: list[tuple[list[int], int]], *, zero_shown: bool, minimum: int
) -> None:
    """An integer programme of all that is published, kinds included, leaves every small hidden count open."""
    rule = SuppressionRule(minimum=minimum, zero_shown=zero_shown)
    rows: list[tuple[str, str | None, int | None]] = [("all", None, sum(sum(parts) + rest for parts, rest in teams))]
    for team, (parts, rest) in enumerate(teams):
        rows.append((f"t{team}", "all", sum(parts) + rest))
        rows += [(f"t{team}.{part}", f"t{team}", n) for part, n in enumerate(parts)]
    table = cells(*rows)
    published = suppress(table, rule, COLUMNS)
    true = np.array(table["n"].to_pylist())
    hidden = np.array(published["suppressed"].to_pylist())
    assert (true[~hidden] >= minimum).all() or (zero_shown and set(true[~hidden & (true < minimum)]) <= {0})
    for cell in np.flatnonzero(hidden & (true > 0) & (true < minimum)).tolist():
        lowest, highest = (_reachable(published, rule, true, cell, sign) for sign in (1, -1))
        assert lowest < highest


def _reachable(published: pa.Table, rule: SuppressionRule, true: np.ndarray, cell: int, sign: int) -> float:
    """Least (1) or greatest (-1) count of a cell that fits what is published; remainders may be anything."""
    names, parents = published["cell"].to_pylist(), published["parent"].to_pylist()
    children = [[i for i, parent in enumerate(parents) if parent == name] for name in names]
    low, high = np.zeros(len(names)), np.full(len(names), 10_000.0)
    below_small = [False] * len(names)
    for i, (n, kind) in enumerate(
        zip(published["n"].to_pylist(), published["suppression_kind"].to_pylist(), strict=True)
    ):
        up = names.index(parents[i]) if parents[i] is not None else None
        below_small[i] = up is not None and published["suppression_kind"][up].as_py() == "primary"
        if n is not None:
            low[i] = high[i] = n
        elif kind == "primary":
            low[i], high[i] = int(rule.zero_shown and not below_small[i]), rule.minimum - 1
        else:
            low[i] = rule.minimum
    sums, rest = [], []
    for i, own in enumerate(children):
        if own:
            sums.append([(1.0 if j == i else 0.0) - (1.0 if j in own else 0.0) for j in range(len(names))])
            rest.append(0.0 if true[i] == true[own].sum() else 10_000.0)
    constraint = LinearConstraint(np.array(sums), np.zeros(len(sums)), np.array(rest))
    goal = np.zeros(len(names))
    goal[cell] = sign
    return float(
        np.round(milp(goal, constraints=constraint, integrality=np.ones(len(names)), bounds=Bounds(low, high)).x[cell])
    )


WAVES = CellColumns(values=("mean",), wave="wave", series="series")


def waves(*teams: set[int]) -> tuple[pa.Table, pa.Table]:
    """One team in consecutive waves."""
    table = cells(*[(f"w{wave}", None, len(team)) for wave, team in enumerate(teams)])
    table = table.append_column("wave", pa.array(range(len(teams)))).append_column(
        "series", pa.array(["team"] * len(teams))
    )
    pairs = [(f"w{wave}", unit) for wave, team in enumerate(teams) for unit in sorted(team)]
    return table, pa.table({"cell": [cell for cell, _ in pairs], "unit": [unit for _, unit in pairs]})


def test_a_wave_from_which_a_few_left_is_hidden_and_the_published_one_stays() -> None:
    first = set(range(20))
    table, members = waves(first, first, first - {0}, first - {0, 1, 2, 3} | {30})
    # The same twenty; one gone; against the published twenty four are gone and one is new: five.
    assert list(kinds(suppress(table, STAFF, WAVES, members=members)).values()) == [None, None, "differencing", None]


def test_two_reports_that_differ_by_a_few_do_not_both_appear() -> None:
    table = cells(("staff", None, 20), ("staff without interns", None, 17), ("therapists", None, 12))
    units = {"staff": range(20), "staff without interns": range(17), "therapists": range(12)}
    members = pa.table(
        {"cell": [c for c, of in units.items() for _ in of], "unit": [unit for of in units.values() for unit in of]}
    )
    published = suppress(table, STAFF, COLUMNS, members=members)
    assert kinds(published) == {"staff": None, "staff without interns": "differencing", "therapists": None}


@pytest.mark.formula(32)
@few
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=8, max_size=40))
def test_two_breakdowns_of_the_same_staff_do_not_add_up_to_a_hidden_cell(staff: list[tuple[int, int]]) -> None:
    minimum = STAFF.minimum
    units: dict[str, set[int]] = {"all": set(range(len(staff)))}
    for unit, (team, tenure) in enumerate(staff):
        units.setdefault(f"team {team}", set()).add(unit)
        units.setdefault(f"tenure {tenure}", set()).add(unit)
    table = cells(
        *[(name, None if name == "all" or name[1:3] == "en" else "all", len(of)) for name, of in units.items()]
    )
    pairs = [(name, unit) for name, of in units.items() for unit in of]
    members = pa.table({"cell": [name for name, _ in pairs], "unit": [unit for _, unit in pairs]})
    kind = kinds(suppress(table, STAFF, COLUMNS, members=members))
    shown = np.array([[unit in of for unit in range(len(staff))] for name, of in units.items() if kind[name] is None])
    for name, of in units.items():
        if len(of) < minimum:
            row = np.array([unit in of for unit in range(len(staff))])
            assert _rank([*shown, row]) == _rank(list(shown)) + 1, name
    for one, other in combinations(shown, 2):
        assert not 0 < np.not_equal(one, other).sum() < minimum


def _rank(rows: list[np.ndarray]) -> int:
    return int(np.linalg.matrix_rank(np.array(rows, dtype=float))) if rows else 0
