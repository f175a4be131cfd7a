"""A client that a generator made from our description rents a number and cancels it."""

import json
from pathlib import Path

import pytest

from tests.acceptance.world import TOKEN, World
from tests.own_environment import python_of, run

pytestmark = [pytest.mark.nightly, pytest.mark.acceptance, pytest.mark.timeout(600)]

TESTS = Path(__file__).parents[1]
CLIENTS = TESTS / "clients"
STATE = TESTS.parent / ".state" / "clients"
DESCRIPTION = TESTS / "golden" / "openapi.json"


async def test_a_generated_client_rents_and_cancels(a_world: World, tmp_path: Path) -> None:
    python = await python_of(CLIENTS / "openapi-python-client.txt", STATE)
    generator = python.with_name("openapi-python-client")
    made = tmp_path / "generated"
    await run(generator, "generate", "--path", DESCRIPTION, "--output-path", made, "--meta", "none")
    daemon = await a_world.start_daemon()
    line = daemon.line("activation-worker: api")
    assert line is not None

    report = await run(python, CLIENTS / "ask_generated.py", tmp_path, line.split()[-1], TOKEN)

    assert json.loads(report) == {
        "rented": "waiting",
        "held": 120,
        "cancelled": "refunded",
        "settled": "refunded",
        "unknown": "/problems/unknown-activation",
    }
