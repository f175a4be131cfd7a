"""Where the other `handler_api` dialects differ from the classic one."""

from typing import Any

import pytest

from tests.unit.simulator.asking import Answer, Buyer, buying


async def ended(buyer: Buyer) -> str:
    """A number whose code came and which has been finished."""
    number = await buyer.rent("code-arrives:1")
    buyer.later(2)
    await buyer.handler("getStatus", id=number)
    await buyer.handler("setStatus", id=number, status=6)
    return number


def word(answer: Answer) -> tuple[int, str]:
    """Status and token, wherever the token is."""
    body: Any = answer.text if not answer.text.startswith("{") else answer.json
    if isinstance(body, dict):
        body = body.get("title") or body.get("error") or body.get("message")
    return answer.status, str(body)


@pytest.mark.parametrize(
    ("dialect", "key", "number", "early", "raced", "again"),
    [
        (
            "hero",
            (401, "BAD_KEY"),
            (404, "NOT_FOUND"),
            (409, "EARLY_CANCEL_DENIED"),
            (409, "NEW_OTP_RECEIVED"),
            (409, "ACTIVATION_NOT_ACTIVE"),
        ),
        (
            "tiger",
            (401, "BAD_KEY"),
            (200, "NO_ACTIVATION"),
            (200, "EARLY_CANCEL_DENIED"),
            (200, "BAD_STATUS"),
            (200, "BAD_STATUS"),
        ),
        (
            "smsbower",
            (401, "No access"),
            (200, "NO_ACTIVATION"),
            (200, "EARLY_CANCEL_DENIED"),
            (200, "BAD_STATUS"),
            (200, "BAD_STATUS"),
        ),
        (
            "privatesms",
            (401, "BAD_KEY"),
            (404, "NO_ACTIVATION"),
            (403, "EARLY_CANCEL_DENIED"),
            (400, "BAD_STATUS"),
            (400, "BAD_STATUS"),
        ),
        (
            "smshub",
            (200, "BAD_KEY"),
            (200, "NO_ACTIVATION"),
            (200, "EARLY_CANCEL_DENIED"),
            (200, "BAD_STATUS"),
            (200, "BAD_STATUS"),
        ),
    ],
)
async def test_refusals_have_the_status_and_the_shape_of_the_dialect(
    dialect: str,
    key: tuple[int, str],
    number: tuple[int, str],
    early: tuple[int, str],
    raced: tuple[int, str],
    again: tuple[int, str],
) -> None:
    async with buying(dialect=dialect) as buyer:
        silent, racing = await buyer.rent("timeout"), await buyer.rent("cancel-race")

        assert word(await buyer.handler("getBalance", api_key="other")) == key
        assert word(await buyer.handler("getStatus", id=1)) == number
        assert word(await buyer.handler("setStatus", id=silent, status=8)) == early
        buyer.later(120)
        assert word(await buyer.handler("setStatus", id=racing, status=8)) == raced
        assert (await buyer.handler("setStatus", id=silent, status=8)).text == "ACCESS_CANCEL"
        assert word(await buyer.handler("setStatus", id=silent, status=8)) == again


async def test_hero_tells_the_codes_with_the_refusal_until_they_have_been_read() -> None:
    async with buying(dialect="hero") as buyer:
        number = await buyer.rent("code-arrives:1")
        buyer.later(200)

        unread = await buyer.handler("setStatus", id=number, status=8)
        code = (await buyer.handler("getStatus", id=number)).text.removeprefix("STATUS_OK:")
        read = await buyer.handler("setStatus", id=number, status=8)

        assert unread.json["info"]["data"] == [code]
        assert word(read) == (409, "OTP_RECEIVED")


async def test_hero_says_how_old_a_number_must_be() -> None:
    async with buying(dialect="hero", min_cancel_age_seconds=90) as buyer:
        number = await buyer.rent("timeout")

        early = await buyer.handler("setStatus", id=number, status=8)

        assert early.json["info"] == {"minActivationTime": 90}


async def test_hero_knows_no_status_1_and_no_minus_1() -> None:
    async with buying(dialect="hero", min_cancel_age_seconds=0) as buyer:
        number = await buyer.rent("timeout")

        for status in (1, -1):
            refused = await buyer.handler("setStatus", id=number, status=status)
            assert word(refused) == (400, "BAD_STATUS")


async def test_hero_gives_an_end_with_a_zone_and_a_number_as_a_string() -> None:
    async with buying(dialect="hero") as buyer:
        row = (await buyer.handler("getNumberV2", service="tg", country=0)).json

        assert row["activationEndTime"] == "2026-03-01T12:20:00+00:00"
        assert isinstance(row["activationId"], str)
        assert row["currency"] == 840


async def test_hero_lists_rows_in_data_a_hundred_at_most() -> None:
    async with buying(dialect="hero") as buyer:
        await buyer.sim("rent", {"count": 101})

        listed = (await buyer.handler("getActiveActivations", limit=1000)).json

        assert len(listed["data"]) == 100
        assert listed["activeActivations"]["rows"] == []


async def test_hero_finishes_and_cancels_with_204() -> None:
    async with buying(dialect="hero") as buyer:
        done, silent = await buyer.rent("code-arrives:1"), await buyer.rent("timeout")
        buyer.later(120)

        finished = await buyer.handler("finishActivation", id=done)
        cancelled = await buyer.handler("cancelActivation", id=silent)

        assert (finished.status, finished.body) == (204, b"")
        assert (cancelled.status, cancelled.body) == (204, b"")
        assert word(await buyer.handler("getAllSms", id=silent)) == (409, "ACTIVATION_NOT_ACTIVE")


async def test_hero_tells_all_sms_of_a_number() -> None:
    async with buying(dialect="hero") as buyer:
        number = await buyer.rent("two-codes:1")
        buyer.later(300)

        told = (await buyer.handler("getAllSms", id=number)).json

        assert told["meta"] == {"total": 2, "service": "two-codes:1"}
        assert len({sms["code"] for sms in told["data"]}) == 2


async def test_hero_history_is_the_truth_about_money() -> None:
    async with buying(dialect="hero") as buyer:
        done, gone = await ended(buyer), await buyer.rent("provider-cancels:3")
        buyer.later(10)
        path = "/api/v1/activations/history"

        refused = await buyer.get(path)
        buyer.headers["Authorization"] = "ApiKey sim-key"
        rows = (await buyer.get(path)).json["data"]
        refunded = (await buyer.get(path + "?statuses[]=8&statuses[]=10")).json["data"]

        assert word(refused) == (403, "BAD_API_KEY")
        assert [(row["id"], row["status"], len(row["moreCodes"])) for row in rows] == [
            (done, 6, 1),
            (gone, 10, 0),
        ]
        assert [row["id"] for row in refunded] == [gone]
        assert refunded[0]["cost"] == 0.2


async def test_hero_lists_over_rest_with_every_sms() -> None:
    async with buying(dialect="hero") as buyer:
        await buyer.sim("rent", {"count": 30, "service": "two-codes:1"})
        buyer.later(300)
        buyer.headers["Authorization"] = "ApiKey sim-key"

        first = (await buyer.get("/api/v1/activations?size=100&page=1")).json["data"]
        second = (await buyer.get("/api/v1/activations?size=100&page=2")).json["data"]

        assert (len(first), len(second)) == (25, 5)
        assert len(first[0]["otpList"]) == 2


async def test_hero_tells_which_services_live_longer() -> None:
    async with buying(dialect="hero", lifetimes={"ig": 2400}) as buyer:
        answer = await buyer.get("/api/v1/classifiers/activations/custom-durations")

        assert answer.json == {"data": {"ig": {"0": 40}}}


async def test_tiger_answers_json_as_html_and_its_lists_say_nothing_with_a_blank() -> None:
    async with buying(dialect="tiger") as buyer:
        await buyer.sim("rent", {"count": 60, "service": "timeout"})

        listed = await buyer.handler("getActiveActivations")

        assert listed.headers["Content-Type"].startswith("text/html")
        assert len(listed.json["data"]) == 50
        assert listed.json["data"][0]["smsCode"] == ""


async def test_tiger_v2_words_its_refusals_as_json() -> None:
    async with buying(dialect="tiger") as buyer:
        number = await buyer.rent("timeout")

        early = await buyer.handler("setStatusV2", id=number, status=8)
        assert word(early) == (409, "EARLY_CANCEL_DENIED")
        assert word(await buyer.handler("getStatusV2", id=1)) == (404, "NOT_FOUND")
        waiting = await buyer.handler("getStatusV2", id=number)
        assert waiting.json == {"verificationType": 0, "sms": None}
        buyer.later(120)
        done = await buyer.handler("setStatusV2", id=number, status=-1)
        assert done.json == {"status": "success"}


async def test_tiger_takes_post_and_tells_the_balance_as_json() -> None:
    async with buying(dialect="tiger", balance_minor=1250) as buyer:
        answer = await buyer.get(
            "/stubs/handler_api.php",
            {"api_key": "sim-key", "action": "getBalance", "format": "json"},
            method="POST",
        )

        assert answer.json == {"balance": "12.5000", "currency": 840}


async def test_smsbower_has_no_list_and_takes_no_post() -> None:
    async with buying(dialect="smsbower") as buyer:
        posted = await buyer.get(
            "/stubs/handler_api.php", {"api_key": "sim-key", "action": "getBalance"}, method="POST"
        )
        bad = await buyer.handler("getNumber", service="bad-service")

        assert (await buyer.handler("getActiveActivations")).text == "BAD_ACTION"
        assert (posted.status, posted.json["status"]) == (405, 0)
        assert bad.json == {"error": "BAD_SERVICE"}


async def test_grizzly_lists_bare_rows_or_null_and_says_when_a_cancel_is_possible() -> None:
    async with buying(dialect="grizzly") as buyer:
        assert (await buyer.handler("getActiveActivations")).json is None
        bought = (await buyer.handler("getNumberV2", service="timeout")).json
        rows = (await buyer.handler("getActiveActivations")).json

        assert bought["activationCancel"] == "2026-03-01T12:02:00+00:00"
        assert bought["activationEnd"] == "2026-03-01T12:20:00+00:00"
        assert [row["activationId"] for row in rows] == [str(bought["activationId"])]


async def test_smsman_cancels_with_minus_1_only() -> None:
    async with buying(dialect="smsman", min_cancel_age_seconds=0) as buyer:
        number = await buyer.rent("timeout")

        assert (await buyer.handler("setStatus", id=number, status=8)).text == "BAD_STATUS"
        assert (await buyer.handler("setStatus", id=number, status=-1)).text == "ACCESS_CANCEL"


async def test_privatesms_lets_go_after_a_minute() -> None:
    async with buying(dialect="privatesms") as buyer:
        number = await buyer.rent("timeout")
        buyer.later(60)

        assert (await buyer.handler("setStatus", id=number, status=8)).text == "ACCESS_CANCEL"


@pytest.mark.parametrize("dialect", ["smshub", "smsman", "privatesms"])
async def test_a_small_dialect_knows_few_actions(dialect: str) -> None:
    async with buying(dialect=dialect) as buyer:
        for action in ("getActiveActivations", "getNumberV2", "getHistory"):
            assert "BAD_ACTION" in (await buyer.handler(action)).text


async def test_a_classic_rental_is_read_by_index_and_finished() -> None:
    async with buying(balance_minor=1000) as buyer:
        rented = await buyer.handler("getRentNumber", service="code-arrives:60", time=24)
        number = rented.json["phone"]["id"]
        waiting = await buyer.handler("getRentStatus", id=number)
        buyer.later(60)
        told = (await buyer.handler("getRentStatus", id=number)).json
        listed = (await buyer.handler("getRentList")).json
        finished = (await buyer.handler("setRentStatus", id=number, status=1)).json
        again = (await buyer.handler("setRentStatus", id=number, status=1)).json

        assert rented.json["phone"]["endDate"] == "2026-03-02 15:00:00"
        assert waiting.json == {"status": "error", "message": "STATUS_WAIT_CODE"}
        assert (told["quantity"], list(told["values"])) == (1, ["0"])
        assert [each["id"] for each in listed["values"].values()] == [number]
        assert finished == {"status": "success"}
        assert again == {"status": "error", "message": "ALREADY_FINISH"}
        assert (await buyer.handler("getBalance")).text == "ACCESS_BALANCE:5.20"


async def test_a_classic_rental_is_given_back_within_twenty_minutes_only() -> None:
    async with buying(balance_minor=10_000) as buyer:
        numbers = [
            (await buyer.handler("getRentNumber", service="timeout", time=4)).json["phone"]["id"]
            for _ in range(2)
        ]
        buyer.later(1200)
        early = (await buyer.handler("setRentStatus", id=numbers[0], status=2)).json
        buyer.later(1)
        late = (await buyer.handler("setRentStatus", id=numbers[1], status=2)).json

        assert early == {"status": "success"}
        assert late == {"status": "error", "message": "CANT_CANCEL"}
        assert (await buyer.sim("summary"))["money"]["balance_minor"] == 10_000 - 80


async def test_a_rental_without_an_sms_is_charged_at_its_end() -> None:
    async with buying(balance_minor=10_000) as buyer:
        await buyer.handler("getRentNumber", service="timeout", time=4)
        buyer.later(4 * 3600)

        assert (await buyer.sim("summary"))["statuses"] == {"lapsed": 1}
        assert (await buyer.handler("getBalance")).text == "ACCESS_BALANCE:99.20"


async def test_a_rental_is_extended_for_its_price() -> None:
    async with buying(balance_minor=1000) as buyer:
        number = (await buyer.handler("getRentNumber", service="timeout", time=4)).json["phone"]

        longer = await buyer.handler("continueRentNumber", id=number["id"], rent_time=24)

        assert longer.json["phone"]["endDate"] == "2026-03-02 19:00:00"
        assert (await buyer.handler("getBalance")).text == "ACCESS_BALANCE:4.40"


@pytest.mark.parametrize(
    ("action", "params", "token"),
    [
        ("getRentNumber", {"service": "tg", "time": 3}, "INVALID_TIME"),
        ("getRentStatus", {"id": "77"}, "INVALID_PHONE"),
        ("getRentStatus", {}, "NO_ID_RENT"),
        ("setRentStatus", {"id": "77", "status": 9}, "INCORECT_STATUS"),
    ],
)
async def test_classic_rentals_refuse_in_json(
    action: str, params: dict[str, object], token: str
) -> None:
    async with buying() as buyer:
        answer = await buyer.handler(action, **params)

        assert answer.json == {"status": "error", "message": token}


async def test_a_hero_rental_is_prolonged_and_given_back_in_its_time_only() -> None:
    async with buying(dialect="hero") as buyer:
        rented = (await buyer.handler("getRentNumber", service="timeout", duration=24)).json
        number = rented["activationId"]
        early = await buyer.handler("cancelActivation", id=number)
        buyer.later(1201)
        late = await buyer.handler("cancelActivation", id=number)
        prolonged = await buyer.get(
            "/stubs/handler_api.php",
            {"api_key": "sim-key", "action": "prolong", "id": number, "duration": 72},
            method="POST",
        )

        assert rented["subtype"] == 2
        assert word(early) == (409, "EARLY_CANCEL_DENIED")
        assert word(late) == (409, "FREE_CANCELLATION_EXPIRED")
        assert prolonged.json["activationEndTime"] == "2026-03-05T12:00:00+00:00"


@pytest.mark.parametrize("dialect", ["classic", "hero", "tiger", "smsbower", "grizzly"])
async def test_a_number_bought_by_v2_can_be_listed_or_read(dialect: str) -> None:
    async with buying(dialect=dialect) as buyer:
        bought = (await buyer.handler("getNumberV2", service="code-arrives:5")).json
        buyer.later(5)

        status = await buyer.handler("getStatusV2", id=bought["activationId"])

        books = await buyer.sim(f"books/{bought['activationId']}")
        told = status.json.get("sms") or status.json["data"]
        assert told["code"] == books["sms"][0]["code"]


@pytest.mark.parametrize(
    ("knobs", "refused"),
    [
        ({}, "ACCESS_READY"),
        ({"words_of_cancel": {"unknown-id": [200, "BAD_ID"]}}, "BAD_ID"),
        ({"words_of_cancel": {"unknown-id": [404, "NO_ACTIVATION"]}}, "NO_ACTIVATION"),
    ],
)
async def test_daisysms_has_one_word_for_every_cancel_it_refuses(
    knobs: dict[str, Any], refused: str
) -> None:
    async with buying(family="handler_api", dialect="daisysms", knobs=knobs) as buyer:
        raced, silent = await buyer.rent("cancel-race"), await buyer.rent("timeout")

        with_code = await buyer.handler("setStatus", id=raced, status=8)
        given_back = await buyer.handler("setStatus", id=silent, status=8)
        unknown = await buyer.handler("setStatus", id=1, status=8)

        assert with_code.text == "ACCESS_READY"
        assert given_back.text == "ACCESS_CANCEL"
        assert unknown.text == refused
        assert (await buyer.handler("getStatus", id=1)).text == "NO_ACTIVATION"


async def test_daisysms_takes_the_key_in_a_header_and_tells_the_price_in_one() -> None:
    async with buying(dialect="daisysms", price_minor=50) as buyer:
        buyer.headers["X-ApiKey"] = "sim-key"
        asked = {"action": "getNumber", "service": "timeout"}

        dear = await buyer.get("/stubs/handler_api.php", {**asked, "max_price": "0.49"})
        bought = await buyer.get("/stubs/handler_api.php", {**asked, "maxPrice": "0.50"})

        assert dear.text == "MAX_PRICE_EXCEEDED"
        assert bought.text.startswith("ACCESS_NUMBER:")
        assert bought.headers["X-Price"] == "0.50"
        again = await buyer.handler("setStatus", id=bought.text.split(":")[1], status=3)
        assert again.text == "BAD_STATUS"


async def test_a_site_can_serve_the_protocol_elsewhere() -> None:
    async with buying(knobs={"path": "/stubs/handler_api"}) as buyer:
        asked = {"api_key": "sim-key", "action": "getBalance"}

        there = await buyer.get("/stubs/handler_api", asked)
        nowhere = await buyer.get("/stubs/handler_api.php", asked)

        assert there.text.startswith("ACCESS_BALANCE:")
        assert nowhere.text == "BAD_ACTION"


@pytest.mark.parametrize("dialect", ["classic", "tiger", "grizzly", "smshub", "daisysms"])
async def test_a_form_that_is_posted_is_read_like_a_query(dialect: str) -> None:
    async with buying(dialect=dialect) as buyer:
        asked = {"api_key": "sim-key", "action": "getNumber", "service": "timeout", "country": "0"}
        url = buyer.provider.url + "/stubs/handler_api.php"

        async with buyer.http.post(url, data=asked) as form:
            bought = await form.text()
        async with buyer.http.post(url, json=asked) as body:
            again = await body.text()

        assert bought.startswith("ACCESS_NUMBER:")
        assert again.startswith("ACCESS_NUMBER:")
