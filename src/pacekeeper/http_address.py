"""Addresses of a source's server: which are its own, and how they are shown in messages."""

from __future__ import annotations

import re
from hashlib import blake2b

import httpx

from pacekeeper.errors import ConfigError, DataError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_VERSION = re.compile(r"[vVrR]\d{1,2}(\.\d{1,2})?")
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]*")
_OPERATION = re.compile(r"[$_][a-z][a-z-]*")
_PARAMETER = re.compile(r"[_A-Za-z$][A-Za-z_:.\[\]-]{0,40}")


def base_address(text: str, *, source: str) -> httpx.URL:
    """A usable base address, or ConfigError."""
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, TypeError):
        url = httpx.URL()
    if url.scheme not in _DEFAULT_PORTS or not url.host or url.userinfo or url.query or url.fragment:
        raise ConfigError(
            f"{source}: the base address should be http(s)://host[:port]/path, without user name, query or fragment"
        )
    return url


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, of which all must agree for a token to be sent."""
    return url.scheme, url.host, url.port or _DEFAULT_PORTS.get(url.scheme)


def origin_text(url: httpx.URL) -> str:
    """`https://host:port` as configured; no part of a path."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def resolve(base: httpx.URL, path: str | httpx.URL, *, source: str, relative_to: httpx.URL | None = None) -> httpx.URL:
    """The absolute address of a path below `base`, or of a link on the page `relative_to`.

    Raises DataError for a link that leaves the server: the token must not follow it.
    """
    try:
        url = httpx.URL(path)
        if relative_to is not None:
            url = relative_to.join(url)
        elif not (url.scheme or url.host):
            url = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + b"/" + url.raw_path.lstrip(b"/"))
    except (httpx.InvalidURL, TypeError, ValueError):
        raise DataError(f"{source}: a link or path is no valid address") from None
    if origin(url) != origin(base) or url.userinfo:
        raise DataError(f"{source}: a link leads away from {origin_text(base)}; it is not followed, nor shown")
    return url


class PageTrail:
    """The pages of one read. A server that leads back to one of them would be read for ever.

    about: what is read, for the message.
    """

    def __init__(self, about: str) -> None:
        self._about = about
        self._read: set[bytes] = set()

    def enter(self, url: httpx.URL) -> None:
        """Remember a page; DataError where it has been read before."""
        mark = blake2b(str(url).encode(), digest_size=16).digest()
        if mark in self._read:
            raise DataError(f"{self._about}: page {len(self._read)} leads to one already read; paging would never end")
        self._read.add(mark)


def signed_address(base: httpx.URL, link: str, *, source: str) -> httpx.URL:
    """The address of a file that its own signature opens; it may lie on another server, encrypted where `base` is."""
    try:
        url = httpx.URL(link)
    except (httpx.InvalidURL, TypeError, ValueError):
        url = httpx.URL()
    if (
        url.scheme not in _DEFAULT_PORTS
        or not url.host
        or url.userinfo
        or (base.scheme, url.scheme) == ("https", "http")
    ):
        raise DataError(f"{source}: a signed link is no http(s) address as safe as {origin_text(base)}; not followed")
    return url


def shown(url: httpx.URL, base: httpx.URL) -> str:
    """An address fit for messages: the configured part, resource names and parameter names; no ids, no values.

    `/fhir/Patient/123/$everything?_count=50` -> `/fhir/Patient/*/$everything?_count`
    """
    prefix = base.path.rstrip("/")
    path = url.path
    below = path[len(prefix) :] if path == prefix or path.startswith(prefix + "/") else path
    start = prefix if below != path or not prefix else ""
    kept: list[str] = []
    named = False
    for segment in filter(None, below.split("/")):
        if _OPERATION.fullmatch(segment) or (_VERSION.fullmatch(segment) and not named):
            kept.append(segment)
            continue
        kept.append(segment if _WORD.fullmatch(segment) and not named else "*")
        named = True
    names = [name if _PARAMETER.fullmatch(name) else "*" for name in dict.fromkeys(url.params)]
    return "/".join([start, *kept]) + ("?" + "&".join(names) if names else "") or "/"
