"""The arq queue: JSON on the wire, and connections that give up.

arq's default is pickle, with which whoever can write to Redis runs code in every worker: unpickling
runs what a pickle names. So the opcodes of a pickled job are read first, and what they may name are
the types of instants; whatever else they ask for makes the job unreadable.
"""

import io
import pickle
import pickletools
import re
from typing import Any, Final

import orjson
from arq.connections import ArqRedis

from worker.adapters.redis.connect import open_pool
from worker.ports.handover import QUEUE

BODY_MAX: Final = 4 * 1024 * 1024  #: Bytes; a thousand numbers are a tenth of it.
UNFOLDED_MAX: Final = 4 * BODY_MAX  #: Characters, where a value is named again and again.
OF_A_VALUE: Final = 16  #: Characters that it counts for at least: to count them takes time, too.
_INSTANTS: Final = frozenset({"datetime", "timezone", "timedelta"})  #: Of the module datetime.
_OPCODES: Final = re.compile(
    "PROTO|FRAME|STOP|MARK|NONE|NEWTRUE|NEWFALSE|INT|BININT[12]?|LONG1?|FLOAT|BINFLOAT"
    "|UNICODE|(SHORT_)?BINUNICODE8?|STRING|SHORT_BIN(BYTES|STRING)"
    "|(EMPTY_)?(LIST|TUPLE|DICT)|TUPLE[123]|APPENDS?|SETITEMS?"
    "|(LONG_)?BINPUT|PUT|MEMOIZE|(LONG_)?BINGET|GET|(STACK_)?GLOBAL|REDUCE"
)


def dump(job: dict[str, Any]) -> bytes:
    return orjson.dumps(job, default=_name_of_error)


def load(body: bytes) -> dict[str, Any]:
    """A job of JSON, or of plain values that another application pickled.

    Raises `ValueError` on anything else, without quoting it.
    """
    if body[:1] == b"{":
        try:
            job: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise ValueError("a job must be JSON") from None
    else:
        job = _unpickled(body)
    match job:
        case {"t": int() | None, "f": str(), "a": list() | tuple(), "k": dict(), "et": int()}:
            return dict(job)
        case _:
            raise ValueError("a job must be as arq writes it")


def open_queue(url: str) -> ArqRedis:
    """The queue over a pool of its own; close with `aclose(close_connection_pool=True)`."""
    return ArqRedis(
        open_pool(url), job_serializer=dump, job_deserializer=load, default_queue_name=QUEUE
    )


def _name_of_error(value: object) -> str:
    """arq serialises the exception of a failed job before it finds that no result is kept."""
    if isinstance(value, BaseException):
        return type(value).__name__
    raise TypeError("a job holds plain values only")


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as in the library
        if module != "datetime" or name not in _INSTANTS:
            raise pickle.UnpicklingError("it names what is no plain value")
        return super().find_class(module, name)


def _unpickled(body: bytes) -> Any:  # noqa: ANN401 - whatever it holds, of plain values
    """Raises `ValueError` for all that is not plain, without quoting it."""
    try:
        if len(body) <= BODY_MAX and _is_plain(body):
            job = _PlainUnpickler(io.BytesIO(body)).load()
            if _is_bearable(job):
                return job
    except Exception:  # noqa: BLE001 - a broken pickle can raise anything
        raise ValueError("a pickle that cannot be read") from None
    raise ValueError("a pickle of more than plain values")


def _is_bearable(job: object) -> bool:
    """Whether it is not too long as JSON, where each value counts wherever it stands.

    A pickle of 200 bytes can name one list ten times in the next one, again and again: written
    out it would take all memory there is.
    """
    length, waiting = 0, [job]
    while waiting and length <= UNFOLDED_MAX:
        match waiting.pop():
            case dict() as table:
                waiting += [*table, *table.values()]
                length += OF_A_VALUE * len(table)
            case list() | tuple() as several:
                waiting += several
                length += OF_A_VALUE * len(several)
            case str() | bytes() as text:
                length += len(text)
            case _:
                pass
    return length <= UNFOLDED_MAX


def _is_plain(body: bytes) -> bool:
    """Whether no opcode does more than build plain values, nor asks for a place far away."""
    return all(
        _OPCODES.fullmatch(opcode.name)
        and not ("PUT" in opcode.name and int(argument or 0) > len(body))
        for opcode, argument, _ in pickletools.genops(body)
    )
