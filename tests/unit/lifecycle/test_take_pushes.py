"""A pushed code is looked at, whatever fails between the inbox and the schedule."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import RENTED, SIM
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.lifecycle import take_pushes
from worker.lifecycle.take_pushes import TakePushes
from worker.lifecycle.unscheduled import Unscheduled
from worker.ports.errors import ScheduleUnavailable, StoreUnavailable
from worker.ports.service import Push
from worker.ports.store.activations import LiveNumber

DEADLINE = RENTED + timedelta(minutes=20)


def number(ref: str) -> LiveNumber:
    return LiveNumber(ActivationId(UUID(int=int(ref))), ProviderRef(ref), RENTED, DEADLINE)


def push(ref: str = "1", content: str = "a code") -> Push:
    return Push(ref=ProviderRef(ref), phone=None, service=None, content_hash=f"{ref}: {content}")


class Site:
    """An inbox, the live numbers and a schedule; each fails as often as it is told to."""

    def __init__(self) -> None:
        self.inbox: set[str] = set()
        self.live = ["1", "2", "3"]
        self.hinted: list[str] = []
        self.commits_unanswered = 0
        self.reads_failing = 0
        self.hints_failing = 0
        self.reporter = RecordingReporter()
        self.unscheduled = Unscheduled(schedule=cast("Any", self), reporter=self.reporter)
        self.take = self.process()

    def process(self) -> TakePushes:
        port = cast("Any", self)
        return TakePushes(activations=port, purchases=port, unscheduled=self.unscheduled)

    async def keep_pushes(self, _: ProviderName, pushes: Sequence[Push]) -> list[ProviderRef]:
        new = [push.ref for push in pushes if push.content_hash not in self.inbox]
        self.inbox |= {push.content_hash for push in pushes}
        if self.commits_unanswered:
            self.commits_unanswered -= 1
            return []  # The statement ran again, and found what it had stored.
        return new

    async def live_of_refs(self, _: ProviderName, refs: Sequence[ProviderRef]) -> list[LiveNumber]:
        if self.reads_failing:
            self.reads_failing -= 1
            raise StoreUnavailable
        return [number(ref) for ref in refs if ref in self.live]

    async def hint(self, _: ProviderName, *numbers: LiveNumber) -> None:
        if self.hints_failing:
            self.hints_failing -= 1
            raise ScheduleUnavailable("TimeoutError")
        self.hinted += [number.ref for number in numbers]

    async def pushed(self, *pushes: Push) -> None:
        await self.take.together([(SIM, each) for each in pushes])


@pytest.fixture
def site() -> Site:
    return Site()


async def test_a_push_is_hinted_later_where_the_schedule_failed_for_a_moment(site: Site) -> None:
    site.hints_failing = 1
    await site.take.alone((SIM, push()))
    assert site.hinted == []

    await site.unscheduled.add_again()
    await site.unscheduled.add_again()

    assert site.hinted == ["1"]
    assert site.reporter.troubles == ["schedule.unavailable"]


async def test_a_push_that_is_sent_again_after_our_error_is_hinted(site: Site) -> None:
    """It is in the inbox since the first time."""
    site.reads_failing = 1
    with pytest.raises(StoreUnavailable):
        await site.pushed(push())

    await site.pushed(push())

    assert site.hinted == ["1"]


async def test_a_push_whose_commit_is_not_answered_is_hinted(site: Site) -> None:
    site.commits_unanswered = 1

    await site.pushed(push())

    assert site.hinted == ["1"]


async def test_a_push_that_is_repeated_costs_one_look_a_process(site: Site) -> None:
    for _ in range(3):
        await site.pushed(push())
    assert site.hinted == ["1"]

    site.take = site.process()
    for _ in range(3):
        await site.pushed(push())

    assert site.hinted == ["1", "1"]


async def test_only_what_is_new_of_a_batch_is_hinted(site: Site) -> None:
    await site.pushed(push("1"), push("2"))

    await site.pushed(push("1"), push("2", "another"), push("3"))

    assert sorted(site.hinted) == ["1", "2", "2", "3"]


async def test_a_push_that_is_repeated_once_its_number_is_handed_over_is_hinted(
    site: Site,
) -> None:
    site.live = []
    await site.pushed(push())
    site.live = ["1"]

    await site.pushed(push())

    assert site.hinted == ["1"]


async def test_no_more_pushes_are_remembered_than_there_is_room_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_pushes, "HINTED_MAX", 2)
    for ref in ("1", "2", "3"):
        await site.pushed(push(ref))

    for ref in ("3", "2", "1"):
        await site.pushed(push(ref))

    assert site.hinted == ["1", "2", "3", "1"], "the oldest was forgotten"
