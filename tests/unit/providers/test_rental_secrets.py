"""Keys, phones and codes of long rentals are in no exception, repr, traceback or log line."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.unit.providers.adapter_world import KEY, World, config, talking_to
from tests.unit.providers.raw_provider import http, raw_provider
from tests.unit.providers.test_provider_secrets import (
    CODE,
    FAULTS,
    PHONE,
    REF,
    locals_of,
    told_by,
)
from worker.adapters.providers.registry import build_rentals
from worker.adapters.providers.smspva.rentals import rental_base_url
from worker.domain.families import capabilities_of, every_dialect
from worker.ports.errors import ProviderError
from worker.ports.long_rental import LongRentals, RentalRequest

RENTALS = [each for each in every_dialect() if capabilities_of(*each).rentals]
HALVES = {
    "a rental without an id": http(f'{{"status":"success","phone":{{"number":"{PHONE}"}}}}'),
    "an item without an id": http(f'{{"response":1,"item":{{"number":"{PHONE}"}}}}'),
    "an order without an id": http(f'{{"status":1,"data":{{"pnumber":"{PHONE}"}}}}'),
    "messages of no kind": http(f'{{"status":"success","values":{{"0":"{CODE}"}}}}'),
}
IN_URLS = ("&api_key=", "&apikey=", "?apikey=", "apiKey=", "token=")  #: What comes before a key.
CALLS: dict[str, Callable[[LongRentals], Awaitable[object]]] = {
    "open": lambda it: it.open(RentalRequest("go", "1", it.terms.lengths.shortest)),
    "messages": lambda it: it.messages(REF),
    "available": lambda it: it.available(REF),
    "close": lambda it: it.close(REF),
}


@pytest.mark.parametrize(("family", "dialect"), RENTALS)
@pytest.mark.parametrize("fault", [*FAULTS, *HALVES])
@pytest.mark.parametrize("call", CALLS)
async def test_no_fault_tells_a_secret_of_a_rental(
    family: str, dialect: str, fault: str, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error: Any = None
    shown = ""
    async with raw_provider((FAULTS | HALVES)[fault]) as raw:
        configured = config(raw.url, family, dialect or "classic")
        async with talking_to(configured, World(), timeout_s=0.05) as provider:
            rentals = build_rentals(configured, provider)
            assert rentals is not None
            try:
                shown = repr(await CALLS[call](rentals))
            except ProviderError as raised:
                error = raised
            shown += repr(rentals)

    for secret in (KEY, CODE, PHONE):
        assert secret not in shown + caplog.text
        assert error is None or secret not in told_by(error)
    for suffix in IN_URLS:
        assert error is None or f"{suffix}{KEY}" not in locals_of(error)


async def test_the_connections_of_rentals_close_with_their_provider() -> None:
    async with raw_provider(http("{}")) as raw:
        for family, dialect in RENTALS:
            configured = config(raw.url, family, dialect or "classic")
            async with talking_to(configured, World()) as provider:
                rentals = build_rentals(configured, provider)
                assert rentals is not None
                with pytest.raises(ProviderError):
                    await rentals.messages(REF)
            # Where a token has to be had first, nothing comes of that.
            with pytest.raises(ProviderError, match=r"closed|no answer to a sign-in"):
                await rentals.messages(REF)


@pytest.mark.parametrize(
    ("configured", "asked"),
    [
        ("https://api.smspva.com", "https://smspva.com"),
        ("https://api.smspva.com/", "https://smspva.com"),
        ("https://api.shop.example/pva", "https://api.shop.example/pva"),
        ("https://api.smspva.com.shop.example", "https://api.smspva.com.shop.example"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
    ],
)
def test_the_key_goes_to_no_host_but_the_configured_one_and_the_providers_own(
    configured: str, asked: str
) -> None:
    assert rental_base_url(configured) == asked
