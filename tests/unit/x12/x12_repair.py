"""A file with its own counts put right, so that a set whose only fault is its count can be read."""

from __future__ import annotations


def repaired(data: bytes) -> bytes:
    """SE01, GE01 and IEA01 as counted. Only for files whose every interchange has the first one's delimiters."""
    element, terminator = data[3:4], data[105:106]
    found, segments, sets, groups = [], 0, 0, 0
    for text in data.split(terminator):
        content = text.strip()
        name, _, rest = content.partition(element)
        segments = 1 if name == b"ST" else segments + 1
        sets = 0 if name == b"GS" else sets + (name == b"ST")
        groups = 0 if name == b"ISA" else groups + (name == b"GS")
        count = {b"SE": segments, b"GE": sets, b"IEA": groups}.get(name)
        if count is not None:
            content = element.join([name, str(count).encode(), rest.partition(element)[2]])
        found.append(content)
    return terminator.join(found)
