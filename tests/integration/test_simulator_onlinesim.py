"""The onlinesim face over HTTP."""

from typing import Any

import pytest

from tests.unit.simulator.asking import Buyer, buying


async def ask(buyer: Buyer, method: str, **params: object) -> Any:
    answer = await buyer.get(f"/api/{method}.php", {"apikey": "sim-key", **params})
    assert answer.status == 200
    return answer.json


async def bought(buyer: Buyer, service: str) -> int:
    return int((await ask(buyer, "getNum", service=service, country=7, number="true"))["tzid"])


async def test_an_operation_is_opened_read_and_closed_as_success() -> None:
    async with buying(family="onlinesim", balance_minor=1000) as buyer:
        tzid = await bought(buyer, "code-arrives:5")
        (waiting,) = await ask(buyer, "getState", tzid=tzid, clean=0)
        buyer.later(5)
        (told,) = await ask(buyer, "getState", tzid=tzid, clean=0, message_to_code=1)
        closed = await ask(buyer, "setOperationOk", tzid=tzid)
        (over,) = await ask(buyer, "getState", tzid=tzid, clean=0)

        assert (waiting["response"], waiting["time"]) == ("TZ_NUM_WAIT", 900)
        assert "msg" not in waiting
        assert (told["response"], len(told["msg"])) == ("TZ_NUM_ANSWER", 6)
        assert closed == {"response": 1, "tzid": tzid}
        assert over["response"] == "TZ_OVER_OK"
        assert (await ask(buyer, "getBalance"))["balance"] == "9.80"


async def test_an_empty_close_gives_the_money_back_but_not_within_two_minutes() -> None:
    async with buying(family="onlinesim", balance_minor=1000) as buyer:
        tzid = await bought(buyer, "timeout")

        early = await ask(buyer, "setOperationOk", tzid=tzid)
        buyer.later(120)
        closed = await ask(buyer, "setOperationOk", tzid=tzid)
        (over,) = await ask(buyer, "getState", tzid=tzid)

        assert early == {"response": "NO_COMPLETE_TZID"}
        assert closed["response"] == 1
        assert over["response"] == "TZ_OVER_EMPTY"
        assert (await ask(buyer, "getBalance"))["balance"] == "10.00"


async def test_a_close_that_meets_an_sms_is_a_success_and_charged_and_does_not_say_so() -> None:
    async with buying(family="onlinesim", balance_minor=1000) as buyer:
        tzid = await bought(buyer, "cancel-race")
        buyer.later(120)

        closed = await ask(buyer, "setOperationOk", tzid=tzid)
        (over,) = await ask(buyer, "getState", tzid=tzid, clean=0)

        assert closed == {"response": 1, "tzid": tzid}
        assert over["response"] == "TZ_OVER_OK"
        assert (await buyer.sim(f"books/{tzid}"))["net_minor"] == 20


async def test_without_an_id_all_live_operations_are_told_or_an_object_if_there_are_none() -> None:
    async with buying(family="onlinesim") as buyer:
        assert await ask(buyer, "getState") == {"response": "ERROR_NO_OPERATIONS"}
        ids = [await bought(buyer, "timeout") for _ in range(3)]

        assert [row["tzid"] for row in await ask(buyer, "getState")] == ids


async def test_reading_hides_what_was_read_unless_told_not_to() -> None:
    async with buying(family="onlinesim") as buyer:
        tzid = await bought(buyer, "code-arrives:5")
        buyer.later(5)

        (kept,) = await ask(buyer, "getState", tzid=tzid, clean=0)
        (first,) = await ask(buyer, "getState", tzid=tzid)
        (second,) = await ask(buyer, "getState", tzid=tzid)

        assert kept["msg"] == first["msg"]
        assert "msg" not in second


async def test_all_messages_come_as_a_list_on_request() -> None:
    async with buying(family="onlinesim") as buyer:
        tzid = await bought(buyer, "two-codes:5")
        buyer.later(600)

        (row,) = await ask(buyer, "getState", tzid=tzid, msg_list=1, clean=0)

        assert [each["service"] for each in row["msg"]] == ["two-codes:5"] * 2


@pytest.mark.parametrize(
    ("method", "params", "word"),
    [
        ("getNum", {"service": "no-numbers"}, "NO_NUMBER"),
        ("getNum", {"service": "no-balance"}, "WARNING_LOW_BALANCE"),
        ("getNum", {"service": ""}, "ERROR_NO_SERVICE"),
        ("getState", {"tzid": 77}, "ERROR_WRONG_TZID"),
        ("setOperationOk", {}, "ERROR_WRONG_TZID"),
        ("getState", {"apikey": "other"}, "ERROR_WRONG_KEY"),
        ("getState", {"apikey": ""}, "ERROR_NO_KEY"),
        ("getNothing", {}, "REQUEST_NOT_FOUND"),
    ],
)
async def test_refusals_are_words_in_response(
    method: str, params: dict[str, object], word: str
) -> None:
    async with buying(family="onlinesim") as buyer:
        assert await ask(buyer, method, **params) == {"response": word}


async def test_refusals_may_be_nested_and_all_well_may_be_text() -> None:
    async with buying(family="onlinesim", knobs={"nested": True, "ok": "text"}) as buyer:
        assert await ask(buyer, "getState") == {"original": {"response": "ERROR_NO_OPERATIONS"}}
        assert (await ask(buyer, "getBalance"))["response"] == "1"


async def test_a_rental_lists_its_messages_and_is_closed() -> None:
    async with buying(family="onlinesim", mix={"code-arrives": 1}) as buyer:
        tzid = (await ask(buyer, "rent/getRentNum", country=7, days=2))["item"]["tzid"]
        buyer.later(900)
        (row,) = (await ask(buyer, "rent/getRentState", tzid=tzid))["list"]
        bulk = await ask(buyer, "rent/getRentState")
        await ask(buyer, "rent/extendRentState", tzid=tzid, days=1)
        closed = await ask(buyer, "rent/closeRentNum", tzid=tzid)

        assert (row["days"], len(row["messages"])) == (1, 1)
        assert [each["tzid"] for each in bulk["list"]] == [tzid]
        assert closed == {"response": True}
        told = await buyer.sim(f"books/{tzid}")
        assert (told["status"], told["expires_at"]) == ("finished", "2026-03-04T12:00:00+00:00")


async def test_what_it_pushes_calls_the_id_of_the_sms_a_code() -> None:
    async with buying(family="onlinesim") as buyer:
        tzid = await bought(buyer, "code-arrives:5")
        buyer.later(5)
        number = buyer.provider.engine.find(tzid, buyer.time())
        assert number is not None

        told = buyer.provider.face.push(number, number.sms[0])

        assert told is not None
        assert (told["operation_id"], told["code"]) == (tzid, "1")
        assert told["message"] == number.sms[0].text
        assert told["time_left"] == 895


async def test_the_key_may_be_in_a_header_and_the_rest_in_a_body() -> None:
    async with buying(family="onlinesim") as buyer:
        url = buyer.provider.url + "/api/getNum.php"
        order = {"service": "timeout", "country": 7, "number": "true"}

        async with buyer.http.post(
            url, json=order, headers={"Authorization": "Bearer sim-key"}
        ) as reply:
            posted = await reply.json()
        async with buyer.http.post(url, data=order | {"apikey": "sim-key"}) as reply:
            form = await reply.json()
        async with buyer.http.post(url, json=order) as reply:
            without = await reply.json()
        (row,) = await ask(buyer, "getState", tzid=posted["tzid"])

        assert (posted["response"], form["response"]) == (1, 1)
        assert without == {"response": "ERROR_NO_KEY"}
        assert row["form"] == "index"


@pytest.mark.parametrize("yes", ["1", "true", "True"])
async def test_a_flag_is_a_number_or_a_word(yes: str) -> None:
    """Its own clients write the words."""
    async with buying(family="onlinesim", balance_minor=1000) as buyer:
        told = await ask(buyer, "getNum", service="code-arrives:1", country=7, number=yes)
        buyer.later(1)
        flags = {"tzid": told["tzid"], "message_to_code": yes, "msg_list": yes}
        (kept,) = await ask(buyer, "getState", **flags, clean="false")
        (again,) = await ask(buyer, "getState", **flags, clean=yes)
        (hidden,) = await ask(buyer, "getState", **flags)

        assert told["number"].startswith("+")
        assert kept["msg"] == again["msg"]
        assert [len(each["msg"]) for each in kept["msg"]] == [6]
        assert "msg" not in hidden


async def test_the_income_is_told_where_it_is_asked_for() -> None:
    async with buying(family="onlinesim") as buyer:
        plain = await ask(buyer, "getBalance")

        assert "income" not in plain
        assert await ask(buyer, "getBalance", income="true") == plain | {"income": 0}
