"""X12 files: a streaming tokenizer with envelope checks, and readers of 835, 837P and 277CA sets.

`scan` finds the sets of a file, `segments` the segments of one; readers turn those into records. Pure functions over
binary files, constant memory, no vendor library.
"""

from pacekeeper.x12.delimiters import Delimiters, Interchange
from pacekeeper.x12.envelope import scan
from pacekeeper.x12.fault import SetFault
from pacekeeper.x12.kinds import READ_KINDS, ReadKind, kind_of
from pacekeeper.x12.reading import read_set
from pacekeeper.x12.record import Document, Record
from pacekeeper.x12.segments import segments
from pacekeeper.x12.unit import Faulty, TransactionSet, Unit

__all__ = [
    "READ_KINDS",
    "Delimiters",
    "Document",
    "Faulty",
    "Interchange",
    "ReadKind",
    "Record",
    "SetFault",
    "TransactionSet",
    "Unit",
    "kind_of",
    "read_set",
    "scan",
    "segments",
]
