"""Clients with their identifiers in two sources, duplicates and merges, and who pays for them."""

from __future__ import annotations

from pacekeeper.testing.canonical_practice.canvas import BILLING, EHR, Canvas, choose

#: Share of clients by payer; the rest pays for itself.
PAYERS = {
    "commercial": 0.46,
    "medicaid": 0.18,
    "medicare": 0.10,
    "tricare": 0.03,
    "workers_comp": 0.02,
    "other": 0.06,
}
#: Contract by payer class; clients of the class `other` are members of a capitated plan.
CONTRACTS = {
    "commercial": "COM-A",
    "medicaid": "MCD-1",
    "medicare": "MCR-1",
    "tricare": "TRI-1",
    "workers_comp": "WC-1",
    "other": "CAP-1",
}


def make_clients(canvas: Canvas, practice_key: str) -> None:
    """`w_client`, one row per person in care (id a multiple of 4; +1 a partner, +2 a second record of the same)."""
    s = canvas.shares
    course = choose("u('course', id)", {"improving": 0.45, "flat": 0.25, "worsening": 0.12, "late": 0.1}, "remitted")
    contract = " ".join(f"WHEN '{payer}' THEN '{code}'" for payer, code in CONTRACTS.items())
    canvas.table(
        "w_client",
        f"""
        WITH seen AS (
            SELECT client_id AS id, bool_or(closure = 'deceased') AS is_deceased, min(opened_on) AS since,
                min(c) AS c FROM w_episode GROUP BY ALL
            UNION ALL
            SELECT e * 4 + 1, false, opened_on, c FROM w_episode WHERE is_couple
        ), drawn AS (
            SELECT *, {choose("u('payer', id // 4)", PAYERS, "self_pay")} AS payer, {course} AS course,
                u('duplicate', id) < {s.duplicate_client} AND id % 4 = 0 AS has_duplicate,
                u('telehealth', id) < {s.telehealth_client} AS is_remote,
                u('minor', id) < {s.minor_client} AS is_minor,
                u('perinatal', id) < {s.perinatal_client} AS is_perinatal,
                u('item nine', id) < {s.item_nine_client} AS says_item_nine,
                0.3 + 1.4 * u('keeps', id) AS missing_factor
            FROM seen
        )
        SELECT *, CASE payer {contract} END AS contract_code,
            payer NOT IN ('self_pay', 'other') AND u('secondary', id) < {s.secondary_payer_client} AS has_secondary
        FROM drawn
    """,
    )
    canvas.table(
        "w_record_client",
        "SELECT id AS record, * FROM w_client UNION ALL SELECT id + 2, * FROM w_client WHERE has_duplicate",
    )
    # A conflict: two records share an MRN and have different years of birth.
    year = "if(is_minor, 2008, 1950) + below('born', id, if(is_minor, 10, 55))::INTEGER + CASE WHEN record > id AND "
    year += f"u('conflict', id) < {s.conflicting_client} / {max(s.duplicate_client, 1e-9)} THEN 7 ELSE 0 END"
    canvas.write(
        "client",
        EHR,
        f"""
        SELECT k('client', record) AS client_key, '{practice_key}' AS practice_key,
            CASE WHEN u('born known', id) < 0.97 THEN {year} END AS birth_year,
            CASE WHEN u('area known', id) < 0.95 THEN pick('area', id, ['100', '112', '802', '850']) END AS area_code,
            {choose("u('part 2', id)", {"yes": 0.04, "unknown": 0.06}, "no")} AS part2_flag,
            CASE WHEN is_deceased THEN true WHEN u('says alive', id) < 0.7 THEN false END AS is_deceased
        FROM w_record_client
    """,
    )
    _write_identities(canvas)
    _write_coverage(canvas)


def _write_identities(canvas: Canvas) -> None:
    """Half of the second records are merged by the EHR, the others share an MRN. Billing has keys of its own."""
    is_merged = "u('merged', id) < 0.5"
    canvas.write(
        "client_identifier",
        EHR,
        f"""
        SELECT k('client', record) AS client_key, 'mrn' AS domain, k('mrn', id) AS match_key FROM w_record_client
        WHERE record = id OR NOT ({is_merged})
        UNION ALL
        SELECT k('client', record), 'member', k('member', id // 4) FROM w_record_client
        WHERE payer <> 'self_pay' AND record = id
    """,
    )
    canvas.write(
        "client_identifier",
        BILLING,
        f"""
        SELECT k('billing/client', id) AS client_key, 'mrn' AS domain,
            if(u('unmatched', id) < {canvas.shares.unmatched_client}, k('other mrn', id), k('mrn', id)) AS match_key
        FROM w_client
    """,
    )
    canvas.write(
        "key_merge",
        EHR,
        f"""
        SELECT 'client' AS entity, k('client', record) AS from_key, k('client', id) AS into_key,
            CASE WHEN u('merge time', id) < 0.8 THEN moment(epoch(since + 40)) END AS effective_at
        FROM w_record_client WHERE record > id AND {is_merged}
    """,
    )


def _write_coverage(canvas: Canvas) -> None:
    canvas.write(
        "coverage",
        EHR,
        """
        SELECT k('coverage', id) AS coverage_key, k('client', id) AS client_key, payer AS payer_class,
            CASE WHEN u('coverage from', id) < 0.8 THEN since - 100 END AS from_date, NULL::DATE AS to_date,
            CASE WHEN u('coverage state', id) < 0.9 THEN true END AS is_active,
            CASE WHEN u('coverage order', id) < 0.9 THEN 1 END AS priority FROM w_client
        UNION ALL
        SELECT k('coverage second', id), k('client', id), 'commercial', since - 500, NULL, true,
            CASE WHEN u('coverage order', id) < 0.9 THEN 2 END FROM w_client
        WHERE has_secondary
        UNION ALL
        SELECT k('coverage', 'old' || id), k('client', id), 'medicaid', since - 900, since - 101, false,
            NULL FROM w_client
        WHERE payer <> 'self_pay' AND u('earlier coverage', id) < 0.05
    """,
    )
