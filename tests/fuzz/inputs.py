"""A call as bytes: what a coverage-guided run mutates, keeps, and leaves behind when it finds.

    look
    200 STATUS_WAIT_CODE
    \\x1e404 …

Any bytes are a call, so that a mutation of bytes is never wasted.
"""

from random import Random
from typing import Final

from tests.fuzz.adapters import REQUESTS_MAX, Adapter, Call
from tests.fuzz.mutations import BODY_MAX, drawn, mutated
from worker.adapters.providers.reply import Reply

BETWEEN: Final = b"\n\x1e"  #: Between replies; 0x1E is the record separator of ASCII.
SIZE_MAX: Final = BODY_MAX  #: Of one input.
STATUS_MIN: Final = 100


def packed(call: Call) -> bytes:
    replies = (b"%d %b" % (reply.status, reply.body) for reply in call.replies)
    return call.operation.encode() + b"\n" + BETWEEN.join(replies)


def unpacked(data: bytes, adapter: Adapter) -> Call:
    """An operation nobody knows counts as some other one, a status nobody knows as 200."""
    word, _, rest = data.partition(b"\n")
    names = adapter.operations
    name = word.decode("latin-1")
    operation = name if name in names else names[sum(word) % len(names)]
    replies = [_reply(part) for part in rest.split(BETWEEN, REQUESTS_MAX)]
    return Call(operation, tuple(replies))


def _reply(part: bytes) -> Reply:
    status, _, body = part.partition(b" ")
    if len(status) == 3 and status.isdigit() and int(status) >= STATUS_MIN:
        return Reply(int(status), body[:BODY_MAX])
    return Reply(200, part[:BODY_MAX])


def evolved(random: Random, data: bytes, adapter: Adapter) -> bytes:
    """The input with one of its replies spoiled, keeping what made it interesting."""
    if not random.randrange(10):
        return packed(drawn(random, adapter))
    call = unpacked(data, adapter)
    at = random.randrange(len(call.replies))
    replies = list(call.replies)
    replies[at] = mutated(random, replies[at])
    operation = call.operation if random.randrange(8) else random.choice(adapter.operations)
    return packed(Call(operation, tuple(replies)))
