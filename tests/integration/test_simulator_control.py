"""The control API: what tests and benches ask of the provider behind the buyer's back."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from aiohttp import web

from tests.fakes.turns import until
from tests.unit.simulator.asking import Buyer, buying
from worker.entrypoints.cli.simulate import quick_times

COMMAND = (
    "import typer; from worker.entrypoints.cli.simulate import simulate_provider as s; typer.run(s)"
)


async def test_the_books_tell_every_change_with_its_time() -> None:
    async with buying() as buyer:
        number = await buyer.rent("code-arrives:5")
        buyer.later(10)
        await buyer.handler("getStatus", id=number)
        await buyer.handler("setStatus", id=number, status=6)

        told = await buyer.sim(f"books/{number}")

        assert told["changes"] == [
            {"at": "2026-03-01T12:00:00+00:00", "status": "waiting"},
            {"at": "2026-03-01T12:00:05+00:00", "status": "received"},
            {"at": "2026-03-01T12:00:10+00:00", "status": "finished"},
        ]
        assert (told["cost_minor"], told["refunded_minor"], told["net_minor"]) == (20, 0, 20)
        assert (told["sms_shown"], told["calls"]) == (1, 2)
        assert told["operations"] == {"look": 1, "finish": 1}
        assert told["sms"][0]["at"] == "2026-03-01T12:00:05+00:00"
        assert told["sms"][0]["told_at"] == "2026-03-01T12:00:10+00:00"


async def test_an_sms_is_told_with_the_first_reply_that_holds_it() -> None:
    async with buying() as buyer:
        number = await buyer.rent("two-codes:5")
        buyer.later(5)
        await buyer.handler("getStatus", id=number)
        buyer.later(600)
        await buyer.handler("getStatus", id=number)
        await buyer.handler("getActiveActivations")

        first, second = (await buyer.sim(f"books/{number}"))["sms"]

        assert first["told_at"] == "2026-03-01T12:00:05+00:00"
        assert second["told_at"] == "2026-03-01T12:10:05+00:00"


async def test_a_reply_without_the_sms_tells_it_to_nobody() -> None:
    async with buying() as buyer:
        number = await buyer.rent("two-codes:5")
        buyer.later(600)
        await buyer.handler("getListOfActiveActivations")
        await buyer.handler("getStatus", id=number)  # Only the latest one.

        first, second = (await buyer.sim(f"books/{number}"))["sms"]

        assert first["told_at"] is None
        assert second["told_at"] is not None


@pytest.mark.parametrize("kind", ["garbage", "error-after-effect"])
async def test_a_reply_that_is_spoiled_on_its_way_tells_nothing(kind: str) -> None:
    async with buying() as buyer:
        number = await buyer.rent("code-arrives:5")
        buyer.later(5)
        await buyer.sim("faults", {"kind": kind, "seconds": 10})
        await buyer.handler("getStatus", id=number)
        spoiled = await buyer.sim(f"books/{number}")
        buyer.later(20)
        await buyer.handler("getStatus", id=number)
        whole = await buyer.sim(f"books/{number}")

        assert (spoiled["sms_shown"], spoiled["sms"][0]["told_at"]) == (1, None)
        assert whole["sms"][0]["told_at"] == "2026-03-01T12:00:25+00:00"


async def test_a_reference_is_rented_out_again_when_a_test_says_so() -> None:
    async with buying() as buyer:
        number = await buyer.rent("code-arrives:5")
        too_soon = await buyer.sim("rent-again", {"id": number})
        buyer.later(200)
        await buyer.handler("setStatus", id=number, status=6)
        await buyer.sim("rent-again", {"id": number})
        bought = await buyer.handler("getNumber", service="timeout", country=0)
        page = await buyer.sim("books")

        assert "error" in too_soon
        assert bought.text.startswith(f"ACCESS_NUMBER:{number}:")
        assert (await buyer.handler("getStatus", id=number)).text == "STATUS_WAIT_CODE"
        assert [(each["id"], each["status"]) for each in page["numbers"]] == [
            (number, "finished"),
            (number, "waiting"),
        ]


async def test_the_books_are_right_about_numbers_nobody_asked_for() -> None:
    async with buying() as buyer:
        await buyer.sim("rent", {"count": 3, "service": "timeout"})
        buyer.later(1200)

        page = await buyer.sim("books?offset=1&limit=5")
        summary = await buyer.sim("summary")

        assert page["total"] == 3
        assert [each["status"] for each in page["numbers"]] == ["expired", "expired"]
        assert summary["statuses"] == {"expired": 3}
        assert summary["money"]["refunded_minor"] == 60


async def test_the_summary_adds_up() -> None:
    async with buying(balance_minor=1000) as buyer:
        kept, given = await buyer.rent("code-arrives:5"), await buyer.rent("timeout")
        buyer.later(120)
        await buyer.handler("setStatus", id=kept, status=6)
        await buyer.handler("setStatus", id=given, status=8)

        summary = await buyer.sim("summary")

        assert summary["money"] == {
            "opening_minor": 1000,
            "added_minor": 0,
            "charged_minor": 40,
            "refunded_minor": 20,
            "kept_minor": 20,
            "balance_minor": 980,
        }
        assert summary["requests"] == {"finish": 1, "cancel": 1}


async def test_an_sms_can_be_delivered_by_id_and_by_phone() -> None:
    async with buying() as buyer:
        rented = (await buyer.sim("rent", {"count": 2, "service": "timeout"}))["numbers"]
        await buyer.sim("sms", {"id": rented[0]["id"], "code": "12:34", "text": "a:b"})
        await buyer.sim("sms", {"phone": "+" + rented[1]["phone"], "code": "777"})

        one = await buyer.handler("getStatus", id=rented[0]["id"])
        other = await buyer.handler("getStatus", id=rented[1]["id"])

        assert (one.text, other.text) == ("STATUS_OK:12:34", "STATUS_OK:777")


async def test_an_sms_to_a_number_that_is_over_goes_nowhere() -> None:
    async with buying() as buyer:
        number = await buyer.rent("timeout")
        buyer.later(1200)

        answer = await buyer.sim("sms", {"id": number, "code": "1"})

        assert "error" in answer
        assert (await buyer.sim(f"books/{number}"))["sms"] == []


async def test_many_numbers_are_rented_at_once_with_a_behaviour() -> None:
    async with buying() as buyer:
        told = await buyer.sim(
            "rent", {"count": 1000, "service": "tg", "behaviour": "provider-cancels:3"}
        )

        assert len({each["id"] for each in told["numbers"]}) == 1000
        assert len({each["phone"] for each in told["numbers"]}) == 1000
        assert {each["behaviour"] for each in told["numbers"]} == {"provider-cancels"}


async def test_the_balance_can_be_set_and_added_to() -> None:
    async with buying() as buyer:
        await buyer.sim("balance", {"balance_minor": 100})
        await buyer.sim("balance", {"add_minor": 5})

        assert (await buyer.handler("getBalance")).text == "ACCESS_BALANCE:1.05"


@pytest.mark.parametrize("word", ["balance_minor", "add_minor"])
async def test_a_balance_no_reply_could_hold_is_refused(word: str) -> None:
    async with buying() as buyer:
        answer = await buyer.sim("balance", {word: 2**63})

        assert "error" in answer
        assert (await buyer.handler("getBalance")).status == 200
        assert "money" in await buyer.sim("summary")


async def test_a_reset_forgets_numbers_faults_and_counts() -> None:
    async with buying() as buyer:
        await buyer.rent("timeout")
        await buyer.handler("getBalance")
        await buyer.sim("faults", {"kind": "unavailable", "seconds": 100})

        await buyer.sim("reset", {})

        summary = await buyer.sim("summary")
        assert (summary["numbers"], summary["requests"], summary["faults"]) == (0, {}, [])


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("faults", {"kind": "earthquake", "seconds": 1}),
        ("faults", {"kind": "refuse", "seconds": 1, "probability": 0.5}),
        ("faults", {"kind": "slow", "seconds": 1, "surprise": 1}),
        ("rent", {"count": 0}),
        ("rent", {"behaviour": "nonsense"}),
        ("sms", {"id": "77", "code": "1"}),
        ("nothing", {}),
    ],
)
async def test_what_makes_no_sense_is_refused(call: str, body: dict[str, object]) -> None:
    async with buying() as buyer:
        assert "error" in await buyer.sim(call, body)


async def told_to(statuses: list[int], copies: int = 1) -> tuple[list[Any], Buyer]:
    """What a buyer's webhook hears, answering each push with the next of *statuses*."""
    heard: list[Any] = []
    enough = asyncio.Event()

    async def hear(request: web.BaseRequest) -> web.StreamResponse:
        heard.append(await request.json())
        status = statuses[len(heard) - 1]
        if len(heard) == len(statuses):
            enough.set()
        return web.Response(status=status)

    hearing = web.Server(hear)
    listening = await asyncio.get_running_loop().create_server(hearing, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook"
    async with buying(push={"url": url, "copies": copies}) as buyer:
        await buyer.rent("code-arrives:5")
        buyer.later(5)
        await buyer.sim("summary")  # Any call lets the provider notice the time.
        async with asyncio.timeout(10):
            await enough.wait()
            await until(lambda: buyer.provider.pushes.sent == copies)
    listening.close()
    await hearing.shutdown(1)
    return heard, buyer


async def test_an_sms_is_pushed_when_it_arrives_though_nobody_reads_the_number() -> None:
    heard, _ = await told_to([200])

    assert heard[0].keys() == {
        "activationId", "service", "text", "code", "country", "receivedAt"
    }  # fmt: skip
    assert heard[0]["receivedAt"] == "2026-03-01 15:00:05"
    assert heard[0]["code"] in heard[0]["text"]


async def test_a_push_is_tried_again_until_it_is_answered_with_200() -> None:
    heard, buyer = await told_to([500, 503, 200])

    assert heard[0] == heard[1] == heard[2]
    assert buyer.time.slept == [15, 60]
    assert buyer.provider.engine.ledger.numbers[0].sms[0].told_at == buyer.time()


async def test_a_push_may_come_twice() -> None:
    heard, _ = await told_to([200, 200], copies=2)

    assert heard[0] == heard[1]


async def started(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        COMMAND,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1"},
    )
    assert process.stdout is not None
    line = await process.stdout.readline()
    return process, json.loads(line)["url"] if line else ""


@pytest.mark.parametrize(("name", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_the_command_says_where_it_listens_and_stops_on_a_signal(
    name: signal.Signals, code: int
) -> None:
    process, url = await started("--listen", "127.0.0.1:0", "--api-key", "mine")
    query = "/stubs/handler_api.php?api_key=mine&action=getBalance"

    answer = await asyncio.to_thread(lambda: urlopen(url + query).read())
    process.send_signal(name)
    _, errors = await process.communicate()

    assert answer == b"ACCESS_BALANCE:100000000.00"
    assert url.encode() in errors
    assert process.returncode == code


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [((), 2), (("--real-times",), 120), (("--min-cancel-age", "7"), 7)],
)
async def test_without_a_script_it_is_quick_unless_told_otherwise(
    arguments: tuple[str, ...], seconds: int
) -> None:
    process, url = await started("--listen", "127.0.0.1:0", "--dialect", "hero", *arguments)
    handler = f"{url}/stubs/handler_api.php?api_key=sim-key&action="

    def early() -> int:
        bought = json.loads(urlopen(handler + "getNumberV2&service=tg&country=0").read())
        try:
            urlopen(f"{handler}setStatus&status=8&id={bought['activationId']}")
        except HTTPError as refused:
            return int(json.loads(refused.read())["info"]["minActivationTime"])
        return 0

    told = await asyncio.to_thread(early)
    process.send_signal(signal.SIGTERM)
    await process.communicate()

    assert told == seconds


def test_codes_are_quick_where_nobody_gave_a_window() -> None:
    assert quick_times(None, None) == {"code_seconds": (2, 8), "min_cancel_age_seconds": 2}
    assert quick_times(60, 0) == {}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--listen", "0.0.0.0:0"), 2),
        (("--listen", "nonsense"), 2),
        (("--family", "carrier-pigeon"), 2),
        (("--dialect", "nobody"), 2),
        (("--script", "/does/not/exist.toml"), 78),
    ],
)
async def test_the_command_refuses_what_it_cannot_be(arguments: tuple[str, str], code: int) -> None:
    process, url = await started(*arguments)
    _, errors = await process.communicate()

    assert (process.returncode, url) == (code, "")
    assert errors.startswith(b"simulate-provider: ")
    assert errors.count(b"\n") == 1


async def test_a_dialect_of_a_family_without_dialects_is_refused() -> None:
    process, url = await started("--family", "fivesim", "--dialect", "hero")
    if url:
        process.terminate()
    _, errors = await process.communicate()

    assert (process.returncode, url) == (2, "")
    message = b"dialect: only handler_api has dialects; the family here is fivesim"
    assert errors == b"simulate-provider: " + message + b"\n"
