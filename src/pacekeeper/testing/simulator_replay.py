"""Recorded exchanges: a proxy that writes them scrubbed, and a server that answers with them.

::

    with Recorder("https://ehr.example/api", Path("acme.json"), keep={"state", "start", "updated_at"}) as recorder:
        ...                                        # point the connector's base_url at recorder.url, and read
    with Replay(Path("acme.json")) as replay:      # later, anywhere, without the vendor
        ...                                        # replay.url
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import orjson

from pacekeeper.testing._faults import Faults
from pacekeeper.testing.simulator_http import Call, LoopbackServer, Reply

#: Stands in a recording for the server's own address.
_BASE = "{base}"
#: Headers that are passed on; of these a recording holds what has one of the forms below, and nothing else.
_PASSED_HEADERS = ("content-type", "link", "retry-after")
_RECORDED_FORMS = {
    "content-type": re.compile(
        r"(application/((fhir|problem|hal)\+)?(json|xml)|application/(x-)?ndjson|text/(plain|html|xml|csv))"
        r"(; ?charset=(utf-8|us-ascii|iso-8859-1))?",
        re.IGNORECASE,
    ),
    "retry-after": re.compile(r"\d{1,6}|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"),
}
_LINK = re.compile(r'<([^>]*)>[^<,]*;\s*rel="?(next|prev|previous|first|last|self)\b')
_NOT_SENT_ON = frozenset({"host", "content-length", "connection", "accept-encoding"})
#: Fields that hold secrets, whatever `keep` says.
_SECRET = re.compile(r"token|secret|password|passwd|api_?key|assertion|signature|authorization|cookie", re.IGNORECASE)


class Scrubber:
    """Replaces every text and number by a stand-in, but for fields in `keep`; equal values get equal stand-ins.

    Names of fields, booleans, nulls and the server's own links stay. `Patient/1` keeps its type. The stand-ins of two
    recordings have nothing in common.
    """

    def __init__(self, keep: Collection[str], *, base: str) -> None:
        self._keep = frozenset(keep)
        self._base = base
        self._key = os.urandom(16)
        self._known: dict[str, str] = {}

    def content(self, value: Any, name: str = "") -> Any:  # Any: JSON
        """A JSON document without what it held."""
        if isinstance(value, Mapping):
            return {key: self.content(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.content(inner, name) for inner in value]
        if value is None or isinstance(value, bool) or (name in self._keep and not _SECRET.search(name)):
            return value
        if isinstance(value, int | float):
            return int(self._digest(str(value)), 16) % 1_000_000_007
        return self.link(value) if value.startswith((self._base, "/")) else self._stand_in(value)

    def headers(self, given: Mapping[str, str]) -> dict[str, str]:
        """Headers whose values can hold nothing of a record; links with stand-ins, and of what they say only `rel`."""
        found = {name: given[name] for name, form in _RECORDED_FORMS.items() if form.fullmatch(given.get(name, ""))}
        links = [f'<{self.link(to)}>; rel="{relation}"' for to, relation in _LINK.findall(given.get("link", ""))]
        return found | ({"link": ", ".join(links)} if links else {})

    def link(self, address: str) -> str:
        """An address of the server, relative to it, with stand-ins in path and query."""
        parts = urlsplit(address.removeprefix(self._base))
        path = "/".join(self._segment(segment) for segment in parts.path.split("/"))
        query = [
            (name, value if name in self._keep and not _SECRET.search(name) else self._stand_in(value))
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
        prefix = _BASE if address.startswith(self._base) else ""
        return f"{prefix}{path}" + (f"?{urlencode(query)}" if query else "")

    def _segment(self, segment: str) -> str:
        """A part of a path; words and versions stay, unless a record has been seen to hold them."""
        is_word = re.fullmatch(r"[A-Za-z_$.-]*|v\d{1,2}", segment) is not None
        return self._known.get(segment, segment) if is_word else self._stand_in(segment)

    def _stand_in(self, text: str) -> str:
        kind, slash, identity = text.partition("/")
        if slash and kind.isalpha() and kind[:1].isupper():
            return f"{kind}/{self._stand_in(identity)}"
        if not text or text in self._known.values():
            return text
        self._known[text] = f"x{self._digest(text)}"
        return self._known[text]

    def _digest(self, text: str) -> str:
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=5).hexdigest()


class Recorder(LoopbackServer):
    """Passes calls on to `base_url` and writes each exchange, scrubbed, into `file` when it stops.

    keep: fields and parameters whose values stay as they are: codes, times, page numbers; never what identifies a
    person. Only GET is passed on, and POST to the paths in `posts`: a recording changes nothing at the vendor's.
    What is no JSON is passed on, and recorded as a status without a body.
    """

    def __init__(
        self, base_url: str, file: Path, *, keep: Collection[str], posts: Collection[str] = (), port: int = 0
    ) -> None:
        super().__init__(port=port)
        self._base = base_url.rstrip("/")
        self._file = file
        self._posts = frozenset(posts)
        self._scrubber = Scrubber(keep, base=self._base)
        self._exchanges: list[dict[str, Any]] = []

    def answer(self, call: Call) -> Reply:
        import httpx

        if call.method != "GET" and not (call.method == "POST" and call.path in self._posts):
            return Reply(status=405, content={"error": "the recorder only reads"})
        headers = {name: value for name, value in call.headers.items() if name not in _NOT_SENT_ON}
        answer = httpx.request(call.method, self._base + call.target, headers=headers, content=call.body, timeout=60)
        kept = {name: answer.headers[name] for name in _PASSED_HEADERS if name in answer.headers}
        with self.lock:
            self.requests.append(call)
            self._exchanges.append(self._scrubbed(call, answer.status_code, kept, answer.content))
        body = answer.content.replace(self._base.encode(), self.url.encode())
        link = kept.get("link", "").replace(self._base, self.url)
        return Reply(status=answer.status_code, content=body, headers={**kept, **({"link": link} if link else {})})

    def stop(self) -> None:
        super().stop()
        document = {"format": 1, "exchanges": self._exchanges}
        self._file.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))

    def _scrubbed(self, call: Call, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        try:
            content = self._scrubber.content(orjson.loads(body))
        except orjson.JSONDecodeError:
            content = None
        return {
            "method": call.method,
            "target": self._scrubber.link(call.target),
            "status": status,
            "headers": self._scrubber.headers(headers),
            "content": content,
        }


class Replay(LoopbackServer):
    """Answers as recorded: the same method, path and parameters get the same answers in the same order.

    The last answer to a call is given again. What was not recorded is answered 404, and listed in `unmatched`.
    """

    def __init__(self, file: Path, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.data_calls = 0
        self.unmatched: list[str] = []
        self._given: Counter[str] = Counter()
        self._answers: dict[str, list[dict[str, Any]]] = {}
        for exchange in orjson.loads(file.read_bytes())["exchanges"]:
            self._answers.setdefault(_address(exchange["method"], exchange["target"]), []).append(exchange)

    def reset(self, faults: Faults | None = None) -> None:
        """Begin anew; a recording shows no faults."""
        if faults is not None:
            raise ValueError("a replay shows no faults; use a Simulator for them")
        self._given.clear()
        self.requests.clear()

    def answer(self, call: Call) -> Reply:
        with self.lock:
            self.requests.append(call)
            self.data_calls += 1
            address = _address(call.method, call.target)
            answers = self._answers.get(address)
            if not answers:
                self.unmatched.append(address)
                return Reply(status=404, content={"error": "not recorded"})
            found = answers[min(self._given[address], len(answers) - 1)]
            self._given[address] += 1
        body = orjson.dumps(found["content"]).replace(_BASE.encode(), self.url.encode())
        headers = {name: value.replace(_BASE, self.url) for name, value in found["headers"].items()}
        return Reply(status=found["status"], content=body, headers=headers)


class Live:
    """A real server, opted in to by an environment variable that names its base address; for tests that only read.

    Entering it skips the test where the variable is not set.
    """

    def __init__(self, variable: str) -> None:
        self._variable = variable

    @property
    def url(self) -> str:
        return os.environ[self._variable]

    def __enter__(self) -> Self:
        if not os.environ.get(self._variable):
            import pytest

            pytest.skip(f"no live server: set {self._variable} to its base address")
        return self

    def __exit__(self, *_: object) -> None:
        return


def _address(method: str, target: str) -> str:
    parts = urlsplit(target)
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    return f"{method} {quote(parts.path)}?{urlencode(query)}"
