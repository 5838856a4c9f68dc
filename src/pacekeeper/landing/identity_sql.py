"""How identifiers and references become keyed hashes: SQL for the messages that are hashed, and the hash itself."""

from __future__ import annotations

import duckdb

from pacekeeper import columns as c
from pacekeeper.privacy import HashKey
from pacekeeper.sql_text import sql_literal

_BLOCK_BYTES = 64
_REFERENCE = r"^(?:https?://.+/)?[A-Z][A-Za-z]+/([^/?#]{1,128})(?:/_history/[^/]*)?$"
_URN = "^urn:(uuid|oid):"


def install_keyed_hash(con: duckdb.DuckDBPyConnection, key: HashKey) -> None:
    """Give a session the macro `keyed_hash(message)`: HMAC-SHA-256 cut to 128 bits, as `privacy.keyed_hash` makes it.

    The session holds the secret from then on.
    """
    block = key.secret.ljust(_BLOCK_BYTES, b"\0")
    for name, mask in (("inner_pad", 0x36), ("outer_pad", 0x5C)):
        # As text, because binding a parameter makes the engine import half of the data libraries first.
        con.execute(f"SET VARIABLE {name} = unhex('{bytes(b ^ mask for b in block).hex()}')")
    con.execute(
        "CREATE TEMP MACRO keyed_hash(m) AS left(sha256(getvariable('outer_pad') || "
        "unhex(sha256(getvariable('inner_pad') || encode(m)))), 32)"
    )


def messages(name: str, column: c.Column, text: str, *, source: str, is_fhir: bool = False) -> dict[str, str]:
    """SQL of the messages to hash, by name of the resulting column; empty for a column that is not hashed.

    is_fhir: references follow FHIR's rules. Elsewhere an id such as `EMP/123` is an id, as it is for its key; only a
    reference that asks for a resource type or an identifier system is FHIR's there too.
    Null where the text names nothing that the column may hold.
    """
    of_source = sql_literal(source)
    match column:
        case c.Key():
            return {name: _message(of_source, sql_literal(column.entity), _bare(text))}
        case c.RefSet():
            return {name: _message(of_source, "'references'", text)}
        case c.Ref():
            entity = sql_literal(column.entity)
            if column.by_type is not None:
                cases = " ".join(_when(kind, named) for kind, named in sorted(column.by_type.items()))
                entity = f"CASE {_reference_type(text)} {cases} WHEN '' THEN {entity} END"
            follows_fhir = is_fhir or column.by_type is not None or column.match is not None
            of_source = sql_literal(column.source or source)
            found = {name: _message(of_source, entity, _reference_id(text) if follows_fhir else _bare(text))}
            if column.match is not None:
                cases = " ".join(_when(system, domain) for system, domain in sorted(column.match.items()))
                domain = f"CASE {_conditional_part(text, 1)} {cases} END"
                value = f"nullif({_normalised(_conditional_part(text, 2))}, '')"
                found[f"{name}_match"] = _message("'match'", domain, value)
            return found
        case c.MatchKey():
            return {name: _message("'match'", sql_literal(column.domain), _normalised(text))}
    return {}


def _reference_id(text: str) -> str:
    """SQL for the id a reference names; null for a contained or a conditional reference.

    `Patient/1`, an absolute URL, a versioned reference and `urn:uuid:...` give the bare id; any other text is an id.
    """
    return (
        f"CASE WHEN {text} LIKE '#%' OR regexp_matches({text}, '[?&][A-Za-z_.-]+=') THEN NULL "
        f"WHEN regexp_matches({text}, '{_REFERENCE}') THEN regexp_extract({text}, '{_REFERENCE}', 1) "
        f"ELSE {_bare(text)} END"
    )


def _reference_type(text: str) -> str:
    """SQL for the resource type a reference names; empty where it names none."""
    return f"regexp_extract({text}, '(?:^|/)([A-Za-z]+)/[^/?#]+(?:/_history/[^/]*)?$', 1)"


def _conditional_part(text: str, part: int) -> str:
    """SQL for the identifier system (1) or value (2) of a conditional reference; empty where it is none."""
    return f"regexp_extract(url_decode({text}), '[?&]identifier=([^|&]*)[|]([^&]*)', {part})"


def _bare(text: str) -> str:
    return f"regexp_replace({text}, '{_URN}', '')"


def _normalised(text: str) -> str:
    """SQL for a shared identifier in the form in which two sources meet."""
    return f"lower(regexp_replace({text}, '\\s', '', 'g'))"


def _message(*parts: str) -> str:
    """SQL for the text that is hashed: the parts joined by the unit separator; null when a part is."""
    return " || chr(31) || ".join(f"({part})" for part in parts)


def _when(value: str, result: str) -> str:
    return f"WHEN {sql_literal(value)} THEN {sql_literal(result)}"
