"""The X12 connector passes the conformance suite, on a folder of small interchanges."""

# ruff: noqa: RUF012  declarations read better without ClassVar, and nobody changes them

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pacekeeper.testing import ConnectorSuite, Row
from pacekeeper.testing.conformance import Folder
from pacekeeper.testing.conformance.declared import Corpus
from pacekeeper_connectors.x12 import X12
from tests.conformance.x12_corpus import NPI, corpus, files


class TestX12(ConnectorSuite):
    """Claims, remittances and acknowledgements of one practice."""

    connector = X12
    corpus = corpus()
    default_tz = "America/Denver"
    bad_settings = [{"include_test": "perhaps"}]
    expected = [
        Row("claim", "RB1", charge_cents=18010, payer_class="commercial", frequency="original", client_key="W1"),
        Row("claim", "RB2", frequency="replacement", original_claim_key="RB1"),
        Row("claim", "RB3", client_key="W1|2010-01-01|pip", payer_class="medicaid"),
        Row("charge", claim_key="RB1", procedure_code="90837", charge_cents=15010, status="voided", clinician_key=NPI),
        Row("charge", claim_key="RB2", procedure_code="90785", charge_cents=3000, status="billed"),
        Row("charge_modifier", position=2, modifier="HJ"),
        Row("claim_event", claim_key="RB1", status="accepted", detail_code="20"),
        Row("remit", amount_cents=8250, adjusted_cents=500, is_balanced=True, paid_on="2026-01-20"),
        Row("remit_provider_adjustment", reason_code="WO", amount_cents=500),
        Row("claim_payment", claim_key="RB1", status="primary", paid_cents=8750, patient_responsibility_cents=2250),
        Row("claim_payment_line", line_no=1, paid_cents=8750, allowed_cents=11000),
        Row("remit_adjustment", level="claim", group_code="contractual", carc="45", amount_cents=7010),
        Row("remit_adjustment", level="line", group_code="patient", carc="3", amount_cents=2250),
        Row("payment", claim_key="RB1", amount_cents=8750, is_reversal=False, posted_on="2026-01-20"),
        Row("payment", claim_key="RB1", amount_cents=-8750, is_reversal=True, posted_on="2026-02-03"),
        Row("client", "W1", birth_year=1984, area_code="100"),
        Row("clinician_identifier", NPI, domain="npi"),
    ]

    def write_files(self, corpus: Corpus, folder: Path) -> None:
        for name, content in files(corpus):
            (folder / name).write_bytes(content)

    def settings(self, server: Folder) -> Mapping[str, Any]:  # type: ignore[override]  # it reads files
        return {"folder": str(server.path)}
