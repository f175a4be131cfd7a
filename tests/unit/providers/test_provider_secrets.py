"""Keys, phones and codes are in no exception, repr, traceback or log line."""

import itertools
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.unit.providers.adapter_world import KEY, World, config, talking_to
from tests.unit.providers.raw_provider import BREAK, CUT, HANG, http, raw_provider
from worker.domain.families import FAMILIES
from worker.domain.ids import ProviderRef
from worker.ports.errors import ProviderError
from worker.ports.provider import Provider, RentRequest

CODE = "83920174"
PHONE = "79991234567"
REF = ProviderRef("4711")
ECHO = f"api_key={KEY} phone {PHONE} code {CODE}"
FAULTS = {
    "lost": BREAK,
    "silent": HANG,
    "cut": CUT + http(ECHO)[:-2],
    "no HTTP": CUT + ECHO.encode() + b"\r\n\r\n",
    "server error": http(ECHO, 503),
    "rate limit": http(ECHO, 429),
    "redirect": http(ECHO, 302, f"Location: http://127.0.0.1:1/?{KEY}"),
    "bad redirect": http(ECHO, 302, f"Location: ht!tp://{KEY}"),
    "forbidden": http(ECHO, 403),
    "unauthorised": http(ECHO, 401),
    "a page": http(f"<html>{ECHO}</html>"),
    "an unknown word": http(f"{KEY}:{CODE}"),
    "an unknown word with a phone": http(f"SOMETHING_NEW:{PHONE}:{CODE}"),
    "a code where none belongs": http(CODE),
    "JSON of another kind": http(f'{{"error":"{KEY}","code":"{CODE}","phone":"{PHONE}"}}'),
    "banned with an echo": http(f"BANNED {KEY} {PHONE} {CODE}"),
    "bad key with an echo": http(f"BAD_KEY:{KEY}"),
    "a rental without an id": http(f'{{"activationId":null,"phoneNumber":"{PHONE}"}}'),
    "too long": http(ECHO * 9000),
}
CALLS: dict[str, Callable[[Provider], Awaitable[object]]] = {
    "rent": lambda it: it.rent(RentRequest("go", "1")),
    "look": lambda it: it.look(REF),
    "cancel": lambda it: it.cancel(REF),
    "balance": lambda it: it.balance(),
}


def told_by(error: BaseException) -> str:
    """All that a logger, a debugger or a crash report could print of an error."""
    chain = traceback.TracebackException.from_exception(error)
    parts = [str(error), repr(error), repr(error.args), repr(vars(error)), *chain.format()]
    assert error.__cause__ is None
    assert error.__context__ is None
    return "\n".join(parts)


def locals_of(error: BaseException) -> str:
    """What reports that print variables would show of our own frames."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame.f_locals for frame in frames if "/worker/" in frame.f_code.co_filename]
    assert ours
    return repr(ours)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("fault", "call"), list(itertools.product(FAULTS, CALLS)))
async def test_no_fault_tells_a_secret(
    family: str, fault: str, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error: Any = None
    async with (
        raw_provider(FAULTS[fault]) as raw,
        talking_to(config(raw.url, family), World(), timeout_s=0.05) as provider,
    ):
        try:
            await CALLS[call](provider)
        except ProviderError as raised:
            error = raised
        shown = repr(provider) + repr(config(raw.url, family))

    assert error is not None
    output = told_by(error) + shown + caplog.text
    for secret in (KEY, CODE, PHONE):
        assert secret not in output
    assert f"={KEY}&" not in locals_of(error)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_refused_connection_tells_no_secret(
    family: str, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with talking_to(config(url, family), World()) as provider:
        with pytest.raises(ProviderError) as raised:
            await provider.look(REF)

    assert KEY not in told_by(raised.value) + locals_of(raised.value) + caplog.text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"api_key": ""}, "api_key"),
        ({"api_key": f"{KEY}\r\nX-Other: 1"}, "api_key"),
        ({"base_url": f"ftp://{KEY}"}, "base_url"),
        ({"path": f"stubs/{KEY}"}, "path"),
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"currency": "usd"}, "currency"),
    ],
)
def test_a_wrong_setting_is_refused_by_name_not_by_value(wrong: dict[str, Any], words: str) -> None:
    right = config("http://127.0.0.1")
    fields = {name: getattr(right, name) for name in right.__slots__}

    with pytest.raises(ValueError, match=words) as raised:
        type(right)(**fields | wrong)

    assert KEY not in str(raised.value)
