"""A bug in one timer is reported and stops no other; an unavailable database ends the tick."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import RENTED, Stub, StubStore, policy_book
from worker.lifecycle.cases.due_timers import (
    BATCH,
    HURRY,
    IN_NO_HURRY_BATCH,
    WAITED_FOR_MAX,
    DueTimers,
)
from worker.ports.errors import RowLocked, StoreUnavailable
from worker.ports.store.case_view import Timer, TimerKind

UNAVAILABLE = StoreUnavailable("unavailable")


class DueShop:
    """An empty rental and one that is closed are due; the test says what each step does."""

    def __init__(self, **steps: Any) -> None:
        self.left: list[Timer] = []
        self.store = StubStore(
            lease_timers=self._lease,
            leave_timers=self.left.extend,
        )
        self.leased: list[tuple[int, frozenset[TimerKind]]] = []
        self.late_reviews = Stub(fire=steps.get("late"))
        self.rental_closer = Stub(fire=steps.get("close"))
        self.reporter = RecordingReporter()
        self.timers = DueTimers(
            cases=cast("Any", self.store),
            retention=cast("Any", Stub(forget=None)),
            reporter=self.reporter,
            policies=policy_book(),
            judges={},
            claim_windows=cast("Any", Stub(seed=steps.get("seed", 0))),
            rental_closer=cast("Any", self.rental_closer),
            idle_balances=cast("Any", Stub(seed=0)),
            rental_ends=cast("Any", Stub(fire=steps.get("end_rental"))),
            late_reviews=cast("Any", self.late_reviews),
        )

    def _lease(self, limit: int, kinds: Collection[TimerKind]) -> list[Timer]:
        self.leased.append((limit, frozenset(kinds)))
        due = (TimerKind.RENTAL_EMPTY, TimerKind.RENTAL_CLOSE)
        return [Timer(kind, UUID(int=1), RENTED) for kind in due if kind in kinds]


async def test_claim_windows_that_cannot_be_seeded_are_reported_and_stop_no_timer() -> None:
    shop = DueShop(seed=ValueError("secret"))

    assert await shop.timers.tick() == 2

    assert shop.reporter.of("trouble") == [("job.failed", None, "timers: seed: ValueError")]


async def test_what_is_forgotten_waits_for_every_timer() -> None:
    shop = DueShop()
    leased_before: list[int] = []
    retention = Stub(forget=lambda: leased_before.append(len(shop.leased)))
    shop.timers = replace(shop.timers, retention=cast("Any", retention))

    assert await shop.timers.tick() == 2

    assert leased_before == [len(shop.leased)] == [3]


async def test_idle_balances_come_after_all_other_timers_and_few_at_once() -> None:
    """A policy that names a time for them makes those of all its accounts ring at once."""
    shop = DueShop()

    await shop.timers.tick()

    *others, (limit, last) = shop.leased
    assert (limit, last) == (IN_NO_HURRY_BATCH, frozenset({TimerKind.BALANCE_IDLE}))
    assert {kind for _, kinds in others for kind in kinds} == set(TimerKind) - last
    assert limit < min(size for size, _ in others)


@pytest.mark.parametrize("step", ["seed", "end_rental", "close"])
async def test_an_unavailable_database_ends_the_tick_and_no_timer_is_reported(step: str) -> None:
    shop = DueShop(**{step: UNAVAILABLE})

    with pytest.raises(StoreUnavailable):
        await shop.timers.tick()

    assert shop.reporter.told == []


async def test_what_an_unavailable_database_kept_from_firing_is_left() -> None:
    shop = DueShop(late=UNAVAILABLE)
    many = [Timer(TimerKind.REVIEW_LATE, UUID(int=at), RENTED) for at in range(3)]
    shop.store.answers["lease_timers"] = lambda *_: many

    with pytest.raises(StoreUnavailable):
        await shop.timers.tick()

    assert shop.left == many


@pytest.mark.parametrize("step", ["end_rental", "close"])
async def test_what_was_to_be_asked_at_providers_is_left_where_the_database_went_away(
    step: str,
) -> None:
    """Also what fired: it is not due any more, so it is left alone."""
    shop = DueShop(**{step: UNAVAILABLE})

    with pytest.raises(StoreUnavailable):
        await shop.timers.tick()

    assert {timer.kind for timer in shop.left} == {TimerKind.RENTAL_EMPTY, TimerKind.RENTAL_CLOSE}


async def test_of_the_timers_of_locked_accounts_a_few_are_waited_for() -> None:
    shop = DueShop(late=RowLocked("locked"))
    many = [Timer(TimerKind.REVIEW_LATE, UUID(int=at), RENTED) for at in range(BATCH)]
    leases = iter([many, many[:3]])
    shop.store.answers["lease_timers"] = lambda *_: next(leases, [])

    assert await shop.timers.tick() == len(many) + 3

    waits = [timer.lock_wait for (timer,) in shop.late_reviews.asked("fire")]
    patient = many[0].lock_wait
    assert waits == [patient] * WAITED_FOR_MAX + [HURRY] * (len(waits) - WAITED_FOR_MAX)
    assert shop.left == []
