"""Other people's client libraries find the simulator what they expect a provider to be.

Each runs in a virtual environment of its own, so that what it needs never meets our packages, and
in a process of its own; what it understood is compared with the provider's books.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.own_environment import python_of, run
from worker.simulator.config import SimulatorConfig
from worker.simulator.server import Simulator, running

HERE = Path(__file__).parent
STATE = HERE.parents[1] / ".state" / "clients"

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]


class Client(NamedTuple):
    name: str
    family: str
    dialect: str
    says: dict[str, Any]  #: What it must report, beside what the books know.


SMSPOOL: dict[str, Any] = {
    "completed": 3,
    "waiting": 1,
    "cancelled": 1,
    "gone": 6,
    "past": ["refunded", "completed"],
    "refused": "OUT_OF_STOCK",
}
CLIENTS = (
    Client(
        "smsactivate",
        "handler_api",
        "classic",
        {
            "finished": "ACCESS_ACTIVATION",
            "waiting": "STATUS_WAIT_CODE",
            "cancelled": "ACCESS_CANCEL",
            "gone": "STATUS_CANCEL",
            "messages": 1,
            "returned": "success",
            "refused": "NO_NUMBERS",
            "balance": "95.00",  # One activation, and a rental of 24 hours.
        },
    ),
    Client(
        "herosms",
        "handler_api",
        "hero",
        {
            "messages": 1,
            "waiting": "STATUS_WAIT_CODE",
            "gone": "STATUS_CANCEL",
            "refused": "ActivationNotFoundError",
            "balance": "99.80",
        },
    ),
    Client(
        "smsbower",
        "handler_api",
        "smsbower",
        {
            "finished": "ACCESS_ACTIVATION",
            "waiting": "STATUS_WAIT_CODE",
            "cancelled": "ACCESS_CANCEL",
            "gone": "STATUS_CANCEL",
            "refused": "NO_NUMBERS",
            "balance": "99.80",
        },
    ),
    Client(
        "smspva-sdk",
        "smspva",
        "classic",
        {
            "stopped": 200,
            "waiting": 202,
            "cancelled": 200,
            "gone": 410,
            "messages": 1,
            "balance": "95.00",
        },
    ),
    Client(
        "fivesim",
        "fivesim",
        "classic",
        {
            "finished": "FINISHED",
            "waiting": "RECEIVED",
            "cancelled": "CANCELED",
            "refused": "ORDER_NOT_FOUND",
            "balance": "99.80",
        },
    ),
    Client(
        "async-sms-activate",
        "handler_api",
        "classic",
        {
            "finished": "ACCESS_ACTIVATION",
            "waiting": "STATUS_WAIT_CODE",
            "cancelled": "ACCESS_CANCEL",
            "gone": "STATUS_CANCEL",
            "refused": "NoNumbers",
            "balance": "99.80",
        },
    ),
    Client(
        "daisy-sms",
        "handler_api",
        "daisysms",
        {
            "waiting": "STATUS_WAIT_CODE",
            "gone": "STATUS_CANCEL",
            "again": "RentalMissingError",
            "refused": "NoNumbersLeftError",
            "dear": "MaxPriceExceededError",
            "balance": "99.80",
        },
    ),
    Client("smspool", "smspool", "classic", SMSPOOL | {"balance": "99.80"}),
    Client("smspool-sdk", "smspool", "classic", SMSPOOL),
    Client(
        "textverified",
        "textverified",
        "classic",
        {
            "completed": "verificationCompleted",
            "waiting": "verificationPending",
            "gone": "verificationCanceled",
            "refused": "Unavailable",
            "balance": "99.80",
        },
    ),
)
#: Of a number whose code came: where no call finishes it, it goes on until its time is over.
UNFINISHED = {"smspool", "textverified"}


@pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
async def test_a_foreign_client_finds_a_provider(client: Client) -> None:
    python = await python_of(HERE / f"{client.name}.txt", STATE)
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
        script = HERE / f"ask_{client.name.replace('-', '_')}.py"
        report = json.loads(await run(python, script, provider.url))

    first = provider.engine.ledger.numbers[0]
    assert {name: report[name] for name in client.says} == client.says
    assert report["phone"] == first.phone
    assert report["code"] == first.sms[0].code
    done = "received" if client.family in UNFINISHED else "finished"
    assert endings(provider)[:2] == [done, "cancelled"]
    if "listed" in report:
        assert report["silent"] in report["listed"]


def endings(provider: Simulator) -> list[str]:
    return [number.status.value for number in provider.engine.ledger.numbers]
