"""Signatures of Standard Webhooks 1.0: they tell that an event is ours and unchanged."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
KEY_BYTES_MIN: Final = 24
KEY_BYTES_MAX: Final = 64

assert KEY_BYTES_MIN < KEY_BYTES_MAX


class BadSecret(ValueError):
    """Not a webhook secret. Says what one looks like, never what was given."""

    def __init__(self) -> None:
        super().__init__(
            f"a webhook secret is {PREFIX} and base64 of {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes"
        )


class Signer:
    """Signs with every secret it is given, newest first: while one is replaced, both are valid."""

    def __init__(self, secrets: str) -> None:
        """*secrets*: one, or several separated by spaces. Raises `BadSecret`."""
        self._keys = _keys(secrets.split())

    def sign(self, id_: str, timestamp: int, body: bytes) -> str:
        signed = b".".join((id_.encode(), str(timestamp).encode(), body))
        return " ".join(f"v1,{_hmac(key, signed)}" for key in self._keys)


def _hmac(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _keys(secrets: Sequence[str]) -> tuple[bytes, ...]:
    if not secrets:
        raise BadSecret
    return tuple(_key(secret) for secret in secrets)


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(PREFIX)
    try:
        # Some tools leave the padding out; surplus padding is ignored.
        key = base64.b64decode(
            encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), validate=True
        )
    except (binascii.Error, ValueError):
        raise BadSecret from None
    if not secret.startswith(PREFIX) or not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise BadSecret
    return key
