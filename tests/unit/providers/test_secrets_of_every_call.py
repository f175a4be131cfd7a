"""Keys and tokens of SMSPool, TextVerified and families from outside are told by no call.

`test_provider_secrets` asks every family the commonest calls; here are all calls, at each point
of what TextVerified's token goes through: at a sign-in, with a token, and at its renewal.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest

from tests.unit.providers.adapter_world import KEY, USERNAME, World, config, talking_to
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
from worker.domain.ids import ActivationId
from worker.ports.errors import ProviderError
from worker.ports.long_rental import RentalRequest
from worker.ports.provider import Provider, RentOptions, RentRequest, ReusedNumber

TOKEN: Final = "bearer-token-7c1e"
SIGNED_IN: Final = http(f'{{"token": "{TOKEN}", "expiresIn": 899}}')
OVER: Final = http("", 401)
SINCE, UNTIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
AGAIN: Final = RentOptions(reuse=ActivationId(UUID(int=1)), reused=ReusedNumber(REF, PHONE))
PLACED: Final = RentOptions(operator="o2", area_code="201")
CALLS: Final[dict[str, Callable[[Provider], Awaitable[object]]]] = {
    "rent": lambda it: it.rent(RentRequest("go", "1", order="a-1", options=PLACED)),
    "look": lambda it: it.look(REF),
    "list": lambda it: it.list_active(0),
    "whole list": lambda it: it.list_whole(0),
    "history": lambda it: it.history(SINCE, UNTIL, 0),
    "cancel": lambda it: it.cancel(REF),
    "finish": lambda it: it.finish(REF),
    "ask again": lambda it: it.ask_again(REF),
    "balance": lambda it: it.balance(),
}
OF_TEXTVERIFIED: Final = CALLS | {
    "rent again": lambda it: it.rent(RentRequest("go", "1", options=AGAIN)),
    "report": lambda it: it.report(REF),
}
#: What is answered before the fault.
BEFORE: Final[dict[str, tuple[bytes, ...]]] = {
    "with a token": (SIGNED_IN,),
    "at a renewal": (SIGNED_IN, OVER),
    "after a renewal": (SIGNED_IN, OVER, SIGNED_IN),
}
SECRETS: Final = (KEY, USERNAME, TOKEN, CODE, PHONE)


async def told_of(
    family: str, answers: tuple[bytes, ...], call: Callable[[Provider], Awaitable[object]]
) -> str:
    """All that an error, its frames, a repr and the world's reports show; empty where none is."""
    world, shown = World(), ""
    async with raw_provider(*answers) as raw:
        configured = config(raw.url, family)
        async with talking_to(configured, world, timeout_s=0.05) as provider:
            try:
                shown = repr(await call(provider))
            except ProviderError as error:
                frames = locals_of(error)
                assert f"key={KEY}" not in frames
                assert f"Bearer {TOKEN}" not in frames
                shown = told_by(error)
            shown += repr(provider) + repr(vars(provider)) + repr(configured)
    return shown + repr(world.troubles) + repr(world.requests)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
async def test_smspool_tells_no_secret(
    call: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    shown = await told_of("smspool", (FAULTS[fault],), CALLS[call])

    assert [secret for secret in SECRETS if secret in shown + caplog.text] == []


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("before", BEFORE)
async def test_textverified_tells_no_secret(
    before: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    for call in OF_TEXTVERIFIED.values():
        shown = await told_of("textverified", (*BEFORE[before], FAULTS[fault]), call)

        assert [secret for secret in SECRETS if secret in shown + caplog.text] == []


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("before", BEFORE)
async def test_rentals_of_textverified_tell_no_secret(
    before: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def asked(provider: Provider) -> object:
        rentals: Any = build_rentals(config("http://127.0.0.1", "textverified"), provider)
        return await rentals.open(RentalRequest("go", "1", rentals.terms.lengths.shortest))

    shown = await told_of("textverified", (*BEFORE[before], FAULTS[fault]), asked)

    assert [secret for secret in SECRETS if secret in shown + caplog.text] == []
