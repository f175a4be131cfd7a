"""SMS to long rentals, as their providers list them."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.activations import TEXT_MAX, keepable
from worker.adapters.store.database import statement
from worker.ports.provider import Sms
from worker.ports.store.rentals import RentalMessage


async def keep(
    connection: AsyncConnection, rental: UUID, sms: Sequence[Sms], now: datetime | None
) -> None:
    await connection.execute(
        statement("cases/keep_messages"),
        {
            "rental": rental,
            "hashes": [_hash(one) for one in sms],
            "codes": [keepable(one.code, TEXT_MAX) for one in sms],
            "texts": [None if one.text is None else keepable(one.text, TEXT_MAX) for one in sms],
            "received": [one.received_at for one in sms],
            "now": now,
        },
    )


async def kept(connection: AsyncConnection, rental: UUID) -> list[RentalMessage]:
    rows = await connection.execute(statement("cases/rental_messages"), {"rental": rental})
    return [RentalMessage(*row) for row in rows]


def _hash(sms: Sms) -> str:
    """A provider may give no time, or no text: what it gives is what tells two messages apart.

    It is of what the provider gives, not of what is kept of it: rows of before stay the same.
    """
    parts = [sms.code, sms.text, None if sms.received_at is None else sms.received_at.isoformat()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
