"""What `dev` starts besides the daemon, every time it starts."""

import asyncio
from pathlib import Path

import aiohttp

from tests.acceptance.two_providers import simulated
from worker.entrypoints.simulated import DEV_PROVIDER, with_simulator
from worker.settings import Settings, load_settings


async def test_dev_started_again_sells_no_number_it_sold_before(tmp_path: Path) -> None:
    settings = await asyncio.to_thread(load_settings, None, environ={})

    sold = [await bought(settings, tmp_path), await bought(settings, tmp_path)]

    assert sold[0].isdecimal()
    assert int(sold[1]) > int(sold[0]), "its database knows the numbers of the time before"


async def test_a_simulator_sells_from_the_id_on_that_it_is_given(tmp_path: Path) -> None:
    async with simulated(tmp_path, "--first-id", "200000000") as other:
        rented = (await other.control.post("/_sim/rent", {"count": 2, "service": "any"}))["numbers"]

    assert [each["id"] for each in rented] == ["200000000", "200000001"]


async def bought(settings: Settings, home: Path) -> str:
    async with with_simulator(settings, home) as simulated, aiohttp.ClientSession() as http:
        provider = simulated.providers[DEV_PROVIDER]
        assert provider.api_key is not None
        asked = {
            "action": "getNumber",
            "service": "timeout",
            "country": "0",
            "api_key": provider.api_key.get_secret_value(),
        }
        async with http.get(f"{provider.base_url}/stubs/handler_api.php", params=asked) as response:
            return (await response.text()).split(":")[1]
