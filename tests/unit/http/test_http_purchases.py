"""Renting a number through the API."""

from uuid import UUID

import pytest
from multidict import CIMultiDict

from tests.unit.http.caller import Api
from tests.unit.http.conftest import World
from tests.unit.http.numbers import order, rich_ann, watched
from worker.domain.ids import ActivationId
from worker.entrypoints.http.idempotency import key_in
from worker.entrypoints.http.problems import Problem
from worker.ports.service import PurchaseOutcome

PATH = "/v1/activations"
KEY = {"Idempotency-Key": "order-1"}


async def test_an_order_rents_once_and_tells_the_same_again(api: Api) -> None:
    await rich_ann(api)
    first = await api.post(PATH, order(), headers=KEY)
    again = await api.post(PATH, order(), headers=KEY)
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert first.headers["Location"] == f"/v1/activations/{first.json['id']}"
    bought = dict(first.json)
    assert bought.pop("tried") == [{"provider": bought["provider"], "why": "sold the number"}]
    assert (await api.get(first.headers["Location"])).json == bought


async def test_a_key_quoted_and_bare_is_the_same_key(api: Api) -> None:
    await rich_ann(api)
    await api.post(PATH, order(), headers=KEY)
    again = await api.post(PATH, order(), headers={"Idempotency-Key": '"order-1"'})
    assert again.status == 200


async def test_a_purchase_that_is_unclear_is_accepted_and_stays_unclear(
    api: Api, world: World
) -> None:
    await rich_ann(api)
    world.service.forced_purchase = PurchaseOutcome.PENDING
    first = await api.post(PATH, order(), headers=KEY)
    again = await api.post(PATH, order(), headers=KEY)
    assert (first.status, again.status) == (202, 202)
    assert first.headers["Location"] == f"/v1/activations/{first.json['id']}"
    assert (first.json["provider_ref"], first.json["phone"]) == (None, None)


async def test_another_order_under_the_same_key_is_refused(api: Api) -> None:
    await rich_ann(api)
    await api.post(PATH, order(), headers=KEY)
    reply = await api.post(PATH, order(service="wa"), headers=KEY)
    assert (reply.status, reply.slug) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("key", [None, "", "   ", '""', '"open', "é", "x" * 256, '"a"b"'])
async def test_an_order_needs_a_usable_key(api: Api, world: World, key: str | None) -> None:
    await rich_ann(api)
    reply = await api.post(PATH, order(), headers={} if key is None else {"Idempotency-Key": key})
    assert (reply.status, reply.slug) == (400, "idempotency-key-required")
    assert not world.service.orders


async def test_two_keys_are_one_too_many(api: Api, world: World) -> None:
    await rich_ann(api)
    twice = CIMultiDict([("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    reply = await api.post(PATH, order(), headers=twice)
    assert (reply.status, reply.slug) == (400, "bad-request")
    assert not world.service.orders


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ("a b", "a b"),
        ("k" * 255,) * 2,
    ],
)
def test_a_key_is_read_in_both_forms(header: str, key: str) -> None:
    assert key_in(header) == key


def test_a_key_that_cannot_be_read_is_not_in_the_exception() -> None:
    with pytest.raises(Problem) as caught:
        key_in("secret\x7f")
    assert "secret" not in str(caught.value) + repr(caught.value.details)


@pytest.mark.parametrize(
    ("how", "status", "slug"),
    [
        (PurchaseOutcome.OTHER_CONTENT, 422, "idempotency-key-reused"),
        (PurchaseOutcome.UNKNOWN_ACCOUNT, 404, "unknown-account"),
        (PurchaseOutcome.UNKNOWN_PROVIDER, 404, "unknown-provider"),
        (PurchaseOutcome.UNKNOWN_POLICY, 422, "unknown-policy"),
        (PurchaseOutcome.BALANCE_TOO_LOW, 402, "balance-too-low"),
        (PurchaseOutcome.NO_NUMBERS, 409, "no-numbers"),
        (PurchaseOutcome.PROVIDER_BALANCE_TOO_LOW, 503, "provider-balance-too-low"),
        (PurchaseOutcome.PRICE_ABOVE_MAX, 422, "price-above-max"),
        (PurchaseOutcome.BAD_SERVICE, 422, "bad-service"),
        (PurchaseOutcome.PROVIDER_UNAVAILABLE, 503, "provider-unavailable"),
        (PurchaseOutcome.EXPOSURE_LIMIT, 503, "exposure-limit"),
    ],
)
async def test_an_order_that_bought_nothing_says_why(
    api: Api, world: World, how: PurchaseOutcome, status: int, slug: str
) -> None:
    world.service.forced_purchase = how
    reply = await api.post(PATH, order(), headers=KEY)
    assert (reply.status, reply.slug) == (status, slug)
    assert ("Retry-After" in reply.headers) == (status == 503)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("account", ...),
        ("provider", "a/b"),
        ("max_cost_minor", -1),
        ("max_cost_minor", 0.5),
        ("window_seconds", 0),
        ("rented_at", "2026-01-01T00:00:00Z"),
    ],
)
async def test_what_is_wrong_with_an_order_is_named(api: Api, key: str, value: object) -> None:
    reply = await api.post(PATH, order(**{key: value}), headers=KEY)
    assert (reply.status, reply.pointers) == (422, [f"/{key}"])


async def test_an_order_that_failed_is_named_for_a_claim(api: Api, world: World) -> None:
    shown = (await watched(api)).json
    kept = world.reads.found[ActivationId(UUID(shown["id"]))]
    world.service.failed_order = kept
    world.service.forced_purchase = PurchaseOutcome.NO_NUMBERS

    reply = await api.post("/v1/activations", order(), headers={"Idempotency-Key": "k9"})

    assert (reply.status, reply.slug) == (409, "no-numbers")
    assert reply.json["activation"] == shown["id"]


async def test_an_order_that_the_shop_charges_itself_needs_no_balance(api: Api) -> None:
    await rich_ann(api, minor=1)
    outside = order(charge="external")

    assert (await api.post(PATH, outside, headers=KEY)).status == 201
    assert (await api.get("/v1/accounts/ann")).json["available_minor"] == 1
    paid = order(charge="external", order_facts={"payment_method": "balance"})
    reply = await api.post(PATH, paid, headers={"Idempotency-Key": "order-2"})
    assert (reply.status, reply.pointers) == (422, ["/order_facts"])
