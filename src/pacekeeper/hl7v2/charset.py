"""Text of a message's bytes, by the character set it names in MSH-18 (HL7 table 0211)."""

from __future__ import annotations

from collections.abc import Mapping

#: Python codec by code of table 0211. ASCII senders let other bytes slip in, so that ASCII is read as UTF-8.
_CODECS: Mapping[str, str] = {
    "ASCII": "utf-8",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    **{f"ISO-8859-{part}": f"iso8859-{part}" for part in (1, 2, 15)},
    "WINDOWS-1252": "cp1252",
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
    "ISO IR87": "iso2022_jp",
}
_FALLBACKS = ("utf-8", "latin-1")


def decode(content: bytes) -> str:
    """The message as text: by MSH-18, else as UTF-8, else as latin-1, which every byte fits.

    A character set that is not known, or that the bytes do not keep to, counts as none.
    """
    if content.isascii():
        return content.decode("ascii")
    declared = _CODECS.get(_declared(content))
    for codec in (declared, *_FALLBACKS):
        if codec is None:
            continue
        try:
            return content.decode(codec)
        except UnicodeDecodeError:
            continue
    raise AssertionError("latin-1 reads every byte")


def _declared(content: bytes) -> str:
    """MSH-18, first repetition, in capitals; empty where the message names none."""
    header = content.split(b"\r", 1)[0]
    fields = header.split(header[3:4], 18) if len(header) > 3 else []
    if len(fields) < 18:
        return ""
    repetition = header[5:6] or b"~"
    return fields[17].split(repetition)[0].decode("latin-1").strip().upper()
