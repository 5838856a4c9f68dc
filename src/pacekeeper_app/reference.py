"""The reference pages that are made from the code: `python -m pacekeeper_app.reference [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def pages() -> Mapping[str, str]:
    """Text by file name. Raises ContractBrokenError where BI would lose what it relies on."""
    from pacekeeper.bi import bi_contract
    from pacekeeper.bi.pages import access_markdown, changelog_markdown, views_markdown
    from pacekeeper.bi.stability import Promise, promise_json, renewed
    from pacekeeper.contract.dictionary import dictionary_markdown
    from pacekeeper_app.cli_reference import checks_markdown, cli_markdown
    from pacekeeper_app.connector_matrix import connectors_markdown
    from pacekeeper_app.interface_reference import columns_markdown, settings_markdown
    from pacekeeper_app.measure_reference import measures_markdown
    from pacekeeper_app.traceability import traceability_markdown
    from pacekeeper_assets import CATALOGUE
    from pacekeeper_assets.reference import guardrails_markdown, marts_markdown

    tests = _FOLDER.parents[1] / "tests"
    contract = bi_contract(CATALOGUE.marts.values(), CATALOGUE.guardrails.values())
    kept = _FOLDER / "bi-contract.json"
    promise = renewed(Promise.model_validate_json(kept.read_text("utf-8")) if kept.exists() else None, contract)
    return {
        "bi-access.md": access_markdown(contract),
        "bi-changelog.md": changelog_markdown(promise),
        "bi-contract.json": promise_json(promise),
        "bi-views.md": views_markdown(contract, promise),
        "canonical-dictionary.md": dictionary_markdown(),
        "checks.md": checks_markdown(),
        "cli.md": cli_markdown(),
        "columns.md": columns_markdown(),
        "connectors.md": connectors_markdown(),
        "guardrails.md": guardrails_markdown(),
        "marts.md": marts_markdown(),
        "measures.md": measures_markdown(tests),
        "settings.md": settings_markdown(),
        "traceability.md": traceability_markdown(tests),
    }


def main() -> int:
    """Write the pages; with --check, 1 when one of them is stale."""
    stale = []
    for name, text in pages().items():
        path = _FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.stderr.write(f"stale: {', '.join(stale)}; run make reference\n")
        return 1
    sys.stdout.write(f"{len(pages())} pages, {len(stale)} {'written' if stale else 'changed'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
