"""The private key a source signs its token requests with."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import SecretStr

from pacekeeper.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Algorithm = Literal["RS384", "ES384"]
_BITS = 2048


@dataclass(frozen=True)
class LoadedKey:
    """A key ready to sign. key_id: what the server knows its public half by."""

    algorithm: Algorithm
    key_id: str
    private: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True)
class SigningKey:
    """Where a private key is: text, or a file that only its owner can read. PEM, one JWK, or a JWK set.

    key_id: needed for PEM; of a JWK the default is its own `kid`, of a set it chooses the key.
    """

    text: SecretStr | None = None
    file: Path | None = None
    key_id: str | None = None

    def load(self) -> LoadedKey:
        """The key; RSA signs by RS384, P-384 by ES384. ConfigError says what is wrong, and shows nothing of it."""
        text = self._text().strip()
        return self._from_jwk(text) if text.startswith("{") else self._from_pem(text)

    def _text(self) -> str:
        if self.text is not None:
            return self.text.get_secret_value()
        file = (self.file or Path()).expanduser()
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
            if mode & 0o077:
                raise ConfigError(f"private key {str(file)!r} has mode {mode:04o}: others can reach it; chmod 600 it")
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            name = type(error).__name__
        raise ConfigError(f"private key {str(file)!r} cannot be read ({name}): correct private_key_file")

    def _from_pem(self, text: str) -> LoadedKey:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if self.key_id is None:
            raise ConfigError(
                "a private key in PEM has no name: set key_id to the `kid` its public half has at the EHR"
            )
        try:
            found = load_pem_private_key(text.encode(), password=None)
        except (ValueError, TypeError):
            found = None
        if found is None:
            raise ConfigError("the private key is neither PEM without a password, nor a JWK")
        return LoadedKey(_algorithm(found), self.key_id, found)  # type: ignore[arg-type]  # _algorithm refuses others

    def _from_jwk(self, text: str) -> LoadedKey:
        from jwt import PyJWK
        from jwt.exceptions import PyJWTError

        jwk = self._chosen(text)
        try:
            found: Any = PyJWK(jwk).key  # Any: the library's own type depends on the key
        except (PyJWTError, ValueError, TypeError, KeyError):
            found = None
        if found is None or "d" not in jwk:
            raise ConfigError("the JWK is no private key: it should have kty, its numbers and `d`")
        key_id = self.key_id or jwk.get("kid")
        if not isinstance(key_id, str):
            raise ConfigError("the JWK has no `kid`: set key_id to the name its public half has at the EHR")
        return LoadedKey(_algorithm(found), key_id, found)

    def _chosen(self, text: str) -> dict[str, Any]:  # Any: JSON is open until the key is made of it
        try:
            jwk = orjson.loads(text)
        except orjson.JSONDecodeError:
            jwk = None
        if isinstance(jwk, dict) and isinstance(jwk.get("keys"), list):
            private = [key for key in jwk["keys"] if isinstance(key, dict) and "d" in key]
            named = [key for key in private if self.key_id in {None, key.get("kid")}]
            if len(named) != 1:
                raise ConfigError(
                    f"the JWK set holds {len(private)} private keys, {len(named)} fit: set key_id to the `kid` of one"
                )
            jwk = named[0]
        if not isinstance(jwk, dict):
            raise ConfigError("the private key begins like a JWK, but is no JSON object")
        return jwk


def _algorithm(key: object) -> Algorithm:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if isinstance(key, RSAPrivateKey) and key.key_size >= _BITS:
        return "RS384"
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP384R1):
        return "ES384"
    raise ConfigError(
        f"SMART takes RSA keys of {_BITS} bits or more (RS384) and P-384 keys (ES384); this is another kind"
    )
