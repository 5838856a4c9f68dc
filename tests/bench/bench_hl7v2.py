"""Reading HL7 v2 messages, by our splitter and by the library `hl7`, in turn in the same run.

named fields: what the connector needs of a message (identity, times, client, clinician; about twenty values).
every field: each component of each repetition of each field, as text.
rows: file bytes to the connector's records, hashes of contents included; no library does the same.

Prints messages per second and the ratio, medians over the rounds. Both sides read equal messages out of one file, with
the values compared before the clock starts. Run: python tests/bench/bench_hl7v2.py [messages] [rounds]
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import hl7  # type: ignore[import-untyped]  # it ships no type information

from pacekeeper.connector import SourceContext
from pacekeeper.hl7v2 import Message, messages_of
from pacekeeper.stream import Window
from pacekeeper.testing import build_practice
from pacekeeper.testing.hl7v2_practice import practice_messages
from pacekeeper_connectors.hl7v2 import Hl7v2, Hl7v2Settings

_log = logging.getLogger(__name__)
MESSAGES = 4_000
ROUNDS = 3
#: What real messages bring besides: insurance, guarantors, observations, remarks; with it a message has about 4 kB.
REST = "".join(
    f"{name}|{n}|{'|'.join(f'A{k}^TEXT OF FIELD^L&1.2.3&ISO~B{k}' if k % 4 == 0 else '' for k in range(45))}\r"
    for n in range(1, 3)
    for name in ("IN1", "GT1", "OBX", "NTE", "DG1")
)
#: Segment and field of the values that are read; components 1 to 3 of each.
NAMED = (("MSH", 7), ("MSH", 9), ("MSH", 10), ("PID", 3), ("PID", 7), ("SCH", 2), ("TQ1", 7), ("AIP", 3))


def ours_named(content: bytes) -> list[str]:
    found = []
    for one in messages_of(content):
        message = Message(one.text or "")
        for name, number in NAMED:
            segment = message.first(name)
            if segment is not None:
                found += [segment.text(number, component) for component in (1, 2, 3)]
    return found


def library_named(content: bytes) -> list[str]:
    found = []
    for text in content.decode().replace("\r\r", "\r").split("MSH|")[1:]:
        message = hl7.parse("MSH|" + text)
        names = {str(segment[0]) for segment in message}
        for name, number in NAMED:
            if name in names:
                found += [_value(message, name, number, component) for component in (1, 2, 3)]
    return found


def _value(message: hl7.Message, name: str, number: int, component: int) -> str:
    try:
        return str(message.extract_field(name, field_num=number, component_num=component)).strip()
    except LookupError:
        return ""


def ours_whole(content: bytes) -> list[str]:
    return [
        repetition.component(component)
        for one in messages_of(content)
        for segment in Message(one.text or "")
        for number in range(3 if segment.name == "MSH" else 1, len(segment.fields))
        for repetition in segment.repetitions(number)
        for component in range(1, repetition.raw.count("^") + 2)
    ]


def library_whole(content: bytes) -> list[str]:
    return [
        str(component)
        for text in content.decode().split("MSH|")[1:]
        for segment in hl7.parse("MSH|" + text)
        for number in range(3 if str(segment[0]) == "MSH" else 1, len(segment))
        for repetition in (segment[number] if str(segment[number]) else ())
        for component in ([repetition] if isinstance(repetition, str) else repetition)
    ]


def rows(folder: Path) -> int:
    """Every record of a folder's messages; returns how many there are."""
    context = SourceContext("bench", "America/New_York", clock=_no_clock)
    connector = Hl7v2(Hl7v2Settings(folder=folder), context)
    return sum(len(page.rows) for page in connector.read(connector.streams, Window()))


def _no_clock() -> datetime:
    raise RuntimeError("the connector reads no clock")


def measure(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds by name; the runs of a round follow each other, so that a busy machine slows them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(found) for name, found in seconds.items()}


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    logging.getLogger("hl7").setLevel(logging.ERROR)
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    messages = [text + REST for text in practice_messages(build_practice(clinicians=8, weeks=8))[:wanted]]
    content = "".join(messages).encode()
    if ours_named(content) != library_named(content) or ours_whole(content) != library_whole(content):
        sys.exit("the two sides read different values")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "MSG-1.hl7").write_bytes(content)
        took = measure(
            {
                "ours, named fields": lambda: ours_named(content),
                "hl7, named fields": lambda: library_named(content),
                "ours, every field": lambda: ours_whole(content),
                "hl7, every field": lambda: library_whole(content),
                "ours, rows": lambda: rows(folder),
            },
            rounds,
        )
    _log.info("%d messages of %d bytes on average, %d rounds", len(messages), len(content) // len(messages), rounds)
    for name, seconds in took.items():
        _log.info("%-20s %8.0f messages/s", name, len(messages) / seconds)
    for what in ("named fields", "every field"):
        _log.info("ratio, %s: %.1f", what, took[f"hl7, {what}"] / took[f"ours, {what}"])


if __name__ == "__main__":
    main()
