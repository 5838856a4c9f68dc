"""Reading a FHIR server by search: one search per resource type, page after page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pacekeeper.errors import DataError, FatalError
from pacekeeper.fhir.bundle import entries_of, next_link
from pacekeeper.stream import JsonLines, Page, Stream

if TYPE_CHECKING:
    from pacekeeper.http import SourceClient

#: The least a server must answer; JSON without the FHIR type would be served as XML by some.
ACCEPT = "application/fhir+json, application/json;q=0.9"


@dataclass
class RestReader:
    """Searches of one server.

    page_size: `_count`; null leaves it to the server. A server that answers a search with `_count` by an empty page
    is asked again without: OpenEMR 7.0.2 answers parameters it does not know with an empty Bundle and status 200.
    """

    http: SourceClient
    source: str
    page_size: int | None = None
    _capability: Mapping[str, frozenset[str]] | None = field(default=None, init=False, repr=False)

    def pages(self, stream: Stream, *, since: datetime | None, parameters: Mapping[str, str]) -> Iterator[Page]:
        """Pages of one stream's resources changed at or after `since`; of all of them where it is null.

        Resources are numbered through all pages. The first page carries the server's own time as watermark: when the
        search began, so that what changes while it is being read is read again next time. Raises DataError where the
        answer is no Bundle, FatalError where the server reports an error in an OperationOutcome.
        """
        kind = stream.resource_type or ""
        asked = dict(parameters)
        if since is not None:
            asked["_lastUpdated"] = "ge" + since.astimezone(UTC).isoformat().replace("+00:00", "Z")
        asked = {name: value for name, value in asked.items() if self._can_search(kind, name)}
        if self.page_size is not None:
            asked["_count"] = str(self.page_size)
        seen = 0
        for number, bundle in enumerate(self._bundles(kind, asked)):
            watermark = _server_time(bundle, self.http.last_date) if number == 0 else None
            documents = [
                entry.document
                for entry in entries_of(bundle, matches_only=True)
                if entry.document is not None and entry.resource_type == kind
            ]
            rows = JsonLines(pa.array(documents, pa.string()), origin=kind, first_line=seen + 1)
            yield Page(stream.name, rows, watermark=watermark)
            seen += len(documents)

    def _bundles(self, kind: str, asked: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        pages = self.http.pages(kind, asked, next_of=next_link)
        first = self._bundle(kind, next(pages))
        if "_count" in asked and not first.get("entry") and next_link(first) is None:
            plain = {name: value for name, value in asked.items() if name != "_count"}
            pages = self.http.pages(kind, plain, next_of=next_link)
            first = self._bundle(kind, next(pages))
        yield first
        for page in pages:
            yield self._bundle(kind, page)

    def _bundle(self, kind: str, answer: Any) -> Mapping[str, Any]:  # Any: JSON is open until it is looked at
        found = answer.get("resourceType") if isinstance(answer, Mapping) else None
        if found == "OperationOutcome":
            raise FatalError(f"source {self.source}: the search for {kind} answered {outcome_text(answer)}")
        if found != "Bundle" or not isinstance(answer, Mapping):
            raise DataError(
                f"source {self.source}: the search for {kind} answered JSON that is no FHIR Bundle; check base_url"
            )
        for entry in answer.get("entry") or ():
            resource = entry.get("resource") or {}
            if resource.get("resourceType") == "OperationOutcome" and _is_error(resource):
                raise FatalError(
                    f"source {self.source}: the search for {kind} holds an error beside its matches: "
                    f"{outcome_text(resource)}"
                )
        return answer

    def _can_search(self, kind: str, parameter: str) -> bool:
        """Whether the server says it can search a type by a parameter; one that lists none is taken to.

        Without it everything is read: a server that ignores a parameter, or answers nothing to it, would be worse.
        """
        if self._capability is None:
            try:
                statement = self.http.get_json("metadata")
            except (DataError, FatalError):  # a server without a statement says nothing about its parameters
                statement = None
            self._capability = _search_parameters(statement if isinstance(statement, Mapping) else {})
        named = self._capability.get(kind, frozenset())
        return not named or parameter in named


def outcome_text(outcome: Mapping[str, Any]) -> str:
    """Severity and code of an OperationOutcome's issues. Their texts may quote data, and stay out."""
    issues = [
        f"{_word(issue.get('severity'))} ({_word(issue.get('code'))})"
        for issue in outcome.get("issue") or ()
        if isinstance(issue, Mapping)
    ]
    return "an OperationOutcome: " + (", ".join(issues[:5]) or "without issues")


def _word(value: object) -> str:
    text = str(value)
    return text if text.replace("-", "").isalpha() and len(text) <= 32 else "unreadable"


def _is_error(outcome: Mapping[str, Any]) -> bool:
    return any(issue.get("severity") in {"error", "fatal"} for issue in outcome.get("issue") or ())


def _search_parameters(statement: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for rest in statement.get("rest") or ():
        shared = {p.get("name", "") for p in rest.get("searchParam") or ()}
        for resource in rest.get("resource") or ():
            own = {p.get("name", "") for p in resource.get("searchParam") or ()}
            found[resource.get("type", "")] = frozenset(own | shared) if own else frozenset()
    return found


def _server_time(bundle: Mapping[str, Any], date_header: str | None) -> datetime | None:
    """The server's clock: when the Bundle was made, else the `Date` of its answer; null where neither can be read."""
    try:
        found = datetime.fromisoformat(str((bundle.get("meta") or {}).get("lastUpdated")).replace("Z", "+00:00"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        try:
            found = parsedate_to_datetime(date_header) if date_header else None
        except ValueError:
            return None
    return found if found is not None and found.tzinfo is not None else None
