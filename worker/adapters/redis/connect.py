"""Connections to Redis that give up: by default the client waits for an answer for ever."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import TimeoutError as RedisTimeoutError

CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 0.9
IDLE_CHECK_SECONDS = 15  #: A connection idle for longer is checked before it is used.
POOL_SIZE = 16


def open_pool(
    url: str, size: int = POOL_SIZE, answer_seconds: float = ANSWER_SECONDS
) -> redis.asyncio.BlockingConnectionPool:
    """A pool of its own; whoever is served last waits no longer than for an answer."""
    tcp: dict[str, Any] = {} if url.startswith("unix:") else {"socket_keepalive": True}
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=size,
        timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=answer_seconds,
        health_check_interval=IDLE_CHECK_SECONDS,
        **tcp,
        **checked_name(url),
    )
    # The URL has chosen among TCP, TLS and UNIX sockets; each can be cancelled now.
    pool.connection_class = type("Connection", (Cancellable, pool.connection_class), {})
    return pool


def checked_name(url: str) -> dict[str, Any]:
    """The client would take any name of a trusted authority; what the URL says goes first.

    Where no certificate is asked for, there is no name to check.
    """
    split = urlsplit(url)
    unasked = parse_qs(split.query).get("ssl_cert_reqs") == ["none"]
    return {"ssl_check_hostname": True} if split.scheme == "rediss" and not unasked else {}


class Cancellable(AbstractConnection):
    """A connection in whose use a cancellation is never lost.

    The client sends inside `asyncio.wait_for`, which before Python 3.12 drops a cancellation that
    comes as the sending ends: a loop that is told to stop goes on, and who stops it waits for ever.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: ANN401, FBT001, FBT002 - the client's signature
        limit, self.socket_timeout = self.socket_timeout, None  # without one, no `wait_for`
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            raise RedisTimeoutError("Timeout writing to socket") from None
        finally:
            self.socket_timeout = limit
