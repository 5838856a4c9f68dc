"""What happens between a call and its answer: waiting for the rate budget, sending, trying again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from httpx_retries import Retry, RetryTransport
from pyrate_limiter import GCRA, Rate, RateItem, StateBucket

#: Answers that may be different next time.
RETRIED_STATUS = (408, 429, 500, 502, 503, 504)
#: POST is here for token requests, which are the only ones the client sends.
_RETRIED_METHODS = ("GET", "POST")
_RATE_WINDOW_MS = 1_000_000

Sleep = Callable[[float], None]


class WaitTooLong(Exception):  # noqa: N818  never leaves the SDK
    """The server asks for a longer wait than is allowed; seconds is what it asked."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"asked to wait {seconds:.0f} s")


class _PatientRetry(Retry):
    """httpx-retries' rules with an injected sleep, giving up at once when Retry-After exceeds what is left to wait."""

    pause: Sleep

    def increment(self) -> _PatientRetry:
        following = super().increment()
        assert isinstance(following, _PatientRetry)  # noqa: S101  copy_with makes its own class
        following.pause = self.pause
        return following

    def sleep(self, response: httpx.Response | Exception) -> None:
        headers = response.headers if isinstance(response, httpx.Response) else httpx.Headers()
        self._refuse_endless_wait(headers)
        seconds = self._calculate_sleep(headers)
        if seconds > 0:
            self.pause(seconds)
        self.elapsed_sleep += seconds

    def _refuse_endless_wait(self, headers: httpx.Headers) -> None:
        if "Retry-After" not in headers or self.total_timeout is None:
            return
        try:
            asked = self.parse_retry_after(headers["Retry-After"])
        except ValueError:
            return
        if asked > self.total_timeout - self.elapsed_sleep:
            raise WaitTooLong(asked)


class Throttle(httpx.BaseTransport):
    """Sends through `transport`, never faster than the rate budget; counts what it sends, retries included.

    Calls are spaced evenly: a vendor who counts by the second never sees more than the budget in one.
    """

    def __init__(self, transport: httpx.BaseTransport, *, requests_per_second: float | None, sleep: Sleep) -> None:
        self.calls = 0
        self._transport = transport
        self._sleep = sleep
        self._bucket: StateBucket | None = None
        if requests_per_second is not None:
            rate = Rate(max(1, round(requests_per_second * _RATE_WINDOW_MS / 1000)), _RATE_WINDOW_MS, burst=1)
            self._bucket = StateBucket([rate], algorithm=GCRA())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._await_turn()
        self.calls += 1
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()

    def _await_turn(self) -> None:
        bucket = self._bucket
        while bucket is not None:
            now: Any = bucket.now()  # type: ignore[no-untyped-call]  # Any: the types admit asynchronous clocks
            turn = RateItem("call", now)
            if bucket.put(turn):
                return
            wait: Any = bucket.waiting(turn)
            self._sleep(wait / 1000)


def retrying(
    transport: httpx.BaseTransport, *, attempts: int, backoff_seconds: float, longest_wait: float, sleep: Sleep
) -> tuple[RetryTransport, Retry]:
    """`transport` with retries whose answers are read whole, and the rules for answers that are streamed instead.

    attempts: sendings of one call at most; longest_wait: seconds of waiting between them in total.
    """

    def rules(validate: Callable[[httpx.Response], None] | None) -> Retry:
        retry = _PatientRetry(
            total=attempts - 1,
            allowed_methods=_RETRIED_METHODS,
            status_forcelist=RETRIED_STATUS,
            retry_on_exceptions=(httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError),
            backoff_factor=backoff_seconds,
            backoff_jitter=0.5,
            max_backoff_wait=longest_wait,
            total_timeout=longest_wait,
            validate_response=validate,
        )
        retry.pause = sleep
        return retry

    # Reading the body here makes a connection that breaks in its middle one more reason to try again.
    return RetryTransport(transport=transport, retry=rules(_read)), rules(None)


def _read(response: httpx.Response) -> None:
    response.read()
