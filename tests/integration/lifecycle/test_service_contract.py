"""The real service, over PostgreSQL and a scripted provider, does what every `Service` does."""

from dataclasses import dataclass
from datetime import datetime

import pytest

from tests.contracts.service_contract import ServiceContract
from tests.integration.lifecycle.world import ALICE, SIM, World, utc_now
from worker.domain.families import Capabilities
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.provider import Ended, Rented
from worker.ports.service import Service
from worker.ports.store.activations import Activation


@dataclass
class RealShop:
    world: World
    account: AccountId = ALICE
    provider: ProviderName = SIM

    @property
    def service(self) -> Service:
        return self.world.service

    def now(self) -> datetime:
        return utc_now()

    async def activation(self, id_: ActivationId) -> Activation | None:
        return await self.world.store.activations.activation(id_)

    async def money(self) -> tuple[int, int]:
        return await self.world.money()

    async def receive_code(self, activation: Activation) -> None:
        assert activation.ref is not None
        await self.world.record(activation.ref, "1234")


async def _takes_it(_ref: ProviderRef) -> bool:
    return True


@pytest.fixture
def shop(world: World) -> RealShop:
    world.provider.will("rent", Rented(ProviderRef("77"), "15550077", 20, "USD"))
    world.provider.will("cancel", Ended(PriceFate.GIVEN_BACK))
    world.provider.will("ask_again", _takes_it)
    world.provider.will("report", Ended(PriceFate.GIVEN_BACK))
    world.provider.capabilities = Capabilities(report=True)
    return RealShop(world)


class TestRealService(ServiceContract):
    pass
