"""TextVerified: a purchase whose answer is lost is asked for again with its key, and made once."""

from dataclasses import replace
from typing import Final
from uuid import UUID

import pytest

from tests.unit.providers.adapter_world import World, config, talking_to
from tests.unit.providers.raw_provider import BREAK, RawProvider, http, raw_provider
from worker.domain.ids import ActivationId, ProviderRef
from worker.ports.errors import ProviderUnavailable
from worker.ports.provider import NoRent, Rented, RentOptions, RentRequest, ReusedNumber
from worker.testing.simulated_provider import simulated

ORDER: Final = RentRequest("yahoo", "us", order="a-1", options=RentOptions(area_code="202"))
TOKEN: Final = http('{"token": "bearer-1", "expiresIn": 899}')
SOLD: Final = http('{"method":"GET","href":"https://x.test/api/pub/v2/verifications/lr_1"}', 201)
NUMBER: Final = http('{"id": "lr_1", "state": "verificationPending", "number": "2025550123"}')
RUNS: Final = http('{"errorCode": "IdempotencyConflict", "errorDescription": "It runs."}', 409)
NONE_LEFT: Final = http('{"errorCode": "Unavailable", "errorDescription": "None."}', 400)
AT_WORK: Final = http("", 503)
LIMITED: Final = http("", 429)


async def ordered(
    order: RentRequest, *answers: bytes
) -> tuple[Rented | NoRent | ProviderUnavailable, RawProvider, World]:
    """What came of it, what reached the provider, and what was paid beside the first request."""
    world = World()
    async with (
        raw_provider(TOKEN, *answers) as raw,
        talking_to(config(raw.url, "textverified"), world) as provider,
    ):
        try:
            return await provider.rent(order), raw, world
        except ProviderUnavailable as error:
            return error, raw, world


def purchases(raw: RawProvider) -> list[str]:
    return [request for request in raw.requests if "POST /api/pub/v2/verifications" in request]


@pytest.mark.parametrize(
    "answers",
    [[BREAK], [AT_WORK], [RUNS], [BREAK, RUNS], [AT_WORK, AT_WORK, RUNS]],
    ids=["lost", "server error", "still runs", "lost, then runs", "at the last attempt"],
)
async def test_the_same_request_is_sent_until_it_is_answered(answers: list[bytes]) -> None:
    reply, raw, world = await ordered(ORDER, *answers, SOLD, NUMBER)

    assert isinstance(reply, Rented)
    assert (reply.ref, reply.phone) == ("lr_1", "12025550123")
    sent = purchases(raw)
    assert len(sent) == len(answers) + 1
    assert len(set(sent)) == 1, "to the letter"
    assert all("Idempotency-Key: a-1" in request for request in sent)
    assert world.paid == len(raw.requests) - 1


async def test_it_is_asked_for_a_few_times_and_stays_in_doubt() -> None:
    reply, raw, _ = await ordered(ORDER, *[BREAK] * 9)

    assert isinstance(reply, ProviderUnavailable)
    assert reply.sent
    assert len(purchases(raw)) == 4


@pytest.mark.parametrize("answer", [NONE_LEFT, LIMITED, http("", 401)], ids=["no", "429", "401"])
async def test_what_refuses_it_then_does_not_say_that_the_first_was_not_carried_out(
    answer: bytes,
) -> None:
    reply, _, _ = await ordered(ORDER, BREAK, answer)

    assert isinstance(reply, ProviderUnavailable)
    assert reply.sent


async def test_a_plain_no_is_one() -> None:
    reply, raw, _ = await ordered(ORDER, NONE_LEFT)

    assert reply is NoRent.NO_NUMBERS
    assert len(purchases(raw)) == 1


async def test_a_purchase_that_was_certainly_not_made_is_not_repeated() -> None:
    reply, raw, _ = await ordered(ORDER, LIMITED)

    assert isinstance(reply, ProviderUnavailable)
    assert not reply.sent
    assert len(purchases(raw)) == 1


AGAIN: Final = RentOptions(
    reuse=ActivationId(UUID(int=1)),
    reused=ReusedNumber(ProviderRef("lr_0"), "12025550123"),
)


@pytest.mark.parametrize(
    "order",
    [replace(ORDER, order=None), replace(ORDER, options=AGAIN)],
    ids=["without a key", "a phone once more"],
)
async def test_what_goes_out_without_a_key_is_sent_once(order: RentRequest) -> None:
    reply, raw, _ = await ordered(order, BREAK, SOLD, NUMBER)

    assert isinstance(reply, ProviderUnavailable)
    assert len(purchases(raw)) == 1


async def test_an_order_whose_first_answer_was_lost_has_its_number_and_costs_once() -> None:
    async with simulated("textverified", "classic") as it:
        await it.provider.balance()
        await it.fault("reply-lost", seconds=0.5, operations=["rent"])
        it.world.dice = 1.0

        reply = await it.provider.rent(replace(ORDER, service="timeout"))

        assert isinstance(reply, Rented)
        assert (await it.books(reply.ref))["status"] == "waiting"
        assert (await it.summary())["purchases"] == 1
