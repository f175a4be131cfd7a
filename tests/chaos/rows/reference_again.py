"""A provider uses a reference again within seconds: the old number's pursuit harms nobody.

The provider goes away before the first number is given back, so that its cancel is still owed. It
comes back with empty books and sells the same reference to somebody else.
"""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

from tests.acceptance.two_providers import settings_for, simulated
from tests.chaos.api import Api, api_of
from tests.chaos.codes import check_codes
from tests.chaos.report import Line
from tests.chaos.stage import LIFETIME, Number, Scale, becomes, books_of, hand_over_new, staged

NAME = "again"
COUNT = 10
WINDOW = 5
GRACE = "2"
NEW_WINDOW = 40
SMS_AFTER = 20.0
CLOSED_FOR = 3  #: Seconds in which it sells at first, and answers no other call.
SCRIPT = f'faults = [{{ kind = "unavailable", seconds = {CLOSED_FOR} }}]\n'


async def measure(_: Scale) -> list[Line]:
    port = _free_port()
    settings = {
        **settings_for(NAME, f"http://127.0.0.1:{port}"),
        "AW_DEFAULTS__CREDIT_GRACE_SECONDS": GRACE,
    }
    listen = ["--listen", f"127.0.0.1:{port}", "--lifetime", LIFETIME]
    async with staged("again", settings=settings) as (stage, _set):
        home = stage.world.home / NAME
        await asyncio.to_thread(home.mkdir)
        script = home / "closed.toml"
        await asyncio.to_thread(script.write_text, SCRIPT)
        daemon = await stage.start_daemon()
        async with api_of(daemon) as api:
            await stage.open_account(api, "old")
            await stage.open_account(api, "new")
            old = await _old_numbers(api, home, listen)

            async def credited() -> bool:
                return not await api.held_minor("old")

            assert await becomes(credited, 30.0), "the old numbers were not credited"
            async with simulated(home, *listen, "--script", str(script)) as provider:
                named = replace(provider, name=NAME)
                new = await hand_over_new(
                    api, named, "new", COUNT, f"code-arrives:{SMS_AFTER}", NEW_WINDOW
                )
                assert {n.ref for n in new} == {n.ref for n in old}, "other references"
                await asyncio.sleep(SMS_AFTER + 5.0)
                views, books = await api.views("new"), await books_of(named)
                proof = await stage.proof(api)
    check = check_codes(new, views, books)
    cancelled = sum(books[number.ref]["status"] == "cancelled" for number in new)
    ended = sum(views[number.id]["state"] == "refunded" for number in new)
    return [
        Line(
            "a provider uses references again within seconds",
            "the pursuit of the old number cancels the new customer's",
            f"{cancelled} of {COUNT} new numbers cancelled at the provider, {ended} ended for their"
            f" customers, {len(check.lost)} of {check.owed} codes lost; {proof}",
            "no pursuit of an old number touches the new one",
            not cancelled and not ended and not check.lost and check.owed == COUNT and proof.holds,
            {"cancelled": cancelled, "lost": len(check.lost), "owed": check.owed},
        )
    ]


async def _old_numbers(api: Api, home: Path, listen: list[str]) -> list[Number]:
    """Numbers whose provider goes away before their deadline."""
    async with simulated(home, *listen) as provider:
        named = replace(provider, name=NAME)
        numbers = await hand_over_new(api, named, "old", COUNT, "timeout", WINDOW)
        await asyncio.sleep(WINDOW - 2)
    return numbers


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
