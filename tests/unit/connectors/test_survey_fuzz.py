"""Anything a survey system might send: no parser crashes, and no row is lost without a trace."""

from __future__ import annotations

import base64
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.connectors.survey_bench import CLIENT_FILE, PHQ9, STAFF_FILE, client_project, staff_project

from pacekeeper.errors import DataError
from pacekeeper_connectors.limesurvey import responses
from pacekeeper_connectors.limesurvey.remote_control import decoded_responses
from pacekeeper_connectors.limesurvey.site import LimeSurveySpec
from pacekeeper_connectors.redcap.dictionary import missing_codes, parse_dictionary
from pacekeeper_connectors.redcap.rows import RowReader
from pacekeeper_connectors.redcap.site import load_site
from pacekeeper_connectors.redcap.values import date_text, number_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CLIENT_COLUMNS = ("record_id", "mrn", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", *PHQ9)
CLIENT_ROW = st.dictionaries(
    st.sampled_from([*CLIENT_COLUMNS, "phq9_total", "phq9_date", "phq9_timestamp", "phq9_complete"]), JSON, max_size=12
)
STAFF_ROW = st.dictionaries(
    st.sampled_from(["record_id", "team", "exhausted", "hours", "barrier___1", "pulse_timestamp"]), JSON, max_size=6
)
SPEC = LimeSurveySpec.model_validate(
    {"client": "MRN", "measures": {"phq9": {"date": "DAY", "respondent": {"field": "WHO"}}}}
)
LIME_ROW = st.dictionaries(
    st.sampled_from(["id", "submitdate", "startdate", "token", "MRN", "DAY", "WHO", "PHQ9[SQ001]", "PHQ9[SQ009]"]), JSON
)


def reader(tmp_path: Path, file: str, fields: list[dict[str, str]]) -> RowReader:
    path = tmp_path / "redcap.toml"
    path.write_text(file)
    return RowReader(load_site(path), parse_dictionary(fields), missing=frozenset({"UNK"}), zone="America/Denver")


@QUICK
@given(rows=st.lists(CLIENT_ROW | JSON, max_size=6))
def test_redcap_rows_of_clients(tmp_path: Path, rows: list[Any]) -> None:
    found = reader(tmp_path, CLIENT_FILE, client_project().fields)
    kept, rejected = found.usable(rows, batch=1)
    assert len(kept) + len(rejected) == len(rows)
    sheets = list(found.client_sheets(kept))
    assert len(sheets) <= len(kept)
    assert all(orjson.dumps(sheet.record()) for sheet in sheets)


@QUICK
@given(rows=st.lists(STAFF_ROW | JSON, max_size=6))
def test_redcap_rows_of_staff(tmp_path: Path, rows: list[Any]) -> None:
    found = reader(tmp_path, STAFF_FILE, staff_project().fields)
    staff = found._site.staff_survey
    assert staff is not None
    kept, rejected = found.usable(rows, batch=1)
    assert len(kept) + len(rejected) == len(rows)
    assert all(orjson.dumps(sheet.record(today=date(2026, 3, 2))) for sheet in found.staff_sheets(kept, staff))


@QUICK
@given(rows=st.lists(JSON, max_size=4))
def test_a_data_dictionary_is_read_or_refused(rows: list[Any]) -> None:
    try:
        assert parse_dictionary(rows).fields
    except DataError:
        return


@QUICK
@given(text=st.text(max_size=40))
def test_single_values(text: str) -> None:
    field = parse_dictionary(staff_project().fields).fields["hours"]
    assert number_text(text, field).replace(",", ".") == text.replace(",", ".")
    assert date_text(text, field) == text
    assert "" not in missing_codes(text)


@QUICK
@given(rows=st.lists(LIME_ROW | JSON, max_size=6))
def test_limesurvey_responses(rows: list[Any]) -> None:
    kept, rejected = responses.usable(rows, survey=1)
    assert len(kept) + len(rejected) == len(rows)
    sheets = list(responses.client_sheets(kept, 1, SPEC, clients={}, zone="America/Denver"))
    assert len(sheets) == len(kept)
    assert all(orjson.dumps(sheet.record()) for sheet in sheets)


@QUICK
@given(content=st.binary(max_size=60) | JSON.map(orjson.dumps))
def test_an_export_is_read_or_refused(content: bytes) -> None:
    for encoded in (content.decode("latin-1"), base64.b64encode(content).decode()):
        try:
            assert isinstance(decoded_responses(encoded, source="s", survey=1), list)
        except DataError:
            continue
