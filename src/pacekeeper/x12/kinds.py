"""The kinds of transaction set we know, and the segments each may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pacekeeper.x12.unit import TransactionSet

#: What `read_set` reads; 835 remittance advice, 837P professional claim, 277CA claim acknowledgement.
ReadKind: TypeAlias = Literal["835", "837P", "277CA"]
READ_KINDS: tuple[ReadKind, ...] = ("835", "837P", "277CA")

#: Kind by ST01 and the beginning of the version, 5010 and the 4010 before it.
_KINDS: Mapping[tuple[str, str], ReadKind] = {
    ("835", "005010X221"): "835",
    ("835", "004010X091"): "835",
    ("837", "005010X222"): "837P",
    ("837", "004010X098"): "837P",
    ("277", "005010X214"): "277CA",
}
_VERSION_LENGTH = 10

#: Segments of each set in X12 005010, those that the implementation guides leave out included.
_COMMON = frozenset({"ST", "REF", "NM1", "N2", "N3", "N4", "PER", "DTP", "QTY", "AMT", "LX", "SE"})
SEGMENTS: Mapping[ReadKind, frozenset[str]] = {
    "835": _COMMON.difference({"DTP"}).union(
        {"BPR", "NTE", "TRN", "CUR", "DTM", "N1", "RDM", "TS3", "TS2", "CLP", "CAS", "MIA", "MOA", "SVC", "LQ", "PLB"}
    ),
    "837P": _COMMON.union(
        {"BHT", "HL", "PRV", "CUR", "SBR", "PAT", "DMG", "CLM", "DN1", "DN2", "PWK", "CN1", "DSB", "UR", "K3", "NTE"},
        {"CR1", "CR2", "CR3", "CR4", "CR5", "CR6", "CR7", "CR8", "CRC", "HI", "HCP", "HSD", "CAS", "OI", "MIA", "MOA"},
        {"SV1", "SV4", "SV5", "SV6", "SV7", "PS1", "LIN", "CTP", "MEA", "IMM", "SVD", "FRM", "LQ"},
    ),
    "277CA": _COMMON.union({"BHT", "HL", "SBR", "PAT", "DMG", "TRN", "STC", "SVC"}),
}


def kind_of(found: TransactionSet) -> ReadKind | None:
    """What kind of set it is; null for one that is not read."""
    return _KINDS.get((found.kind, found.version[:_VERSION_LENGTH]))
