"""An order may name several providers; the shape of a single one stays what it was."""

import pytest

from tests.unit.http.caller import Api
from tests.unit.http.conftest import World
from tests.unit.http.numbers import order, rich_ann

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
