"""How many connections callers may have: what the process's descriptors leave beside its own.

A process out of descriptors opens no connection to its database, to Redis or to a provider.
"""

import resource
from collections.abc import Callable
from typing import Final

from worker.adapters.events.webhook import connections_at_once
from worker.adapters.providers.transport import PROBES_AT_ONCE
from worker.adapters.redis.connect import POOL_SIZE
from worker.entrypoints.http.listener import Connections
from worker.settings import Settings

ADMIN: Final = 32  #: For probes and metrics; callers of the API cannot use them up.
REDIS_POOLS: Final = 3  #: The schedule, arq and the ticker.
FILES: Final = 64  #: Logs, policies, the loop's own, name lookups.
BACKLOG_MAX: Final = 4096
UNLIMITED: Final = 1_000_000


def api_connections(
    settings: Settings, refused: Callable[[], None], limit: int | None = None
) -> Connections:
    """Beside all that the worker may open itself; a quarter of *limit* where that is too much."""
    if limit is None:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit == resource.RLIM_INFINITY:
            limit = UNLIMITED
    backlog = min(BACKLOG_MAX, limit // 8)
    # Twice: more arrive while the loop accepts those that were there.
    most = max(limit - _own(settings, limit) - 2 * backlog, limit // 4)
    return Connections(most=most, backlog=backlog, refused=refused)


def admin_connections(refused: Callable[[], None]) -> Connections:
    """Of their own, so that probes are answered however many callers the API has."""
    return Connections(most=ADMIN, backlog=ADMIN, refused=refused)


def _own(settings: Settings, limit: int) -> int:
    # Each is probed over connections of its own: calls to it that hang may keep all others.
    providers = sum(each.max_in_flight + PROBES_AT_ONCE for each in settings.providers.values())
    pools = settings.database.pool_size + REDIS_POOLS * POOL_SIZE + connections_at_once(limit)
    return pools + providers + FILES + 2 * ADMIN
