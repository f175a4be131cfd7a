"""A shop tells the same thing again after a default has changed: it is the same thing."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from tests.fakes.resources import POLICIES
from tests.integration.lifecycle.world import PRICE, SIM, WINDOW, World, handed_over, order
from tests.unit.lifecycle.scripted import ScriptedProvider, terms
from worker.domain.activation import State
from worker.domain.families import Capabilities, RentOption
from worker.domain.ids import ProviderName, ProviderRef
from worker.domain.policy import Profile, override
from worker.lifecycle.accept import Accept
from worker.lifecycle.known_orders import for_turn
from worker.lifecycle.policy_book import PolicyBook
from worker.lifecycle.rent import Rent
from worker.ports.provider import NoRent, Rented, RentOptions
from worker.ports.service import Preference, PurchaseOutcome
from worker.ports.store.activations import AcceptOutcome, Activation, NumberIntake

SHORT = timedelta(seconds=900)
SHORT_DEFAULT = override(POLICIES["default"], {"sms_window_s": 900})
GONE = {name: policy for name, policy in POLICIES.items() if name != "P1"}
OTHER = ProviderName("other")
SOLD = Rented(ProviderRef("77"), "15550077")


def policies(world: World, today: Mapping[str, Profile]) -> dict[str, Any]:
    return {"policies": PolicyBook(today, world.store.policies.read)}


def renting(world: World, **later: Any) -> Rent:
    """As a process rents that is configured otherwise."""
    return replace(world.rent, accept=replace(world.accept, **later))


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


async def test_a_stored_number_told_again_is_the_same_after_its_provider_left_the_configuration(
    world: World,
) -> None:
    _, first = await taken(world.accept, handed_over())
    later = replace(world.accept, terms={})

    assert await taken(later, handed_over()) == (AcceptOutcome.SAME, first)

    (new,) = await later([replace(handed_over(), ref=ProviderRef("2"))])
    assert (new.how, new.activation) == (AcceptOutcome.UNKNOWN_PROVIDER, None)
    other = await later([replace(handed_over(), price_minor=PRICE + 1)])
    assert [each.how for each in other] == [AcceptOutcome.OTHER_CONTENT]


async def test_what_contradicts_the_stored_number_is_other_content_as_before(
    world: World,
) -> None:
    await taken(world.accept, handed_over())

    how, _ = await taken(world.accept, handed_over(window=SHORT))

    assert how is AcceptOutcome.OTHER_CONTENT


async def test_the_same_order_is_the_same_after_a_default_changed(world: World) -> None:
    world.provider.will("rent", SOLD)
    first = await world.rent(order())
    before = await world.money()

    for later in (
        {"default_window": SHORT},
        {"default_policy": "P1"},
        policies(world, {**POLICIES, "default": SHORT_DEFAULT}),
    ):
        again = await renting(world, **later)(order())
        assert (again.how, again.activation) == (PurchaseOutcome.SAME, first.activation)

    assert len(world.provider.asked("rent")) == 1
    assert await world.money() == before


@pytest.mark.parametrize("other", [{"window": SHORT}, {"policy": "P1"}, {"service": "tg"}], ids=str)
async def test_an_order_that_says_something_else_is_another_order_as_before(
    world: World, other: dict[str, Any]
) -> None:
    world.provider.will("rent", SOLD)
    await world.rent(order())

    again = await renting(world, default_window=SHORT, default_policy="P1")(order(**other))

    assert again.how is PurchaseOutcome.OTHER_CONTENT


@pytest.mark.parametrize(
    ("told", "today"),
    [
        ({"policy": "P1"}, GONE),
        ({"window": WINDOW}, {**POLICIES, "default": SHORT_DEFAULT}),
    ],
    ids=["its policy is gone", "its policy names a shorter window"],
)
async def test_an_order_that_began_is_answered_before_a_policy_refuses_it(
    world: World, told: dict[str, Any], today: Mapping[str, Profile]
) -> None:
    world.provider.will("rent", SOLD)
    first = await world.rent(order(**told))
    later = renting(world, **policies(world, today))

    again = await later(order(**told))
    other = await later(order(**told, service="tg"))

    assert (again.how, again.activation) == (PurchaseOutcome.SAME, first.activation)
    assert again.tried == first.tried
    assert other.how is PurchaseOutcome.OTHER_CONTENT


@pytest.mark.parametrize("prefer", list(Preference))
async def test_an_order_is_answered_after_its_providers_are_gone(
    world: World, prefer: Preference
) -> None:
    world.others[OTHER] = ScriptedProvider(OTHER)
    world.terms[OTHER] = terms(name=OTHER)
    for provider in (world.provider, world.others[OTHER]):
        provider.will("rent", NoRent.NO_NUMBERS)
    wanted = order(otherwise=(OTHER,), prefer=prefer)
    first = await world.rent(wanted)

    again = await replace(world.rent, providers={})(wanted)

    assert again == first
    assert [each for each, _ in again.tried] == [SIM, OTHER]


@pytest.mark.parametrize("asked", [1, 2])
async def test_an_order_that_has_no_answer_of_its_last_provider_is_refused_as_before(
    world: World, asked: int
) -> None:
    begun = order(otherwise=(OTHER,))
    purchases = world.store.purchases
    for each in (begun, for_turn(begun, OTHER, 1))[:asked]:
        await purchases.begin_purchase(each.id, each, "default", "1", WINDOW)
        await purchases.purchase_failed(each.id, "no_numbers", is_order=False)

    assert (await world.rent(begun)).how is PurchaseOutcome.UNKNOWN_PROVIDER


async def test_an_order_for_a_phone_once_more_is_answered_after_the_phone_was_forgotten(
    world: World,
) -> None:
    world.provider.capabilities = Capabilities(options=frozenset(RentOption))
    world.provider.will("rent", SOLD, replace(SOLD, ref=ProviderRef("78")))
    earlier = (await world.rent(order("first"))).activation
    assert earlier is not None
    wanted = order("second", options=RentOptions(reuse=earlier.id))
    again = await world.rent(wanted)
    await world.admin.execute("UPDATE activation SET phone = NULL WHERE id = $1", earlier.id)

    assert (await world.rent(wanted)).activation == again.activation is not None


async def test_an_order_is_kept_by_the_hash_that_every_release_makes_of_it(world: World) -> None:
    """Hosts of two releases share the orders while one follows the other."""
    world.provider.will("rent", SOLD)
    await world.rent(order())

    content = {
        "account": "alice",
        "provider": "sim",
        "service": "any",
        "country": "1",
        "price_minor": PRICE,
        "max_cost_minor": None,
        "policy": "default",
        "policy_version": None,
        "window_seconds": 1200,
    }
    made = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    assert await world.one("SELECT content_hash FROM purchase") == made
