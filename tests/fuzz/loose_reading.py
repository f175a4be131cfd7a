"""How the oracles read a reply: loosely, and with nothing of what the adapters read with."""

import json
import re
from collections.abc import Iterator
from typing import Any

from worker.adapters.providers.reply import Reply


def is_good(reply: Reply) -> bool:
    return 200 <= reply.status < 300


def is_told(reply: Reply) -> bool:
    return is_good(reply) or 400 <= reply.status < 500


def text_in(reply: Reply) -> str:
    said = reply.body.decode("utf-8", "replace")
    coding = json.detect_encoding(reply.body)  # As whoever reads JSON finds it out.
    return said if coding == "utf-8" else f"{said}\n{reply.body.decode(coding, 'replace')}"


def token_in(reply: Reply) -> str | None:
    """The one word a reply is, in the quotes and blanks some put around it."""
    found = re.fullmatch(r"\s*(['\"]?)\s*([A-Z_]+)\s*\1\s*", text_in(reply))
    return found[2] if found else None


def json_in(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return None


def object_in(reply: Reply) -> dict[str, Any]:
    body = json_in(reply)
    return body if isinstance(body, dict) else {}


def is_one(reply: Reply) -> bool:
    """onlinesim's yes, wherever in the reply it is."""
    return any(value in (1, "1") for value in scalars_under(json_in(reply), {"response"}))


def bare(text: str | None) -> str:
    return re.sub(r"^[\s'\"]+|[\s'\"]+$", "", text or "")


def under(value: object, keys: set[str] | None = None) -> Iterator[str]:
    """Every text and integer below one of these keys, or at all."""
    for each in scalars_under(value, keys):
        if isinstance(each, str | int) and not isinstance(each, bool):
            yield str(each)


def scalars_under(value: object, keys: set[str] | None) -> Iterator[object]:
    """Without recursion: it may be deep."""
    left = [(value, keys is None)]
    while left:
        value, inside = left.pop()
        if isinstance(value, dict):
            left += [(each, inside or key in (keys or ())) for key, each in value.items()]
        elif isinstance(value, list):
            left += [(each, inside) for each in value]
        elif inside:
            yield value
