"""A client that a generator made from our description rents a number and cancels it."""

import json
from pathlib import Path

import pytest

from tests.acceptance.world import TOKEN, World
from tests.clients.test_foreign_clients import HERE, python_of, run

pytestmark = [pytest.mark.nightly, pytest.mark.acceptance, pytest.mark.timeout(600)]

DESCRIPTION = HERE.parent / "golden" / "openapi.json"


async def test_a_generated_client_rents_and_cancels(a_world: World, tmp_path: Path) -> None:
    python = await python_of("openapi-python-client")
    generator = python.with_name("openapi-python-client")
    made = tmp_path / "generated"
    await run(generator, "generate", "--path", DESCRIPTION, "--output-path", made, "--meta", "none")
    daemon = await a_world.start_daemon()
    line = daemon.line("activation-worker: api")
    assert line is not None

    report = await run(python, HERE / "ask_generated.py", tmp_path, line.split()[-1], TOKEN)

    assert json.loads(report) == {
        "rented": "waiting",
        "held": 120,
        "cancelled": "refunded",
        "settled": "refunded",
        "unknown": "/problems/unknown-activation",
    }
