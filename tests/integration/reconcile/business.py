"""A shop doing business with a simulated provider: what both have in their books."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.fakes.reporter import RecordingReporter
from tests.fakes.resources import resources
from tests.integration.store.shop import ALICE, SIM, Shop, ending, intake
from worker.adapters.providers.family import ProviderConfig
from worker.adapters.providers.registry import build_provider
from worker.adapters.providers.transport import ProviderContext
from worker.adapters.redis.local import LocalSchedule
from worker.bootstrap.assemble import assemble
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ActivationId, ProviderRef, purchase_id
from worker.domain.price_fate import PriceFate
from worker.lifecycle.budget import ProviderTerms
from worker.lifecycle.clock import Clock
from worker.lifecycle.pursue import Pursue
from worker.lifecycle.reconcile import Reconcile
from worker.ports.provider import Ended, Provider, Rented, RentRequest
from worker.ports.service import PurchaseOrder
from worker.ports.store.activations import SeenSms
from worker.simulator.config import FaultKind, FaultRule, SimulatorConfig
from worker.simulator.numbers import ArrivedSms, SimulatedNumber
from worker.simulator.server import Simulator, running, utc_now

COST = 20
WINDOW = timedelta(minutes=20)
KEY = "key"
ENDED_LONG_AGO = """
SET session_replication_role = replica;
UPDATE transition SET at = at - interval '1 hour';
UPDATE settlement SET at = at - interval '1 hour';
UPDATE activation SET ending_at = ending_at - interval '1 hour' WHERE settled;
SET session_replication_role = origin;
"""


@dataclass(frozen=True)
class Business:
    shop: Shop
    simulator: Simulator
    provider: Provider
    reconcile: Reconcile
    pursue: Pursue
    reporter: RecordingReporter

    async def rent(self, ref: str = "", **known: Any) -> tuple[ActivationId, ProviderRef]:
        """A number bought by us, so that its cost is known."""
        rented = await self.provider.rent(RentRequest("timeout", "0"))
        assert isinstance(rented, Rented)
        (result,) = await self.shop.store.activations.accept(
            [
                intake(
                    ref or rented.ref,
                    rented_at=None,
                    window=WINDOW,
                    **{
                        "phone": rented.phone,
                        "cost_minor": rented.cost_minor,
                        "cost_currency": "USD",
                        **known,
                    },
                )
            ]
        )
        assert result.activation is not None
        return result.activation.id, rented.ref

    async def give_back(self, id_: ActivationId, ref: ProviderRef) -> None:
        """Cancel was pressed, and the provider took the number back."""
        await self.shop.store.activations.press_cancel(id_)
        assert await self.provider.cancel(ref) == Ended(PriceFate.GIVEN_BACK)
        await self.believe_given_back(id_)

    async def believe_given_back(self, id_: ActivationId) -> None:
        """The provider said so, whatever its books say."""
        await self.shop.store.activations.press_cancel(id_)
        await self.shop.store.settlements.settle([ending(id_, reason="cancel")])

    async def deliver(self, id_: ActivationId, ref: ProviderRef) -> None:
        """A code came, and the provider keeps its price."""
        self.receive(ref)
        await self.shop.store.activations.record_codes([SeenSms(SIM, ref, "1234", None)])
        await self.shop.store.activations.ask_finish(id_)
        settle = ending(id_, source=State.RECEIVED, outcome=State.DELIVERED, reason="code")
        due = await self.shop.store.settlements.due_delivery(id_)
        assert [one.id for one in due] == [id_]
        await self.shop.store.settlements.settle(
            [settle._replace(provider_state=ProviderState.FINISHED)]
        )

    def number(self, ref: ProviderRef) -> SimulatedNumber:
        number = self.simulator.engine.find(int(ref), utc_now())
        assert number is not None
        return number

    def receive(self, ref: ProviderRef, code: str = "1234") -> None:
        """An SMS is there."""
        self.simulator.engine.ledger.receive(self.number(ref), ArrivedSms(utc_now(), code, code))

    def fails(self) -> None:
        self.simulator.faults.add(FaultRule(kind=FaultKind.UNAVAILABLE, seconds=600), utc_now())

    async def begin_purchase(self) -> None:
        """An order that was sent and not yet answered."""
        order = PurchaseOrder(
            idempotency_key="k",
            account=ALICE,
            provider=SIM,
            service="timeout",
            country="0",
            price_minor=COST,
        )
        id_ = purchase_id(ALICE, order.idempotency_key)
        await self.shop.store.purchases.begin_purchase(id_, order, "default", "1", WINDOW)

    def pay_in(self, amount_minor: int) -> None:
        self.simulator.engine.ledger.added_minor += amount_minor

    async def time_passes(self) -> None:
        """What happened until now was an hour ago."""
        await self.shop.admin.execute(ENDED_LONG_AGO)

    async def provider_state(self, id_: ActivationId) -> str:
        return (await self.shop.number(id_)).provider_state.value

    async def exposure(self) -> list[tuple[Any, ...]]:
        return await self.shop.rows("SELECT amount_minor, state FROM exposure ORDER BY state")

    async def differences(self) -> list[int]:
        rows = await self.shop.rows("SELECT amount_minor FROM provider_difference ORDER BY id")
        return [row[0] for row in rows]


@asynccontextmanager
async def business(shop: Shop, **options: Any) -> AsyncIterator[Business]:
    await shop.open(ALICE)
    told = {"min_cancel_age_seconds": 0, "price_minor": COST, "api_key": KEY, **options}
    reporter = RecordingReporter()
    clock = Clock(now=utc_now, monotonic=time.monotonic, sleep=asyncio.sleep, chance=lambda: 0.5)
    terms = ProviderTerms(
        name=SIM,
        poll=timedelta(seconds=3),
        requests_per_second=1000,
        max_in_flight=10,
        min_cancel_age=timedelta(0),
        lifetime=WINDOW,
        exposure_limit_minor=0,
        currency="USD",
    )
    schedule = LocalSchedule({SIM: 1000}, clock=utc_now)
    async with running(SimulatorConfig.model_validate(told)) as simulator:
        provider = build_provider(
            ProviderConfig(
                name=SIM,
                family=simulator.engine.config.family,
                dialect=simulator.engine.config.dialect,
                base_url=simulator.url,
                api_key=KEY,
            ),
            ProviderContext(
                reporter=reporter,
                sleep=asyncio.sleep,
                monotonic=time.monotonic,
                random=lambda: 0.5,
            ),
        )
        worker = assemble(
            resources(
                store=shop.store,
                schedule=schedule,
                providers={SIM: provider},
                terms={SIM: terms},
                reporter=reporter,
                clock=clock,
            )
        )
        try:
            yield Business(
                shop, simulator, provider, worker.steps.reconcile, worker.steps.pursue, reporter
            )
        finally:
            await provider.close()
