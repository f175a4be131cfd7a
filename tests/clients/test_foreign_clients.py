"""Other people's client libraries find the simulator what they expect a provider to be.

Each runs in an environment of its own, so that what it needs never meets our packages, and in a
process of its own; what it understood is compared with the provider's books.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.clients.foreign import CLIENTS, UNFINISHED, Client
from tests.own_environment import NODE_REQUIRED, NPM, node_modules_of, python_of, run
from worker.simulator.config import SimulatorConfig
from worker.simulator.server import Simulator, running

HERE = Path(__file__).parent
STATE = HERE.parents[1] / ".state" / "clients"

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

#: Their environments are made in seconds. Each run of the tests has these and those for Node.
QUICK = {"fivesim", "grizzly-sms-client", "smspool"}


def is_quick(client: Client) -> bool:
    return client.node or client.name in QUICK


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(client, id=client.name, marks=() if is_quick(client) else pytest.mark.nightly)
        for client in CLIENTS
    ],
)
async def test_a_foreign_client_finds_a_provider(client: Client) -> None:
    if client.node and NPM is None and NODE_REQUIRED not in os.environ:
        pytest.skip("there is no npm here")
    config = SimulatorConfig.model_validate(
        {
            "family": client.family,
            "dialect": client.dialect,
            "min_cancel_age_seconds": 0,
            "balance_minor": 10_000,
            "mix": {"timeout": 1},
        }
    )

    async with running(config) as provider:
        report = await reported(client, provider.url)

    first = provider.engine.ledger.numbers[0]
    assert {name: report[name] for name in client.says} == client.says
    assert report["phone"] == first.phone
    assert report["code"] == first.sms[0].code
    done = "received" if client.family in UNFINISHED else "finished"
    assert endings(provider)[:2] == [done, "cancelled"]
    if "listed" in report:
        assert report["silent"] in report["listed"]


async def reported(client: Client, url: str) -> dict[str, Any]:
    script = f"ask_{client.name.replace('-', '_')}"
    if client.node:
        node_modules = await node_modules_of(HERE / "npm" / client.name, STATE)
        found_in = {"NODE_PATH": str(node_modules)}
        told = await run("node", HERE / "npm" / f"{script}.cjs", url, more=found_in)
    else:
        python = await python_of(HERE / f"{client.name}.txt", STATE)
        told = await run(python, HERE / f"{script}.py", url)
    report: dict[str, Any] = json.loads(told)
    return report


def endings(provider: Simulator) -> list[str]:
    return [number.status.value for number in provider.engine.ledger.numbers]
