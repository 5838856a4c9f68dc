"""A sign of life after every good night, for a monitor that alerts when it stays away (`[operations]`).

Nobody else can tell that a night never started.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacekeeper.settings import Settings

_TIMEOUT_SECONDS = 10
_RETRIES = 2
_log = logging.getLogger(__name__)


def beat(settings: Settings, *, at: datetime) -> None:
    """Write the file and ask the URL of the settings. Raises nothing: a night is good though nobody hears of it."""
    file, url = settings.operations.heartbeat_file, settings.operations.heartbeat_url
    if file is not None:
        path = settings.home / file
        temporary = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(at.isoformat() + "\n", encoding="utf-8")
            os.replace(temporary, path)
        except OSError as error:
            _log.warning("heartbeat file not written", extra={"reason": type(error).__name__})
    if url is not None:
        _ask(url.get_secret_value())


def _ask(url: str) -> None:
    """The URL is a secret, so that messages name the failure alone."""
    import httpx

    try:
        with httpx.Client(timeout=_TIMEOUT_SECONDS, transport=httpx.HTTPTransport(retries=_RETRIES)) as client:
            client.get(url).raise_for_status()
    except httpx.HTTPStatusError as error:
        _log.warning("heartbeat refused", extra={"status": error.response.status_code})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        _log.warning("heartbeat not heard", extra={"reason": type(error).__name__})
