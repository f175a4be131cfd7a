"""TextVerified, second version: verifications, their history, rentals, and signed pushes."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Final

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.pushes import PushBody, UnreadablePush, push_of
from worker.adapters.providers.textverified import lists
from worker.adapters.providers.textverified.activations import TextVerifiedAccount
from worker.adapters.providers.textverified.rentals import TextVerifiedRentals
from worker.ports.service import Push

SMS_RECEIVED: Final = "v2.sms.received"
SIGNATURE: Final = "X-Webhook-Signature"
SCHEME: Final = "HMAC-SHA512="
PREFIX: Final = "whsec_"


def parse_push(body: PushBody) -> list[Push]:
    """The verification that an SMS came to; nothing where the push is about something else."""
    if body.get("event") != SMS_RECEIVED:
        return []
    sms = body.get("data")
    if not isinstance(sms, dict):
        raise UnreadablePush("no data")
    content = (body.get("idempotencyKey"), sms.get("id"), sms.get("createdAt"))
    return [push_of(sms.get("reservationId"), lists.phone_of(sms.get("to")), None, content)]


def is_signed(raw_body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    """Whether the signature is one of this body. Which bytes of the secret are the key is unknown.

    Each reading of the secret takes the secret, so to try them all weakens nothing.
    """
    given = (headers.get(SIGNATURE) or "").removeprefix(SCHEME).encode("utf-8", "replace")
    matches = [hmac.compare_digest(_signature(raw_body, key), given) for key in _keys_of(secret)]
    return any(matches)


def _keys_of(secret: str) -> Iterator[bytes]:
    bare = secret.removeprefix(PREFIX)
    yield secret.encode()
    yield bare.encode()
    try:
        decoded = base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        return
    if decoded:
        yield decoded


def _signature(raw_body: bytes, key: bytes) -> bytes:
    return base64.b64encode(hmac.new(key, raw_body, hashlib.sha512).digest())


ADAPTER = FamilyAdapter(
    TextVerifiedAccount, TextVerifiedRentals, parse_push=parse_push, is_signed=is_signed
)
