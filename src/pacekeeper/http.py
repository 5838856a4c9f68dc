"""The HTTP client a connector is given as `self.http`.

Every call has a timeout, retries with the server's own Retry-After, and the source's rate budget. Errors name the
source, the call and what to do; never a value, an id or a body.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from types import TracebackType
from typing import Any, Literal, NoReturn, TypeAlias

import httpx
import orjson

from pacekeeper.errors import DataError, RetryableError
from pacekeeper.http_address import PageTrail, base_address, origin_text, resolve, shown, signed_address
from pacekeeper.http_auth import AuthProblem, BearerToken, ClientCredentials
from pacekeeper.http_failure import failure_of, refusal_of
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
        self._sleep = sleep
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

    @property
    def auth(self) -> httpx.Auth | None:
        """How the source proves who it is."""
        return self._config.auth

    def get(
        self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The answer to a GET below the base address, its body read. Raises for every status that is not 2xx."""
        return self._get(self._address(path, params), headers)

    def get_json(self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON body of a GET; DataError when it is none."""
        return self._get_json(self._address(path, params), headers)

    def post(
        self,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        allow: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer to a POST that reads, its body read: a form, or else a JSON document, goes over.

        It may be sent more than once, so it must change nothing. Raises for every status that is neither 2xx nor in
        `allow`.
        """
        url = self._address(path, None)
        body = {"data": dict(form)} if form is not None else {"content": orjson.dumps(json)}
        kind = {} if form is not None else {"Content-Type": "application/json"}
        started = self._clock()
        try:
            with self._translated(url, "POST"):
                response = self._client.post(url, headers={**kind, **(headers or {})}, **body)
        finally:
            self.seconds += self._clock() - started
        if response.status_code not in allow:
            self._refuse(response, url, "POST")
        self.last_date = response.headers.get("Date")
        return response

    def post_json(
        self,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON body of a POST that reads (see `post`); DataError when it is none."""
        response = self.post(path, form=form, json=json, headers=headers)
        return self._json_of(response, self._address(path, None), "POST")

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
        url, trail = first, PageTrail(self._call_text(first))
        while True:
            trail.enter(url)
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

    def exchange(
        self,
        address: str,
        params: Params | None = None,
        *,
        method: Literal["GET", "DELETE"] = "GET",
        allow: Collection[int] = (),
        relative_to: httpx.URL | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer to one call, its body read, for who needs status, headers or links of it.

        address: below the base address, or a link on the page `relative_to`. Raises for every status that is neither
        2xx nor in `allow`, after the usual attempts; DataError for a link that leaves the server.
        """
        url = resolve(self._base, address, source=self.source, relative_to=relative_to)
        url = _with_params(url, params) if params else url
        started = self._clock()
        try:
            with self._translated(url, method):
                response = self._client.request(method, url, headers=headers)
        finally:
            self.seconds += self._clock() - started
        if response.status_code not in allow:
            self._refuse(response, url, method)
        self.last_date = response.headers.get("Date")
        return response

    @contextmanager
    def stream(
        self,
        address: str,
        *,
        relative_to: httpx.URL | None = None,
        with_credentials: bool = True,
        allow: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Status and chunks of a large answer, never kept whole nor written to disk.

        with_credentials: false for a signed address, which may lie on another server: it gets neither token nor the
        source's own headers, and is https where the base address is. Errors as `stream_lines`.
        """
        if with_credentials:
            url = resolve(self._base, address, source=self.source, relative_to=relative_to)
            request = self._client.build_request("GET", url, headers=headers)
        else:
            url = signed_address(self._base, address, source=self.source)
            timeout = httpx.Timeout(self._config.timeout_seconds).as_dict()
            own = {"User-Agent": "pacekeeper", **(headers or {})}
            request = httpx.Request("GET", url, headers=own, extensions={"timeout": timeout})
        request.extensions["retry"] = self._streaming
        started = self._clock()
        with self._translated(url):
            auth = httpx.USE_CLIENT_DEFAULT if with_credentials else None
            response = self._client.send(request, stream=True, auth=auth)
        try:
            if response.status_code not in allow:
                self._refuse(response, url)
            yield response.status_code, self._chunks(response, url)
        finally:
            response.close()
            self.seconds += self._clock() - started

    def pause(self, seconds: float) -> None:
        """Wait, as a server asked for between two calls."""
        if seconds > 0:
            self._sleep(seconds)
            self.seconds += seconds

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
        return self._json_of(self._get(url, headers), url, "GET")

    def _json_of(self, response: httpx.Response, url: httpx.URL, method: str) -> Any:
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            found = f"{len(response.content)} bytes"
        raise DataError(
            f"{self._call_text(url, method)} answered {response.status_code} with {found} that are not JSON"
        )

    def _chunks(self, response: httpx.Response, url: httpx.URL) -> Iterator[bytes]:
        chunks = response.iter_bytes()
        while True:
            with self._translated(url):
                try:
                    chunk = next(chunks)
                except StopIteration:
                    return
            yield chunk

    def _call_text(self, url: httpx.URL, method: str = "GET") -> str:
        return f"{self.source}: {method} {shown(url, self._base)}"

    @contextmanager
    def _translated(self, url: httpx.URL, method: str = "GET") -> Iterator[None]:
        """Turns httpx's errors, whose texts may hold addresses and header values, into ours."""
        try:
            yield
        except AuthProblem as problem:
            raise problem.kind(f"{self.source}: {problem.text}") from None
        except WaitTooLong as wait:
            raise RetryableError(
                f"{self._call_text(url, method)}: the server asks to wait {wait.seconds:.0f} s, longer than the "
                f"{self._config.longest_wait_seconds:.0f} s a call may wait; run again later"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            self._fail(error, url, method)

    def _fail(self, error: Exception, url: httpx.URL, method: str) -> NoReturn:
        raise failure_of(
            error,
            call=self._call_text(url, method),
            source=self.source,
            host=origin_text(self._base),
            timeout_seconds=self._config.timeout_seconds,
            attempts=self._config.attempts,
        ) from None

    def _refuse(self, response: httpx.Response, url: httpx.URL, method: str = "GET") -> None:
        """Raise for every status that is not 2xx, by what the caller does next."""
        self.last_date = response.headers.get("Date")
        if response.is_success:
            return
        response.close()
        call = self._call_text(url, method)
        raise refusal_of(response.status_code, call=call, source=self.source, attempts=self._config.attempts)


@lru_cache(maxsize=1)
def _trusted_authorities() -> ssl.SSLContext:
    """The certificate authorities of this process; reading them takes longer than a call on loopback."""
    return httpx.create_ssl_context()


def _with_params(url: httpx.URL, params: Params) -> httpx.URL:
    """`url` with the parameters laid over its own; null parameters are left out."""
    given = {name: value for name, value in params.items() if value is not None}
    return url.copy_merge_params(given)
