"""The service behind the API in this suite does what every `Service` does."""

from dataclasses import dataclass
from datetime import datetime

import pytest

from tests.contracts.service_contract import BALANCE, ServiceContract
from tests.unit.http.conftest import World
from tests.unit.http.fakes import NOW, PROVIDER, with_code
from worker.domain.ids import AccountId, ActivationId, ProviderName
from worker.ports.service import Service
from worker.ports.store.activations import Activation

ANN = AccountId("ann")


@dataclass
class FakeShop:
    world: World
    account: AccountId = ANN
    provider: ProviderName = PROVIDER

    @property
    def service(self) -> Service:
        return self.world.service

    def now(self) -> datetime:
        return NOW

    async def activation(self, id_: ActivationId) -> Activation | None:
        return await self.world.reads.activation(id_)

    async def money(self) -> tuple[int, int]:
        account = await self.world.books.account(self.account)
        assert account is not None
        return account.available_minor, account.held_minor

    async def receive_code(self, activation: Activation) -> None:
        self.world.reads.put(with_code(activation))


@pytest.fixture
async def shop(world: World) -> FakeShop:
    await world.books.open_account(ANN, "USD")
    await world.books.top_up(ANN, "first", BALANCE)
    return FakeShop(world)


class TestFakeService(ServiceContract):
    pass
