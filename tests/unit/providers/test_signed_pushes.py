"""A push of a family that signs them counts only with our signature, once a secret is set."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from tests.unit.simulator.asking import OwnTime
from worker.adapters.providers.pushes import UnreadablePush
from worker.adapters.providers.registry import parse_push
from worker.simulator.config import SimulatorConfig
from worker.simulator.server import running
from worker.simulator.tariff import BuyerOrder

SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes of a test secret").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode()


@dataclass
class Hook:
    url: str = ""
    taken: asyncio.Queue[tuple[bytes, dict[str, str]]] = field(default_factory=asyncio.Queue)

    async def take(self, request: web.BaseRequest) -> web.Response:
        self.taken.put_nowait((await request.read(), dict(request.headers)))
        return web.json_response({})


@asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    told = Hook()
    server = await asyncio.get_running_loop().create_server(web.Server(told.take), "127.0.0.1", 0)
    told.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield told
    finally:
        server.close()


async def pushed(key: str) -> tuple[bytes, dict[str, str]]:
    """A push as the simulated provider sends it."""
    time = OwnTime()
    async with hook() as told:
        config = SimulatorConfig.model_validate(
            {
                "family": "textverified",
                "knobs": {"signature_key": key},
                "push": {"url": told.url, "signing_secret": SECRET},
            }
        )
        async with running(config, clock=time, sleep=time.sleep) as provider:
            order = BuyerOrder(service="code-arrives:1", country="us")
            (number,) = provider.engine.rent_many(order, None, 1, time.now)
            time.pass_by(2)
            provider.engine.find(number.id, time.now)
            provider.pushes.look_again()
            async with asyncio.timeout(5):
                return await told.taken.get()


@pytest.mark.parametrize("key", ["secret", "bare", "decoded"])
async def test_a_push_is_taken_whatever_of_the_secret_signs_it(key: str) -> None:
    raw, headers = await pushed(key)

    (push,) = parse_push("textverified", "classic", raw, headers, SECRET)

    assert push.ref.startswith("lr_")
    assert parse_push("textverified", "classic", raw) == [push]


async def test_a_push_that_was_changed_or_signed_by_another_is_refused() -> None:
    raw, headers = await pushed("decoded")
    unsigned = {name: value for name, value in headers.items() if "Signature" not in name}
    cut = headers | {"X-Webhook-Signature": headers["X-Webhook-Signature"][:-4]}
    for body, given, secret in (
        (raw.replace(b"lr_", b"lr-"), headers, SECRET),
        (raw + b" ", headers, SECRET),
        (raw, headers, OTHER),
        (raw, unsigned, SECRET),
        (raw, cut, SECRET),
        (raw, headers | {"X-Webhook-Signature": "HMAC-SHA512=\u00e9"}, SECRET),
        (raw, headers | {"X-Webhook-Signature": ""}, SECRET),
    ):
        with pytest.raises(UnreadablePush, match="not signed"):
            parse_push("textverified", "classic", body, given, secret)


def test_a_secret_for_a_family_that_signs_nothing_takes_nothing() -> None:
    with pytest.raises(UnreadablePush, match="not signed"):
        parse_push("onlinesim", "classic", b"{}", {}, SECRET)
