"""The HTTP client a connector is given as `self.http`.

Every call has a timeout, retries with the server's own Retry-After, and the source's rate budget. Errors name the
source, the call and what to do; never a value, an id or a body.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from types import TracebackType
from typing import Any, NoReturn, TypeAlias

import httpx
import orjson

from pacekeeper.errors import ConfigError, DataError, FatalError, RetryableError
from pacekeeper.http_address import base_address, origin_text, resolve, shown
from pacekeeper.http_auth import AuthProblem, BearerToken, ClientCredentials
from pacekeeper.http_transport import Sleep, Throttle, WaitTooLong, retrying
from pacekeeper.log import quiet_http_loggers

__all__ = ["BearerToken", "ClientCredentials", "HttpConfig", "NextOf", "Params", "SourceClient"]

Params: TypeAlias = Mapping[str, str | int | float | bool | Sequence[str] | None]
#: The next page after an answer: a link (absolute or relative), parameters that change, or null at the end.
NextOf: TypeAlias = Callable[[Any], str | Params | None]


@dataclass(frozen=True)
class HttpConfig:
    """Where a source's server is and how to talk to it.

    timeout_seconds: for connecting, and for each wait for bytes. attempts: sendings of one call at most.
    backoff_seconds: doubled at each attempt, jittered. longest_wait_seconds: of waiting between attempts in total; a
    server that asks for more ends the call at once. proxy: no other is used, not even one named in the environment.
    """

    base_url: str
    auth: httpx.Auth | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = 30.0
    attempts: int = 5
    backoff_seconds: float = 0.5
    longest_wait_seconds: float = 120.0
    proxy: str | None = field(default=None, repr=False)


class SourceClient:
    """One source's connection to its server. Reads only; close it after use, or use it in a `with`.

    calls: requests sent so far, retries and token requests included. seconds: spent in calls, waiting included.
    last_date: `Date` header of the last answer, the server's own clock; null without one.
    """

    def __init__(
        self,
        config: HttpConfig,
        *,
        source: str,
        requests_per_second: float | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        quiet_http_loggers()
        self.source = source
        self.seconds = 0.0
        self.last_date: str | None = None
        self._config = config
        self._clock = clock
        self._base = base_address(config.base_url, source=source)
        transport = transport or httpx.HTTPTransport(verify=_trusted_authorities(), proxy=config.proxy)
        self._throttle = Throttle(transport, requests_per_second=requests_per_second, sleep=sleep)
        retries, self._streaming = retrying(
            self._throttle,
            attempts=config.attempts,
            backoff_seconds=config.backoff_seconds,
            longest_wait=config.longest_wait_seconds,
            sleep=sleep,
        )
        self._client = httpx.Client(
            auth=config.auth,
            headers={"User-Agent": "pacekeeper", "Accept": "application/json", **config.headers},
            timeout=httpx.Timeout(config.timeout_seconds),
            transport=retries,
            follow_redirects=False,
        )

    @property
    def calls(self) -> int:
        return self._throttle.calls

    def get(
        self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The answer to a GET below the base address, its body read. Raises for every status that is not 2xx."""
        return self._get(self._address(path, params), headers)

    def get_json(self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON body of a GET; DataError when it is none."""
        return self._get_json(self._address(path, params), headers)

    def pages(
        self,
        path: str,
        params: Params | None = None,
        *,
        next_of: NextOf,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """The JSON bodies of page after page, until `next_of` answers null.

        Parameters that `next_of` answers are laid over those of the first page (cursors); a link is followed as it
        is. DataError when a link leaves the server, or when an address comes a second time.
        """
        first = self._address(path, params)
        url, read = first, set[bytes]()
        while True:
            mark = blake2b(str(url).encode(), digest_size=16).digest()
            if mark in read:
                raise DataError(
                    f"{self._call_text(url)}: page {len(read)} leads to one already read; paging would never end"
                )
            read.add(mark)
            body = self._get_json(url, headers)
            yield body
            following = next_of(body)
            if not following:
                return
            if isinstance(following, str):
                url = resolve(self._base, following, source=self.source, relative_to=url)
            else:
                url = _with_params(first, following)

    def offset_pages(
        self,
        path: str,
        params: Params | None = None,
        *,
        rows_of: Callable[[Any], Sequence[Any]],
        size: int,
        offset_name: str = "offset",
        size_name: str = "limit",
    ) -> Iterator[Sequence[Any]]:
        """The rows of page after page, until one is empty: servers may give fewer than asked before the end.

        DataError when two pages in a row are equal, as the server then ignores the offset.
        """
        offset, previous = 0, b""
        while True:
            url = self._address(path, {**(params or {}), offset_name: offset, size_name: size})
            rows = rows_of(self._get_json(url, None))
            if not rows:
                return
            digest = blake2b(orjson.dumps(rows), digest_size=16).digest()
            if digest == previous:
                raise DataError(
                    f"{self._call_text(url)}: the same page came twice; does the server know {offset_name}?"
                )
            previous = digest
            yield rows
            offset += len(rows)

    def stream_lines(
        self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Iterator[bytes]:
        """The non-empty lines of a large answer, without their line ends, never kept whole nor written to disk.

        RetryableError when the connection ends before the answer does: lines already given must then be dropped.
        """
        url = self._address(path, params)
        started = self._clock()
        with self._translated(url):
            request = self._client.build_request("GET", url, headers=headers, extensions={"retry": self._streaming})
            response = self._client.send(request, stream=True)
        try:
            self._refuse(response, url)
            rest = b""
            for chunk in self._chunks(response, url):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (stripped for line in lines if (stripped := line.rstrip(b"\r")))
            if rest.strip():
                yield rest.rstrip(b"\r")
        finally:
            response.close()
            self.seconds += self._clock() - started

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> SourceClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _address(self, path: str, params: Params | None) -> httpx.URL:
        url = resolve(self._base, path, source=self.source)
        return _with_params(url, params) if params else url

    def _get(self, url: httpx.URL, headers: Mapping[str, str] | None) -> httpx.Response:
        started = self._clock()
        try:
            with self._translated(url):
                response = self._client.get(url, headers=headers)
        finally:
            self.seconds += self._clock() - started
        self._refuse(response, url)
        return response

    def _get_json(self, url: httpx.URL, headers: Mapping[str, str] | None) -> Any:
        response = self._get(url, headers)
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            found = f"{len(response.content)} bytes"
        raise DataError(f"{self._call_text(url)} answered {response.status_code} with {found} that are not JSON")

    def _chunks(self, response: httpx.Response, url: httpx.URL) -> Iterator[bytes]:
        chunks = response.iter_bytes()
        while True:
            with self._translated(url):
                try:
                    chunk = next(chunks)
                except StopIteration:
                    return
            yield chunk

    def _call_text(self, url: httpx.URL) -> str:
        return f"{self.source}: GET {shown(url, self._base)}"

    @contextmanager
    def _translated(self, url: httpx.URL) -> Iterator[None]:
        """Turns httpx's errors, whose texts may hold addresses and header values, into ours."""
        try:
            yield
        except AuthProblem as problem:
            raise problem.kind(f"{self.source}: {problem.text}") from None
        except WaitTooLong as wait:
            raise RetryableError(
                f"{self._call_text(url)}: the server asks to wait {wait.seconds:.0f} s, longer than the "
                f"{self._config.longest_wait_seconds:.0f} s a call may wait; run again later"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            self._fail(error, url)

    def _fail(self, error: Exception, url: httpx.URL) -> NoReturn:
        call = self._call_text(url)
        if isinstance(error, httpx.TimeoutException):
            raise RetryableError(
                f"{call}: no answer within {self._config.timeout_seconds:g} s, tried {self._config.attempts} times"
            ) from None
        if isinstance(error, httpx.ConnectError) and "CERTIFICATE" in str(error):
            raise ConfigError(
                f"{call}: the certificate of {origin_text(self._base)} is not trusted; install its "
                "authority, or name it in the environment variable SSL_CERT_FILE"
            ) from None
        if isinstance(error, httpx.ConnectError | httpx.ProxyError):
            raise RetryableError(
                f"{call}: cannot connect to {origin_text(self._base)}; is it running, and is the base address right?"
            ) from None
        if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
            raise RetryableError(f"{call}: the connection broke before the answer was complete") from None
        if isinstance(error, httpx.DecodingError):
            raise DataError(f"{call}: the answer's compression is damaged") from None
        if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol | httpx.InvalidURL):
            raise ConfigError(
                f"{call}: the call cannot be sent; check the addresses and headers in the settings of "
                f"source {self.source}"
            ) from None
        raise FatalError(f"{call}: failed with {type(error).__name__}") from None

    def _refuse(self, response: httpx.Response, url: httpx.URL) -> None:
        """Raise for every status that is not 2xx, by what the caller does next."""
        status = response.status_code
        self.last_date = response.headers.get("Date")
        if 200 <= status < 300:
            return
        response.close()
        answered = f"{self._call_text(url)} answered {status}"
        if status in {401, 403}:
            variables = f"PACEKEEPER_SOURCES__{self.source.upper()}__*"
            raise ConfigError(
                f"{answered}: access refused. Check the credentials and their rights in [sources.{self.source}] or "
                f"the environment variables {variables}"
            )
        if status >= 500 or status in {408, 429}:
            raise RetryableError(f"{answered}, tried {self._config.attempts} times; run again later")
        if 300 <= status < 400:
            raise ConfigError(
                f"{answered}, a redirect, which is not followed: set the final base address in [sources.{self.source}]"
            )
        hint = "; is the base address right?" if status == httpx.codes.NOT_FOUND else ""
        raise FatalError(f"{answered}: the server does not accept this call{hint}")


@lru_cache(maxsize=1)
def _trusted_authorities() -> ssl.SSLContext:
    """The certificate authorities of this process; reading them takes longer than a call on loopback."""
    return httpx.create_ssl_context()


def _with_params(url: httpx.URL, params: Params) -> httpx.URL:
    """`url` with the parameters laid over its own; null parameters are left out."""
    given = {name: value for name, value in params.items() if value is not None}
    return url.copy_merge_params(given)
