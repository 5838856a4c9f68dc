"""What keeps client data inside tables: the hash secret, and the border around plugin code.

Identifiers land only as HMAC-SHA-256 under a secret that lies outside the warehouse. Texts of errors that plugin code
raises are rebuilt from the words that stand in its source code, because those cannot be data.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import re
import secrets
import stat
import string
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, TracebackType
from typing import NamedTuple, TypeVar

from pacekeeper import errors
from pacekeeper.errors import ConfigError, FatalError, PacekeeperError, PluginError

T = TypeVar("T")

_SECRET_BYTES = 32
_PART_SEPARATOR = "\x1f"
#: Top-level packages whose error texts are ours: reviewed, and proven with planted canaries.
_FIRST_PARTY = frozenset(
    {"pacekeeper", "pacekeeper_app", "pacekeeper_assets", "pacekeeper_checks", "pacekeeper_connectors"}
)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_WORDS = (
    "no space left",
    "file too large",
    "disk is full",
    "quota exceeded",
    "not enough space",
    "disk i/o error",
)


@dataclass(frozen=True)
class HashKey:
    """The secret identifiers are hashed under. key_id is stored with the data, and tells nothing about the secret."""

    key_id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> HashKey:
        """The key of a secret; key_id = first 8 hex characters of its SHA-256."""
        return cls(hashlib.sha256(secret).hexdigest()[:8], secret)


def create_hash_key(path: Path) -> HashKey:
    """A new secret of 32 random bytes in a file of mode 0600. Never overwrites one: that would orphan all keys."""
    secret = secrets.token_bytes(_SECRET_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            f"hash secret {path} exists already; it is never overwritten, because every key in the warehouse depends "
            "on it"
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return HashKey.of(secret)


def load_hash_key(path: Path) -> HashKey:
    """The secret in `path`. Raises ConfigError when it is missing, readable by others, or not what init made."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            secret = file.read(_SECRET_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"hash secret {path} is missing, and nothing is read without it. `pacekeeper init` makes one for a new "
            "warehouse; for an existing warehouse restore the file from where it is kept"
        ) from None
    except OSError as error:
        raise ConfigError(f"hash secret {path} cannot be read ({type(error).__name__})") from None
    if mode & 0o077:
        raise ConfigError(f"hash secret {path} has mode {mode:04o}: others can reach it. Run: chmod 600 {path}")
    if len(secret) != _SECRET_BYTES:
        raise ConfigError(f"hash secret {path} is not the {_SECRET_BYTES} bytes that `pacekeeper init` writes")
    return HashKey.of(secret)


def keyed_hash(key: HashKey, *parts: str) -> str:
    """The first 32 hex characters of HMAC-SHA-256 over the parts, joined by the unit separator (U+001F).

    The reference for what the boundary does in bulk: parts are (source, entity, id), or (domain, value).
    """
    message = _PART_SEPARATOR.join(parts).encode()
    return hmac.new(key.secret, message, hashlib.sha256).hexdigest()[:32]


_MASKS = (
    (re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S+"), "<url>"),
    (re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+"), "<email>"),
    (re.compile(r"\b(?:bearer|basic)\s+\S+", re.IGNORECASE), "<credential>"),
    (re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`"), "<quoted>"),
    (re.compile(r"[\w+/=.-]*\d[\w+/=.:-]*"), "#"),
    (re.compile(r"[\w+/=-]{24,}"), "#"),
)


def scrub(text: str) -> str:
    """`text` with URLs, e-mail addresses, quoted strings, and everything that holds a digit masked.

    For texts of other people's libraries. It cannot tell a name from a word, so it is no licence to print what may
    hold data.
    """
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def code_text(error: BaseException) -> str:
    """An error's text, reduced to what stands as text in the code that raised it; the rest becomes `…`.

    Our own code's texts are kept whole. Empty when nothing remains.
    """
    return _code_text(error, list(_frames(error.__traceback__)))


def describe(error: BaseException) -> str:
    """`KeyError at acme.client:30`: class and place of an error, nothing of its text.

    Of a full disk and a database that another process holds also that, because nobody could tell from the class.
    """
    what = _describe(error, list(_frames(error.__traceback__)))
    found = known_cause(error)
    return what if found is None else f"{what}: {found}"


@contextmanager
def plugin_border(source: str, connector: str) -> Iterator[None]:
    """Around every call into a connector: what comes out are our errors, without data and without a cause.

    An error of ours keeps its class, and its text where our own code raised it; raised by plugin code, only the words
    of its source code remain. Everything else, `sys.exit` included, becomes a FatalError with class and place.
    """
    try:
        yield
    except (Exception, SystemExit) as error:  # noqa: BLE001  one of the two plugin borders
        raise _crossed(error, source, connector) from None


def guarded(items: Iterable[T], *, source: str, connector: str) -> Iterator[T]:
    """The items of a plugin's iterable, each fetched inside `plugin_border`; the consumer's errors are untouched."""
    with plugin_border(source, connector):
        iterator = iter(items)
    while True:
        with plugin_border(source, connector):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


def _crossed(error: BaseException, source: str, connector: str) -> PacekeeperError:
    frames = list(_frames(error.__traceback__))
    frames = frames[2:] or frames  # the border itself and the code that stands at it come first
    if not isinstance(error, PacekeeperError):
        return FatalError(f"{source}: {connector} failed with {_describe(error, frames)}")
    ours = (base for base in type(error).__mro__ if base.__module__ == errors.__name__)
    kind: type[PacekeeperError] = next(base for base in ours if issubclass(base, PacekeeperError))
    if type(error) is kind and is_first_party(frames[-1].module):
        error.__dict__.pop("__notes__", None)  # a note may have been added on the way out
        return error
    place = _describe(error, frames)
    text = _code_text(error, frames) or "no text that is safe to show"
    if issubclass(kind, PluginError):
        return PluginError(connector=connector, reason=text, fix=f"see {place}")
    return kind(f"{source}: {connector} raised {place}: {text}")


def _code_text(error: BaseException, frames: Sequence[_Frame]) -> str:
    if not frames:
        return ""
    raised_in = frames[-1].module
    if is_first_party(raised_in):
        return str(error)
    return _known_part(str(error), (frame.code for frame in frames if _top(frame.module) == _top(raised_in)))


def _describe(error: BaseException, frames: Sequence[_Frame]) -> str:
    if not frames:
        return type(error).__name__
    last = frames[-1]
    caller = next((frame for frame in reversed(frames) if _top(frame.module) != _top(last.module)), None)
    via = "" if caller is None or is_first_party(caller.module) else f", called from {caller.module}:{caller.line}"
    return f"{type(error).__name__} at {last.module}:{last.line}{via}"


def known_cause(error: BaseException) -> str | None:
    """What a person must see to, of an error or what it came from, in words of ours; null = nothing is known."""
    text = str(error).lower()
    if getattr(error, "errno", None) in _FULL or any(words in text for words in _FULL_WORDS):
        return "the disk is full or fails, or a file may not grow; make room and run again"
    if "database is locked" in text:
        return "another process holds the database; end it and run again"
    return None if error.__cause__ is None else known_cause(error.__cause__)


class _Frame(NamedTuple):
    module: str
    code: CodeType
    line: int


def _frames(traceback: TracebackType | None) -> Iterator[_Frame]:
    while traceback is not None:
        frame = traceback.tb_frame
        yield _Frame(str(frame.f_globals.get("__name__", "unknown")), frame.f_code, traceback.tb_lineno)
        traceback = traceback.tb_next


def _top(module: str) -> str:
    return module.partition(".")[0]


def is_first_party(module: str) -> bool:
    """Whether a module, or a logger named after one, is our own code; a plugin `pacekeeper_acme` is not."""
    return _top(module) in _FIRST_PARTY


def _known_part(text: str, codes: Iterable[CodeType]) -> str:
    """The stretches of `text` that are string constants of the code, in order, with `…` for what lies between."""
    pieces = {piece for code in codes for constant in _constants(code) for piece in _fixed_parts(constant)}
    if not pieces:
        return ""
    whole_words = (rf"(?<!\w){re.escape(piece)}" if piece[0].isalnum() else re.escape(piece) for piece in pieces)
    ended = (p + r"(?!\w)" if p[-1].isalnum() else p for p in whole_words)
    pattern = re.compile("|".join(sorted(ended, key=len, reverse=True)))
    kept, end = "", 0
    for match in pattern.finditer(text):
        kept += ("…" if match.start() > end else "") + match.group()
        end = match.end()
    kept += "…" if end < len(text) else ""
    return kept.strip() if kept.strip("… ") else ""


def _constants(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType) and constant.co_name.startswith("<"):  # comprehensions, lambdas
            yield from _constants(constant)


def _fixed_parts(constant: str) -> Iterator[str]:
    """A constant without its `%s` and `{}` fields. Parts of fewer than two letters could spell data bit by bit."""
    try:
        parts = [literal for literal, *_ in string.Formatter().parse(constant)]
    except ValueError:
        parts = [constant]
    for part in parts:
        for piece in re.split(r"%(?:\(\w+\))?[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]", part):
            if sum(letter.isalpha() for letter in piece) >= 2:
                yield piece
