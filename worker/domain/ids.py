"""Names of things, and ids made from the things themselves.

An id is never random: the same rental gets the same id however often, and by whomever, it is
handed in, so that a repeated intake meets its own primary key.

That of a number begins with the time of its rental, as RFC 9562 has it for version 7, so that what
is written together stands together in each index, on few pages. The rest is made of the thing:
version 8. Older ids are version 5; who hands in a number again finds it by provider and reference.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import NewType
from uuid import UUID, uuid5

ActivationId = NewType("ActivationId", UUID)
AccountId = NewType("AccountId", str)
ProviderName = NewType("ProviderName", str)
ProviderRef = NewType("ProviderRef", str)  #: The provider's own id of a rented number, as text.
SmsCode = NewType("SmsCode", str)

_ACTIVATIONS = UUID("6f1d3c1e-6f0a-5b52-9a34-0f6f3a6c2a11")
_BEGIN = (1 << 48) - 1  #: Milliseconds since 1970.
_VERSION, _VERSION_8 = 0xF << 76, 8 << 76
_VARIANT, _VARIANT_RFC = 0b11 << 62, 0b10 << 62
_OF_HASH = ~(_BEGIN << 80 | _VERSION | _VARIANT)
_PURCHASES = UUID("0b7c3a52-93e4-5d0e-8a11-5a4f2f6f7d02")


def activation_id(provider: ProviderName, ref: ProviderRef, rented_at: datetime) -> ActivationId:
    """The id of one rental; a provider may use a ref again, never at the same instant."""
    assert rented_at.tzinfo is not None
    micros = int(rented_at.timestamp()) * 1_000_000 + rented_at.microsecond
    # The hash of `uuid5`, without making the id of version 5 first: a thousand come in one call.
    name = _ACTIVATIONS.bytes + f"{provider}\n{ref}\n{micros}".encode()
    hashed = int.from_bytes(hashlib.sha1(name, usedforsecurity=False).digest()[:16])
    begin = (micros // 1000 & _BEGIN) << 80
    return ActivationId(UUID(int=begin | hashed & _OF_HASH | _VERSION_8 | _VARIANT_RFC))


def purchase_id(account: AccountId, idempotency_key: str) -> ActivationId:
    """The id of an activation that is rented through us, known before the provider answers."""
    return ActivationId(uuid5(_PURCHASES, f"{account}\n{idempotency_key}"))


def the_one(ids: Collection[ActivationId]) -> ActivationId | None:
    """The id where there is one alone: what is said of several names none."""
    return next(iter(ids)) if len(ids) == 1 else None


def code_hash(code: str) -> bytes:
    """What makes two SMS of one number the same; it outlives the text, which is deleted early."""
    return hashlib.sha256(code.encode(errors="surrogatepass")).digest()
