"""The rows of the table, in order: one entry a row, and nothing else names them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.report import Line
from tests.chaos.rows import (
    account_frozen,
    cancel_rush,
    clock_skewed,
    daemon_killed,
    database_away,
    hostile_replies,
    leader_frozen,
    password_changed,
    provider_returns,
    purchases_hang,
    redis_away,
    redis_stalls,
    reference_again,
    row_locked,
    silent_connections,
)
from tests.chaos.stage import Scale


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    says: str
    measure: Callable[[Scale], Awaitable[Sequence[Line]]]
    minutes_max: float  #: Then it is ended, and counts as failed.


ROWS: Final = (
    Row("provider-returns", "two providers answer again", provider_returns.measure, 12),
    Row("redis-away", "Redis is stopped, full or slow", redis_away.measure, 12),
    Row("redis-stalls", "Redis stands still for a second", redis_stalls.measure, 6),
    Row("daemon-killed", "a daemon is killed", daemon_killed.measure, 8),
    Row("leader-frozen", "the leader is frozen without Redis", leader_frozen.measure, 5),
    Row("hostile-replies", "providers give bad replies", hostile_replies.measure, 8),
    Row("row-locked", "one balance row is locked", row_locked.measure, 6),
    Row("silent-connections", "silent clients take all descriptors", silent_connections.measure, 6),
    Row("clock-skewed", "the daemon's clock is an hour wrong", clock_skewed.measure, 5),
    Row("account-frozen", "an account is frozen during intake", account_frozen.measure, 5),
    Row("cancel-rush", "thousands press Cancel", cancel_rush.measure, 8),
    Row("purchases-hang", "a provider hangs on purchases", purchases_hang.measure, 16),
    Row("password-changed", "the role's password changes", password_changed.measure, 5),
    Row("database-away", "PostgreSQL is away, or fails over", database_away.measure, 12),
    Row("reference-again", "a provider uses a reference again", reference_again.measure, 4),
)
