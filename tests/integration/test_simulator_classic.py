"""The classic `handler_api` dialect over HTTP, word for word."""

import pytest

from tests.unit.simulator.asking import Buyer, buying


async def bought(buyer: Buyer, service: str) -> str:
    answer = await buyer.handler("getNumber", service=service, country=0)
    word, number, phone = answer.text.split(":")
    assert word == "ACCESS_NUMBER"
    assert phone.isdigit()
    return number


async def test_a_number_is_rented_read_and_finished() -> None:
    async with buying(balance_minor=1000) as buyer:
        number = await bought(buyer, "code-arrives:5")

        assert (await buyer.handler("getStatus", id=number)).text == "STATUS_WAIT_CODE"
        buyer.later(5)
        word, code = (await buyer.handler("getStatus", id=number)).text.split(":")
        assert (word, len(code)) == ("STATUS_OK", 6)
        finished = await buyer.handler("setStatus", id=number, status=6)
        assert finished.text == "ACCESS_ACTIVATION"
        assert (await buyer.handler("getStatus", id=number)).text == "NO_ACTIVATION"
        assert (await buyer.handler("getBalance")).text == "ACCESS_BALANCE:9.80"


async def test_a_number_is_cancelled_once_it_is_old_enough() -> None:
    async with buying(balance_minor=1000) as buyer:
        number = await bought(buyer, "timeout")

        early = await buyer.handler("setStatus", id=number, status=8)
        assert early.text == "EARLY_CANCEL_DENIED"
        buyer.later(120)
        assert (await buyer.handler("setStatus", id=number, status=8)).text == "ACCESS_CANCEL"
        assert (await buyer.handler("getStatus", id=number)).text == "STATUS_CANCEL"
        assert (await buyer.handler("setStatus", id=number, status=8)).text == "BAD_STATUS"
        assert (await buyer.handler("getBalance")).text == "ACCESS_BALANCE:10.00"


async def test_a_cancel_that_meets_an_sms_is_refused_and_the_code_is_there() -> None:
    async with buying() as buyer:
        number = await bought(buyer, "cancel-race")
        buyer.later(300)

        assert (await buyer.handler("setStatus", id=number, status=8)).text == "BAD_STATUS"
        assert (await buyer.handler("getStatus", id=number)).text.startswith("STATUS_OK:")


async def test_another_code_is_waited_for_with_the_old_one_shown() -> None:
    async with buying() as buyer:
        number = await bought(buyer, "two-codes:5")
        buyer.later(6)
        first = (await buyer.handler("getStatus", id=number)).text.removeprefix("STATUS_OK:")

        asked = await buyer.handler("setStatus", id=number, status=3)
        assert asked.text == "ACCESS_RETRY_GET"
        waiting = await buyer.handler("getStatus", id=number)
        assert waiting.text == f"STATUS_WAIT_RETRY:{first}"
        assert (await buyer.handler("setStatus", id=number, status=8)).text == "BAD_STATUS"
        buyer.later(1000)
        second = (await buyer.handler("getStatus", id=number)).text
        assert second.startswith("STATUS_OK:")
        assert first not in second


async def test_after_sent_only_a_cancel_is_possible_without_a_code() -> None:
    async with buying() as buyer:
        number = await bought(buyer, "timeout")

        assert (await buyer.handler("setStatus", id=number, status=1)).text == "ACCESS_READY"
        for status in (1, 3, 6):
            answer = await buyer.handler("setStatus", id=number, status=status)
            assert answer.text == "BAD_STATUS"
        buyer.later(120)
        assert (await buyer.handler("setStatus", id=number, status=8)).text == "ACCESS_CANCEL"


async def test_the_list_has_strings_only_and_pages() -> None:
    async with buying() as buyer:
        none = await buyer.handler("getActiveActivations")
        assert none.json == {"status": "error", "error": "NO_ACTIVATIONS"}
        told = await buyer.sim("rent", {"count": 130, "service": "code-arrives:5"})
        buyer.later(6)

        first = (await buyer.handler("getActiveActivations")).json["activeActivations"]
        second = (await buyer.handler("getActiveActivations", start=100)).json
        rows = first + second["activeActivations"]

        assert (len(first), len(rows)) == (100, 130)
        assert [row["activationId"] for row in rows] == [each["id"] for each in told["numbers"]]
        assert all(isinstance(value, str) for row in rows for value in row.values())
        assert rows[0]["smsCode"] in rows[0]["smsText"]
        assert rows[0]["activationTime"] == "2026-03-01 15:00:00"  # Not UTC, and it says no zone.


async def test_the_old_list_has_ten_rows_at_most() -> None:
    async with buying() as buyer:
        await buyer.sim("rent", {"count": 30})

        rows = (await buyer.handler("getListOfActiveActivations", length=30)).json

        assert len(rows) == 10


async def test_a_number_bought_by_v2_comes_as_json() -> None:
    async with buying() as buyer:
        answer = await buyer.handler("getNumberV2", service="tg", country=6)

        assert answer.json["countryCode"] == "6"
        assert answer.json["activationCost"] == 0.2
        assert answer.json["activationTime"] == "2026-03-01 15:00:00"
        assert answer.headers["Content-Type"] == "application/json"


async def test_the_history_says_what_was_done_and_what_was_cancelled() -> None:
    async with buying() as buyer:
        done, cancelled = await bought(buyer, "code-arrives:5"), await bought(buyer, "timeout")
        waiting = await bought(buyer, "timeout")
        buyer.later(130)
        await buyer.handler("setStatus", id=done, status=6)
        await buyer.handler("setStatus", id=cancelled, status=8)

        rows = (await buyer.handler("getHistory", start=0, limit=100)).json

        told = [(row["id"], row["status"]) for row in rows]
        assert told == [(done, "6"), (cancelled, "8"), (waiting, "4")]
        assert rows[1]["cost"] == 0.2  # It stands there although it was given back.


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"api_key": "other"}, "BAD_KEY"),
        ({"api_key": ""}, "NO_KEY"),
        ({"action": "getNothing"}, "BAD_ACTION"),
        ({"action": "getNumber", "service": "no-numbers"}, "NO_NUMBERS"),
        ({"action": "getNumber", "service": "no-balance"}, "NO_BALANCE"),
        ({"action": "getNumber", "service": ""}, "BAD_SERVICE"),
        ({"action": "getNumber", "service": "code-arrives:soon"}, "BAD_SERVICE"),
        ({"action": "getNumber", "service": "tg", "maxPrice": "0.19"}, "WRONG_MAX_PRICE:0.20"),
        ({"action": "getStatus", "id": "77"}, "NO_ACTIVATION"),
        ({"action": "getStatus", "id": "x"}, "NO_ACTIVATION"),
        ({"action": "getStatus"}, "NO_ACTIVATION"),
        ({"action": "setStatus", "id": "77", "status": "9"}, "BAD_STATUS"),
    ],
)
async def test_refusals_are_words_with_http_200(params: dict[str, str], word: str) -> None:
    async with buying() as buyer:
        asked = {"api_key": "sim-key", "action": "getBalance"} | params

        answer = await buyer.get("/stubs/handler_api.php", asked)

        assert (answer.status, answer.text) == (200, word)


async def test_an_order_is_bought_once() -> None:
    async with buying() as buyer:
        order = {"service": "tg", "country": "0", "orderId": "mine"}
        await buyer.handler("getNumber", **order)

        assert (await buyer.handler("getNumber", **order)).text == "ORDER_ALREADY_EXISTS"
        assert (await buyer.sim("summary"))["purchases"] == 1


@pytest.mark.parametrize(
    ("service", "status"), [("provider-down:30", 503), ("rate-limited:30", 429)]
)
async def test_a_number_is_in_trouble_from_its_first_cancel_on(service: str, status: int) -> None:
    async with buying() as buyer:
        number, other = await bought(buyer, service), await bought(buyer, "timeout")
        buyer.later(200)

        assert (await buyer.handler("getStatus", id=number)).text == "STATUS_WAIT_CODE"
        cancel = await buyer.handler("setStatus", id=number, status=8)
        assert cancel.status == status
        assert (cancel.headers.get("Retry-After") == "30") == (status == 429)
        assert (await buyer.handler("getStatus", id=number)).status == status
        assert (await buyer.handler("getStatus", id=other)).status == 200
        buyer.later(30)
        assert (await buyer.handler("getStatus", id=number)).text == "STATUS_WAIT_CODE"
        assert (await buyer.handler("setStatus", id=number, status=8)).text == "ACCESS_CANCEL"


async def test_a_slow_number_is_cancelled_late() -> None:
    async with buying(min_cancel_age_seconds=0) as buyer:
        number = await bought(buyer, "slow:7")

        assert (await buyer.handler("setStatus", id=number, status=8)).text == "ACCESS_CANCEL"

        assert buyer.time.slept == [7]
        assert (await buyer.sim(f"books/{number}"))["ended_at"] == "2026-03-01T12:00:07+00:00"


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"paid_status": "STATUS_OK"}, "STATUS_OK:"),
        ({"paid_status": "STATUS_CANCEL"}, "STATUS_CANCEL"),
        ({"paid_status": "STATUS_FINISH"}, "STATUS_FINISH"),
        ({"quote": "'"}, "'NO_ACTIVATION'"),
    ],
)
async def test_an_uncertain_fact_can_be_decided_otherwise(knobs: dict[str, str], said: str) -> None:
    async with buying(knobs=knobs) as buyer:
        number = (await buyer.sim("rent", {"service": "code-arrives:1"}))["numbers"][0]["id"]
        buyer.later(2)
        await buyer.handler("setStatus", id=number, status=6)

        assert (await buyer.handler("getStatus", id=number)).text.startswith(said)
