"""What a family makes of an SMS that its provider pushes: which number it is about."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import orjson

from worker.adapters.providers import fields
from worker.domain.ids import ProviderRef
from worker.ports.service import Push

PUSH_MAX: Final = 64 * 1024  #: Bytes; an SMS with everything around it is a few hundred.

PushBody: TypeAlias = dict[str, Any]  #: Any: as the JSON has it
PushParser: TypeAlias = Callable[[PushBody], list[Push]]
#: Of a raw push, its headers and the secret it should be signed with.
SignatureCheck: TypeAlias = Callable[[bytes, Mapping[str, str], str], bool]


class UnreadablePush(ValueError):
    """Not what this family pushes. Says nothing of what was in it."""


def push_of(ref: object, phone: object, service: object, content: tuple[object, ...]) -> Push:
    """A push about the number *ref*; pushes with the same *content* are tries of one push."""
    number = fields.ref_of(ref)
    if number is None:
        raise UnreadablePush("no id of a number")
    try:
        hashed = orjson.dumps((number, *content))
    except orjson.JSONEncodeError:
        raise UnreadablePush("nested too deeply") from None
    return Push(
        ref=ProviderRef(number),
        phone=fields.phone_of(phone),
        service=service if isinstance(service, str) else None,
        content_hash=hashlib.sha256(hashed).hexdigest(),
    )
