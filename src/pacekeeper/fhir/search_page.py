"""Single pages of a search, each checked before it is believed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from pacekeeper.errors import ConfigError, FatalError, RetryableError
from pacekeeper.fhir.bundle import answered_bundle, entries_of, next_link
from pacekeeper.fhir.outcome import is_error, outcome_text
from pacekeeper.fhir.parts import part, parts
from pacekeeper.fhir.stamps import instant
from pacekeeper.http_address import PageTrail

if TYPE_CHECKING:
    from pacekeeper.http import SourceClient

#: The least a server must answer; JSON without the FHIR type would be served as XML by some.
ACCEPT = "application/fhir+json, application/json;q=0.9"
_ATTEMPTS = 4
#: Seconds before a page with refused entries is asked for again, doubled each time.
_WAIT = 2.0
#: Answers by which a server says that it does not have a resource type.
_NO_SUCH_TYPE = (400, 403, 404, 405, 501)


class PageExpired(Exception):  # noqa: N818  never leaves the SDK
    """The server has forgotten the search that a next page belongs to."""


@dataclass(frozen=True)
class SearchPage:
    """One page. bundle: its Bundle, empty where the server refused the parameters. date: of the answer's header."""

    kind: str
    bundle: Mapping[str, Any]
    url: httpx.URL
    date: datetime | None
    status: int = 200

    @property
    def is_refused(self) -> bool:
        return self.status >= 400

    @cached_property
    def documents(self) -> list[str]:
        """The matches of the page's type, as JSON text."""
        return [
            entry.document
            for entry in entries_of(self.bundle, matches_only=True)
            if entry.document is not None and entry.resource_type == self.kind
        ]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing here, nor behind it."""
        return not self.documents and next_link(self.bundle) is None

    @property
    def is_cut_short(self) -> bool:
        """Whether a first page names more matches than it holds, without a way to the others."""
        total = self.bundle.get("total")
        held = len(parts(self.bundle, "entry"))
        return next_link(self.bundle) is None and isinstance(total, int) and total > held

    @cached_property
    def stamps(self) -> dict[str, datetime]:
        """Value of lastUpdated by id and version, of the first resources."""
        found = {}
        for text in self.documents[:50]:
            resource = orjson.loads(text)
            meta = part(resource, "meta")
            moment = instant(meta.get("lastUpdated"))
            if moment is not None:
                found[f"{resource.get('id')} {meta.get('versionId')}"] = moment
        return found

    @property
    def stated_time(self) -> datetime | None:
        """When the Bundle was made, as it says; a time without a zone is taken as UTC."""
        return instant(part(self.bundle, "meta").get("lastUpdated"))

    @property
    def server_time(self) -> datetime | None:
        """The server's clock: when the Bundle was made, else the `Date` of its answer; null where it tells neither."""
        text = str(part(self.bundle, "meta").get("lastUpdated"))
        try:
            found = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            return self.date
        return found if found.tzinfo is not None else self.date

    def sample_code(self) -> str | None:
        """The first code of the first resource that has one."""
        for text in self.documents:
            for coding in parts(part(orjson.loads(text), "code"), "coding"):
                if coding.get("code"):
                    return str(coding["code"])
        return None


#: Between two values of one parameter, both of which must hold.
BOTH = " & "


@dataclass
class SearchPages:
    """Asks one server for pages."""

    http: SourceClient
    source: str
    _attempts: int = field(default=_ATTEMPTS, init=False)

    def get(self, kind: str, asked: Mapping[str, str], *, allow: Collection[int] = ()) -> SearchPage:
        """The first page of a search. allow: statuses that count as an empty page, which is then `is_refused`."""
        return self._read(kind, kind, {name: value.split(BOTH) for name, value in asked.items()}, None, allow)

    def try_get(self, kind: str, asked: Mapping[str, str], *, is_offered: bool) -> SearchPage | None:
        """The first page of a search that may be refused for its parameters; null for a type that is not there.

        is_offered: whether the server says that it has the type; one that does must answer it.
        """
        allowed = _NO_SUCH_TYPE if not is_offered else (400, 403) if asked else (403,)
        page = self.get(kind, asked, allow=allowed)
        if page.status == httpx.codes.FORBIDDEN and is_offered:
            raise ConfigError(
                f"source {self.source}: the server has {kind}, but refuses it with 403: have system/{kind}.rs "
                f"granted to the client, or put {kind} into skip_types"
            )
        return None if page.is_refused and not is_offered else page

    def following(self, page: SearchPage) -> Iterator[SearchPage]:
        """The page and all that come after it. Raises PageExpired, and DataError where they lead in a circle."""
        trail = PageTrail(self._asked(page.kind))
        while True:
            trail.enter(page.url)
            yield page
            link = next_link(page.bundle)
            if link is None:
                return
            page = self._read(page.kind, link, {}, page.url, (410,))
            if page.is_refused:
                raise PageExpired

    def _read(
        self,
        kind: str,
        address: str,
        asked: Mapping[str, Sequence[str]],
        relative_to: httpx.URL | None,
        allow: Collection[int],
    ) -> SearchPage:
        wait = _WAIT
        for _ in range(self._attempts):
            response = self.http.exchange(address, asked or None, relative_to=relative_to, allow=allow)
            if not response.is_success:
                return SearchPage(kind, {}, response.url, _date(response), response.status_code)
            bundle = self._bundle(kind, response)
            if not any(_is_passing(entry) for entry in parts(bundle, "entry")):
                return SearchPage(kind, bundle, response.url, _date(response))
            self.http.pause(wait)
            wait *= 2
        raise RetryableError(
            f"{self._asked(kind)} answers 200, but single entries of it 429 or 5xx, "
            f"{self._attempts} times; run again later, or set requests_per_second"
        )

    def _bundle(self, kind: str, response: httpx.Response) -> Mapping[str, Any]:
        answer = answered_bundle(response, asked=self._asked(kind))
        for entry in parts(answer, "entry"):
            resource = part(entry, "resource")
            if resource.get("resourceType") == "OperationOutcome" and is_error(resource):
                raise FatalError(f"{self._asked(kind)} holds an error beside its matches: {outcome_text(resource)}")
        return answer

    def _asked(self, kind: str) -> str:
        return f"source {self.source}: the search for {kind}"


def _is_passing(entry: Mapping[str, Any]) -> bool:
    """Whether an entry was refused for a reason that passes: Medplum 5.0.10 does so inside an answer of status 200."""
    status = str(part(entry, "response").get("status", ""))
    return status[:3] == "429" or status[:1] == "5"


def _date(response: httpx.Response) -> datetime | None:
    try:
        found = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else None
