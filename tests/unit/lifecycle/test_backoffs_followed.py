"""Each step of the lifecycle waits as its named backoff says."""

from datetime import timedelta
from itertools import pairwise
from typing import Any, cast

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import (
    SIM,
    OwnTime,
    Refunds,
    ScriptedProvider,
    Stub,
    StubStore,
    due,
    terms,
)
from worker.domain.activation import ProviderState
from worker.domain.backoff import ACCOUNT_LOCKED, AWAY, CANCEL, KEEP_BOUGHT, PURSUIT, Backoff
from worker.lifecycle.drain import Drain
from worker.lifecycle.expire import Expire
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.settle import Settle
from worker.lifecycle.sweep import APART, Sweep
from worker.ports.errors import CircuitOpen, UnknownReply
from worker.ports.store.settlements import DueNumber, Ending, Postponed, Settlements

CHANCE = 0.25
ATTEMPTS = [0, 1, 3, 9, 40]


class Shop:
    """Steps over one number that fails, and what they make of it."""

    def __init__(self, number: DueNumber, error: Exception) -> None:
        self.left = [[number], []]
        self.postponed: list[Postponed] = []
        self.endings: list[Ending] = []
        self.store = StubStore(
            lease_cancels=lambda *_: self.left.pop(0) if self.left else [],
            lease_pursuits=lambda *_: self.left.pop(0) if self.left else [],
            give_up=lambda *_: self.left.pop(0) if self.left else [],
            past_grace=lambda *_: self.left.pop(0) if self.left else [],
            due_deliveries=[],
            mark_expired=0,
            due_in=timedelta(0),
            foreign_rows=[],
            settle=self.settled,
            postpone=self.postponed.extend,
            resolve=(),
        )
        self.provider = (
            ScriptedProvider().will("cancel", error).will("look", error).will("finish", error)
        )
        store = cast("Any", self.store)
        self.parts: dict[str, Any] = {
            "settlements": store,
            "settle": Settle(settlements=store, reporter=RecordingReporter()),
            "clock": OwnTime(chance=CHANCE).clock(),
        }
        self.calling: dict[str, Any] = {
            **self.parts,
            "activations": store,
            "schedule": cast("Any", Stub(spend=lambda _, wanted, _need: wanted)),
            "reporter": RecordingReporter(),
            "terms": {SIM: terms()},
        }
        self.rules = Refunds()

    def settled(self, endings: list[Ending]) -> Settlements:
        self.endings += endings
        return Settlements([], [])

    async def expire(self) -> None:
        await Expire(rules=self.rules, **self.calling).tick(self.provider, lambda: True)

    async def pursue(self) -> None:
        await Pursue(**self.calling).tick(self.provider)


def waits(backoff: Backoff) -> list[timedelta]:
    return [backoff.wait(attempts, CHANCE) for attempts in ATTEMPTS]


UNREADABLE = UnknownReply("sim", "HTML")
GONE = CircuitOpen("sim")
BUG = KeyError("a bug of ours")


@pytest.mark.parametrize(("error", "backoff"), [(UNREADABLE, CANCEL), (GONE, AWAY), (BUG, PURSUIT)])
async def test_a_cancel_that_failed_waits_by_its_backoff(
    error: Exception, backoff: Backoff
) -> None:
    shops = [Shop(due(attempts=attempts), error) for attempts in ATTEMPTS]
    for shop in shops:
        await shop.expire()

    assert [one.delay for shop in shops for one in shop.postponed] == waits(backoff)


@pytest.mark.parametrize(
    ("error", "backoff"), [(UNREADABLE, PURSUIT), (GONE, AWAY), (BUG, PURSUIT)]
)
@pytest.mark.parametrize("owed", [ProviderState.CANCELLING, ProviderState.FINISHING])
async def test_a_pursuit_that_failed_waits_by_its_backoff(
    owed: ProviderState, error: Exception, backoff: Backoff
) -> None:
    shops = [Shop(due(attempts=attempts, provider_state=owed), error) for attempts in ATTEMPTS]
    for shop in shops:
        await shop.pursue()

    assert [one.delay for shop in shops for one in shop.postponed] == waits(backoff)


async def test_the_pursuit_of_a_number_past_its_grace_begins_with_the_first_wait() -> None:
    shop = Shop(due(), GONE)
    sweep = Sweep(rules=shop.rules, grace=timedelta(0), reporter=RecordingReporter(), **shop.parts)

    await sweep.tick()

    assert [ending.act_after for ending in shop.endings] == [PURSUIT.wait(0, CHANCE)]


async def test_the_pursuit_of_a_number_of_a_drained_provider_begins_with_the_first_wait() -> None:
    shop = Shop(due(), GONE)

    async for _ in Drain(rules=shop.rules, purchases=cast("Any", shop.store), **shop.parts).now(
        SIM
    ):
        pass

    assert [ending.act_after for ending in shop.endings] == [PURSUIT.wait(0, CHANCE)]


def test_a_bought_number_is_kept_trying_for_about_its_window() -> None:
    assert KEEP_BOUGHT.attempts is not None
    between = [KEEP_BOUGHT.wait(failed, 0.5) for failed in range(KEEP_BOUGHT.attempts - 1)]

    assert timedelta(minutes=20) <= sum(between, timedelta(0)) <= timedelta(minutes=25)


async def test_the_credit_of_a_locked_account_is_tried_again_soon_however_long_it_was_locked() -> (
    None
):
    number = due()
    shop = Shop(number, GONE)
    shop.store.answers["past_grace"] = [number]
    time = OwnTime()
    tried: list[float] = []

    def settle(_: list[Ending]) -> Settlements:
        tried.append(time.elapsed)
        return Settlements([], [], [number.id])

    shop.store.answers["settle"] = settle
    shop.parts["clock"] = time.clock()
    sweep = Sweep(rules=shop.rules, grace=timedelta(0), reporter=RecordingReporter(), **shop.parts)
    for _ in range(300):
        await sweep.tick()
        time.pass_by(APART)

    waited = [timedelta(seconds=later - at) for at, later in pairwise(tried)]
    assert waited == [ACCOUNT_LOCKED.wait(times) for times in range(len(waited))]
    assert max(waited) == ACCOUNT_LOCKED.longest
