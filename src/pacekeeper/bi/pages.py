"""Reference pages about the tables for BI: the views, who sees what of them, and what changed when."""

from __future__ import annotations

from pacekeeper.bi.access import shipped_access
from pacekeeper.bi.stability import Change, Promise
from pacekeeper.bi.view import BiContract, BiView, RowRule, row_rule

_MADE = "<!-- Made from the code by `make reference`. -->\n"
NOTHING = "–"
_PERSON = {"own": "own", "team": "team's"}


def views_markdown(contract: BiContract, promise: Promise) -> str:
    """Every view with its columns."""
    lines = [
        _MADE,
        "# Views for BI\n",
        f"Schema `bi`, version {promise.version}. Within a major version columns are added and never taken away, "
        "renamed or retyped ([changes](bi-changelog.md)); ask for columns by name. [Who sees what](bi-access.md); "
        "[how to connect](../how-to/connect-bi.md). Null means not known, never zero.\n",
    ]
    for view in contract.views:
        lines += [f"## {view.name}\n", f"{view.description}\n", f"Grain: {view.grain}."]
        lines += [f"Primary key: {', '.join(f'`{name}`' for name in view.primary_key)}. {_topic(view)}\n"]
        lines += ["| column | label | type | unit | may be null | description |", "|---|---|---|---|---|---|"]
        lines += [
            f"| `{c.name}` | {c.label} | {c.type} | {c.unit} | {'yes' if c.is_nullable else ''} | {c.description} |"
            for c in view.columns
        ]
        lines += [""]
    return "\n".join(lines)


def access_markdown(contract: BiContract) -> str:
    """The matrix: which rows of which view a role sees."""
    access = shipped_access()
    lines = [
        _MADE,
        "# Who sees what\n",
        "Rows of schema `bi` that a role reads in PostgreSQL. `all`: the view has no rows about one person, and all "
        "are seen. `aggregates`: of a view with both, those about nobody in particular. `own`: those about the reader. "
        "`team's`: those about clinicians whom the reader supervises. `by topic`: only rows whose `topic` is one of "
        f"the role's. {NOTHING}: the role may not ask. Who has several roles sees what each of them does.\n",
        "Rows about clients, and about one person's pay or leave, are in no view. The DuckDB copy has what `all` and "
        "`aggregates` name, of every topic, and no rows about one person unless `person_rows` in `[bi]` says so: "
        "whoever can open the file sees all of it.\n",
        f"Statistics over fewer than {access.least_clinicians} clinicians, and numbers of clients from 1 to "
        f"{access.least_clients - 1} in `verdict_count`, are left out.\n",
        f"| view | topic | {' | '.join(access.role)} |",
        f"|---|---|{'---|' * len(access.role)}",
    ]
    for view in contract.views:
        rules = " | ".join(_cell(view, row_rule(role, view)) for role in access.role)
        lines.append(f"| `{view.name}` | {view.topic or 'by row'} | {rules} |")
    lines += ["\n## Topics of a role\n", "| role | topics |", "|---|---|"]
    lines += [f"| {role} | {', '.join(found.topics)} |" for role, found in access.role.items()]
    return "\n".join(lines) + "\n"


def changelog_markdown(promise: Promise) -> str:
    """Columns by version, the newest first."""
    lines = [_MADE, "# Changes of the views for BI\n"]
    for change in reversed(promise.history):
        lines += [f"## {change.version}\n", *_told(change)]
    return "\n".join(lines)


def _told(change: Change) -> list[str]:
    lines = []
    for verb, names in (("Added", change.added), ("Removed", change.removed)):
        by_view: dict[str, list[str]] = {}
        for name in names:
            view, _, column = name.partition(".")
            by_view.setdefault(view, []).append(f"`{column}`")
        lines += [f"- {verb} in `{view}`: {', '.join(columns)}." for view, columns in by_view.items()]
    return [*lines, ""]


def _topic(view: BiView) -> str:
    return "Topic: by row, column `topic`." if view.topic is None else f"Topic: {view.topic}."


def _cell(view: BiView, rule: RowRule | None) -> str:
    if rule is None:
        return NOTHING
    seen = ["all" if view.person is None else "aggregates"] if rule.aggregates else []
    seen += [_PERSON[rule.person]] if rule.person != "none" else []
    return ", ".join(seen) + ("" if rule.topics is None else "; by topic")
