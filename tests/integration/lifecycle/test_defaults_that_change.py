"""A shop tells the same thing again after a default has changed: it is the same thing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.resources import POLICIES
from tests.integration.lifecycle.world import WINDOW, World, handed_over
from worker.domain.activation import State
from worker.domain.policy import Profile, override
from worker.lifecycle.accept import Accept
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.store.activations import AcceptOutcome, Activation, NumberIntake

SHORT = timedelta(seconds=900)
SHORT_DEFAULT = override(POLICIES["default"], {"sms_window_s": 900})
GONE = {name: policy for name, policy in POLICIES.items() if name != "P1"}


def policies(world: World, today: Mapping[str, Profile]) -> dict[str, Any]:
    return {"policies": PolicyBook(today, world.store.policies.read)}


async def taken(accept: Accept, handed: NumberIntake) -> tuple[AcceptOutcome, Activation]:
    (result,) = await accept([handed])
    assert result.activation is not None
    return result.how, result.activation


async def test_a_live_number_told_again_is_the_same_after_the_default_window_changed(
    world: World,
) -> None:
    how, first = await taken(world.accept, handed_over())
    assert how is AcceptOutcome.NEW

    later = replace(world.accept, default_window=SHORT)

    assert await taken(later, handed_over()) == (AcceptOutcome.SAME, first)
    assert first.deadline_at - first.rented_at == WINDOW


async def test_a_delivered_number_told_again_is_not_held_for_again_after_that(
    world: World,
) -> None:
    _, number = await taken(world.accept, handed_over())
    await world.record("1", "1234")
    await world.service.finish(number.id)
    assert (await world.number(number)).state is State.DELIVERED
    before = await world.money()

    how, again = await taken(replace(world.accept, default_window=SHORT), handed_over())

    assert (how, again.id) == (AcceptOutcome.SAME, number.id)
    assert await world.money() == before


async def test_a_number_told_again_is_the_same_after_the_default_policy_changed(
    world: World,
) -> None:
    _, first = await taken(world.accept, handed_over())

    for later in (
        replace(world.accept, default_policy="P1"),
        replace(world.accept, **policies(world, {**POLICIES, "default": SHORT_DEFAULT})),
    ):
        assert await taken(later, handed_over()) == (AcceptOutcome.SAME, first)


@pytest.mark.parametrize(
    ("told", "today"),
    [
        ({"policy": "P1"}, GONE),
        ({"window": WINDOW}, {**POLICIES, "default": SHORT_DEFAULT}),
    ],
    ids=["its policy is gone", "its policy names a shorter window"],
)
async def test_a_stored_number_is_looked_up_before_a_policy_refuses_it(
    world: World, told: dict[str, Any], today: Mapping[str, Profile]
) -> None:
    _, first = await taken(world.accept, handed_over(**told))

    later = replace(world.accept, **policies(world, today))

    assert await taken(later, handed_over(**told)) == (AcceptOutcome.SAME, first)


async def test_what_contradicts_the_stored_number_is_other_content_as_before(
    world: World,
) -> None:
    await taken(world.accept, handed_over())

    how, _ = await taken(world.accept, handed_over(window=SHORT))

    assert how is AcceptOutcome.OTHER_CONTENT
