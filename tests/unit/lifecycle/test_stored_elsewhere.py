"""What other processes stored while Redis is away is put on the schedule here, each number once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from tests.unit.lifecycle.scripted import SECOND, SIM, WINDOW, OwnTime
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.lifecycle.stored_elsewhere import REST, STORED_WITHIN, StoredElsewhere
from worker.ports.errors import StoreUnavailable
from worker.ports.store.activations import LiveNumber

READ_TAKES = 0.25 * SECOND


class Shop:
    """Numbers by when their transaction began; a read takes its time, and may fail."""

    def __init__(self) -> None:
        self.time = OwnTime()
        self.stored: list[tuple[datetime, LiveNumber]] = []
        self.scheduled: list[ProviderRef] = []
        self.reads = 0
        self.away = False
        self.look = StoredElsewhere(
            activations=cast("Any", self), accept=cast("Any", self), clock=self.time.clock()
        )

    def store(self, ref: str, *, ago: timedelta = timedelta(0)) -> None:
        at, id_ = self.time.now() - ago, ActivationId(UUID(int=len(self.stored)))
        self.stored.append((at, LiveNumber(id_, ProviderRef(ref), at, at + WINDOW)))

    async def live_since(
        self, provider: ProviderName, *, since: datetime, limit: int
    ) -> list[LiveNumber]:
        assert provider == SIM
        self.reads += 1
        self.time.pass_by(READ_TAKES)
        if self.away:
            raise StoreUnavailable("database: gone")
        return [number for at, number in self.stored if at >= since][:limit]

    async def put_on_schedule(self, _: ProviderName, numbers: Sequence[LiveNumber]) -> None:
        self.scheduled += [number.ref for number in numbers]


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_a_number_is_put_on_the_schedule_once(shop: Shop) -> None:
    shop.store("1")
    await shop.look(SIM)
    shop.time.pass_by(READ_TAKES * REST)
    shop.store("2")

    await shop.look(SIM)

    assert shop.scheduled == ["1", "2"]


async def test_one_whose_commit_was_late_is_found(shop: Shop) -> None:
    await shop.look(SIM)
    shop.time.pass_by(READ_TAKES * REST)
    shop.store("1", ago=READ_TAKES * (REST + 1) + STORED_WITHIN)

    await shop.look(SIM)

    assert shop.scheduled == ["1"]


async def test_one_that_was_stored_while_another_process_led_is_found(shop: Shop) -> None:
    await shop.look(SIM)
    shop.time.pass_by(timedelta(seconds=5))
    shop.store("1")
    shop.time.pass_by(timedelta(seconds=50))

    await shop.look(SIM)

    assert shop.scheduled == ["1"]


async def test_reading_takes_a_small_part_of_the_time(shop: Shop) -> None:
    await shop.look(SIM)
    shop.time.pass_by(READ_TAKES * (REST - 1))
    await shop.look(SIM)
    assert shop.reads == 1

    shop.time.pass_by(READ_TAKES)
    await shop.look(SIM)

    assert shop.reads == 2


async def test_what_a_failed_read_missed_is_read_again(shop: Shop) -> None:
    shop.store("1", ago=STORED_WITHIN)
    shop.away = True
    with pytest.raises(StoreUnavailable):
        await shop.look(SIM)
    shop.away = False

    await shop.look(SIM)

    assert shop.scheduled == ["1"]
