"""The arq queue: JSON on the wire, and connections that give up.

arq's default is pickle, with which whoever can write to Redis runs code in every worker. It is read
only as far as it holds plain values.
"""

from typing import Any

import orjson
from arq.connections import ArqRedis

from worker.adapters.redis.connect import open_pool
from worker.adapters.redis.pickled import unpickled
from worker.ports.handover import QUEUE


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
        job = unpickled(body)
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
