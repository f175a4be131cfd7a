"""An adapter and the simulated provider it talks to, on one clock that the test owns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import aiohttp
import pytest

from worker.adapters.providers.registry import build_provider
from worker.domain.ids import ProviderRef
from worker.ports.provider import Provider, Rented, RentRequest
from worker.simulator.config import SimulatorConfig
from worker.simulator.server import running
from worker.testing.habits import HABITS, Habits
from worker.testing.world import KEY, World, config

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRICE_MINOR = 25
OLD_ENOUGH_S = 121  #: For a cancel.
PATIENT_S = 5.0  #: Of an adapter; no answer takes that long, however busy the machine is.
SHORT_S = 1.0  #: The same where the provider hangs.
#: Faults that leave nothing of an answer to believe, each with how long that is waited for.
UNREADABLE = [
    *(
        pytest.param(fault, PATIENT_S, id=fault)
        for fault in ("html", "garbage", "truncated", "unavailable")
    ),
    pytest.param("hang", SHORT_S, id="hang"),
]

SimulatedPair: TypeAlias = tuple[str, str]  #: Family and dialect.


def request(service: str = "timeout", max_cost_minor: int | None = None) -> RentRequest:
    return RentRequest(service, "any", max_cost_minor)


@dataclass
class Simulated:
    """One adapter in front of one simulated provider."""

    provider: Provider
    patient: Provider  #: The same account, where numbers are set up: it waits for a busy machine.
    world: World
    url: str
    http: aiohttp.ClientSession
    habits: Habits

    def pass_time(self, seconds: float) -> None:
        self.world.now += seconds

    async def rented(self, service: str = "timeout") -> Rented:
        bought = await self.patient.rent(request(service))
        assert isinstance(bought, Rented)
        if self.habits.signs_in and self.provider is not self.patient:
            await self.provider.balance()  # It has its token before anything fails.
        return bought

    async def deliver(self, ref: ProviderRef, code: str) -> None:
        await self.control("POST", "sms", {"id": ref, "code": code, "text": f"Your code: {code}"})

    async def fault(self, kind: str, seconds: float = 3600, **more: Any) -> None:
        await self.control("POST", "faults", {"kind": kind, "seconds": seconds, **more})

    async def gone(self) -> None:
        """Refuse connections from now on, the control's too."""
        await self.fault("refuse")
        port = self.url.rpartition(":")[2]
        async with asyncio.timeout(5):
            while True:  # The listener closes a turn or two of the loop after it was told to.
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", int(port))
                except ConnectionRefusedError:
                    return
                except ConnectionResetError:
                    continue  # It had been taken, and was not yet accepted.
                writer.close()

    async def heal(self) -> None:
        await self.control("DELETE", "faults")

    async def books(self, ref: ProviderRef) -> Any:
        return await self.control("GET", f"books/{ref}")

    async def summary(self) -> Any:
        return await self.control("GET", "summary")

    async def control(self, method: str, name: str, body: object = None) -> Any:
        async with self.http.request(method, f"{self.url}/_sim/{name}", json=body) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json()


@asynccontextmanager
async def simulated(
    family: str,
    dialect: str,
    *,
    key: str = KEY,
    timeout_s: float = PATIENT_S,
    habits: Habits | None = None,
    **settings: Any,
) -> AsyncIterator[Simulated]:
    habits = habits or HABITS.get(family, Habits())
    world = World()
    began = world.now
    simulator_config = SimulatorConfig.model_validate(
        {
            "family": family,
            "dialect": dialect,
            "api_key": key,
            "price_minor": PRICE_MINOR,
            "min_cancel_age_seconds": 120 if habits.refuses_early_cancels else None,
            **settings,
        }
    )

    def clock() -> datetime:
        return START + timedelta(seconds=world.now - began)

    async with (
        running(simulator_config, clock=clock) as simulator,
        aiohttp.ClientSession() as http,
    ):
        account = config(simulator.url, family, dialect)
        by_timeout = {
            each: build_provider(account, world.context(each)) for each in (timeout_s, PATIENT_S)
        }
        provider, patient = by_timeout[timeout_s], by_timeout[PATIENT_S]
        try:
            yield Simulated(provider, patient, world, simulator.url, http, habits)
        finally:
            for each in by_timeout.values():
                await each.close()
