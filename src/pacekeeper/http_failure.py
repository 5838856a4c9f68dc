"""What a failed call becomes, by what the caller does next. No value, id, header or body is in any text."""

from __future__ import annotations

import httpx

from pacekeeper.errors import ConfigError, DataError, FatalError, PacekeeperError, RetryableError


def failure_of(
    error: Exception, *, call: str, source: str, host: str, timeout_seconds: float, attempts: int
) -> PacekeeperError:
    """The error for a call that got no whole answer. call: as it is shown; host: `https://host:port`."""
    if isinstance(error, httpx.TimeoutException):
        return RetryableError(f"{call}: no answer within {timeout_seconds:g} s, tried {attempts} times")
    if isinstance(error, httpx.ConnectError) and "CERTIFICATE" in str(error):
        return ConfigError(
            f"{call}: the certificate of {host} is not trusted; install its "
            "authority, or name it in the environment variable SSL_CERT_FILE"
        )
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return RetryableError(f"{call}: cannot connect to {host}; is it running, and is the base address right?")
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return RetryableError(f"{call}: the connection broke before the answer was complete")
    if isinstance(error, httpx.DecodingError):
        return DataError(f"{call}: the answer's compression is damaged")
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol | httpx.InvalidURL):
        return ConfigError(
            f"{call}: the call cannot be sent; check the addresses and headers in the settings of source {source}"
        )
    return FatalError(f"{call}: failed with {type(error).__name__}")


def refusal_of(status: int, *, call: str, source: str, attempts: int) -> PacekeeperError:
    """The error for an answer whose status is not 2xx."""
    answered = f"{call} answered {status}"
    if status in {401, 403}:
        variables = f"PACEKEEPER_SOURCES__{source.upper()}__*"
        return ConfigError(
            f"{answered}: access refused. Check the credentials and their rights in [sources.{source}] or "
            f"the environment variables {variables}"
        )
    if status >= 500 or status in {408, 429}:
        return RetryableError(f"{answered}, tried {attempts} times; run again later")
    if 300 <= status < 400:
        return ConfigError(
            f"{answered}, a redirect, which is not followed: set the final base address in [sources.{source}]"
        )
    hint = "; is the base address right?" if status == httpx.codes.NOT_FOUND else ""
    return FatalError(f"{answered}: the server does not accept this call{hint}")
