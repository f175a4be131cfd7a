"""Wrong tokens slow their caller down, and nobody else."""

from dataclasses import replace

import aiohttp
import pytest

from tests.unit.http.caller import WRITE_TOKEN, Api
from tests.unit.http.conftest import World, deps_over
from worker.entrypoints.http.auth import digest
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.wrong_tokens import ADDRESSES_MAX, AT_ONCE, EVERY_SECONDS, WrongTokens

PATH = "/v1/activations"
RIGHT = digest(WRITE_TOKEN)
GUESS = digest("guess")
OLD = digest("old")


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def deps(world: World, time: Time) -> ApiDeps:
    return replace(deps_over(world), monotonic=time)


@pytest.fixture
def wrong(time: Time) -> WrongTokens:
    return WrongTokens(time)


async def test_three_hundred_wrong_tokens_are_answered_429_and_other_addresses_are_unharmed(
    api: Api,
) -> None:
    statuses = [(await api.get(PATH, token=f"wrong-{guess}")).status for guess in range(300)]

    assert statuses == [401] * AT_ONCE + [429] * (300 - AT_ONCE)
    elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.7", 0))
    async with aiohttp.ClientSession(connector=elsewhere) as http:
        assert (await Api(http, api.url, api.described).get(PATH)).status == 200


async def test_who_is_slowed_down_is_told_for_how_long_and_then_let_in(
    api: Api, time: Time
) -> None:
    for guess in range(AT_ONCE):
        await api.get(PATH, token=f"wrong-{guess}")

    slowed = await api.get(PATH)  # With a right token: a guess would not learn that it was right.
    assert (slowed.status, slowed.slug) == (429, "too-many-wrong-tokens")
    time.now += int(slowed.headers["Retry-After"])

    assert (await api.get(PATH)).status == 200


async def test_a_caller_whose_token_was_right_before_goes_on_behind_the_same_address(
    api: Api,
) -> None:
    assert (await api.get(PATH)).status == 200
    for guess in range(AT_ONCE + 5):
        await api.get(PATH, token=f"wrong-{guess}")

    assert (await api.get(PATH)).status == 200
    assert (await api.get(PATH, token="wrong-again")).status == 429


async def test_a_call_without_a_token_is_no_guess(api: Api) -> None:
    for _ in range(AT_ONCE + 5):
        assert (await api.get(PATH, token=None)).status == 401
    assert (await api.get(PATH)).status == 200


def test_one_wrong_token_in_a_while_slows_nobody_down(wrong: WrongTokens, time: Time) -> None:
    for _ in range(10 * AT_ONCE):
        wrong.count("192.0.2.1", GUESS)
        assert wrong.seconds_to_wait("192.0.2.1", GUESS) == 0
        time.now += EVERY_SECONDS


def test_after_a_rush_one_more_guess_is_looked_at_in_each_step_of_time(
    wrong: WrongTokens, time: Time
) -> None:
    looked_at = 0
    for _ in range(600):
        if not wrong.seconds_to_wait("192.0.2.1", GUESS):
            wrong.count("192.0.2.1", GUESS)
            looked_at += 1
        time.now += 0.1

    assert looked_at == pytest.approx(AT_ONCE + 60 / EVERY_SECONDS, abs=1)


def test_a_token_that_is_taken_no_more_slows_down_as_any_wrong_one(
    wrong: WrongTokens, time: Time
) -> None:
    """It was proven before it was removed, and the program goes on sending it."""
    wrong.prove("192.0.2.1", OLD)

    for _ in range(3_000):
        if not wrong.seconds_to_wait("192.0.2.1", OLD):
            wrong.count("192.0.2.1", OLD)
        time.now += 0.02

    assert wrong.seconds_to_wait("192.0.2.1", RIGHT) <= EVERY_SECONDS


def test_a_network_of_ipv6_addresses_counts_as_one(wrong: WrongTokens) -> None:
    for host in range(AT_ONCE):
        wrong.count(f"2001:db8::{host:x}", GUESS)

    assert wrong.seconds_to_wait("2001:db8::ffff", GUESS)
    assert not wrong.seconds_to_wait("2001:db8:0:1::1", GUESS)
    for _ in range(AT_ONCE):
        wrong.count("::ffff:192.0.2.9", GUESS)
    assert not wrong.seconds_to_wait("::ffff:192.0.2.10", GUESS)


def test_a_socket_without_addresses_is_slowed_down_as_a_whole(wrong: WrongTokens) -> None:
    for _ in range(AT_ONCE):
        wrong.count("", GUESS)
    assert wrong.seconds_to_wait("", GUESS)


def test_no_more_addresses_are_remembered_than_memory_is_meant_for(wrong: WrongTokens) -> None:
    for _ in range(AT_ONCE):
        wrong.count("192.0.2.1", GUESS)
    wrong.prove("192.0.2.1", RIGHT)
    for number in range(ADDRESSES_MAX):
        wrong.count(f"10.0.{number // 256}.{number % 256}", GUESS)
        wrong.prove(f"10.0.{number // 256}.{number % 256}", RIGHT)

    assert not wrong.seconds_to_wait("192.0.2.1", GUESS)
