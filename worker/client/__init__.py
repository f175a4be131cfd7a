"""For programs that use activation-worker: the client of its HTTP API, and handing over by arq.

    from worker.client import Client, hand_over

Neither needs a setting or a service of the worker's own.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Final

from arq.connections import ArqRedis, RedisSettings, create_pool

from worker.client.api_connection import segment, to_json
from worker.client.api_problem import ApiError, ApiProblem, ApiUnreachable
from worker.client.calls import AllCalls
from worker.client.calls.shapes import Activation
from worker.ports.handover import ACCEPT, ACCEPT_MAX, QUEUE

__all__ = ["ApiError", "ApiProblem", "ApiUnreachable", "Client", "hand_over"]

#: Below what proxies allow a silent answer.
CHANGE_SECONDS: Final = 25
#: Nothing more happens to the customer's money by itself; in review, a person has to decide.
ENDED: Final = frozenset({"delivered", "refunded", "closed", "in_review"})
#: arq forgets a job after a day that nobody took; a number that was paid for waits longer.
KEPT_FOR: Final = timedelta(days=30)


class Client(AllCalls):
    """The HTTP API of activation-worker, one method for each `operationId` of `/openapi.json`.

        async with Client("http://127.0.0.1:8080", token) as client:
            account = await client.get_account("acme")

    Answers are the API's JSON, typed. A call that is refused raises `ApiProblem`; one without an
    answer raises `ApiUnreachable`, and can be sent again with the same `idempotency_key`.
    """

    async def changes(self, id: str) -> AsyncIterator[Activation]:
        """The activation as it is now, then after each change, until it has ended.

        It waits for changes by long poll, and none between two calls is missed.
        """
        path, etag = f"/v1/activations/{segment(id)}", ""
        while True:
            query = {"wait_seconds": str(CHANGE_SECONDS)} if etag else {}
            headers = {"If-None-Match": etag} if etag else {}
            response, activation = await self.exchange("GET", path, query, None, headers)
            etag = response.headers.get("ETag", etag)
            if activation is None:
                continue
            yield activation
            if activation["state"] in ENDED:
                return


async def hand_over(
    redis: str | ArqRedis, number: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> str:
    """Hand a rented number over, or up to a thousand of them; the id of the job.

    *redis* is a URL, or an arq pool that the application has already, whatever its serializer and
    its queue are. A number is the body of `PUT /v1/activations/{provider}/{provider_ref}` with
    `provider` and `provider_ref` in it. Handed over again it is the same number.

    The answer says only that the number waits. What the worker refuses, or cannot read, it tells
    by an event `intake.refused`. Raises `ValueError` or `TypeError` for what is no JSON.
    """
    numbers = [dict(number)] if isinstance(number, Mapping) else [dict(each) for each in number]
    if not 1 <= len(numbers) <= ACCEPT_MAX:
        raise ValueError(f"hand over 1 to {ACCEPT_MAX} numbers at a time, not {len(numbers)}")
    plain = json.loads(to_json(numbers))
    async with AsyncExitStack() as stack:
        if isinstance(redis, str):
            named = RedisSettings.from_dsn(redis)
            named.ssl_check_hostname = named.ssl  # arq would take any name of a trusted authority.
            opened = await create_pool(named)
            stack.push_async_callback(opened.aclose, close_connection_pool=True)
            redis = opened
        # The application's own pool may pickle: ours is over the same connections.
        queue = ArqRedis(redis.connection_pool, job_serializer=to_json, default_queue_name=QUEUE)
        job = await queue.enqueue_job(ACCEPT, plain, _queue_name=QUEUE, _expires=KEPT_FOR)
    assert job is not None, "arq gives every job an id of its own"
    return job.job_id
