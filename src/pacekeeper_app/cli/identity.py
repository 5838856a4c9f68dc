"""`pacekeeper identity`."""

from __future__ import annotations

from typing import Annotated

import typer

from pacekeeper_app.cli.console import make_console
from pacekeeper_app.cli.options import Config, open_home

_MEANING = {
    "unmatched": "no record of another source is this one's; name both in the crosswalk file",
    "shared_identifier": "too many records hold its identifier for it to be one person's",
    "conflict": "its identifiers would join people who are told apart; name them in the crosswalk file",
    "not_found": "the crosswalk file names it, and no source has it; correct source or id there",
}


def identity(
    config: Config = None,
    reason: Annotated[str | None, typer.Option(help="List the keys of one reason.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(help="At most so many keys.", min=1)] = 100,
) -> None:
    """Show who is who across sources: how records were matched, and which a person should look at."""
    from pacekeeper_app.cli.findings import plain_table

    home, console = open_home(config), make_console()
    with home.published.connect(read_only=True) as connection:
        raw = connection.raw
        matched = raw.execute(
            "SELECT 'clinician', matched_on, count(*), count(DISTINCT person_key) FROM canonical.person_match"
            " GROUP BY 2"
            " UNION ALL "
            "SELECT 'client', matched_on, count(*), count(DISTINCT person_key) FROM canonical.client_match"
            " GROUP BY 2"
            " ORDER BY 1, 2"
        ).fetchall()
        reviews = raw.execute(
            "SELECT entity, coalesce(of_source, '·'), reason, count(*) FROM canonical.identity_review"
            " GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        keys = raw.execute(
            "SELECT entity, coalesce(of_source, '·'), record_key FROM canonical.identity_review WHERE reason = ?"
            " ORDER BY ALL LIMIT ?",
            [reason, limit],
        ).fetchall()
    if reason is not None:
        listed = plain_table(f"Records: {reason}", ("entity", "source", "key"))
        for row in keys:
            listed.add_row(*row)
        console.print(listed)
        return
    table = plain_table("Records matched to persons", ("entity", "by", "records", "persons"))
    for entity, how, records, persons in matched:
        table.add_row(entity, how, f"{records:,}", f"{persons:,}")
    console.print(table)
    if not reviews:
        console.print("No record needs a look.")
        return
    table = plain_table("Records to look at", ("entity", "source", "reason", "records", "what it means"))
    for entity, source, why, records in reviews:
        table.add_row(entity, source, why, f"{records:,}", _MEANING[why])
    console.print(table)
