"""The faces of SMSPVA, vak-sms and sms-man over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.unit.simulator.asking import Answer, Buyer, buying


@asynccontextmanager
async def smspva(**settings: Any) -> AsyncIterator[Buyer]:
    async with buying(family="smspva", **settings) as buyer:
        buyer.headers["apikey"] = "sim-key"
        yield buyer


async def pva(buyer: Buyer, path: str, method: str = "GET") -> Answer:
    answer = await buyer.get(f"/activation/{path}", method=method)
    assert answer.json["statusCode"] == answer.status
    return answer


async def pva_bought(buyer: Buyer, service: str) -> int:
    return int((await pva(buyer, f"number/RU/{service}")).json["data"]["orderId"])


async def test_smspva_an_order_is_read_cleared_and_stopped() -> None:
    async with smspva() as buyer:
        bought = (await pva(buyer, "number/RU/two-codes:5/mts")).json["data"]
        order = bought["orderId"]
        waiting = await pva(buyer, f"sms/{order}")
        buyer.later(5)
        first = (await pva(buyer, f"sms/{order}")).json["data"]["sms"]
        cleared = await pva(buyer, f"clearsms/{order}", "PUT")
        again = await pva(buyer, f"sms/{order}")
        buyer.later(100)
        second = (await pva(buyer, f"sms/{order}")).json["data"]["sms"]
        stopped = await pva(buyer, f"stopsms/{order}", "PUT")

        assert (bought["orderExpireIn"], isinstance(bought["phoneNumber"], int)) == (600, True)
        assert (waiting.status, again.status) == (202, 202)
        assert waiting.json["error"]["type"] == "SMS_NOT_YET_RECEIVED"
        assert cleared.json["data"]["orderExpireIn"] == 595
        assert first["code"] != second["code"]
        assert stopped.status == 200
        assert (await buyer.sim(f"books/{order}"))["status"] == "finished"


@pytest.mark.parametrize(
    ("call", "status"), [("cancelorder", "cancelled"), ("blocknumber", "banned")]
)
async def test_smspva_an_order_is_given_back_then_closed_then_deleted(
    call: str, status: str
) -> None:
    async with smspva() as buyer:
        order = await pva_bought(buyer, "timeout")

        done = await pva(buyer, f"{call}/{order}", "PUT")
        closed = await pva(buyer, f"sms/{order}")
        buyer.later(600)
        deleted = await pva(buyer, f"sms/{order}")

        assert (done.status, closed.status, deleted.status) == (200, 410, 406)
        assert (await buyer.sim(f"books/{order}"))["status"] == status


async def test_smspva_an_sms_is_not_told_to_who_cannot_pay() -> None:
    async with smspva() as buyer:
        order = await pva_bought(buyer, "code-arrives:5")
        buyer.later(5)
        await buyer.sim("balance", {"balance_minor": -1})

        assert (await pva(buyer, f"sms/{order}")).status == 407


async def test_smspva_lists_all_orders() -> None:
    async with smspva() as buyer:
        order = await pva_bought(buyer, "code-arrives:5")
        await pva_bought(buyer, "timeout")
        buyer.later(5)

        rows = (await pva(buyer, "orders")).json["data"]["orders"]

        assert [(row["orderId"] == order, bool(row["sms"])) for row in rows] == [
            (True, True),
            (False, False),
        ]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "number/RU/no-numbers", 501),
        ("GET", "number/RU/no-balance", 407),
        ("GET", "number/RU/bad-service", 405),
        ("GET", "sms/77", 406),
        ("PUT", "cancelorder/77", 406),
        ("GET", "cancelorder/77", 404),
        ("GET", "nothing", 404),
    ],
)
async def test_smspva_refuses_with_the_status_in_the_body(
    method: str, path: str, status: int
) -> None:
    async with smspva() as buyer:
        assert (await pva(buyer, path, method)).status == status


async def test_smspva_refuses_a_cancel_after_an_sms_and_a_wrong_key() -> None:
    async with smspva() as buyer:
        order = await pva_bought(buyer, "cancel-race")

        assert (await pva(buyer, f"cancelorder/{order}", "PUT")).status == 405
        assert (await pva(buyer, f"sms/{order}")).status == 200
        buyer.headers["apikey"] = "other"
        assert (await pva(buyer, "balance")).status == 401


async def rent(buyer: Buyer, method: str, **params: object) -> Any:
    asked = {"apikey": "sim-key", "method": method, **params}
    return (await buyer.get("/api/rent.php", asked)).json


async def test_smspva_a_rental_is_listed_read_prolonged_and_deleted() -> None:
    async with smspva() as buyer:
        created = await rent(
            buyer, "create", dtype="day", dcount=1, country="RU", service="code-arrives:60"
        )
        ref = created["data"]["id"]
        buyer.later(60)
        (listed,) = (await rent(buyer, "orders"))["data"]
        read = await rent(buyer, "sms", id=ref)
        await rent(buyer, "prolong", id=ref, dtype="week", dcount=1)
        deleted = await rent(buyer, "delete", id=ref)

        assert (listed["id"], listed["hasnewsms"]) == (ref, True)
        assert len(read["data"]["SmsList"]) == 1
        assert deleted["status"] == 1
        told = await buyer.sim(f"books/{ref}")
        assert (told["status"], told["expires_at"]) == ("finished", "2026-03-09T12:00:00+00:00")
        assert (await rent(buyer, "sms", id=77))["status"] == 0


async def vak(buyer: Buyer, call: str, **params: object) -> Any:
    return (await buyer.get(f"/api/{call}/", {"apiKey": "sim-key", **params})).json


async def vak_bought(buyer: Buyer, service: str, **params: object) -> str:
    return str((await vak(buyer, "getNumber", service=service, **params))["idNum"])


async def test_vaksms_a_code_is_read_and_another_asked_for() -> None:
    async with buying(family="vaksms") as buyer:
        ref = await vak_bought(buyer, "two-codes:5")
        waiting = await vak(buyer, "getSmsCode", idNum=ref)
        buyer.later(5)
        first = await vak(buyer, "getSmsCode", idNum=ref)
        ready = await vak(buyer, "setStatus", idNum=ref, status="send")
        again = await vak(buyer, "getSmsCode", idNum=ref)
        buyer.later(600)
        every = await vak(buyer, "getSmsCode", idNum=ref, all="")

        assert len(ref) == 32
        assert (waiting, again) == ({"smsCode": None}, {"smsCode": None})
        assert ready == {"status": "ready"}
        assert every["smsCode"][0] == first["smsCode"]
        assert len(every["smsCode"]) == 2


@pytest.mark.parametrize(("knobs", "nothing"), [({}, None), ({"no_codes": "[]"}, [])])
async def test_vaksms_before_the_first_sms_all_codes_are_none(
    knobs: dict[str, str], nothing: object
) -> None:
    async with buying(family="vaksms", knobs=knobs) as buyer:
        ref = await vak_bought(buyer, "code-arrives:5")

        before = await vak(buyer, "getSmsCode", idNum=ref, all="")
        buyer.later(5)
        after = await vak(buyer, "getSmsCode", idNum=ref, all="None")

        assert before == {"smsCode": nothing}
        assert len(after["smsCode"]) == 1


async def test_vaksms_a_number_is_given_back_unless_an_sms_is_there_or_coming() -> None:
    async with buying(family="vaksms") as buyer:
        silent, racing = await vak_bought(buyer, "timeout"), await vak_bought(buyer, "cancel-race")

        assert await vak(buyer, "setStatus", idNum=silent, status="end") == {"status": "update"}
        assert await vak(buyer, "setStatus", idNum=racing, status="end") == {"status": "waitSMS"}
        await vak(buyer, "getSmsCode", idNum=racing)
        refused = await vak(buyer, "setStatus", idNum=racing, status="bad")
        assert refused == {"status": "smsReceived"}
        assert await vak(buyer, "getSmsCode", idNum=silent) == {"error": "idNumNotFound"}


@pytest.mark.parametrize(
    ("call", "params", "error"),
    [
        ("getNumber", {"service": "no-numbers"}, "noNumber"),
        ("getNumber", {"service": "no-balance"}, "noMoney"),
        ("getNumber", {"service": "bad-service"}, "noService"),
        ("getSmsCode", {"idNum": "3adb"}, "idNumNotFound"),
        ("setStatus", {"idNum": "0" * 32, "status": "end"}, "idNumNotFound"),
        ("setStatus", {"idNum": "0" * 32, "status": "what"}, "badStatus"),
        ("getBalance", {"apiKey": "other"}, "apiKeyNotFound"),
    ],
)
async def test_vaksms_refuses_with_an_error(
    call: str, params: dict[str, object], error: str
) -> None:
    async with buying(family="vaksms", knobs={"error_status": 400}) as buyer:
        answer = await buyer.get(f"/api/{call}/", {"apiKey": "sim-key", **params})

        assert (answer.status, answer.json) == (400, {"error": error})


async def test_vaksms_lives_as_long_as_the_service_says() -> None:
    async with buying(family="vaksms") as buyer:
        await vak_bought(buyer, "tg")
        await vak_bought(buyer, "tf")
        await vak_bought(buyer, "tg", rent="true")

        ends = [each["expires_at"][11:16] for each in (await buyer.sim("books"))["numbers"]]

        assert ends == ["12:20", "14:00", "16:00"]


async def man(buyer: Buyer, call: str, **params: object) -> Any:
    return (await buyer.get(f"/{call}", {"token": "sim-key", **params})).json


async def man_bought(buyer: Buyer, service: str) -> int:
    bought = await man(buyer, "control/get-number", application_id=service, country_id=1)
    return int(bought["request_id"])


async def test_smsman_waiting_looks_like_an_error_and_is_none() -> None:
    async with buying(family="smsman") as buyer:
        ref = await man_bought(buyer, "code-arrives:5")
        waiting = await man(buyer, "control/get-sms", request_id=ref)
        buyer.later(5)
        told = await man(buyer, "control/get-sms", request_id=ref)
        closed = await man(buyer, "control/set-status", request_id=ref, status="close")

        assert (waiting["request_id"], waiting["error_code"]) == (ref, "wait_sms")
        assert len(told["sms_code"]) == 6
        assert closed == {"request_id": ref, "success": True}
        assert (await buyer.sim(f"books/{ref}"))["status"] == "finished"


async def test_smsman_a_reject_gives_the_money_back_and_not_after_an_sms() -> None:
    async with buying(family="smsman") as buyer:
        silent, racing = await man_bought(buyer, "timeout"), await man_bought(buyer, "cancel-race")

        done = await man(buyer, "control/set-status", request_id=silent, status="reject")
        refused = await man(buyer, "control/set-status", request_id=racing, status="reject")
        over = await man(buyer, "control/get-sms", request_id=silent)

        assert done["success"] is True
        assert (refused["success"], refused["error_code"]) == (False, "wrong_status")
        assert over["error_code"] == "sms_not_found"


@pytest.mark.parametrize(
    ("call", "params", "code"),
    [
        ("control/get-number", {"application_id": "no-numbers"}, "no_free_phones"),
        ("control/get-number", {"application_id": "no-balance"}, "not_enough_balance"),
        ("control/get-number", {"application_id": "bad-country"}, "wrong_country_id"),
        ("control/get-sms", {"request_id": 77}, "sms_not_found"),
        ("control/get-balance", {"token": "other"}, "wrong_token"),
    ],
)
async def test_smsman_refuses_with_a_code_and_a_message_of_two_shapes(
    call: str, params: dict[str, object], code: str
) -> None:
    for shape, kind in (("text", str), ("object", dict)):
        async with buying(family="smsman", knobs={"error_msg": shape}) as buyer:
            answer = await man(buyer, call, **params)

            assert (answer["success"], answer["error_code"]) == (False, code)
            assert isinstance(answer["error_msg"], kind)


async def test_smsman_a_rental_has_calls_of_its_own() -> None:
    async with buying(family="smsman", mix={"code-arrives": 1}) as buyer:
        rented = await man(buyer, "rent-api/get-number", country_id=1, type="day", time=2)
        ref = rented["request_id"]
        buyer.later(1200)

        told = await man(buyer, "rent-api/get-all-sms", request_id=ref)
        latest = await man(buyer, "rent-api/get-sms", request_id=ref)
        other = await man(buyer, "control/get-sms", request_id=ref)
        closed = await man(buyer, "rent-api/set-status", request_id=ref, status="close")

        assert told["sms"] == [latest["sms"]]
        assert set(latest["sms"]) == {"text", "code", "time"}
        assert other["error_code"] == "sms_not_found"
        assert closed["success"] is True


@pytest.mark.parametrize("family", ["fivesim", "onlinesim", "smspva", "vaksms", "smsman"])
async def test_every_family_can_be_away_and_limited_and_has_books(family: str) -> None:
    async with buying(family=family) as buyer:
        number = await buyer.rent("timeout")
        for kind, statuses in (("unavailable", {503}), ("rate-limited", {429, 411})):
            await buyer.sim("faults", {"kind": kind, "seconds": 10})
            path = {"fivesim": "/v1/user/profile", "smspva": "/activation/balance"}
            answer = await buyer.get(path.get(family, "/api/getBalance.php"))
            assert answer.status in statuses
            await buyer.sim("faults", {"clear": True})

        told = await buyer.sim(f"books/{number}")
        assert (told["id"], told["status"]) == (number, "waiting")
