"""What the table in the README says of an adapter is what its provider was seen to do."""

from datetime import UTC, datetime

from tests.contracts.providers.simulated import Pair, Simulated
from worker.simulator.config import SimulatorConfig
from worker.simulator.engine import Engine
from worker.simulator.faces import face_of
from worker.simulator.numbers import Number, Sms
from worker.simulator.tariff import Order

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_expiry_is_told_where_the_table_says_so(it: Simulated) -> None:
    rented = await it.rented()

    told = rented.expires_at is not None or rented.expires_in is not None

    assert told == it.provider.capabilities.gives_expiry


async def test_sms_are_pushed_where_the_table_says_so(it: Simulated, pair: Pair) -> None:
    family, dialect = pair
    told = SimulatorConfig.model_validate({"family": family, "dialect": dialect})
    face = face_of(told)
    number = Engine(told, face.terms).rent(Order(service="timeout", country="0"), NOW)
    assert isinstance(number, Number)
    sms = Sms(NOW, "1", "1")
    number.receive(sms)

    assert (face.push(number, sms) is not None) == it.provider.capabilities.push
