"""The shipped report profiles on small generated exports, redone by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.raw_bench import RawBench, context, key

from pacekeeper.errors import ConfigError
from pacekeeper_connectors.tabular import Tabular, TabularSettings, profile_names
from pacekeeper_connectors.tabular.mapping_file import load_mapping_file
from pacekeeper_connectors.tabular.period import told
from pacekeeper_connectors.tabular.profiles import profile_file

ZONE = "America/New_York"


def bench(folder: Path, profile: str) -> RawBench:
    return RawBench(Tabular(TabularSettings(folder=folder, profile=profile), context("sp", ZONE)))


def read(folder: Path, profile: str, name: str, lines: Sequence[str]) -> RawBench:
    """The export read twice, with no change the second time."""
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = bench(folder, profile)
    found.read()
    before = {m.entity: found.mapped(m.entity) for m in found.connector.entity_mappings()}
    found.read()
    assert before == {m.entity: found.mapped(m.entity) for m in found.connector.entity_mappings()}
    return found


def by_start(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row.get("start_at") or row.get("started_at")))


SIMPLE = (
    "Client ID,Clinician ID,Clinician NPI,Date of Service,Start Time,End Time,Appointment Status,Attendance Reviewed,"
    "Progress Note Status,Billing Code,Location,Total Fee"
)


def simple(*rows: str) -> list[str]:
    """Appointments at 9, 10 ... o'clock of 2 February 2026 in New York."""
    hours = [f"{9 + n if n < 3 else n - 2}" for n in range(len(rows))]
    halves = ["AM" if n < 3 else "PM" for n in range(len(rows))]
    when = [f"02/02/2026,{hour}:00 {half},{hour}:50 {half}" for hour, half in zip(hours, halves, strict=True)]
    return [SIMPLE, *(f"C{n},E1,9999999999,{when[n]},{row},$150.00" for n, row in enumerate(rows))]


def test_a_show_that_nobody_reviewed_is_unreviewed_and_so_is_its_session(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "simplepractice_appointments",
        "appointments.csv",
        simple(
            "Show,,,90834,Telehealth", "Show,Yes,,90834,Office", "Show,,Signed,90791,Office", "Show,No,Draft,90834,"
        ),
    )
    assert [(row["status"], row["status_source_code"]) for row in by_start(found.wanted("appointment"))] == [
        ("unreviewed", "show"),
        ("kept", "show"),
        ("kept", "show"),
        ("unreviewed", "show"),
    ]
    sessions = by_start(found.wanted("session"))
    assert [(row["started_at"].isoformat()[:13], row["status"], row["session_type"]) for row in sessions] == [
        ("2026-02-02T14", "unreviewed", "individual"),
        ("2026-02-02T15", "completed", "individual"),
        ("2026-02-02T16", "completed", "intake"),
        ("2026-02-02T18", "unreviewed", "individual"),
    ]
    assert [row["is_intake"] for row in sessions] == [False, False, True, False]


def test_a_show_that_is_still_ahead_is_booked_and_no_session(tmp_path: Path) -> None:
    lines = simple("Show,,,90834,")
    found = read(
        tmp_path, "simplepractice_appointments", "a_appointments.csv", [lines[0], lines[1].replace("2026", "2027")]
    )
    (row,) = found.wanted("appointment")
    assert (row["status"], row["start_at"].isoformat()) == ("booked", "2027-02-02T14:00:00+00:00")
    assert found.wanted("session") == []


def test_cancellations_say_who_and_an_unheard_of_status_is_unknown(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "simplepractice_appointments",
        "appointments.csv",
        simple(
            "Late Canceled,,,90834,",
            "Clinician Canceled,,,90834,",
            "Canceled,,,90834,",
            "No Show,,,90834,",
            "called in tears again,,,90834,",
            "Rescheduled,Yes,,90834,",
        ),
    )
    rows = by_start(found.wanted("appointment"))
    assert [(row["status"], row.get("cancelled_by"), row["status_source_code"]) for row in rows] == [
        ("cancelled", "client", "late_canceled"),
        ("cancelled", "clinician", "clinician_canceled"),
        ("cancelled", "unknown", "canceled"),
        ("no_show", None, "no_show"),
        ("unknown", None, "unlisted"),
        ("unknown", None, "Rescheduled"),
    ]
    assert "tears" not in str(found.mapped("appointment"))
    sessions = by_start(found.wanted("session"))
    assert [(row["status"], row["status_source_code"]) for row in sessions] == [
        ("unknown", "unlisted"),
        ("unknown", "Rescheduled"),
    ], "what nobody can read may have been held"
    assert found.counts["appointment"].undeclared == {"Total_Fee": 6}


def test_clients_and_the_clinicians_npi_are_taken_once(tmp_path: Path) -> None:
    found = read(
        tmp_path, "simplepractice_appointments", "appointments.csv", simple("Show,,,90834,", "No Show,,,90834,")
    )
    assert sorted(row["client_key"] for row in found.wanted("client")) == sorted(
        [key("client", "C0", "sp"), key("client", "C1", "sp")]
    )
    (identifier,) = found.wanted("clinician_identifier")
    assert identifier["clinician_key"] == key("clinician", "E1", "sp")


THERAPY = "Patient ID,Clinician ID,Appointment Date,Start Time,Duration,Appointment Status,Charge Fee,CPT Code"


def therapy(*rows: str) -> list[str]:
    return [THERAPY, *(f"P{n},E1,02/02/2026,{1 + n}:00 PM,53,{row}" for n, row in enumerate(rows))]


def test_missed_and_cancelled_with_and_without_a_fee_mean_what_they_say(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "therapynotes_appointments",
        "appointments.csv",
        therapy(
            "Completed,No,90837",
            "Missed,Yes,90837",
            "Missed,No,90837",
            "Cancelled,Yes,90837",
            "Cancelled,No,90837",
            "Scheduled,,90837",
        ),
    )
    rows = by_start(found.wanted("appointment"))
    assert [(row["status"], row.get("cancelled_by"), row["status_source_code"]) for row in rows] == [
        ("kept", None, "completed+no"),
        ("no_show", None, "missed+yes"),
        ("no_show", None, "missed+no"),
        ("cancelled", "client", "cancelled+yes"),
        ("cancelled", "unknown", "cancelled+no"),
        ("unreviewed", None, "scheduled+"),
    ]
    assert {str(row["end_at"] - row["start_at"]) for row in rows} == {"0:53:00"}
    assert [row["status"] for row in by_start(found.wanted("session"))] == ["completed", "unreviewed"]


def test_what_is_scheduled_ahead_is_booked_and_no_session(tmp_path: Path) -> None:
    lines = therapy("Scheduled,,90837")
    ahead = [lines[0], lines[1].replace("2026", "2027")]
    found = read(tmp_path, "therapynotes_appointments", "appointments.csv", ahead)
    assert [row["status"] for row in found.wanted("appointment")] == ["booked"]
    assert found.reasons("session") == ["not_by_status"]


def test_a_charged_cancellation_is_never_direct_time(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "therapynotes_appointments",
        "appointments.csv",
        therapy("Cancelled,Yes,90837", "Missed,Yes,90837", "Completed,Yes,90837"),
    )
    (session,) = found.wanted("session")
    assert session["started_at"].isoformat() == "2026-02-02T20:00:00+00:00"
    assert found.reasons("session") == ["not_by_status", "not_by_status"]


LOG = "User ID,Date/Time,Activity Type,Patient ID,Description"


def test_an_activity_log_becomes_events_and_a_missing_fortnight_is_named(tmp_path: Path) -> None:
    (tmp_path / "activity_1.csv").write_text(
        LOG + "\nE1,01/02/2026 09:00:00 AM,Logged In,,x\nE1,01/02/2026 09:04:00 AM,Signed Note,P1,note of somebody\n"
    )
    found = read(
        tmp_path,
        "therapynotes_activity",
        "activity_2.csv",
        [LOG, "E1,01/20/2026 05:00:00 PM,Viewed Schedule,,x", "E1,01/20/2026 05:01:00 PM,Danced,,x"],
    )
    events = sorted(found.wanted("ehr_event"), key=lambda row: row["at"])
    assert [(row["at"].isoformat()[:16], row["event_type"], row["task_type"]) for row in events] == [
        ("2026-01-02T14:00", "login", "other"),
        ("2026-01-02T14:04", "sign", "note"),
        ("2026-01-20T22:00", "view", "scheduling"),
        ("2026-01-20T22:01", "unknown", "unknown"),
    ]
    counts = found.counts["activity"]
    assert (counts.read, counts.kept, dict(counts.rejected)) == (4, 4, {})
    assert [told(gap) for gap in counts.incomplete] == ["period_missing 2026-01-03 to 2026-01-19"]
    check = found.connector.check()
    assert "period_missing 2026-01-03 to 2026-01-19" in check.message


def test_a_log_of_more_than_three_months_was_cut(tmp_path: Path) -> None:
    rows = [f"E1,{month:02d}/15/2025 09:00:00 AM,Viewed Note,,x" for month in range(6, 11)]
    found = read(tmp_path, "therapynotes_activity", "activity.csv", [LOG, *rows])
    assert [told(gap) for gap in found.counts["activity"].incomplete] == ["period_too_long 2025-06-15 to 2025-10-15"]


def test_payroll_leaves_wages_out_and_reads_clock_hours(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "payroll_pto",
        "payroll.csv",
        [
            "Employee ID,Work Date,Earning Code,Hours,Approved",
            "E1,02/02/2026,REG,8,yes",
            "E1,02/03/2026,PTO,7:30,yes",
            "E1,02/04/2026,Sick Leave,4.25,",
        ],
    )
    entries = sorted(found.wanted("pto_ledger"), key=lambda row: row["entry_date"])
    assert [(row["kind"], float(row["hours"]), row.get("is_approved")) for row in entries] == [
        ("take", 7.5, True),
        ("sick", 4.25, None),
    ]
    assert found.reasons("pto_ledger") == ["other_earning"]


def test_tracked_time_becomes_minutes_by_kind(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "time_tracking",
        "times.csv",
        [
            "Entry ID,Employee ID,Start date,Task,Duration,Paid",
            "1,E1,2026-02-02,Group Supervision,01:30:00,yes",
            "2,E1,2026-02-02,Notes,0.75,",
            "3,E1,2026-02-02,Gardening,1:00,no",
        ],
    )
    entries = sorted(found.wanted("time_entry"), key=lambda row: row["minutes"])
    assert [(row["kind"], float(row["minutes"]), row.get("is_paid")) for row in entries] == [
        ("documentation", 45.0, None),
        ("unknown", 60.0, False),
        ("supervision_grp", 90.0, True),
    ]


def test_invoices_and_payments_are_cents_and_a_refund_takes_away(tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_text(
        "Payment ID,Client ID,Invoice Line ID,Payment Date,Amount,Payer Type,Type\n"
        'T1,C1,L1,02/03/2026,"$1,150.50",Client,Payment\nT2,C1,L1,02/05/2026,$50.00,Client,Refund\n'
        "T3,C1,,02/06/2026,(20.00),,\n"
    )
    found = read(
        tmp_path,
        "private_pay",
        "invoices.csv",
        [
            "Invoice Line ID,Client ID,Clinician ID,Date of Service,Billing Code,Units,Amount,Invoice Status",
            'L1,C1,E1,02/02/2026,90837,1,"$1,150.50",Paid',
            "L2,C2,E1,02/02/2026,90834,1,150,Void",
            "L3,C3,,02/02/2026,,,0.29,",
        ],
    )
    charges = sorted(found.wanted("charge"), key=lambda row: row["charge_cents"])
    assert [(row["charge_cents"], row["currency"], row["payer_class"], row["status"]) for row in charges] == [
        (29, "USD", "self_pay", "billed"),
        (15000, "USD", "self_pay", "voided"),
        (115050, "USD", "self_pay", "billed"),
    ]
    payments = sorted(found.wanted("payment"), key=lambda row: row["amount_cents"])
    assert [(row["amount_cents"], row["is_reversal"], row["payment_source"]) for row in payments] == [
        (-5000, True, "client"),
        (-2000, False, "unknown"),
        (115050, False, "client"),
    ]
    assert payments[2]["charge_key"] == key("charge", "L1", "sp")


@pytest.mark.parametrize("name", profile_names())
def test_a_copy_of_a_profile_can_be_edited(tmp_path: Path, name: str) -> None:
    copy = tmp_path / "own.toml"
    copy.write_text(profile_file(name).read_text(encoding="utf-8"), encoding="utf-8")
    assert load_mapping_file(copy).streams.keys() == load_mapping_file(profile_file(name)).streams.keys()
    copy.write_text(copy.read_text().replace("headers =", "header =", 1))
    with pytest.raises(ConfigError, match=r"header in .* is not a known key"):
        load_mapping_file(copy)
