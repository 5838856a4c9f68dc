"""Records of a 277CA claim acknowledgement (005010X214): what was said about each claim, and each of its lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pacekeeper.x12.fault import SetFault
from pacekeeper.x12.kinds import SEGMENTS
from pacekeeper.x12.record import Record
from pacekeeper.x12.unit import TransactionSet
from pacekeeper.x12.values import Amounts, Days, Elements, element, required

_KNOWN = SEGMENTS["277CA"]
#: HL03 of a patient; 5010 calls it PT, other versions 22 and 23.
_PATIENTS = {"PT", "22", "23"}
#: STC holds up to three statuses.
_STATUSES = (1, 10, 11)
_CLAIM_NUMBER = "2"


class ClaimStatusReader:
    """Reads one set; one record per status."""

    def __init__(self, found: TransactionSet) -> None:
        self._id = found.identity
        self._element = found.interchange.delimiters.element.decode("latin-1")
        self._component = found.interchange.delimiters.component.decode("latin-1")
        self._amounts, self._days = Amounts(), Days()
        self._level = "batch"
        self._claim = ""
        self._statuses = 0
        self._waiting: list[dict[str, Any]] = []
        self._handlers: dict[str, Callable[[Elements], None]] = {
            "HL": self._hl,
            "TRN": self._trn,
            "SVC": self._svc,
            "STC": self._stc,
        }

    def read(self, texts: Iterable[str]) -> Iterator[Record]:
        """Records of stream claim_status. Raises SetFault."""
        for text in texts:
            segment = text.split(self._element)
            name = segment[0]
            handler = self._handlers.get(name)
            if handler is not None:
                handler(segment)
                while self._waiting:
                    yield "claim_status", self._waiting.pop(0)
            elif name not in _KNOWN:
                raise SetFault("unknown_segment")

    def _hl(self, hl: Elements) -> None:
        self._level = "claim" if element(hl, 3) in _PATIENTS else "batch"
        self._claim = ""

    def _trn(self, trn: Elements) -> None:
        # A patient may have several claims; each begins with its trace number.
        if self._level != "batch":
            self._level = "claim"
            self._claim = element(trn, 2) if element(trn, 1) == _CLAIM_NUMBER else ""

    def _svc(self, svc: Elements) -> None:
        del svc
        if self._level == "claim":
            self._level = "line"

    def _stc(self, stc: Elements) -> None:
        if self._level != "batch" and not self._claim:
            raise SetFault("missing_claim_number")
        _ = self._amounts[element(stc, 4)]  # checked, not kept
        day = self._days[element(stc, 2)]
        for at in _STATUSES:
            composite = required(stc, at, "missing_status") if at == 1 else element(stc, at)
            if not composite:
                continue
            self._statuses += 1
            category, _, rest = composite.partition(self._component)
            self._waiting.append(
                {
                    "id": f"{self._id}|{self._statuses}",
                    "claim": self._claim,
                    "level": self._level,
                    "category": category,
                    "status": rest.partition(self._component)[0],
                    "said_on": day or None,
                }
            )
