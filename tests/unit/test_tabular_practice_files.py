"""Files that a practice keeps by itself, through the shipped mapping for them."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

import polars as pl
import pyarrow as pa
import pytest
from tests.raw_bench import RawBench, Row, context, key, match

from pacekeeper.contract import ENTITIES
from pacekeeper.contract.schema import arrow_schema, columns
from pacekeeper.contract.validation import failing_rows, pandera_schema
from pacekeeper.measures.needs import ACCOUNTING, OWN_FILE, PAYROLL, SUPPLIED_BY
from pacekeeper.stream import check_streams
from pacekeeper_connectors.tabular import PRACTICE_FILES, Tabular, TabularSettings
from pacekeeper_connectors.tabular.mapping_file import load_mapping_file
from pacekeeper_connectors.tabular.streams import streams_of

#: One row of every file, with headers.
FILES = {
    "supervision": "employee_id,supervisor_id,team,kind,from,to\nE1,E9,north,clinical,2026-01-05,\n",
    "specialties": "employee_id,specialty\nE1,trauma\n",
    "comp_plans": "plan_id,kind,basis,share,bonus_basis,from,to\nP1,tiered,collections,,team_goals,2026-01-01,\n",
    "comp_tiers": "plan_id,from_sessions,to_sessions,share\nP1,21,25,0.6\n",
    "pay_periods": "employee_id,period_start,period_end,pay,plan_id\nE1,2026-01-01,2026-01-15,2150.50,P1\n",
    "capacity_flags": "flag_id,employee_id,raised_at,until\nF1,E1,2026-02-02T09:00:00Z,2026-03-01\n",
    "closures": "closure_id,location_id,from,to,start,end,kind\nC1,,2026-01-19,,,,holiday\n",
    "reminders": "reminder_id,appointment_id,due_at,hours_before,channel,sent_at,delivered,confirmed\n"
    "R1,A1,2026-01-05T15:00:00Z,24,sms,2026-01-05T15:01:00Z,yes,\n",
    "case_weights": "rating_id,episode_id,client_id,mrn,employee_id,from,weight,method,rated_by\n"
    "W1,X1,K1,4711,E1,2026-01-05,3,supervisor,supervisor\n",
    "case_flags": "rating_id,flag\nW1,recent_loss\n",
    "alerts": "alert_id,client_id,employee_id,kind,created_at,response_id,therapist_notified_at,"
    "supervisor_notified_at,state\nL1,K1,E1,off_track,2026-01-06T08:00:00Z,M1,2026-01-06T09:00:00Z,,open\n",
    "alert_actions": "action_id,alert_id,acted_at,role,action,session_id\nT1,L1,2026-01-07T17:00:00Z,therapist,"
    "plan_changed,S1\n",
    "payer_rates": "rate_id,contract,payer,model,code,rate,from,to\nY1,acme-2024,commercial,fee_for_service,90837,"
    "132.25,2024-07-01,\n",
    "costs": "service,per_session,per_hour,from,to\niop,,61.10,2026-01-01,\n",
    "members": "month,payer,contract,members,revenue\n2026-01-01,medicaid,state-1,410,12300.00\n",
    "reports_delivered": "delivery_id,employee_id,kind,month,delivered_at\nD1,E1,own_data,2026-01-01,"
    "2026-02-03T10:00:00Z\n",
    "experiments": "experiment_id,metric,mart_column,before_from,before_to,after_from,after_to,declared_on,decision,"
    "opt_in\nV1,no_show,attendance_week.no_show_ratio,2026-01-05,2026-02-01,2026-02-02,2026-03-01,2026-01-30,,true\n",
}
#: Amounts in the files above, in units there and in cents here.
MONEY = [
    ("pay_period", "pay_cents"),
    ("payer_contract", "rate_cents"),
    ("cost_rate", "hour_cost_cents"),
    ("member_month", "revenue_cents"),
]
#: Columns of these entities that the files above leave empty.
EMPTY = {
    "valid_to", "effective_from", "effective_to", "share", "location_key", "start_at", "end_at", "is_confirmed",
    "supervisor_notified_at", "session_cost_cents", "decision", "decision_source_code",
}  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> RawBench:
    folder = tmp_path_factory.mktemp("files")
    shutil.copy(PRACTICE_FILES, folder / "mapping.toml")
    for name, content in FILES.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    found = RawBench(Tabular(TabularSettings(folder=folder), context("office")))
    found.read()
    return found


def entities() -> list[str]:
    return sorted({spec.entity for spec in load_mapping_file(PRACTICE_FILES).map})


def test_the_shipped_mapping_is_sound() -> None:
    check_streams(streams_of(load_mapping_file(PRACTICE_FILES)), connector="tabular")


@pytest.mark.parametrize("entity", entities())
def test_one_row_of_a_file_is_one_row_that_keeps_the_contract(bench: RawBench, entity: str) -> None:
    (row,) = bench.wanted(entity)
    plain: Row = {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}
    model = ENTITIES[entity]
    table = pa.Table.from_pylist([{"source": "office", **plain}], schema=arrow_schema(model))
    assert failing_rows(pandera_schema(model), cast("pl.DataFrame", pl.from_arrow(table)), rules=model.rules) == []
    mapped = {column.name for column in columns(model)} - {"source"}
    assert mapped - set(row) <= EMPTY
    assert "unknown" not in row.values()


def test_values_are_what_the_files_say(bench: RawBench) -> None:
    (link,) = bench.wanted("supervision_link")
    assert (link["clinician_key"], link["supervisor_key"], link["team_key"]) == (
        key("clinician", "E1", "office"),
        key("clinician", "E9", "office"),
        key("team", "north", "office"),
    )
    (closure,) = bench.wanted("practice_closure")
    assert (closure["from_date"], closure["to_date"]) == (date(2026, 1, 19), date(2026, 1, 19))
    assert [bench.wanted(name)[0][column] for name, column in MONEY] == [215_050, 13_225, 6_110, 1_230_000]
    (identifier,) = bench.wanted("client_identifier")
    assert identifier["match_key"] == match("mrn", "4711")
    (reminder,) = bench.wanted("reminder")
    assert (reminder["channel"], reminder["channel_source_code"], reminder["is_delivered"]) == ("text", "sms", True)
    (action,) = bench.wanted("alert_action")
    assert action["alert_key"] == bench.wanted("clinical_alert")[0]["alert_key"]
    assert action["acted_at"] == datetime(2026, 1, 7, 17, tzinfo=UTC)


def test_every_entity_that_a_file_of_the_practice_usually_supplies_has_a_file() -> None:
    kept_by_hand = {name for name, kinds in SUPPLIED_BY.items() if {OWN_FILE, PAYROLL, ACCOUNTING} & {*kinds}}
    assert kept_by_hand <= set(entities())
