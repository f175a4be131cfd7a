"""Every press of Cancel is kept, and once what the provider answered instead of cancelling."""

from typing import Any

import pytest

from tests.integration.lifecycle.world import World
from worker.domain.activation import CancelAnswer
from worker.ports.errors import ProviderRefused, ProviderUnavailable, UnknownReply
from worker.ports.provider import Refusal, Refused


async def test_every_press_is_kept_with_its_instant(world: World) -> None:
    number = await world.take()
    world.provider.will("cancel", Refused(Refusal.EARLY))
    for _ in range(3):
        await world.service.cancel(number.id)

    presses = [
        line
        for line in (await world.number(number)).timeline
        if line.what == "cancel_pressed" or line.detail.get("reason") == "cancel"
    ]
    assert [line.what for line in presses] == ["expiring", "cancel_pressed", "cancel_pressed"]
    assert presses == sorted(presses, key=lambda line: line.at)


async def test_who_presses_on_and_on_fills_no_log_and_gets_the_same_answer(world: World) -> None:
    number = await world.take()
    answers = set()
    for _ in range(15):
        press = await world.store.activations.press_cancel(number.id)
        assert press is not None
        answers.add(press.answer)

    log = [line.what for line in (await world.number(number)).timeline]
    assert log == ["accepted", "expiring", *["cancel_pressed"] * 10]
    assert answers == {CancelAnswer.ACCEPTED}


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (ProviderUnavailable("sim", "timeout"), ("cancel_failed", "unavailable")),
        (ProviderRefused("sim", "BAD_KEY"), ("cancel_failed", "refused")),
        (UnknownReply("sim", "?"), ("cancel_failed", "unreadable")),
        (Refused(Refusal.EARLY), ("cancel_early", "early")),
    ],
)
async def test_the_first_answer_that_did_not_cancel_is_kept_once(
    world: World, answer: Any, kept: tuple[str, str]
) -> None:
    number = await world.take()
    for _ in range(2):
        world.provider.will("cancel", answer)
        await world.service.cancel(number.id)
        await world.admin.execute("UPDATE activation SET lease_until = '-infinity'")

    lines = [line for line in (await world.number(number)).timeline if "answer" in line.detail]
    assert [(line.what, line.detail["answer"]) for line in lines] == [kept]


async def test_a_cancel_that_nobody_pressed_leaves_no_such_line(world: World) -> None:
    number = await world.take_expired()
    world.provider.will("cancel", ProviderUnavailable("sim", "timeout"))
    await world.expire.tick(world.provider, lambda: True)

    assert len(world.provider.asked("cancel")) == 1
    assert [line.what for line in (await world.number(number)).timeline] == [
        "accepted",
        "expiring",
    ]
