"""Logs: constant events with fields, as JSON lines or for a console, through one pipeline that masks what may be data.

Code logs with `logging.getLogger(__name__).info("stream loaded", extra={...})`. Other libraries' messages are kept
without their arguments; no log line holds an exception's text or a traceback's values.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, TextIO

from pydantic import SecretBytes, SecretStr

from pacekeeper.errors import PacekeeperError
from pacekeeper.privacy import code_text, describe, is_first_party, scrub

#: Loggers whose records name addresses of calls; children are listed because filters are not inherited.
_ADDRESS_LOGGERS = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "httpx_retries",
    "httpx_retries.retry",
    "httpx_retries.transport",
    "pyrate_limiter",
    "urllib3",
    "urllib3.connectionpool",
)
_CHATTY_LOGGERS = ("dlt", "alembic", "sqlalchemy.engine", "asyncio")
_SECRET_WORDS = ("token", "secret", "password", "passwd", "authorization", "api_key", "apikey", "credential", "cookie")
_MASK = "<secret>"


class _NoAddresses(logging.Filter):
    """Lets warnings pass, without their arguments; drops all else."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return False
        record.msg, record.args = scrub(str(record.msg)), ()
        record.exc_info = record.exc_text = None
        return True


_NO_ADDRESSES = _NoAddresses("pacekeeper")


def quiet_http_loggers() -> None:
    """Keep addresses, headers and tokens of calls out of every log, whoever configures logging and to which level."""
    for name in _ADDRESS_LOGGERS:
        logging.getLogger(name).addFilter(_NO_ADDRESSES)  # adding it again changes nothing


def configure_logging(*, json: bool, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs to `stream` (standard error by default): JSON lines, or text for a console."""
    import structlog

    quiet_http_loggers()
    for name in _CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    before: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    target = stream or sys.stderr
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(sort_keys=True)
        if json
        else structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        use_get_message=False,
        pass_foreign_args=True,
        foreign_pre_chain=[*before, _own_fields],
        processors=[_error_fields, _redacted, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


_STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def _own_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Our own records with message and fields; others' with their message's fixed part alone."""
    record: logging.LogRecord = event["_record"]
    arguments = event.pop("positional_args", ())
    if is_first_party(record.name):
        event["event"] = str(event["event"]) % arguments if arguments else event["event"]
        event.update({k: v for k, v in record.__dict__.items() if k not in _STANDARD_FIELDS and k not in event})
    else:
        event["event"] = scrub(str(event["event"]))
    return event


def _error_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """`error`: class and place; `error_text`: only of errors of ours. Never a traceback."""
    event.pop("stack_info", None)
    event.pop("stack", None)
    raised = event.pop("exc_info", None)
    error = _error_of(raised) if raised else None
    if error is not None:
        event["error"] = describe(error)
        if isinstance(error, PacekeeperError):
            event["error_text"] = code_text(error)
    return event


def _error_of(raised: Any) -> BaseException | None:
    if isinstance(raised, BaseException):
        return raised
    triple: tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
    triple = raised if isinstance(raised, tuple) else sys.exc_info()
    return triple[1]


def _redacted(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value if name.startswith("_") else _safe(name, value) for name, value in event.items()}


def _safe(name: str, value: Any) -> Any:
    if isinstance(value, SecretStr | SecretBytes):
        return _MASK
    if any(word in name.lower() for word in _SECRET_WORDS) and not isinstance(value, bool | int | float | None):
        return _MASK
    if isinstance(value, BaseException):
        return describe(value)
    if isinstance(value, Mapping):
        return {str(key): _safe(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(name, item) for item in value]
    return value if isinstance(value, str | bool | int | float | None) else str(value)
