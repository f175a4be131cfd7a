"""An order may name several providers, and say by what they are chosen."""

import pytest

from tests.unit.http.caller import Api
from tests.unit.http.conftest import World
from tests.unit.http.numbers import order, rich_ann
from worker.ports.service import Preference, PurchaseOutcome

PATH = "/v1/activations"
KEY = {"Idempotency-Key": "order-1"}


@pytest.mark.parametrize(
    ("given", "tried"),
    [("a", ("a",)), (["a"], ("a",)), (["a", "b", "c"], ("a", "b", "c"))],
)
async def test_providers_are_tried_in_the_order_given(
    api: Api, world: World, given: object, tried: tuple[str, ...]
) -> None:
    await rich_ann(api)

    reply = await api.post(PATH, order(provider=given), headers=KEY)

    assert reply.status == 201
    (ordered,) = world.service.orders.values()
    assert (ordered.provider, *ordered.otherwise) == tried


@pytest.mark.parametrize(
    "given",
    [[], list("abcdef"), ["a", "a"], ["a", "b/c"], ["a\n"], "a\n", [["a"]], [1], {"a": 1}, None, 1],
)
async def test_what_names_no_providers_is_refused_in_one_word(api: Api, given: object) -> None:
    reply = await api.post(PATH, order(provider=given), headers=KEY)

    assert (reply.status, reply.pointers) == (422, ["/provider"])


@pytest.mark.parametrize("prefer", Preference)
async def test_an_order_says_what_it_prefers(api: Api, world: World, prefer: Preference) -> None:
    await rich_ann(api)

    reply = await api.post(PATH, order(provider=["a", "b"], prefer=prefer.value), headers=KEY)

    assert reply.status == 201
    assert reply.json["tried"] == [{"provider": "a", "why": "sold the number"}]
    assert [each.prefer for each in world.service.orders.values()] == [prefer]


async def test_nothing_else_can_be_preferred(api: Api) -> None:
    reply = await api.post(PATH, order(prefer="luck"), headers=KEY)

    assert (reply.status, reply.pointers) == (422, ["/prefer"])


async def test_an_order_that_nobody_sells_tells_whom_it_asked(api: Api, world: World) -> None:
    await rich_ann(api)
    world.service.forced_purchase = PurchaseOutcome.NO_NUMBERS

    reply = await api.post(PATH, order(), headers=KEY)

    assert (reply.status, reply.slug) == (409, "no-numbers")
    assert reply.json["tried"] == [{"provider": "a", "why": "has no numbers"}]
