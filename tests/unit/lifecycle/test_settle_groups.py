"""Endings are committed in groups, as soon as there is company, and none is left behind."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.fakes.turns import at_rest, until
from tests.unit.lifecycle.scripted import SIM, OwnTime, StubStore, due
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ActivationId
from worker.domain.price_fate import PriceFate
from worker.lifecycle.outcome import ending
from worker.lifecycle.settle import (
    BATCH,
    GATHER,
    LOCKED_TRIES,
    LONG_LOCKED,
    BatchCommitter,
    Settle,
    delivery,
)
from worker.ports.errors import StoreUnavailable
from worker.ports.store.settlements import (
    DueNumber,
    Ending,
    Postponed,
    Resolved,
    SettledNumber,
    Settlements,
)


def ended(number: int = 1) -> tuple[DueNumber, Ending]:
    return due(number), ending(
        due(number), lambda *_: (State.REFUNDED, "timeout"), PriceFate.GIVEN_BACK
    )


def postponed(number: int = 1) -> Postponed:
    return Postponed(ActivationId(UUID(int=number)), 1, timedelta(seconds=1))


def settled(endings: list[Ending], **_: Any) -> Settlements:
    done = [
        SettledNumber(one.id, SIM, one.outcome, one.reason, 25, "USD", timedelta(0))
        for one in endings
    ]
    return Settlements(done, [])


class Group:
    """A group commit over a store that takes everything."""

    def __init__(self, **answers: Any) -> None:
        self.store = StubStore(**{"settle": settled, "postpone": None, "resolve": (), **answers})
        self.reporter = RecordingReporter()
        self.time = OwnTime()
        self.settle = Settle(settlements=cast("Any", self.store), reporter=self.reporter)
        self.commit = BatchCommitter(settle=self.settle, sleep=self.time.sleep)

    def sizes(self) -> list[int]:
        return [len(endings) for endings, *_ in self.store.asked("settle")]


async def test_what_comes_together_is_committed_together() -> None:
    group = Group()
    running = asyncio.ensure_future(group.commit.run())
    for number in range(5):
        group.commit.ended(*ended(number))

    group.commit.close()
    await running

    assert group.sizes() == [5]


async def test_the_first_waits_a_moment_for_company() -> None:
    group = Group()
    running = asyncio.ensure_future(group.commit.run())
    group.commit.ended(*ended(1))
    await until(lambda: bool(group.time.naps))
    group.commit.ended(*ended(2))
    await until(lambda: bool(group.sizes()))

    group.commit.close()
    await running

    assert group.sizes() == [2]
    assert group.time.naps == [GATHER.total_seconds()]


async def test_a_full_batch_waits_for_nobody() -> None:
    group = Group()
    for number in range(BATCH):
        group.commit.ended(*ended(number))
    running = asyncio.ensure_future(group.commit.run())
    await until(lambda: bool(group.sizes()))

    assert group.time.naps == []
    group.commit.close()
    await running


async def test_closing_commits_all_that_is_left_and_ends() -> None:
    group = Group()
    group.commit.ended(*ended())
    group.commit.postponed(postponed(2))
    group.commit.resolved(due(3), ProviderState.CANCELLED)
    group.commit.close()

    await group.commit.run()

    assert group.sizes() == [1]
    assert [p for (p,) in group.store.asked("postpone") if p] == [[postponed(2)]]
    third = Resolved(ActivationId(UUID(int=3)), 1, ProviderState.CANCELLED)
    assert [r for (r,) in group.store.asked("resolve") if r] == [[third]]
    assert group.reporter.of("resolved") == [(SIM, ProviderState.CANCELLED, 1)]


async def test_what_a_provider_answered_is_kept_while_its_row_is_locked() -> None:
    third = ActivationId(UUID(int=3))
    locked = iter([{third}, {third}])
    group = Group(resolve=lambda _: next(locked, set()))
    group.commit.resolved(due(3), ProviderState.CANCELLED)
    group.commit.close()

    await group.commit.run()

    assert len([r for (r,) in group.store.asked("resolve") if r]) == 3
    assert group.reporter.of("resolved") == [(SIM, ProviderState.CANCELLED, 1)]


async def test_an_answer_whose_row_stays_locked_is_left_to_its_lease_and_told() -> None:
    third = ActivationId(UUID(int=3))
    group = Group(resolve=lambda resolved: {each.id for each in resolved})
    group.commit.resolved(due(3), ProviderState.CANCELLED)
    group.commit.close()

    await group.commit.run()

    assert len([r for (r,) in group.store.asked("resolve") if r]) == LOCKED_TRIES
    assert group.reporter.of("resolved") == []
    assert group.reporter.of("quarantined") == [(third, "resolve: RowLocked")]


async def test_closing_with_nothing_to_commit_ends_too() -> None:
    group = Group()
    group.commit.close()

    await group.commit.run()

    assert group.sizes() == []


async def test_what_comes_while_another_group_is_committed_is_in_the_next() -> None:
    group = Group()

    def more(endings: list[Ending]) -> Settlements:
        if len(group.sizes()) == 1:
            group.commit.ended(*ended(2))
            group.commit.close()
        return settled(endings)

    group.store.answers["settle"] = more
    group.commit.ended(*ended(1))

    await group.commit.run()

    assert group.sizes() == [1, 1]


def locked_for(times: int) -> Callable[..., Settlements]:
    """A store whose only account somebody holds for so many tries."""
    left = [times]

    def settle(endings: list[Ending], **_: Any) -> Settlements:
        left[0] -= 1
        return settled(endings) if left[0] < 0 else Settlements([], [], [e.id for e in endings])

    return settle


async def test_an_account_locked_for_a_moment_costs_no_second_cancel() -> None:
    """Two providers' endings of one customer lock each other out; the cancel has taken effect."""
    group = Group(settle=locked_for(LOCKED_TRIES - 1))
    group.commit.ended(*ended())
    group.commit.close()

    await group.commit.run()

    assert group.sizes() == [1] * LOCKED_TRIES
    assert not [p for (p,) in group.store.asked("postpone") if p]
    assert len(group.reporter.of("settled")) == 1
    assert group.time.naps == [GATHER.total_seconds()] * (LOCKED_TRIES - 1)


async def test_an_account_that_stays_locked_is_left_to_a_later_run() -> None:
    group = Group(settle=locked_for(LOCKED_TRIES))
    group.commit.ended(*ended())
    group.commit.close()

    await group.commit.run()

    assert group.sizes() == [1] * LOCKED_TRIES
    assert [len(p) for (p,) in group.store.asked("postpone") if p] == [1]


@pytest.mark.parametrize(
    ("fate", "given_back"), [(PriceFate.GIVEN_BACK, True), (PriceFate.KEPT, False)]
)
async def test_what_a_provider_gave_back_is_kept_where_the_account_stays_locked(
    fate: PriceFate, given_back: bool
) -> None:
    group = Group(settle=locked_for(LOCKED_TRIES))
    group.commit.ended(due(), ending(due(), lambda *_: (State.REFUNDED, "timeout"), fate))
    group.commit.close()

    await group.commit.run()

    assert (due().id in group.commit.given_back) is given_back
    group.store.answers["settle"] = settled
    again = BatchCommitter(
        settle=group.settle, sleep=group.time.sleep, given_back=group.commit.given_back
    )
    again.ended(*ended())
    again.close()
    await again.run()
    assert due().id not in group.commit.given_back, "it is settled"


async def test_an_account_that_was_locked_for_long_is_tried_once_by_each_run() -> None:
    group = Group(settle=locked_for(LONG_LOCKED + 1))
    tries = []
    for _ in range(LONG_LOCKED // LOCKED_TRIES + 2):
        before = len(group.sizes())
        run = BatchCommitter(settle=group.settle, sleep=group.time.sleep)
        run.ended(*ended())
        run.close()
        await run.run()
        tries.append(len(group.sizes()) - before)

    assert tries == [LOCKED_TRIES] * (LONG_LOCKED // LOCKED_TRIES) + [1, 1]
    assert not group.settle.long_locked(ended()[1].account), "it was free"


async def test_what_a_database_that_was_away_left_holds_up_nothing_for_a_locked_account() -> None:
    group = Group(settle=StoreUnavailable("database: gone"))
    group.commit.ended(*ended())
    group.commit.start()
    with pytest.raises(StoreUnavailable):
        await group.commit.finish()
    group.store.answers["settle"] = locked_for(LOCKED_TRIES)
    before = len(group.sizes())

    await group.commit.uncommitted.commit()

    assert len(group.sizes()) - before == 1
    assert [len(p) for (p,) in group.store.asked("postpone") if p] == [1]


async def test_a_database_that_is_away_ends_the_group_with_its_error() -> None:
    group = Group(settle=StoreUnavailable("database: gone"))
    group.commit.ended(*ended())
    group.commit.close()

    with pytest.raises(StoreUnavailable):
        await group.commit.run()


async def test_results_whose_second_commit_is_cut_off_are_committed_by_the_third() -> None:
    group = Group(settle=StoreUnavailable("database: gone"))
    group.commit.ended(*ended())
    group.commit.postponed(postponed(2))
    group.commit.start()
    with pytest.raises(StoreUnavailable):
        await group.commit.finish()

    async def hangs(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    group.store.__dict__["settle"] = hangs
    cut_off = asyncio.ensure_future(group.commit.uncommitted.commit())
    await at_rest()
    cut_off.cancel()
    await asyncio.gather(cut_off, return_exceptions=True)
    del group.store.__dict__["settle"]
    group.store.answers["settle"] = settled

    await group.commit.uncommitted.commit()

    assert len(group.reporter.of("settled")) == 1
    assert len(group.store.asked("postpone")) == 1


async def test_settling_nothing_asks_nobody() -> None:
    group = Group()

    assert await group.settle([]) == []

    assert group.store.calls == []
    assert group.reporter.told == []


async def test_more_than_a_batch_is_settled_batch_by_batch() -> None:
    group = Group()

    done = await group.settle([ended(number)[1] for number in range(2 * BATCH + 1)])

    assert len(done) == 2 * BATCH + 1
    assert group.sizes() == [BATCH, BATCH, 1]
    assert len(group.reporter.of("settled")) == 1


async def test_what_the_database_refuses_is_quarantined_and_not_told_as_settled() -> None:
    group = Group(settle=lambda endings: Settlements([], [one.id for one in endings]))

    assert await group.settle([ended(1)[1], ended(2)[1]]) == []

    refused = [(ActivationId(UUID(int=n)), "settle.refused") for n in (1, 2)]
    assert group.reporter.of("quarantined") == refused
    assert group.reporter.of("settled") == []


def test_a_delivery_keeps_the_charge_and_owes_the_provider_a_finish() -> None:
    end = delivery(due())

    assert (end.source, end.outcome) == (State.RECEIVED, State.DELIVERED)
    assert end.provider_state is ProviderState.FINISHING
    assert end.act_after == timedelta(0)
    assert not end.exposure
