"""What the gauges show, counted on live rows."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.statements import statement
from worker.domain.ids import ProviderName
from worker.ports.store.books import QueueStats
from worker.ports.store.purchases import ACCOUNT

SAMPLE: Final = 10_000  #: Endings that the cancel ratio is taken from.
CANARIES: Final = 1_000  #: As far back as one that went all the way is looked for.
_ON_TIME: Final = timedelta(0)


async def read(connection: AsyncConnection, grace: timedelta, now: datetime | None) -> QueueStats:
    live = (
        (await connection.execute(statement("books/overdue_numbers"), {"grace": grace, "now": now}))
        .mappings()
        .all()
    )
    exposure = (await connection.execute(statement("books/exposed_sums"))).mappings()
    exposed = {(ProviderName(r["provider"]), r["currency"]): r["amount_minor"] for r in exposure}
    ended = (
        await connection.execute(statement("books/cancelled_share"), {"now": now, "sample": SAMPLE})
    ).mappings()
    timers = (await connection.execute(statement("books/overdue_timers"), {"now": now})).mappings()
    canary = await connection.execute(
        statement("books/newest_canary"), {"account": ACCOUNT, "sample": CANARIES}
    )
    late = [r["now"] - r["oldest_deadline"] for r in live if r["oldest_deadline"] is not None]
    return QueueStats(
        live={ProviderName(r["provider"]): r["live"] for r in live},
        overdue=sum(r["overdue"] for r in live),
        oldest_overdue=max(late, default=_ON_TIME),
        exposure_minor=exposed,
        events_pending=(await connection.execute(statement("books/pending_events"))).scalar_one(),
        cancel_ratio={ProviderName(r["provider"]): r["cancelled"] / r["ended"] for r in ended},
        timers_overdue={r["kind"]: r["overdue"] for r in timers},
        canary_success=canary.scalar_one_or_none(),
    )
