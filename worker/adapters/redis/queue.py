"""The arq queue: JSON on the wire, and connections that give up.

arq's default is pickle, with which whoever can write to Redis runs code in every worker.
"""

from typing import Any

import orjson
from arq.connections import ArqRedis

from worker.adapters.redis.connect import open_pool
from worker.ports.handover import QUEUE


def dump(job: dict[str, Any]) -> bytes:
    return orjson.dumps(job, default=_name_of_error)


def load(body: bytes) -> dict[str, Any]:
    """Raises `ValueError` on anything but an object of JSON, without quoting it."""
    try:
        job = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("a job must be JSON") from None
    if not isinstance(job, dict):
        raise ValueError("a job must be an object")  # noqa: TRY004 - arq treats both alike
    return job


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
