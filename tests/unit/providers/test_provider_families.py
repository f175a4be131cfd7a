"""What goes out to each family: method, path, key, and nothing sent that cannot be limited."""

import contextlib
import json
from collections.abc import Awaitable, Callable

import pytest

from tests.unit.providers.adapter_world import KEY, World, built, config, talking_to
from tests.unit.providers.golden import GOLDEN
from tests.unit.providers.raw_provider import HANG, http, raw_provider
from worker.domain.families import FAMILIES
from worker.domain.ids import ProviderRef
from worker.ports.errors import CallOvertaken, ProviderError, ProviderUnavailable
from worker.ports.provider import NoRent, Provider, RentRequest

REF = ProviderRef("4711")
TOKEN = '{"token": "bearer-1", "expiresIn": 899, "expiresAt": "2026-03-01T12:15:00+00:00"}'
LIMITED = RentRequest("go", "1", max_cost_minor=1207, order="a-1")
CALLS: dict[str, Callable[[Provider], Awaitable[object]]] = {
    "rent": lambda it: it.rent(RentRequest("go", "1")),
    "look": lambda it: it.look(REF),
    "cancel": lambda it: it.cancel(REF),
    "finish": lambda it: it.finish(REF),
    "again": lambda it: it.ask_again(REF),
    "report": lambda it: it.report(REF),
    "balance": lambda it: it.balance(),
    "list": lambda it: it.list_active(0),
    "second page": lambda it: it.list_active(1),
}
#: What goes out for each call, of every family but handler_api, whose dialects differ.
SENT: dict[str, dict[str, list[str]]] = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((GOLDEN / "requests").glob("*.json"))
}
CASES = [(family, call) for family, calls in SENT.items() for call in calls]


async def requests_for(family: str, ask: Callable[[Provider], Awaitable[object]]) -> list[str]:
    """What reached a provider that answers with a page, so that nothing follows."""
    signs_in = [http(TOKEN)] if family == "textverified" else []
    async with (
        raw_provider(*signs_in, http("<html></html>")) as raw,
        talking_to(config(raw.url, family), World()) as provider,
    ):
        with contextlib.suppress(ProviderError):  # It can make nothing of the page.
            await ask(provider)
    return raw.requests


def line_and_body(request: str) -> str:
    head, _, body = request.replace(KEY, "KEY").partition("\r\n\r\n")
    return f"{head.split(' HTTP/1.1')[0]} {body}".rstrip()


@pytest.mark.parametrize(("family", "call"), CASES)
async def test_each_call_is_asked_for_in_the_familys_way(family: str, call: str) -> None:
    requests = await requests_for(family, CALLS[call])

    assert [line_and_body(request) for request in requests] == SENT[family][call]


@pytest.mark.parametrize(
    ("family", "header"),
    [("fivesim", f"Authorization: Bearer {KEY}"), ("smspva", f"apikey: {KEY}")],
)
async def test_a_key_that_goes_into_a_header_is_not_in_the_address(
    family: str, header: str
) -> None:
    (request,) = await requests_for(family, CALLS["look"])

    line, *headers = request.split("\r\n")
    assert header in headers
    assert KEY not in line


@pytest.mark.parametrize(
    ("family", "part"),
    [
        ("fivesim", "?maxPrice=12.07"),
        ("vaksms", "&maxPrice=12.07&"),
        ("smsman", "&maxPrice=12.07&currency=USD&"),
        ("handler_api", "&maxPrice=12.07&"),
        ("smspool", "&max_price=12.07&"),
        ("textverified", '"maxPrice":12.07}&'),
    ],
)
async def test_who_knows_a_highest_price_is_told_it(family: str, part: str) -> None:
    *_, request = await requests_for(family, lambda it: it.rent(LIMITED))

    assert part in line_and_body(request) + "&"


@pytest.mark.parametrize("family", ["onlinesim", "smspva"])
async def test_who_knows_no_highest_price_is_not_asked_to_keep_one(family: str) -> None:
    async with (
        raw_provider(http("<html>")) as raw,
        talking_to(config(raw.url, family), World()) as provider,
    ):
        assert await provider.rent(LIMITED) is NoRent.PRICE_ABOVE_MAX
        assert not provider.capabilities.price_limit

    assert raw.requests == []


@pytest.mark.parametrize("family", ["vaksms", "smsman"])
async def test_a_list_where_there_is_none_is_a_mistake_of_ours(family: str) -> None:
    with pytest.raises(AssertionError, match="no list"):
        await requests_for(family, CALLS["list"])


async def test_reading_at_smspva_is_never_repeated() -> None:
    async with (
        raw_provider(http("", 500)) as raw,
        talking_to(config(raw.url, "smspva"), World()) as provider,
    ):
        for call in ("look", "list"):
            with pytest.raises(ProviderError):
                await CALLS[call](provider)
        assert provider.capabilities.look_changes_things

    assert len(raw.requests) == 2


async def test_a_look_at_smspva_that_hangs_is_waited_for_to_its_end() -> None:
    balance = http('{"statusCode": 200, "data": {"balance": 1}}')
    async with (
        raw_provider(HANG, balance) as raw,
        talking_to(config(raw.url, "smspva"), World(), timeout_s=1.0) as provider,
    ):
        with pytest.raises(ProviderUnavailable) as raised:
            await CALLS["look"](provider)

    assert not isinstance(raised.value, CallOvertaken)


@pytest.mark.parametrize(
    ("family", "dialect", "words"),
    [("carrier-pigeon", "classic", "unknown family"), ("handler_api", "latin", "unknown dialect")],
)
def test_what_nobody_speaks_is_refused_at_the_start(family: str, dialect: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        built(config("http://127.0.0.1:9", family, dialect), World())


def test_every_family_is_spoken_to_here() -> None:
    assert set(SENT) | {"handler_api"} == set(FAMILIES)
