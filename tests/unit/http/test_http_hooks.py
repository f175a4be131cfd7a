"""Where providers push SMS."""

import math

import pytest

from tests.unit.http.caller import Api
from tests.unit.http.conftest import HOOK_SECRET, World
from worker.domain.ids import ProviderRef
from worker.entrypoints.http.hooks import PUSH_MAX
from worker.entrypoints.wrong_tokens import AT_ONCE, EVERY_SECONDS
from worker.ports.errors import StoreUnavailable
from worker.ports.service import Push

PATH = f"/v1/hooks/alpha/{HOOK_SECRET}"
ANY = {"Content-Type": "text/plain"}


async def test_a_push_is_kept_and_answered_with_nothing(api: Api, world: World) -> None:
    reply = await api.post(PATH, raw=b'{"ref": "7"}', token=None, headers=ANY)
    assert (reply.status, reply.raw) == (200, b"{}")
    assert world.service.pushed == [("alpha", (Push(ProviderRef("7"), None, None, "hash"),))]


async def test_what_a_provider_adds_to_the_address_is_left_alone(api: Api, world: World) -> None:
    reply = await api.post(f"{PATH}?attempt=2", raw=b'{"ref": "7"}', token=None)
    assert (reply.status, len(world.service.pushed)) == (200, 1)


@pytest.mark.parametrize("raw", [b"", b"garbage", b"\xff", b"null", b"[1]", b"{}"])
async def test_a_push_that_says_nothing_is_answered_alike(
    api: Api, world: World, raw: bytes
) -> None:
    reply = await api.post(PATH, raw=raw, token=None, headers=ANY)
    assert (reply.status, reply.raw) == (200, b"{}")
    assert not world.service.pushed


@pytest.mark.parametrize(
    "path",
    [
        "/v1/hooks/alpha/guess",
        "/v1/hooks/alpha/guess?a=1&a=2",
        f"/v1/hooks/alpha/{HOOK_SECRET}x",
        f"/v1/hooks/alpha/{HOOK_SECRET[:-1]}",
        f"/v1/hooks/omega/{HOOK_SECRET}",
        "/v1/hooks/omega/" + "%00" * 32,
        "/v1/hooks/alpha/%F0%9F%98%80",
        "/v1/hooks/alpha/%FF",
        "/v1/hooks/alpha/" + "x" * 5_000,
    ],
)
async def test_who_does_not_know_the_secret_finds_nothing_there(
    api: Api, world: World, path: str
) -> None:
    nothing = await api.post("/v1/nothing", raw=b'{"ref": "7"}', token=None)
    reply = await api.post(path, raw=b'{"ref": "7"}', token=None)
    assert (reply.status, reply.raw) == (404, nothing.raw)
    assert not world.service.pushed


async def test_a_token_does_not_replace_the_secret(api: Api) -> None:
    reply = await api.post("/v1/hooks/alpha/guess", raw=b"{}")
    assert reply.status == 404


async def test_a_push_is_small(api: Api, world: World) -> None:
    most = b'{"ref": "7"}'.ljust(PUSH_MAX)
    assert (await api.post(PATH, raw=most, token=None)).status == 200
    reply = await api.post(PATH, raw=most + b" ", token=None)
    assert (reply.status, reply.slug) == (413, "content-too-large")
    assert len(world.service.pushed) == 1


async def test_a_push_that_could_not_be_kept_is_to_be_sent_again(api: Api, world: World) -> None:
    world.service.fails_with = StoreUnavailable("dsn-canary")
    reply = await api.post(PATH, raw=b'{"ref": "7"}', token=None)
    assert (reply.status, reply.raw) == (503, b"{}")
    assert "canary" not in str(world.log.lines)


async def test_wrong_secrets_slow_their_address_down_and_no_provider_that_knows_its_own(
    api: Api, world: World
) -> None:
    assert (await api.post(PATH, raw=b'{"ref": "7"}', token=None)).status == 200
    guesses = [
        await api.post(f"/v1/hooks/alpha/guess-{guess}", raw=b"{}", token=None)
        for guess in range(AT_ONCE + 3)
    ]

    assert [one.status for one in guesses] == [404] * AT_ONCE + [429] * 3
    assert guesses[-1].slug == "too-many-wrong-tokens"
    assert 1 <= int(guesses[-1].headers["Retry-After"]) <= math.ceil(EVERY_SECONDS)
    assert (await api.post(PATH, raw=b'{"ref": "8"}', token=None)).status == 200
    assert (await api.get("/v1/activations")).status == 200, "tokens are counted for themselves"
    assert len(world.service.pushed) == 2
