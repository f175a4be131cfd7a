"""Connections to Redis that give up: by default the client waits for an answer for ever."""

from typing import Any

import redis.asyncio

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
IDLE_CHECK_SECONDS = 15  #: A connection idle for longer is checked before it is used.
POOL_SIZE = 16


def open_pool(url: str) -> redis.asyncio.BlockingConnectionPool:
    """A pool of its own; whoever is served last waits no longer than for an answer."""
    tcp: dict[str, Any] = {} if url.startswith("unix:") else {"socket_keepalive": True}
    return redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=POOL_SIZE,
        timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        health_check_interval=IDLE_CHECK_SECONDS,
        **tcp,
    )
