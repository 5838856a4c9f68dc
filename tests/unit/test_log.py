"""What a log line may hold."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from pacekeeper.errors import DataError
from pacekeeper.log import configure_logging

CANARY = "canary7731"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(params=[True, False], ids=["json", "console"])
def written(request: pytest.FixtureRequest) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(json=request.param, level="DEBUG", stream=stream)
    return stream


def as_json() -> io.StringIO:
    stream = io.StringIO()
    configure_logging(json=True, level="INFO", stream=stream)
    return stream


def test_an_event_keeps_its_message_and_fields() -> None:
    stream = as_json()
    logging.getLogger("pacekeeper.landing").info("stream loaded", extra={"source": "ehr", "read": 812, "rows": [1, 2]})
    line = json.loads(stream.getvalue())
    assert (line["event"], line["source"], line["read"], line["rows"]) == ("stream loaded", "ehr", 812, [1, 2])
    assert (line["level"], line["logger"]) == ("info", "pacekeeper.landing")
    assert line["timestamp"].endswith("Z")


def test_structlog_loggers_go_the_same_way() -> None:
    stream = as_json()
    structlog.get_logger("pacekeeper.landing").info("stream loaded", read=812, token=CANARY)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["read"], line["token"]) == ("stream loaded", 812, "<secret>")


@pytest.mark.parametrize("name", ["token", "client_secret", "Authorization", "db_password", "api_key"])
def test_a_field_named_like_a_secret_is_masked(written: io.StringIO, name: str) -> None:
    logging.getLogger("pacekeeper").info("call", extra={name: CANARY, "deep": {name: [CANARY]}})
    assert CANARY not in written.getvalue()
    assert "<secret>" in written.getvalue()


def test_a_secret_is_masked_under_any_name(written: io.StringIO) -> None:
    logging.getLogger("pacekeeper").info("call", extra={"given": SecretStr(CANARY), "many": [SecretStr(CANARY)]})
    assert CANARY not in written.getvalue()
    assert "<secret>" in written.getvalue()


def test_an_exception_leaves_class_and_place_and_no_text(written: io.StringIO) -> None:
    try:
        try:
            int(CANARY)
        except ValueError as cause:
            raise KeyError(CANARY) from cause
    except KeyError as error:
        logging.getLogger("pacekeeper").exception("mapping failed")
        structlog.get_logger("pacekeeper").exception("mapping failed", found=error)
        logging.getLogger("pacekeeper").warning("mapping failed", stack_info=True)
    assert CANARY not in written.getvalue()
    assert "Traceback" not in written.getvalue()
    assert "KeyError at " in written.getvalue()


def test_an_error_of_ours_raised_elsewhere_keeps_only_the_words_of_its_code() -> None:
    stream = as_json()
    try:
        raise DataError(f"page {CANARY} is no Bundle")  # noqa: TRY301  the log call needs one being handled
    except DataError:
        logging.getLogger("pacekeeper").exception("read failed")
    assert json.loads(stream.getvalue())["error_text"] == "page … is no Bundle"


def test_our_own_arguments_are_kept() -> None:
    stream = as_json()
    logging.getLogger("pacekeeper_app").warning("%d of %d sources failed", 1, 3)
    assert json.loads(stream.getvalue())["event"] == "1 of 3 sources failed"


@pytest.mark.parametrize("name", ["acme", "pacekeeper_acme.client"])
def test_another_librarys_arguments_and_extras_are_dropped(written: io.StringIO, name: str) -> None:
    logging.getLogger(name).warning("read %s in %d s", CANARY, 7, extra={"row": CANARY})
    logging.getLogger(name).warning(f"read http://h/{CANARY} for '{CANARY}'")
    assert CANARY not in written.getvalue()
    assert "read %s in %d s" in written.getvalue()
    assert "read <url> for <quoted>" in written.getvalue()


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "httpcore.connection", "httpx_retries.retry"])
def test_address_loggers_are_silent_below_warning_and_scrubbed_above(written: io.StringIO, name: str) -> None:
    logger = logging.getLogger(name)
    logger.info("HTTP Request: GET http://h/Patient/%s", CANARY)
    logger.debug("receive_response_headers %s", CANARY)
    assert written.getvalue() == ""
    logger.warning("Retry-After header is not a valid HTTP date: %s", CANARY)
    assert "Retry-After" in written.getvalue()
    assert CANARY not in written.getvalue()


def test_configuring_twice_writes_each_line_once() -> None:
    as_json()
    stream = as_json()
    logging.getLogger("pacekeeper").info("once")
    assert len(stream.getvalue().splitlines()) == 1
