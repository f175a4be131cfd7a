"""From replies that were really seen to replies that nobody has seen: structure-aware.

A mutation knows JSON and the words of all families, so that it gets past the first check of a
reader. Everything random comes from a `Random` that is passed in: hypothesis shrinks what it
draws, and a coverage-guided run repeats by its seed.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

from tests.fuzz.adapters import Adapter, Call
from worker.adapters.providers.reply import Reply

GOLDEN: Final = Path(__file__).parents[1] / "golden"
BODY_MAX: Final = 64 * 1024  #: Bytes: no longer reply about one thing reaches a reader.
STATUSES: Final = (
    *(200, 200, 200, 201, 202, 204, 301, 302, 304, 400, 401, 402, 403, 404, 405, 406, 407, 409),
    *(410, 411, 422, 429, 500, 501, 502, 503, 504, 100, 199, 299, 300, 399, 499, 599),
)
CROSSED: Final = (200, 204, 302, 404)


class Seed(NamedTuple):
    """A reply of the golden files."""

    family: str
    dialects: frozenset[str]  #: Empty for all there are.
    operation: str  #: As the golden files call it: the reader's, after "rental" for those.
    reply: Reply
    leads_on: bool  #: Whether it is one after which more is asked, where more is.


#: What a reply means after which a family asks on; of the others, that the number waits.
LEADING_ON: Final[dict[str, list[dict[str, Any]]]] = {
    "smspool": [{"is": "Ended", "fate": "unknown"}, {"is": "True"}],
    "textverified": [{"is": "CodesArrived", "codes": []}, {"is": "str"}],
}


def _leads_on(family: str, means: dict[str, Any]) -> bool:
    leading = LEADING_ON.get(family)
    return means.get("is") == "Waiting" if leading is None else means in leading


SEEDS: Final = tuple(
    Seed(
        file.stem,
        frozenset(entry.get("dialects", ())),
        entry["operation"] if folder == "providers" else f"rental {entry['operation']}",
        Reply(
            entry["status"],
            entry["body"].encode(),
            entry.get("retry_after_s"),
            tuple(entry.get("headers", {}).items()),
        ),
        _leads_on(file.stem, entry["means"]),
    )
    for folder in ("providers", "rentals")
    for file in sorted((GOLDEN / folder).glob("*.json"))
    for entry in json.loads(file.read_text(encoding="utf-8"))
)

#: The replies an operation hears, by the reader's names; onlinesim looks before and after.
HEARD: Final = {
    "cancel": ("cancel",),
    "report": ("cancel",),
    "finish": ("finish", "look"),
    "list_active": ("page",),
    "list_whole": ("page",),
    "textverified look": ("look", "codes"),
    "textverified finish": ("look", "codes"),
    "textverified report": ("look", "cancel", "codes"),
    "textverified rent": ("bought", "rent"),
    "textverified list_active": ("page", "codes"),
    "textverified list_whole": ("page", "codes"),
    "smspool look": ("look", "past_of"),
    "smspool finish": ("look", "past_of"),
    "smspool ask_again": ("resend_is_free", "asked_again"),
    "onlinesim cancel": ("look", "changed", "look"),
    "onlinesim report": ("look", "changed", "look"),
    "onlinesim finish": ("changed", "look"),
    "rental_open": ("rental opened",),
    "rental_messages": ("rental messages",),
    "rental_prolong": ("rental prolonged",),
    "rental_close": ("rental ended", "rental messages"),
    "handler_api rental_close": ("rental given_back", "rental kept", "rental messages"),
    "fivesim rental_close": ("rental given_back", "rental kept", "rental messages"),
    "smspool rental_close": ("rental given_back", "rental messages"),
    "textverified rental_open": ("rental bought", "rental sold", "rental opened"),
    "textverified rental_messages": ("rental messages", "codes"),
    "textverified rental_close": ("rental given_back", "rental not_closed"),
    "rental_available": ("rental messages",),
    "handler_api rental_available": ("rental available", "rental messages"),
    "smspva rental_available": ("rental messages", "rental switched_on"),
}

EDGES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 200, 202, 2**63, 10**30, 0.1, 1.5e300, float("nan")),
    *("", " ", "0", "1", "true", "null", "NaN", "-0", "1e999999999", "9" * 400, "\x00", "\ud800"),
    *("12:34", '"', "'1'", "\u0661\u0662", "+7 999", "2026-02-30T25:61:61Z", "a" * 5000),
    *([], {}, [[]], [None], [{}], {"sms": []}, {"response": 1}, {"code": "1"}),
)


def _words_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _words_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words_in(inner)
    elif isinstance(value, str):
        yield value


def _json_in(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _vocabulary() -> tuple[str, ...]:
    """Every key, word and text of every family."""
    words: set[str] = set()
    for seed in SEEDS:
        body = seed.reply.body.decode()
        words |= {body, *body.split(":"), *_words_in(_json_in(seed.reply.body))}
    return tuple(sorted(word for word in words if len(word) < 200))


WORDS: Final = _vocabulary()


def drawn(random: Random, adapter: Adapter) -> Call:
    """A question to this adapter, and replies made from those that were seen."""
    operation = random.choice(adapter.operations)
    heard = _heard(adapter, operation)
    # Most chains get to their last reply only when those before it are as they should be.
    last = random.randrange(len(heard))
    replies = [
        random.choice(_fitting(adapter, each, first=at == 0))
        if at < last and random.randrange(4)
        else mutated(random, _seed_for(random, adapter, each))
        for at, each in enumerate(heard)
    ]
    return Call(operation, tuple(replies))


def _heard(adapter: Adapter, operation: str) -> tuple[str, ...]:
    return HEARD.get(f"{adapter.family} {operation}") or HEARD.get(operation, (operation,))


def _seed_for(random: Random, adapter: Adapter, operation: str) -> Reply:
    match random.randrange(10):
        case 0:
            return random.choice(SEEDS).reply
        case 1 | 2:
            return random.choice(_of_family(adapter.family))  # The answer to another question.
        case _:
            return random.choice(_fitting(adapter, operation))


@cache
def _of_family(family: str) -> list[Reply]:
    return [seed.reply for seed in SEEDS if seed.family == family]


@cache
def _fitting(adapter: Adapter, operation: str, *, first: bool = False) -> list[Reply]:
    """What was seen in answer to this question; as the first of several looks, only a wait."""
    fitting = [
        seed
        for seed in SEEDS
        if seed.family == adapter.family
        and seed.operation == operation
        and adapter.dialect in (seed.dialects or {adapter.dialect})
    ]
    waiting = [seed for seed in fitting if first and seed.leads_on]
    return [seed.reply for seed in waiting or fitting] or _of_family(adapter.family)


def seeds_of(adapter: Adapter) -> list[Call]:
    """What was seen, as it was: where a coverage-guided run begins."""
    calls = []
    for operation in adapter.operations:
        heard = _heard(adapter, operation)
        first = tuple(_fitting(adapter, each, first=True)[0] for each in heard[:-1])
        calls += [Call(operation, (*first, reply)) for reply in _fitting(adapter, heard[-1])]
        calls += [Call(operation, (reply,)) for reply in _fitting(adapter, heard[0])]
    return calls


def crossed(adapter: Adapter) -> Iterator[Call]:
    """Everything the family was seen to say, in answer to every question, in every order."""
    for operation in adapter.operations:
        for reply in _of_family(adapter.family):
            for status in {reply.status, *CROSSED}:
                yield Call(operation, (reply._replace(status=status),))
        heard = _heard(adapter, operation)
        if len(heard) > 1:
            for chain in product(*(_fitting(adapter, each) for each in heard)):
                yield Call(operation, chain)


def mutated(random: Random, reply: Reply) -> Reply:
    """The same reply, spoiled in one to three ways."""
    status, body = reply.status, reply.body
    if not random.randrange(6):
        status = random.choice(STATUSES)
    for _ in range(random.randrange(4)):
        body = _spoiled(random, body)
    return reply._replace(status=status, body=body[:BODY_MAX])


def _spoiled(random: Random, body: bytes) -> bytes:
    if len(body) < BODY_MAX // 4 and random.randrange(4):
        value = _json_in(body)
        if value is not None:
            return _dumped(random, _changed(random, value))
    return random.choice(TEXT_CHANGES)(random, body)


def _dumped(random: Random, value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=bool(random.randrange(2)))
    return text.encode("utf-8", "surrogatepass")


def _changed(random: Random, value: Any) -> Any:
    """A JSON value with one change at one place; *value* is ours to change."""
    spots = list(_spots(value))
    if not spots or not random.randrange(10):
        return random.choice(([value], {"data": value}, {"original": value}, _any(random)))
    holder, key = random.choice(spots)
    random.choice(TREE_CHANGES)(random, holder, key)
    return value


Holder: TypeAlias = Any  #: A list and an index into it, or a dict and one of its keys.


def _spots(value: object) -> Iterator[tuple[Holder, Any]]:
    left, seen = [value], 0
    while left and seen < 200:
        seen += 1
        holder = left.pop()
        if isinstance(holder, dict):
            keys: list[Any] = list(holder)
        elif isinstance(holder, list):
            keys = list(range(min(len(holder), 20)))
        else:
            continue
        for key in keys:
            yield holder, key
            left.append(holder[key])


def _any(random: Random) -> Any:
    if random.randrange(3) == 0:
        return random.choice(WORDS)
    if random.randrange(3) == 0:
        return _json_in(random.choice(SEEDS).reply.body)
    return json.loads(random.choice(_EDGES_AS_TEXT))


#: As text, because lists and dicts must not be shared: the next change would be in all of them.
_EDGES_AS_TEXT: Final = tuple(json.dumps(edge) for edge in EDGES)


def _replace(random: Random, holder: Holder, key: Any) -> None:
    holder[key] = _any(random)


def _retype(random: Random, holder: Holder, key: Any) -> None:
    """The same thing as another type: `1`, `"1"`, `[1]`, `{"x": 1}`, `true`."""
    value = holder[key]
    changes: tuple[Any, ...] = (str(value), [value], {"x": value}, [value, value], bool(value))
    if isinstance(value, str):
        changes += (value.lower(), f" {value} ", f'"{value}"', value[:1], value * 3)
    holder[key] = random.choice(changes)


def _remove(_random: Random, holder: Holder, key: Any) -> None:
    del holder[key]


def _rename(random: Random, holder: Holder, key: Any) -> None:
    if isinstance(holder, dict):
        holder[random.choice(WORDS)] = holder.pop(key)
    else:
        holder.insert(key, _any(random))


def _add(random: Random, holder: Holder, key: Any) -> None:
    if isinstance(holder, dict):
        holder[random.choice(WORDS)] = _any(random)
    else:
        holder.extend([holder[key]] * random.choice((1, 2, 120)))


TREE_CHANGES: Final[tuple[Callable[[Random, Holder, Any], None], ...]] = (
    _replace,
    _replace,
    _retype,
    _remove,
    _rename,
    _add,
)

AROUND: Final = (b"'", b'"', b" ", b"\n", b"<html>", b"\xef\xbb\xbf", b"\x00", b"\xff", b"{", b"[")


def _between(random: Random, body: bytes) -> int:
    return random.randrange(len(body) + 1)


def _cut(random: Random, body: bytes) -> bytes:
    return body[: _between(random, body)]


def _glue(random: Random, body: bytes) -> bytes:
    return body + random.choice(SEEDS).reply.body


def _wrap(random: Random, body: bytes) -> bytes:
    around = random.choice(AROUND)
    return around + body + random.choice((b"", around))


def _bytes(random: Random, body: bytes) -> bytes:
    at = _between(random, body)
    return body[:at] + bytes([random.randrange(256)]) + body[at + random.randrange(2) :]


def _word(random: Random, body: bytes) -> bytes:
    at = _between(random, body)
    return body[:at] + random.choice(WORDS).encode() + body[at:]


def _other_word(random: Random, body: bytes) -> bytes:
    """Another word before the first colon, or another text behind it."""
    word, colon, rest = body.partition(b":")
    other = random.choice(WORDS).encode()
    return other + colon + rest if random.randrange(2) else word + b":" + other


def _deep(random: Random, body: bytes) -> bytes:
    return random.choice((b"[", b'{"data":', b'{"sms":[', b"((")) * random.randrange(5000) + body


def _recode(random: Random, body: bytes) -> bytes:
    coding = random.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7"))
    return body.decode("utf-8", "replace").encode(coding, "replace")


def _long(random: Random, body: bytes) -> bytes:
    at = _between(random, body)
    return body[:at] + body[at : at + 1] * random.randrange(3000) + body[at:]


TEXT_CHANGES: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    _cut,
    _glue,
    _wrap,
    _bytes,
    _word,
    _other_word,
    _deep,
    _recode,
    _long,
)
