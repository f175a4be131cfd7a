"""Numbers that fail whatever we do: each is tried ever later, told once, and costs no other."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from unittest.mock import Mock

import pytest

from tests.integration.lifecycle.world import GRACE, SECOND, SIM, WINDOW, World, live, turns
from tests.integration.store.shop import TAKEN_IN_BEFORE
from worker.domain.activation import ProviderState, State
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderRef
from worker.domain.policy.limits import HistoryAsked
from worker.domain.price_fate import PriceFate
from worker.lifecycle.outcome import EndingDecision, PolicyOutcomes
from worker.ports.provider import ActivePage, ActiveRow, Ended, Sms, Waiting
from worker.ports.store.activations import Activation, LockedCode, RecordedCode, SeenSms
from worker.ports.store.settlements import DueNumber

Recorded: TypeAlias = list[RecordedCode | LockedCode]


async def look_now(world: World, *numbers: Activation) -> None:
    for number in numbers:
        await world.schedule.hint(SIM, live(number))
    await world.watch.tick(world.provider, turns(len(numbers)))


# --- looks and codes


async def due_next(world: World) -> dict[str, timedelta]:
    """What is on the schedule, and how long until it is due."""
    world.skew = timedelta(0)
    found: dict[str, timedelta] = {}
    while await world.schedule.size(SIM) > len(found):
        batch = await world.schedule.lease(SIM, 100, timedelta(hours=2))
        found |= {one.number.ref: world.skew for one in batch.numbers}
        world.skew += SECOND
        assert world.skew < WINDOW
    return found


async def test_a_number_whose_look_fails_costs_the_others_nothing_and_is_looked_at_ever_later(
    world: World,
) -> None:
    numbers = [await world.take(str(number)) for number in range(3)]
    world.provider.will("look", Waiting()).will("look", KeyError("12345"), of="1")

    await look_now(world, *numbers)
    await look_now(world, numbers[1])
    await look_now(world, numbers[1])

    assert world.provider.asked("look") == ["0", "1", "2", "1", "1"]
    ((failing, why),) = world.reporter.of("quarantined")
    assert failing == numbers[1].id
    assert "KeyError at " in why
    assert "12345" not in why
    due = await due_next(world)
    poll = world.their_terms.poll
    assert due["0"] < 2 * poll
    assert due["1"] > poll + timedelta(seconds=6)


async def test_a_number_whose_look_works_again_is_looked_at_as_often_as_any(world: World) -> None:
    number = await world.take()
    world.provider.will("look", KeyError(), KeyError(), Waiting(), KeyError())

    for _ in range(4):
        await look_now(world, number)

    assert len(world.reporter.of("quarantined")) == 2, "told at the first failure of each row"


async def test_a_code_that_cannot_be_recorded_keeps_no_other_from_its_customer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.provider.capabilities = Capabilities(list_page_size=100)
    numbers = [await world.take(str(number)) for number in range(5)]
    rows = [ActiveRow(ProviderRef(str(ref)), (Sms(f"100{ref}"),)) for ref in range(5)]
    world.provider.will("list", ActivePage(rows, last=True))
    record, tried = world.store.activations.record_free_codes, []

    async def poisoned(seen: Sequence[SeenSms], **other: Any) -> Recorded:
        tried.append(len(seen))
        if any(sms.ref == "3" for sms in seen):
            raise ValueError(seen[0].code)
        return await record(seen, **other)

    monkeypatch.setattr(world.store.activations, "record_free_codes", poisoned)
    for _ in range(3):
        await world.read_list()

    states = [(await world.number(number)).state for number in numbers]
    assert states == [State.RECEIVED] * 3 + [State.WAITING] + [State.RECEIVED]
    told = world.reporter.of("trouble")
    assert [(what, provider) for what, provider, _ in told] == [("watch.code_refused", SIM)]
    assert told[0][2].startswith("ValueError at ")
    assert "1003" not in told[0][2]
    assert tried == [5, 2, 3, 1, 2, 1, 1], "halved at once; then all others are known"


async def test_an_absent_number_whose_look_fails_keeps_no_other_from_being_looked_at(
    world: World,
) -> None:
    world.provider.capabilities = Capabilities(list_page_size=100)
    for ref in range(3):
        await world.take(str(ref), age=timedelta(minutes=1))
    await world.admin.execute(TAKEN_IN_BEFORE)
    world.provider.will("list", ActivePage([], last=True))
    world.provider.will("look", Waiting()).will("look", KeyError("12345"), of="1")

    await world.read_list()
    await world.watch.tick(world.provider, turns(2))

    assert sorted(world.provider.asked("look")) == ["0", "1", "2"]
    ((_, why),) = world.reporter.of("quarantined")
    assert why.startswith("look: KeyError at ")


# --- endings


async def forge_settlement(world: World, poison: Activation) -> None:
    """From now on the database refuses to settle it."""
    await world.admin.execute(
        "INSERT INTO settlement (activation_id, outcome, amount_minor, reason)"
        " VALUES ($1, 'refunded', 25, 'forged')",
        poison.id,
    )


async def test_a_poisoned_number_is_tried_ever_later_and_the_others_are_settled(
    broken_world: World,
) -> None:
    world = broken_world
    poison = await world.take_forgotten("0")
    await forge_settlement(world, poison)
    refused = [(poison.id, "settle.refused")]

    for second in range(1, 41):
        await world.take_forgotten(str(second))
        assert await world.sweep.tick() == 1
        world.elapsed += 1

    # After 0, 2, 6, 14 and 30 seconds.
    assert world.reporter.of("quarantined") == refused * 5


async def test_a_poisoned_number_that_was_mended_is_settled(broken_world: World) -> None:
    world = broken_world
    number = await world.take_forgotten()
    await forge_settlement(world, number)
    await world.sweep.tick()

    await world.admin.execute("ALTER TABLE settlement DISABLE TRIGGER ALL; DELETE FROM settlement")

    assert await world.sweep.tick() == 0
    world.elapsed += 2
    assert await world.sweep.tick() == 1
    assert (await world.number(number)).state is State.REFUNDED


async def test_a_batch_of_poisoned_numbers_does_not_stand_in_the_way_of_the_next(
    broken_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.sweep.BATCH", 3)
    world = broken_world
    for ref in range(7):
        await forge_settlement(world, await world.take_forgotten(str(ref)))
    last = await world.take("last", WINDOW + GRACE + SECOND / 2)

    assert await world.sweep.tick() == 1
    assert (await world.number(last)).state is State.REFUNDED


async def test_so_many_poisoned_numbers_are_read_and_no_more(
    broken_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.lifecycle.sweep.BATCH", 2)
    monkeypatch.setattr("worker.lifecycle.sweep.STUCK_MAX", 3)
    world = broken_world
    for ref in range(8):
        await forge_settlement(world, await world.take_forgotten(str(ref)))

    assert await world.sweep.tick() == 0
    assert len(world.reporter.of("quarantined")) == 4


async def test_a_number_whose_rules_fail_is_told_once_and_the_others_are_credited(
    world: World,
) -> None:
    numbers = [await world.take_forgotten(str(ref)) for ref in range(3)]

    class Broken(PolicyOutcomes):
        def __call__(self, due: DueNumber, sms_received_at: datetime | None) -> EndingDecision:
            if due.id == numbers[1].id:
                raise KeyError("secret")
            return super().__call__(due, sms_received_at)

    sweep = replace(
        world.sweep, rules=Broken(world.policies, world.reporter, world.store.cases.account_flags)
    )
    for _ in range(30):
        await sweep.tick()
        world.elapsed += 1

    assert [(await world.number(number)).state for number in numbers] == [
        State.REFUNDED,
        State.EXPIRING,
        State.REFUNDED,
    ]
    ((failing, why),) = world.reporter.of("quarantined")
    assert failing == numbers[1].id
    assert why.startswith("sweep: KeyError at ")
    assert "secret" not in why


async def test_a_number_whose_limit_fails_as_it_is_settled_keeps_no_other_from_its_credit(
    world: World,
) -> None:
    numbers = [await world.take_forgotten(str(ref)) for ref in range(3)]
    limit = Mock(asked=HistoryAsked({}), side_effect=KeyError("secret"))

    class Limited(PolicyOutcomes):
        def __call__(self, due: DueNumber, sms_received_at: datetime | None) -> EndingDecision:
            decided = super().__call__(due, sms_received_at)
            return (*decided[:2], limit) if due.id == numbers[1].id else decided

    rules = Limited(world.policies, world.reporter, world.store.cases.account_flags)
    assert await replace(world.sweep, rules=rules).tick() == 2

    assert [(await world.number(number)).state for number in numbers] == [
        State.REFUNDED,
        State.EXPIRING,
        State.REFUNDED,
    ]
    assert world.reporter.of("quarantined") == [(numbers[1].id, "settle.refused")]


async def test_a_number_whose_pursuit_fails_costs_the_others_nothing(world: World) -> None:
    numbers = [await world.take_forgotten(str(ref)) for ref in range(3)]
    await world.sweep.tick()
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK)).will(
        "cancel", KeyError("12345"), of="1"
    )

    for _ in range(2):
        await world.forget_leases()
        await world.pursue.tick(world.provider)

    assert [(await world.number(number)).provider_state for number in numbers] == [
        ProviderState.CANCELLED,
        ProviderState.CANCELLING,
        ProviderState.CANCELLED,
    ]
    assert {id_ for id_, _ in world.reporter.of("quarantined")} == {numbers[1].id}
    _, why = world.reporter.of("quarantined")[0]
    assert why.startswith("pursue: KeyError at ")
    assert "12345" not in why
    assert await world.one("SELECT pursue_at > now() FROM activation WHERE provider_ref = '1'")


async def test_deliveries_that_fail_do_not_hold_up_the_credits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await world.take_forgotten()

    async def fails(_: int) -> list[DueNumber]:
        raise ValueError("a bug of ours")

    monkeypatch.setattr(world.store.settlements, "due_deliveries", fails)
    with pytest.raises(ValueError, match="a bug of ours"):
        await world.sweep.tick()

    assert (await world.number(number)).state is State.REFUNDED


async def test_a_code_that_can_never_be_recorded_is_tried_again_and_told_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.take("1")
    tried = []

    async def poisoned(seen: Sequence[SeenSms], **_: Any) -> Recorded:
        tried.append(len(seen))
        raise ValueError

    monkeypatch.setattr(world.store.activations, "record_free_codes", poisoned)
    for _ in range(3):
        await world.look.codes([SeenSms(SIM, ProviderRef("1"), "1234", None)])
        world.elapsed += 3600

    assert tried == [1, 1, 1]
    assert world.reporter.troubles == ["watch.code_refused"]
