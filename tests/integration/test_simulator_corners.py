"""What is asked of a provider more rarely, in every family."""

from typing import Any

import pytest

from tests.unit.simulator.asking import Buyer, buying
from worker.simulator.numbers import ArrivedSms, SimulatedNumber
from worker.simulator.tariff import BuyerOrder

HANDLER = "/stubs/handler_api.php"


async def with_fault(buyer: Buyer, kind: str, **more: object) -> None:
    await buyer.sim("faults", {"kind": kind, "seconds": 60, **more})


@pytest.mark.parametrize(
    ("settings", "path", "said"),
    [
        ({}, f"{HANDLER}?api_key=sim-key&action=getListOfActiveActivations", []),
        (
            {},
            f"{HANDLER}?api_key=sim-key&action=getRentList",
            {"status": "success", "values": {}},
        ),
        (
            {"dialect": "tiger"},
            f"{HANDLER}?api_key=sim-key&action=getActiveActivations",
            {"status": "success", "data": []},
        ),
        (
            {"dialect": "grizzly", "knobs": {"list_style": "grizzly-object"}},
            f"{HANDLER}?api_key=sim-key&action=getActiveActivations",
            {"activeActivations": []},
        ),
        ({"dialect": "hero"}, "/api/v1/activations", {"data": [], "meta": {"total": 0}}),
        (
            {"family": "fivesim"},
            "/v1/user/orders",
            {"Data": [], "ProductNames": [], "Statuses": [], "Total": 0},
        ),
        (
            {"family": "onlinesim"},
            "/api/getState.php?apikey=sim-key",
            {"response": "ERROR_NO_OPERATIONS"},
        ),
        (
            {"family": "onlinesim"},
            "/api/rent/getRentState.php?apikey=sim-key",
            {"response": 1, "list": []},
        ),
        (
            {"family": "smspva"},
            "/activation/orders",
            {"statusCode": 200, "data": {"orders": []}},
        ),
        (
            {"family": "smspva"},
            "/api/rent.php?apikey=sim-key&method=orders",
            {"status": 1, "data": [], "msg": ""},
        ),
    ],
)
async def test_every_list_can_lie(settings: dict[str, Any], path: str, said: object) -> None:
    async with buying(**settings) as buyer:
        await buyer.rent("timeout")
        await with_fault(buyer, "empty-list")

        assert (await buyer.get(path)).json == said


@pytest.mark.parametrize(
    ("family", "path", "status", "body"),
    [
        ("fivesim", "/v1/user/profile", 403, b""),
        ("onlinesim", "/api/getBalance.php", 200, b'{"response":"ACCOUNT_BLOCKED"}'),
        ("smspva", "/activation/balance", 411, b'{"statusCode":411,"error":{"type":"LOW_KARMA"}}'),
        ("vaksms", "/api/getBalance/", 200, b'{"error":"apiKeyNotFound"}'),
    ],
)
async def test_a_ban_is_worded_by_every_family(
    family: str, path: str, status: int, body: bytes
) -> None:
    async with buying(family=family) as buyer:
        await with_fault(buyer, "banned")

        answer = await buyer.get(path)

        assert (answer.status, answer.body) == (status, body)


async def test_hero_says_of_a_ban_until_when_and_of_a_price_how_much() -> None:
    async with buying(dialect="hero") as buyer:
        low = await buyer.handler("getNumber", service="tg", maxPrice="0.1")
        no_key = await buyer.get(f"{HANDLER}?action=getBalance")
        missing = await buyer.handler("getRentNumber", service="no-numbers", duration=24)
        await with_fault(buyer, "banned", retry_after_seconds=60)
        banned = (await buyer.handler("getBalance")).json["info"]

        assert (low.status, low.json["info"]) == (400, {"min": 0.2})
        assert (no_key.status, no_key.json["info"]["field"]) == (422, "api_key")
        assert (missing.status, missing.json["title"]) == (404, "NO_NUMBERS")
        assert banned["retry_after_seconds"] == 60
        assert banned["readable_date"] == "2026-03-01 12:01:00"


async def test_the_catalogue_tells_prices_and_stock() -> None:
    async with buying(prices={"wa": 45}) as buyer:
        prices = await buyer.handler("getPrices", service="wa", country=6)
        stock = await buyer.handler("getNumbersStatus", service="wa")
        countries = await buyer.handler("getCountries")

        assert prices.json == {"6": {"wa": {"cost": 0.45, "count": 1000}}}
        assert stock.json == {"wa_0": "1000"}
        assert countries.json["0"]["eng"] == "Russia"


async def test_a_price_is_written_as_a_number_without_rounding() -> None:
    async with buying(price_minor=1_234_567_890_123_45, balance_minor=10**15) as buyer:
        bought = await buyer.handler("getNumberV2", service="tg")

        assert b'"activationCost":1234567890123.45,' in bought.body


@pytest.mark.parametrize(
    ("knobs", "service", "calls", "said"),
    [
        ({"cancelled_again": "ACCESS_CANCEL_ALREADY"}, "timeout", (8, 8), "ACCESS_CANCEL_ALREADY"),
        ({"cancel_codes": ["-1"]}, "timeout", (-1,), "ACCESS_CANCEL"),
        ({"takes_ready": False}, "timeout", (1,), "BAD_STATUS"),
    ],
)
async def test_what_a_status_is_answered_can_be_turned(
    knobs: dict[str, Any], service: str, calls: tuple[int, ...], said: str
) -> None:
    async with buying(knobs=knobs, min_cancel_age_seconds=0) as buyer:
        number = await buyer.rent(service)

        answers = [await buyer.handler("setStatus", id=number, status=call) for call in calls]

        assert answers[-1].text == said


async def test_a_single_wording_can_be_turned() -> None:
    words = {"early-cancel": [403, "EARLY_CANCEL_DENIED", "problem"]}
    async with buying(knobs={"words": words}) as buyer:
        number = await buyer.rent("timeout")

        early = await buyer.handler("setStatus", id=number, status=8)

        assert (early.status, early.json["title"]) == (403, "EARLY_CANCEL_DENIED")
        assert (await buyer.handler("getStatus", id=1)).text == "NO_ACTIVATION"


@pytest.mark.parametrize(
    ("settings", "action", "said"),
    [
        ({}, "getFullSms", "FULL_SMS:{text}"),
        ({"dialect": "tiger"}, "getStatus&full_text=true", "STATUS_OK:{text}"),
        (
            {"dialect": "smsbower", "knobs": {"quote_code": " '"}},
            "getStatus",
            "STATUS_OK: '{code}'",
        ),
        ({"knobs": {"quote": '"'}}, "getStatus", '"STATUS_OK:{code}"'),
    ],
)
async def test_a_code_is_told_in_many_ways(
    settings: dict[str, Any], action: str, said: str
) -> None:
    async with buying(**settings) as buyer:
        number = await buyer.rent("code-arrives:1")
        buyer.later(1)

        answer = await buyer.get(f"{HANDLER}?api_key=sim-key&action={action}&id={number}")

        (sms,) = (await buyer.sim(f"books/{number}"))["sms"]
        assert answer.text == said.format(code=sms["code"], text=sms["text"])


async def test_a_resend_may_be_told_without_the_old_code() -> None:
    async with buying(knobs={"resend_word": "STATUS_WAIT_RESEND"}) as buyer:
        number = await buyer.rent("code-arrives:1")
        buyer.later(1)
        await buyer.handler("setStatus", id=number, status=3)

        assert (await buyer.handler("getStatus", id=number)).text == "STATUS_WAIT_RESEND"


async def test_hero_may_wait_in_a_shape_of_its_own() -> None:
    async with buying(dialect="hero", knobs={"waiting_v2": "null-data"}) as buyer:
        number = await buyer.rent("timeout")

        answer = await buyer.handler("getStatusV2", id=number)

        assert answer.json == {"verificationType": "sms", "data": None}


async def test_a_rental_that_cannot_be_paid_is_not_extended() -> None:
    async with buying(balance_minor=100) as buyer:
        number = (await buyer.handler("getRentNumber", service="timeout", time=4)).json["phone"]

        refused = await buyer.handler("continueRentNumber", id=number["id"], rent_time=24)
        bad = await buyer.handler("continueRentNumber", id=number["id"], rent_time=1)
        await buyer.handler("setRentStatus", id=number["id"], status=1)
        over = await buyer.handler("continueRentNumber", id=number["id"], rent_time=4)

        assert refused.json["message"] == "NO_BALANCE"
        assert bad.json["message"] == "INVALID_TIME"
        assert over.json["message"] == "ALREADY_FINISH"


async def test_a_rental_and_an_activation_are_not_mixed_up() -> None:
    async with buying() as buyer:
        rental = (await buyer.handler("getRentNumber", service="timeout", time=4)).json["phone"]
        number = await buyer.rent("timeout")

        as_activation = await buyer.handler("getStatus", id=rental["id"])
        as_rental = await buyer.handler("getRentStatus", id=number)

        assert as_activation.text == "NO_ACTIVATION"
        assert as_rental.json["message"] == "INVALID_PHONE"
        rows = (await buyer.handler("getActiveActivations")).json["activeActivations"]
        assert [row["activationId"] for row in rows] == [number]


async def test_a_given_back_rental_says_so() -> None:
    async with buying() as buyer:
        number = (await buyer.handler("getRentNumber", service="timeout", time=4)).json["phone"]
        await buyer.handler("setRentStatus", id=number["id"], status=2)

        answer = await buyer.handler("getRentStatus", id=number["id"])

        assert answer.json == {"status": "error", "message": "STATUS_CANCEL"}


@pytest.mark.parametrize("raw", ["2026-03-01T11:59:00Z", "1772366340", "nonsense"])
async def test_hero_history_takes_times_of_several_kinds(raw: str) -> None:
    async with buying(dialect="hero") as buyer:
        await buyer.rent("provider-cancels:1")
        buyer.later(2)
        buyer.headers["Authorization"] = "ApiKey sim-key"

        rows = (await buyer.get(f"/api/v1/activations/history?from={raw}")).json["data"]

        assert len(rows) == 1


async def test_the_history_ends_where_it_is_asked_to() -> None:
    async with buying() as buyer:
        early = await buyer.rent("provider-cancels:1")
        buyer.later(100)
        await buyer.rent("provider-cancels:1")
        buyer.later(100)
        start = int(buyer.time.now.timestamp()) - 300

        rows = (await buyer.handler("getHistory", start=start, end=start + 150)).json

        assert [row["id"] for row in rows] == [early]


def pushed(buyer: Buyer, order: BuyerOrder) -> dict[str, Any] | None:
    number = buyer.provider.engine.rent(order, buyer.time())
    assert isinstance(number, SimulatedNumber)
    return buyer.provider.face.push(number, ArrivedSms(buyer.time(), "777", "Code 777"))


@pytest.mark.parametrize(
    ("dialect", "keys"),
    [
        ("hero", {"activationId", "service", "text", "code", "country", "receivedAt", "phoneFrom"}),
        ("smsbower", {"activationId", "service", "text", "code", "country", "receivedAt"}),
        ("grizzly", {"activationId", "code", "text"}),
        ("tiger", None),
    ],
)
async def test_a_push_has_the_keys_of_its_dialect(dialect: str, keys: set[str] | None) -> None:
    async with buying(dialect=dialect) as buyer:
        told = pushed(buyer, BuyerOrder(service="tg", country="6"))

        assert (told and set(told)) == keys


async def test_hero_pushes_an_id_as_text_and_a_time_with_its_zone() -> None:
    async with buying(dialect="hero") as buyer:
        told = pushed(buyer, BuyerOrder(service="tg", country="6"))

        assert told is not None
        assert isinstance(told["activationId"], str)
        assert told["receivedAt"] == "2026-03-01T12:00:00+00:00"


async def test_the_sms_of_a_classic_rental_is_pushed_in_another_shape() -> None:
    async with buying() as buyer:
        told = pushed(buyer, BuyerOrder(service="tg", country="0", hours=4))

        assert told is not None
        assert set(told) == {"rentId", "sms"}


@pytest.mark.parametrize(
    ("family", "path", "said"),
    [
        ("vaksms", "/api/getBalance/?apiKey=sim-key", {"balance": 12.5}),
        ("vaksms", "/api/getCountNumber/?apiKey=sim-key&service=tg", {"tg": 1000}),
        ("vaksms", "/api/prolongNumber/?apiKey=sim-key&service=tg&tel=7", {"error": "noNumber"}),
        ("smsman", "/control/get-balance?token=sim-key", {"balance": "12.50", "hold": 0}),
        (
            "smsman",
            "/control/limits?token=sim-key&application_id=3",
            {"3": {"application_id": "3", "numbers": "1000"}},
        ),
    ],
)
async def test_balances_and_stock_of_the_small_families(
    family: str, path: str, said: object
) -> None:
    async with buying(family=family, balance_minor=1250) as buyer:
        assert (await buyer.get(path)).json == said


@pytest.mark.parametrize("family", ["vaksms", "smsman"])
async def test_an_unknown_path_of_a_small_family_is_not_found(family: str) -> None:
    async with buying(family=family) as buyer:
        assert (await buyer.get("/api/nothing/")).status == 404


@pytest.mark.parametrize(
    ("status", "said"), [("ready", "waiting"), ("retrysms", "retrying"), ("used", "banned")]
)
async def test_smsman_has_more_to_say_of_a_request(status: str, said: str) -> None:
    async with buying(family="smsman") as buyer:
        number = await buyer.rent("code-arrives:1" if status == "retrysms" else "timeout")
        buyer.later(1)
        asked = {"token": "sim-key", "request_id": number, "status": status}

        answer = await buyer.get("/control/set-status", asked)
        wrong = await buyer.get("/control/set-status", asked | {"status": "dance"})

        assert answer.json["success"] is True
        assert wrong.json["error_code"] == "wrong_status"
        assert (await buyer.sim(f"books/{number}"))["status"] == said


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"method": "create", "dtype": "hour", "dcount": 1, "service": "tg"}, 0),
        ({"method": "create", "dtype": "day", "dcount": 1, "service": "no-numbers"}, 0),
        ({"method": "dance"}, 0),
        ({"method": "orders", "apikey": "other"}, 0),
    ],
)
async def test_smspva_rentals_refuse_with_status_0(params: dict[str, Any], status: int) -> None:
    async with buying(family="smspva") as buyer:
        answer = await buyer.get("/api/rent.php", {"apikey": "sim-key", **params})

        assert (answer.status, answer.json["status"]) == (200, status)


async def test_smspva_tells_who_the_user_is() -> None:
    async with buying(family="smspva", balance_minor=1250) as buyer:
        buyer.headers["apikey"] = "sim-key"

        answer = await buyer.get("/activation/userinfo")

        assert answer.json["data"]["balance"] == "12.50"


async def test_onlinesim_asks_again_and_bans() -> None:
    async with buying(family="onlinesim", min_cancel_age_seconds=0) as buyer:
        told, silent = await buyer.rent("code-arrives:1"), await buyer.rent("timeout")
        buyer.later(1)
        revise = await buyer.get(f"/api/setOperationRevise.php?apikey=sim-key&tzid={told}")
        ban = await buyer.get(f"/api/setOperationOk.php?apikey=sim-key&ban=1&tzid={silent}")

        assert (revise.json["response"], ban.json["response"]) == (1, 1)
        assert (await buyer.sim(f"books/{told}"))["status"] == "retrying"
        assert (await buyer.sim(f"books/{silent}"))["status"] == "banned"


async def test_onlinesim_may_word_a_rate_limit_as_a_reply() -> None:
    async with buying(family="onlinesim", knobs={"rate_limit": "body"}) as buyer:
        await with_fault(buyer, "rate-limited")

        answer = await buyer.get("/api/getBalance.php")

        assert answer.json == {"response": "INTERVAL_CONCURRENT_REQUESTS_ERROR"}
