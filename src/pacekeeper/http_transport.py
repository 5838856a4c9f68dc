"""What happens between a call and its answer: waiting for the rate budget, sending, trying again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
from httpx_retries import Retry, RetryTransport
from pyrate_limiter import GCRA, Rate, RateItem, StateBucket

#: Answers that may be different next time.
RETRIED_STATUS = (408, 429, 500, 502, 503, 504)
#: POST is here for token requests and for reads that vendors want as POST; the client sends nothing that changes data.
_RETRIED_METHODS = ("GET", "POST")
_RATE_WINDOW_MS = 1_000_000
_POLICY = re.compile(r'"?([A-Za-z0-9_-]*)"?\s*;\s*r=(\d{1,9})\s*;\s*t=(\d{1,6})')
#: Seconds waited at most for a server's quota to fill up.
_LONGEST_QUOTA_PAUSE = 120.0

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


class Quota:
    """What a server says is left, by its `RateLimit` header (`"requests";r=5;t=2, "points";r=90;t=2`).

    Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/; older drafts write
    RateLimit-Remaining and RateLimit-Reset. r: units left; t: seconds until there are more.
    """

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._pause = 0.0

    def note(self, headers: httpx.Headers) -> None:
        """Take in the headers of an answer."""
        found = [(name, int(left), float(wait)) for name, left, wait in _POLICY.findall(headers.get("RateLimit", ""))]
        left, wait = headers.get("RateLimit-Remaining", ""), headers.get("RateLimit-Reset", "")
        if left.isdigit() and wait.isdigit():
            found.append(("", int(left), float(wait)))
        pause = 0.0
        for name, left_now, seconds in found:
            # A call costs what the last one did: Medplum counts points, of which a search takes many.
            cost = max(1, self._left.get(name, left_now) - left_now)
            self._left[name] = left_now
            if left_now < cost:
                pause = max(pause, seconds)
        # Who asks for longer refuses the next call, with a reason.
        self._pause = pause if pause <= _LONGEST_QUOTA_PAUSE else 0.0

    def pause(self) -> float:
        """Seconds to wait before the next call; asked once, it is waited."""
        pause, self._pause = self._pause, 0.0
        return pause


class Throttle(httpx.BaseTransport):
    """Sends through `transport`, never faster than the rate budget; counts what it sends, retries included.

    Calls are spaced evenly: a vendor who counts by the second never sees more than the budget in one. A server that
    tells how much of its quota is left is not asked again before it has room for a call.
    """

    def __init__(self, transport: httpx.BaseTransport, *, requests_per_second: float | None, sleep: Sleep) -> None:
        self.calls = 0
        self._quota = Quota()
        self._transport = transport
        self._sleep = sleep
        self._bucket: StateBucket | None = None
        if requests_per_second is not None:
            rate = Rate(max(1, round(requests_per_second * _RATE_WINDOW_MS / 1000)), _RATE_WINDOW_MS, burst=1)
            self._bucket = StateBucket([rate], algorithm=GCRA())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._await_turn()
        self.calls += 1
        response = self._transport.handle_request(request)
        self._quota.note(response.headers)
        return response

    def close(self) -> None:
        self._transport.close()

    def _await_turn(self) -> None:
        if (pause := self._quota.pause()) > 0:
            self._sleep(pause)
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
