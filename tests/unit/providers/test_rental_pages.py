"""Messages that come in pages: what was read stays, also where the pages behind it do not come."""

import json

import pytest

from tests.unit.providers.adapter_world import World, config, talking_to
from tests.unit.providers.raw_provider import HANG, http, raw_provider
from worker.adapters.providers.registry import build_rentals
from worker.domain.ids import ProviderRef
from worker.ports.long_rental import Messages

REF = ProviderRef("lr_1")
PAGE = "https://x.test/api/pub/v2/sms?page={number}"
TOKEN = http('{"token":"t","expiresIn":900,"expiresAt":"2026-03-02T10:15:00+00:00"}')
RUNS = http('{"id":"lr_1","state":"nonrenewableActive","number":"2025550100"}')
CLASSIC = [{"text": f"code 100{index}", "date": f"2026-03-02 10:0{index}:00"} for index in range(2)]


def page(code: str, following: int | None = None) -> bytes:
    row = {"to": "2025550100", "createdAt": "2026-03-02T10:00:00+00:00", "parsedCode": code}
    href = None if following is None else PAGE.format(number=following)
    return http(json.dumps({"data": [row], "links": {"next": {"href": href}}}))


async def read(family: str, dialect: str, *answers: bytes) -> tuple[list[str], bool]:
    async with raw_provider(*answers) as raw:
        configured = config(raw.url, family=family, dialect=dialect)
        async with talking_to(configured, World()) as provider:
            rentals = build_rentals(configured, provider)
            assert rentals is not None
            reply = await rentals.messages(REF)
    assert isinstance(reply, Messages)
    return [sms.code for sms in reply.sms], reply.complete


async def test_every_page_is_read() -> None:
    pages = page("1000", 2), page("1001")

    assert await read("textverified", "", TOKEN, RUNS, *pages) == (["1000", "1001"], True)


@pytest.mark.parametrize("answer", [http("", 500), http("[]"), HANG], ids=["500", "list", "hangs"])
async def test_the_first_page_is_kept_where_the_second_does_not_come(answer: bytes) -> None:
    first = page("1000", 2)

    assert await read("textverified", "", TOKEN, RUNS, first, answer) == (["1000"], False)


async def test_pages_without_an_end_are_no_whole_list() -> None:
    assert await read("textverified", "", TOKEN, RUNS, page("1000", 2)) == (["1000"], False)


@pytest.mark.parametrize(
    "answer",
    [http("", 500), HANG, http('{"status":"error","message":"STATUS_FINISH"}')],
    ids=["500", "hangs", "ended"],
)
async def test_classic_pages_are_kept_as_well(answer: bytes) -> None:
    first = {"status": "success", "quantity": 3, "values": CLASSIC}

    codes, complete = await read("handler_api", "classic", http(json.dumps(first)), answer)

    assert (len(codes), complete) == (2, False)
