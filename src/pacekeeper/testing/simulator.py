"""A vendor's HTTP API on loopback, declared in a few lines: endpoints, pages, authentication, records, faults.

::

    corpus = {"appointments": [{"id": "a1", "state": "S", "updated_at": "2026-01-10T00:00:00Z"}, ...]}
    acme = [Endpoint("/v2/appointments", "appointments", envelope="data", paging=LinkedPages(size=2),
                     since="updated_since", since_field="updated_at")]
    with Simulator(corpus, acme, auth=BearerAuth("let-me-in")) as simulator:
        simulator.url                                     # http://127.0.0.1:port
        simulator.edit("appointments", "a1", state="X")   # between two reads
        simulator.reset(Faults(too_many_on=frozenset({2})))
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pacekeeper.testing._faults import Faults
from pacekeeper.testing.simulator_auth import Auth, Gate
from pacekeeper.testing.simulator_http import Call, LoopbackServer, Reply
from pacekeeper.testing.simulator_paging import NoPages, Paging, Record, Turns

Corpus = Mapping[str, Sequence[Mapping[str, Any]]]
#: Answers a call in a protocol of its own: a Reply, or the JSON content of a 200.
HandlerFunction = Callable[[Call, "Simulator"], Any]


@dataclass(frozen=True)
class Endpoint:
    """One address of the API.

    path: may hold `{field}`, which filters the records by that field. records: the list of the corpus it serves; null
    only with a handler. envelope: dotted key of the rows, null = the answer is the list itself; beside: further keys.
    since, since_field: parameter and field (dotted) of "changed at or after". filters: field by parameter, for
    equality. key: the field that identifies a record. one: the answer is the one record that `{field}` names, or 404.
    deleted: the answer lists the ids of records deleted so far. handler: answers by itself. open: needs no
    authentication.
    """

    path: str
    records: str | None = None
    _: KW_ONLY
    method: str = "GET"
    paging: Paging = field(default_factory=NoPages)
    envelope: str | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    since: str | None = None
    since_field: str | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    key: str = "id"
    one: bool = False
    deleted: bool = False
    handler: HandlerFunction | None = None
    open: bool = False

    def __post_init__(self) -> None:
        if self.records is None and self.handler is None:
            raise ValueError(f"endpoint {self.path} needs records or a handler")

    def path_values(self, path: str) -> dict[str, str] | None:
        """Values of the `{field}` parts; null where this is not the endpoint's path."""
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return None if found is None else found.groupdict()


class Simulator(LoopbackServer):
    """Serves `corpus` (lists of records by name) by its endpoints at `url`.

    corpus: copied; changed by `add`, `edit`, `delete` and `clear`, or directly, while it serves.
    deleted: ids deleted so far, by list. requests: every call in order; calls: by path. tokens_issued: by OAuth.
    faults: see pacekeeper.testing.Faults; `fail`, `forbid`, `empty`, `repeat_next` and `overlap` name lists of the
    corpus, and calls are counted over all that were let in.
    """

    def __init__(
        self,
        corpus: Corpus,
        endpoints: Sequence[Endpoint],
        *,
        auth: Auth | None = None,
        faults: Faults | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.corpus: dict[str, list[Record]] = {
            name: [dict(copy.deepcopy(r)) for r in rs] for name, rs in corpus.items()
        }
        self.deleted: dict[str, list[str]] = {}
        self.endpoints = tuple(endpoints)
        self.faults = faults or Faults()
        self.data_calls = 0
        self._gate = Gate(auth)
        self._keys = {e.records: e.key for e in self.endpoints if e.records}

    @property
    def calls(self) -> Counter[str]:
        return Counter(call.path for call in self.requests)

    @property
    def tokens_issued(self) -> int:
        return self._gate.issued

    def reset(self, faults: Faults | None = None) -> None:
        """Forget the calls counted and the tokens given so far, and show these faults (default: none) from now on."""
        with self.lock:
            self.faults = faults or Faults()
            self.requests.clear()
            self.data_calls = 0
            self._gate = Gate(self._gate.auth)

    def add(self, records: str, record: Mapping[str, Any]) -> None:
        """One more record."""
        with self.lock:
            self.corpus.setdefault(records, []).append(dict(copy.deepcopy(record)))

    def edit(self, records: str, identity: str, **changes: Any) -> None:
        """Change fields of one record."""
        with self.lock:
            self._one(records, identity).update(changes)

    def delete(self, records: str, identity: str) -> None:
        """Take one record away; its id goes to `deleted`."""
        with self.lock:
            self.corpus[records].remove(self._one(records, identity))
            self.deleted.setdefault(records, []).append(identity)

    def clear(self) -> None:
        """Serve no record at all from now on."""
        with self.lock:
            for records in self.corpus.values():
                records.clear()

    def rows(self, records: str) -> list[Record]:
        """The records that a handler may answer with: none while the fault `empty` names them."""
        return [] if records in self.faults.empty else list(self.corpus.get(records, ()))

    def answer(self, call: Call) -> Reply:
        if self.faults.slow_seconds:
            self.stopping.wait(self.faults.slow_seconds)
        with self.lock:
            self.requests.append(call)
            token = self._gate.token_reply(call, self.faults)
            if token is not None:
                return token
            endpoint, values = self._endpoint(call)
            if endpoint is None:
                return Reply(status=404, content={"error": "no such endpoint"})
            if not endpoint.open and not self._gate.lets_in(call, self.faults):
                return Reply(status=401, content={"error": "unauthorised"}, headers={"WWW-Authenticate": "Bearer"})
            self.data_calls += 1
            call = replace(call, number=self.data_calls, path_values=values)
            planned = planned_fault(self.faults, call.number, endpoint.records)
            if planned is not None:
                return planned
            reply = self._serve(endpoint, call)
        return replace(reply, cut=call.number in self.faults.truncate_on)

    def _endpoint(self, call: Call) -> tuple[Endpoint | None, dict[str, str]]:
        for endpoint in self.endpoints:
            values = endpoint.path_values(call.path)
            if values is not None and endpoint.method == call.method:
                return endpoint, values
        return None, {}

    def _serve(self, endpoint: Endpoint, call: Call) -> Reply:
        if endpoint.handler is not None:
            made = endpoint.handler(call, self)
            return made if isinstance(made, Reply) else Reply(content=made)
        records = endpoint.records or ""
        if endpoint.deleted:
            ids = list(self.deleted.get(records, ()))
            return Reply(content=_in_envelope(endpoint, ids, {}))
        chosen = [record for record in self.rows(records) if _is_asked_for(record, endpoint, call)]
        if endpoint.one:
            return Reply(content=chosen[0]) if chosen else Reply(status=404, content={"error": "no such record"})
        turns = Turns(
            root=self.url, repeats=records in self.faults.repeat_next, overlaps=records in self.faults.overlap
        )
        page = endpoint.paging.slice(chosen, call, turns)
        return Reply(content=_in_envelope(endpoint, page.rows, page.beside), headers=page.headers)

    def _one(self, records: str, identity: str) -> Record:
        key = self._keys.get(records, "id")
        found = next((record for record in self.corpus.get(records, ()) if str(at(record, key)) == identity), None)
        if found is None:
            raise KeyError(f"{records} has no record whose {key} is {identity!r}")
        return found


def planned_fault(faults: Faults, number: int, records: str | None) -> Reply | None:
    """The fault planned for a call; null where there is none."""
    if number in faults.reset_on:
        return Reply(reset=True)
    if number in faults.hang_on:
        return Reply(hang_seconds=faults.hang_seconds)
    if number in faults.too_many_on:
        return Reply(status=429, content={"error": "slow down"}, headers={"Retry-After": str(faults.retry_after)})
    if number in faults.error_500_on or records in faults.fail:
        return Reply(status=500, content={"error": "transient"})
    if number in faults.error_503_on:
        return Reply(status=503, content={"error": "transient"})
    if records in faults.forbid:
        return Reply(status=403, content={"error": "forbidden"})
    return None


def at(record: Mapping[str, Any], path: str) -> Any:  # Any: JSON
    """What stands at a dotted path; null where nothing does."""
    found: Any = record
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _is_asked_for(record: Record, endpoint: Endpoint, call: Call) -> bool:
    if any(str(at(record, name)) != value for name, value in call.path_values.items()):
        return False
    asked = {**call.query, **(call.form if endpoint.method == "POST" else {})}
    if any(name in asked and str(at(record, path)) != asked[name] for name, path in endpoint.filters.items()):
        return False
    if endpoint.since is None or not asked.get(endpoint.since):
        return True
    return _order(at(record, endpoint.since_field or "updated_at")) >= _order(asked[endpoint.since])


def _order(value: Any) -> tuple[int, Any]:  # Any: JSON, and what orders it
    """Instants order as instants (one without zone as UTC), other texts as texts, numbers as numbers."""
    if isinstance(value, int | float):
        return 0, value
    text = str(value or "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return (0, float(text)) if re.fullmatch(r"\d+(\.\d+)?", text) else (2, text)
    return 1, moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_envelope(endpoint: Endpoint, rows: Sequence[Any], beside: Mapping[str, Any]) -> Any:  # Any: JSON
    if endpoint.envelope is None and not beside and not endpoint.beside:
        return list(rows)
    answer: Record = dict(copy.deepcopy(dict(endpoint.beside)))
    for path, value in {(endpoint.envelope or "data"): list(rows), **beside}.items():
        *parents, last = path.split(".")
        place = answer
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return answer
