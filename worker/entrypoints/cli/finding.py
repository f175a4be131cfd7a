"""Which number somebody means: by its id or the end of it, a phone, or the shop's order id."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from worker.entrypoints.cli.client import ACTIVATIONS, Daemon, path_of
from worker.entrypoints.cli.exit_codes import Exit, Failure

CANDIDATES_MAX: Final = 50
_WHOLE: Final = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_TAIL: Final = re.compile(r"[0-9a-f]{8}")
_PHONE: Final = re.compile(r"\+[0-9]{3,20}|[0-9]{4,20}")
_REFERENCE: Final = re.compile(r"[!-~]([ -~]{0,126}[!-~])?")


class SeveralFit(Exception):
    """More than one number fits; whoever asked says which."""

    def __init__(self, found: list[Mapping[str, Any]]) -> None:
        super().__init__("several numbers fit")
        self.found = found


def whole_id(text: str) -> str:
    """What changes something names one thing: no part of an id will do."""
    if _WHOLE.fullmatch(text) is None:
        hint = "activation-worker show finds it by a phone, an order id or the id's end"
        raise Failure(Exit.USAGE, f"{text}: not a whole id", hint=hint)
    return text


def refuse_empty(id_: str) -> None:
    """Before anything is asked: in a script it is most often a variable that was never set."""
    if not id_.strip():
        raise Failure(Exit.USAGE, "the id is empty", hint="activation-worker list shows ids")


async def the_number(daemon: Daemon, text: str) -> dict[str, Any]:
    """The one number that fits, with its timeline; raises `SeveralFit`."""
    if _WHOLE.fullmatch(text) is not None:
        return await daemon.get(path_of(text))
    found: dict[str, Mapping[str, Any]] = {}
    for name, value in _keys(text):
        async for number in daemon.pages(ACTIVATIONS, CANDIDATES_MAX, **{name: value}):
            found.setdefault(number["id"], number)
    if not found:
        hint = "an id, its last 8 characters, a phone or its last digits, or an order id"
        raise Failure(Exit.FAILED, f"no number fits {text}", hint=hint)
    if len(found) > 1:
        raise SeveralFit(sorted(found.values(), key=lambda one: str(one["rented_at"]))[::-1])
    return await daemon.get(path_of(next(iter(found))))


def _keys(text: str) -> Iterator[tuple[str, str]]:
    """Each way in which it could be meant."""
    if _TAIL.fullmatch(text.lower()):
        yield "id_tail", text.lower()
    if _PHONE.fullmatch(text):
        yield "phone", text
    if _REFERENCE.fullmatch(text):
        yield "order_ref", text
