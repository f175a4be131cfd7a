"""Numbers that could not be put on the schedule are put there as soon as it takes them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import RENTED, SIM
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.lifecycle import unscheduled
from worker.lifecycle.unscheduled import Unscheduled
from worker.ports.errors import ScheduleUnavailable
from worker.ports.store.activations import LiveNumber

OTHER = ProviderName("other")


def look(number: int) -> tuple[LiveNumber, datetime]:
    id_, ref = ActivationId(UUID(int=number)), ProviderRef(str(number))
    return LiveNumber(id_, ref, RENTED, RENTED + timedelta(minutes=20)), RENTED


class Schedule:
    """A schedule that takes numbers, or is out of reach."""

    def __init__(self) -> None:
        self.up = True
        self.calls = 0
        self.numbers: dict[ProviderName, list[ProviderRef]] = {SIM: [], OTHER: []}
        self.reporter = RecordingReporter()
        self.unscheduled = Unscheduled(schedule=cast("Any", self), reporter=self.reporter)

    async def add(self, provider: ProviderName, looks: Sequence[tuple[LiveNumber, Any]]) -> int:
        self.calls += 1
        if not self.up:
            raise ScheduleUnavailable("full")
        self.numbers[provider] += [number.ref for number, _ in looks]
        return len(looks)


async def test_what_a_full_redis_did_not_take_is_added_once_it_does() -> None:
    schedule = Schedule()
    schedule.up = False
    await schedule.unscheduled.add(SIM, [look(1), look(2)])
    await schedule.unscheduled.add(OTHER, [look(3)])
    await schedule.unscheduled.add_again()
    assert schedule.numbers == {SIM: [], OTHER: []}

    schedule.up = True
    await schedule.unscheduled.add_again()

    assert schedule.numbers == {SIM: ["1", "2"], OTHER: ["3"]}
    assert schedule.reporter.troubles == ["schedule.unavailable"] * 2


async def test_nothing_is_asked_where_nothing_is_left() -> None:
    schedule = Schedule()
    await schedule.unscheduled.add(SIM, [look(1)])

    await schedule.unscheduled.add_again()

    assert schedule.calls == 1


async def test_many_are_added_in_batches_and_none_twice() -> None:
    schedule = Schedule()
    schedule.up = False
    count = 2 * unscheduled.BATCH + 1
    await schedule.unscheduled.add(SIM, [look(number) for number in range(count)])
    schedule.up = True

    await schedule.unscheduled.add_again()
    await schedule.unscheduled.add_again()

    assert schedule.numbers[SIM] == [str(number) for number in range(count)]


async def test_no_more_are_remembered_than_there_is_room_for() -> None:
    schedule = Schedule()
    schedule.up = False
    most = unscheduled.REMEMBERED_MAX
    await schedule.unscheduled.add(SIM, [look(number) for number in range(most + 2)])
    schedule.up = True

    await schedule.unscheduled.add_again()

    assert (len(schedule.numbers[SIM]), schedule.numbers[SIM][0]) == (most, "2")
