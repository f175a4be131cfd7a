"""The 5sim face over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.unit.simulator.asking import Answer, Buyer, buying


@asynccontextmanager
async def fivesim(**settings: Any) -> AsyncIterator[Buyer]:
    async with buying(family="fivesim", **settings) as buyer:
        buyer.headers["Authorization"] = "Bearer sim-key"
        yield buyer


async def ask(buyer: Buyer, path: str) -> Answer:
    return await buyer.get(f"/v1/user/{path}")


async def bought(buyer: Buyer, product: str) -> Any:
    return (await ask(buyer, f"buy/activation/russia/any/{product}")).json


async def test_an_order_is_bought_checked_and_finished() -> None:
    async with fivesim(balance_minor=1000) as buyer:
        order = await bought(buyer, "code-arrives:5")
        waiting = (await ask(buyer, f"check/{order['id']}")).json
        buyer.later(5)
        told = (await ask(buyer, f"check/{order['id']}")).json
        finished = (await ask(buyer, f"finish/{order['id']}")).json

        assert (order["status"], order["sms"], order["phone"][0]) == ("PENDING", None, "+")
        assert order["expires"] == "2026-03-01T12:15:00.000000028Z"
        assert (waiting["status"], waiting["sms"]) == ("RECEIVED", [])
        assert told["sms"][0]["code"] in told["sms"][0]["text"]
        assert finished["status"] == "FINISHED"
        assert (await ask(buyer, "profile")).json["balance"] == 9.8


@pytest.mark.parametrize(("call", "status"), [("cancel", "CANCELED"), ("ban", "BANNED")])
async def test_an_order_without_sms_is_given_back(call: str, status: str) -> None:
    async with fivesim(balance_minor=1000) as buyer:
        order = await bought(buyer, "timeout")

        early = await ask(buyer, f"{call}/{order['id']}")
        buyer.later(120)
        gone = await ask(buyer, f"{call}/{order['id']}")

        assert (early.status, early.text) == (400, "you need to wait time")
        assert gone.json["status"] == status
        assert (await ask(buyer, f"check/{order['id']}")).json["status"] == status
        assert (await ask(buyer, f"{call}/{order['id']}")).text == "order not found"
        assert (await ask(buyer, "profile")).json["balance"] == 10


async def test_an_order_ends_by_itself() -> None:
    async with fivesim() as buyer:
        silent, told = await bought(buyer, "timeout"), await bought(buyer, "code-arrives:5")
        buyer.later(900)

        assert (await ask(buyer, f"check/{silent['id']}")).json["status"] == "TIMEOUT"
        assert (await ask(buyer, f"check/{told['id']}")).json["status"] == "FINISHED"
        assert (await ask(buyer, f"cancel/{silent['id']}")).text == "order expired"


async def test_orders_are_a_history_of_everything_newest_first_on_request() -> None:
    async with fivesim() as buyer:
        ids = [(await bought(buyer, "code-arrives:5"))["id"] for _ in range(20)]
        buyer.later(5)
        await ask(buyer, f"finish/{ids[0]}")

        first = (await ask(buyer, "orders?category=activation&limit=1")).json
        newest = (await ask(buyer, "orders?category=activation&limit=15&reverse=true")).json
        rest = (await ask(buyer, "orders?category=activation&limit=15&offset=15&reverse=true")).json

        assert [order["id"] for order in first["Data"]] == ids[:15]  # Never fewer than 15.
        assert first["Data"][0]["status"] == "FINISHED"
        assert first["Total"] == 20
        assert [order["id"] for order in newest["Data"] + rest["Data"]] == ids[::-1]


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("buy/activation/russia/any/no-numbers", 200, "no free phones"),
        ("buy/activation/russia/any/no-balance", 400, "not enough user balance"),
        ("buy/activation/russia/any/bad-service", 400, "no product"),
        ("buy/activation/russia/any/bad-country", 400, "bad country"),
        ("buy/activation/russia/any/tg?maxPrice=0.1", 200, "no free phones"),
        ("check/77", 404, "order not found"),
        ("cancel/77", 400, "order not found"),
    ],
)
async def test_refusals_are_plain_text(path: str, status: int, word: str) -> None:
    async with fivesim() as buyer:
        answer = await ask(buyer, path)

        assert (answer.status, answer.text) == (status, word)


async def test_a_cancel_that_meets_an_sms_is_refused() -> None:
    async with fivesim() as buyer:
        order = await bought(buyer, "cancel-race")
        buyer.later(120)

        refused = await ask(buyer, f"cancel/{order['id']}")

        assert (refused.status, refused.text) == (400, "order has sms")
        assert len((await ask(buyer, f"check/{order['id']}")).json["sms"]) == 1


async def test_a_wrong_token_gets_an_empty_401() -> None:
    async with fivesim() as buyer:
        buyer.headers["Authorization"] = "Bearer other"

        answer = await ask(buyer, "profile")

        assert (answer.status, answer.body) == (401, b"")


async def test_an_unknown_route_leads_to_a_long_page_of_html() -> None:
    async with fivesim() as buyer:
        answer = await ask(buyer, "sms/inbox/77")

        assert answer.status == 200  # After the redirect.
        assert len(answer.body) > 42_000


async def test_the_second_sms_may_come_without_a_code() -> None:
    async with fivesim(knobs={"second_sms_has_code": False}) as buyer:
        order = await bought(buyer, "two-codes:5")
        buyer.later(600)

        told = (await ask(buyer, f"check/{order['id']}")).json

        assert [bool(sms["code"]) for sms in told["sms"]] == [True, False]


async def test_hosting_is_rented_for_its_time_and_listed_apart() -> None:
    async with fivesim() as buyer:
        await bought(buyer, "timeout")
        order = (await ask(buyer, "buy/hosting/russia/any/1day")).json
        listed = (await ask(buyer, "orders?category=hosting")).json

        assert order["expires"].startswith("2026-03-02T12:00")
        assert [each["id"] for each in listed["Data"]] == [order["id"]]
