"""SMS as providers push them: unsigned hints to look, from which only the number is believed."""

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import orjson

from worker.adapters.providers.handler_api.dialects import DIALECTS
from worker.adapters.providers.reply import phone_of, ref_of
from worker.domain.ids import ProviderRef
from worker.ports.desk import Push

BODY_MAX = 64 * 1024  #: Bytes; an SMS with everything around it is a few hundred.

Body: TypeAlias = dict[str, Any]  #: Any: as the JSON has it


class UnreadablePush(ValueError):
    """Not what this family pushes. Says nothing of what was in it."""


def parse_push(family: str, dialect: str, raw_body: bytes) -> list[Push]:
    """The numbers a push is about; none where it is about something else than an activation.

    Raises `UnreadablePush`, also for families and dialects that push nothing.
    """
    read = _READERS.get(family)
    if read is None or (family == "handler_api" and not _pushes(dialect)):
        raise UnreadablePush("nothing is pushed here")
    if len(raw_body) > BODY_MAX:
        raise UnreadablePush(f"above {BODY_MAX} bytes")
    try:
        body = orjson.loads(raw_body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise UnreadablePush("no JSON object")
    return read(body)


def _pushes(dialect: str) -> bool:
    return dialect in DIALECTS and DIALECTS[dialect].push


def _handler_api(body: Body) -> list[Push]:
    if "rentId" in body and "activationId" not in body:
        return []  # Of a long rental.
    # Tries of one push are the same in these; the name of the sender is not in all of them.
    content = (body.get("receivedAt"), body.get("text"), body.get("code"))
    return [_push(body.get("activationId"), None, body.get("service"), content)]


def _onlinesim(body: Body) -> list[Push]:
    if body.get("webhook_type") != "receiving_sms":
        return []
    # `code` is the id of the SMS, not what the customer waits for.
    content = (body.get("code"), body.get("message"), body.get("time_start"))
    return [_push(body.get("operation_id"), body.get("number"), None, content)]


def _push(ref: object, phone: object, service: object, content: tuple[object, ...]) -> Push:
    read = ref_of(ref)
    if read is None:
        raise UnreadablePush("no id of a number")
    try:
        told = orjson.dumps((read, *content))
    except orjson.JSONEncodeError:
        raise UnreadablePush("nested too deeply") from None
    return Push(
        ref=ProviderRef(read),
        phone=phone_of(phone),
        service=service if isinstance(service, str) else None,
        content_hash=hashlib.sha256(told).hexdigest(),
    )


_READERS: Final[dict[str, Callable[[Body], list[Push]]]] = {
    "handler_api": _handler_api,
    "onlinesim": _onlinesim,
}
