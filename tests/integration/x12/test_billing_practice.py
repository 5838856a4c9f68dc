"""A practice's claims, answers and remittances from files to canonical tables, night after night."""

from __future__ import annotations

import pytest

from pacekeeper.testing import Practice, build_practice
from pacekeeper.testing._resources import member_id
from pacekeeper.testing.x12_files import BillingFiles, billing_files
from tests.integration.x12.billing_site import BillingSite, billing_site


@pytest.fixture(scope="module")
def practice() -> Practice:
    return build_practice(clinicians=3, weeks=8)


@pytest.fixture(scope="module")
def billing(practice: Practice) -> BillingFiles:
    return billing_files(practice)


@pytest.fixture(scope="module")
def site(billing: BillingFiles, tmp_path_factory: pytest.TempPathFactory) -> BillingSite:
    """The site after one night; the last test runs another one."""
    folder = tmp_path_factory.mktemp("billing")
    billing.write(folder / "files")
    found = billing_site(folder / "files", folder / "home")
    found.night()
    return found


def one(site: BillingSite, sql: str) -> tuple[object, ...]:
    (row,) = site.query(sql)
    return row


def test_files_are_equal_for_equal_arguments(practice: Practice, billing: BillingFiles) -> None:
    assert billing_files(practice).files == billing.files
    assert billing_files(practice, seed=8).files != billing.files


def test_every_claim_and_every_cent_arrives(site: BillingSite, billing: BillingFiles) -> None:
    key = billing.key
    assert one(site, "SELECT count(*), sum(charge_cents) FROM canonical.claim") == (key.claims, key.charge_cents)
    assert one(site, "SELECT count(*), sum(charge_cents) FROM canonical.charge WHERE status = 'billed'") == (
        key.claims,
        key.charge_cents,
    )
    assert one(site, "SELECT count(*), sum(paid_cents) FROM canonical.claim_payment") == (
        key.claim_payments,
        key.paid_cents,
    )
    assert one(site, "SELECT sum(amount_cents) FROM canonical.payment") == (key.paid_cents,)
    assert one(
        site, "SELECT count(*), sum(amount_cents), sum(adjusted_cents), bool_and(is_balanced) FROM canonical.remit"
    ) == (
        *(key.remits, key.paid_cents - key.fees_cents),
        *(key.fees_cents, True),
    )


def test_the_broken_set_is_rejected_and_the_ledger_says_so(site: BillingSite, billing: BillingFiles) -> None:
    assert site.reasons("rejected") == {"segment_count": billing.key.broken_sets}
    locators = site.query("SELECT locator FROM quarantine.raw_billing__transaction")
    assert [locator.split(" byte")[0] for (locator,) in locators] == ["claims-broken-1.837 control number 0001"]


def test_answers_remittances_and_charges_meet_their_claims(site: BillingSite, billing: BillingFiles) -> None:
    for table in ("claim_event", "claim_payment", "charge", "payment"):
        lost = f"SELECT count(*) FROM canonical.{table} t ANTI JOIN canonical.claim c ON c.claim_key = t.claim_key"
        assert one(site, lost) == (0,), table
    statuses = dict(site.query("SELECT status, count(*) FROM canonical.claim_event GROUP BY 1"))
    assert statuses == dict(billing.key.statuses)


def test_denials_have_a_family_and_prices_have_none(site: BillingSite, billing: BillingFiles) -> None:
    denied = "SELECT count(*) FROM canonical.claim_payment WHERE status = 'denied'"
    assert one(site, denied) == (billing.key.denied,)
    families = "SELECT carc, min(denial_family), max(denial_family) FROM canonical.remit_adjustment GROUP BY 1"
    expected = {"3": None, "45": None, "197": "authorisation", "16": "coding", "29": "timeliness"}
    expected |= {"27": "eligibility", "50": "necessity", "18": "duplicate"}
    found = {carc: lowest for carc, lowest, highest in site.query(families) if lowest == highest}
    assert found == {carc: expected[carc] for carc in found}
    assert {"3", "45"} < set(found)


def test_a_payment_that_is_taken_back_names_the_one_it_takes_back(site: BillingSite, billing: BillingFiles) -> None:
    reversals = (
        "SELECT count(*), bool_and(r.amount_cents = -p.amount_cents AND r.claim_key = p.claim_key) "
        "FROM canonical.payment r JOIN canonical.payment p ON p.payment_key = r.reversal_of_key WHERE r.is_reversal"
    )
    assert billing.key.reversals > 0
    assert one(site, reversals) == (billing.key.reversals, True)


def test_clients_and_clinicians_can_be_met_by_member_number_and_npi(site: BillingSite, billing: BillingFiles) -> None:
    key = billing.key
    assert one(site, "SELECT count(*), count(DISTINCT match_key) FROM canonical.clinician_identifier") == (
        len(key.npis),
        len(key.npis),
    )
    assert one(site, "SELECT count(*), count(DISTINCT match_key) FROM canonical.client_identifier") == (
        len(key.clients),
        len(key.clients),
    )
    assert one(site, "SELECT count(DISTINCT clinician_key), count(DISTINCT client_key) FROM canonical.claim") == (
        len(key.npis),
        len(key.clients),
    )


def test_no_name_no_number_and_no_member_lands_in_the_clear(site: BillingSite, billing: BillingFiles) -> None:
    secret = {member_id(next(iter(billing.key.clients))), next(iter(billing.key.npis)), "MILL LANE"}
    for (table,) in site.query("SELECT schema_name || '.\"' || table_name || '\"' FROM duckdb_tables()"):
        text = str(site.query(f"SELECT * FROM {table}"))
        assert not [value for value in secret if value in text], table


def test_a_second_night_changes_nothing(site: BillingSite) -> None:
    tables = ("claim", "charge", "claim_payment", "payment", "remit_adjustment", "claim_event", "client")
    before = {table: site.query(f"SELECT * FROM canonical.{table} ORDER BY ALL") for table in tables}
    site.night()
    streams = site.streams()
    assert {(row.inserted, row.updated, row.tombstones) for row in streams.values()} == {(0, 0, 0)}
    assert before == {table: site.query(f"SELECT * FROM canonical.{table} ORDER BY ALL") for table in tables}
