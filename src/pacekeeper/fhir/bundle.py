"""What is inside a Bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from pacekeeper.errors import DataError, FatalError
from pacekeeper.fhir.outcome import outcome_text
from pacekeeper.fhir.parts import part, parts

if TYPE_CHECKING:
    import httpx

_URN = "urn:uuid:"
#: Type and id at the end of an address; a conditional one (`Patient?identifier=...`) names no resource.
_NAMED = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]{1,128})(?:/_history/[^/]*)?$")
_URN_REFERENCE = re.compile(r'"urn:uuid:[0-9A-Fa-f-]{36}"')


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a Bundle. document: the resource as JSON text, null for a deletion; deleted: the id deleted.

    resource_type: empty for an entry that cannot be read, of which the document is empty too.
    """

    resource_type: str
    document: str | None
    deleted: str | None = None


#: An entry that is no object, holds no resource but something else, or deletes what it does not name.
UNREADABLE = Entry("", "")


def entries_of(bundle: Mapping[str, Any], *, matches_only: bool = False) -> Iterator[Entry]:
    """Resources of a Bundle in order, nested Bundles included; a transaction's DELETE entries as deletions.

    A resource without id takes the uuid of its `fullUrl`. References by `urn:uuid:` to an entry whose resource has
    another id are rewritten to `Type/id`, because that id is the only one the rest of the source knows.
    An entry that cannot be read is `UNREADABLE`; one without content, as a server's receipt for an upload, is nothing.
    matches_only: leave out what a search included or reported beside its matches.
    """
    entries = _listed(bundle)
    renamed = _renamed([entry for entry in entries if isinstance(entry, Mapping)])
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        request = part(entry, "request")
        if request.get("method") == "DELETE":
            named = _NAMED.search(str(request.get("url", "")))
            yield UNREADABLE if named is None else Entry(named[1], None, named[2])
        elif isinstance(resource, Mapping):
            mode = part(entry, "search").get("mode", "match")
            if mode == "outcome" or (matches_only and mode != "match"):
                continue
            if resource.get("resourceType") == "Bundle":
                yield from entries_of(resource, matches_only=matches_only)
                continue
            yield Entry(str(resource.get("resourceType") or ""), _document(entry, resource, renamed))
        elif resource is not None or not isinstance(entry, Mapping):
            yield UNREADABLE


def answered_bundle(response: httpx.Response, *, asked: str) -> Mapping[str, Any]:
    """The Bundle of an answer, of which every entry can be read.

    asked: what was asked, for messages. Raises FatalError for an OperationOutcome in its place, DataError for anything
    else.
    """
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    found = answer.get("resourceType") if isinstance(answer, Mapping) else None
    if found == "OperationOutcome":
        raise FatalError(f"{asked} answered {outcome_text(answer)}")
    if found != "Bundle" or not isinstance(answer, Mapping):
        raise DataError(f"{asked} answered something that is no FHIR Bundle; check base_url")
    if not _is_readable(answer):
        raise DataError(
            f"{asked} answered a Bundle with entries or links that are no FHIR; nothing of it is used. Ask for it by "
            "hand, and report what it answers to the server's vendor"
        )
    return answer


def _is_readable(bundle: Mapping[str, Any]) -> bool:
    """Whether what a Bundle holds can be read: a list of entries and a list of links, all of them objects."""
    for name in ("entry", "link"):
        found = bundle.get(name)
        if found is not None and (not isinstance(found, list) or len(parts(bundle, name)) < len(found)):
            return False
    return all(isinstance(entry.get("resource"), Mapping | None) for entry in parts(bundle, "entry"))


def next_link(bundle: Mapping[str, Any]) -> str | None:
    """Address of the following page; null on the last."""
    for link in parts(bundle, "link"):
        if link.get("relation") == "next" and link.get("url"):
            return str(link["url"])
    return None


def _listed(bundle: Mapping[str, Any]) -> list[Any]:
    """What stands under `entry`; a single one, as some make of XML, is a list of one."""
    found = bundle.get("entry")
    return found if isinstance(found, list) else [] if found is None else [found]


def _document(entry: Mapping[str, Any], resource: Mapping[str, Any], renamed: Mapping[str, str]) -> str:
    if not resource.get("id") and str(entry.get("fullUrl", "")).startswith(_URN):
        resource = {**resource, "id": str(entry["fullUrl"]).removeprefix(_URN)}
    text = orjson.dumps(resource).decode()
    if renamed:
        text = _URN_REFERENCE.sub(lambda found: renamed.get(found[0], found[0]), text)
    return text


def _renamed(entries: list[Mapping[str, Any]]) -> dict[str, str]:
    """Quoted reference by quoted `urn:uuid:` fullUrl, for the entries whose resource has another id."""
    found = {}
    for entry in entries:
        resource, url = entry.get("resource"), str(entry.get("fullUrl", ""))
        if isinstance(resource, Mapping) and url.startswith(_URN):
            identity = resource.get("id")
            if identity and identity != url.removeprefix(_URN):
                found[f'"{url}"'] = f'"{resource.get("resourceType")}/{identity}"'
    return found
