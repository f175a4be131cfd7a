"""What a family's capabilities say is what its provider was seen to do."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.domain.price_fate import PriceFate
from worker.ports.provider import CodesArrived, Ended, Refused
from worker.simulator.config import SimulatorConfig
from worker.simulator.engine import Engine
from worker.simulator.faces import face_of
from worker.simulator.numbers import ArrivedSms, SimulatedNumber
from worker.simulator.tariff import BuyerOrder
from worker.testing.simulated_provider import (
    OLD_ENOUGH_S,
    PRICE_MINOR,
    START,
    Simulated,
    SimulatedPair,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_expiry_is_told_where_the_capabilities_say_so(it: Simulated) -> None:
    rented = await it.rented()

    told = rented.expires_at is not None or rented.expires_in is not None

    assert told == it.provider.capabilities.gives_expiry


async def test_sms_are_pushed_where_the_capabilities_say_so(
    it: Simulated, pair: SimulatedPair
) -> None:
    family, dialect = pair
    told = SimulatorConfig.model_validate({"family": family, "dialect": dialect})
    face = face_of(told)
    number = Engine(told, face.terms).rent(BuyerOrder(service="timeout", country="0"), NOW)
    assert isinstance(number, SimulatedNumber)
    sms = ArrivedSms(NOW, "1", "1")
    number.receive(sms)

    assert (face.push(number, sms) is not None) == it.provider.capabilities.push


async def test_another_sms_can_be_had_where_the_capabilities_say_so(it: Simulated) -> None:
    rented = await it.rented()
    await it.deliver(rented.ref, "482913")
    await it.provider.look(rented.ref)

    assert await it.provider.ask_again(rented.ref) == it.provider.capabilities.resend


async def test_a_bad_number_can_be_reported_where_the_capabilities_say_so(it: Simulated) -> None:
    rented = await it.rented()
    it.pass_time(OLD_ENOUGH_S)
    if not it.provider.capabilities.report:
        with pytest.raises(AssertionError):
            await it.provider.report(rented.ref)
        return

    taken = await it.provider.report(rented.ref)

    booked = await it.books(rented.ref)
    assert isinstance(taken, Ended)
    assert taken.fate is not PriceFate.KEPT
    assert (booked["status"], booked["net_minor"]) == ("banned", 0)


async def test_a_number_with_a_code_is_not_taken_for_a_bad_one(reporting: Simulated) -> None:
    rented = await reporting.rented()
    reporting.pass_time(OLD_ENOUGH_S)
    await reporting.deliver(rented.ref, "482913")

    refused = await reporting.provider.report(rented.ref)
    seen = await reporting.provider.look(rented.ref)

    assert isinstance(refused, Refused)
    assert isinstance(seen, CodesArrived)
    assert (await reporting.books(rented.ref))["net_minor"] == PRICE_MINOR


async def test_a_report_at_the_instant_of_an_sms_gives_nothing_back(reporting: Simulated) -> None:
    rented = await reporting.rented("cancel-race")
    reporting.pass_time(OLD_ENOUGH_S)

    assert isinstance(await reporting.provider.report(rented.ref), Refused)
    assert (await reporting.books(rented.ref))["net_minor"] == PRICE_MINOR


async def test_a_page_of_the_list_is_as_long_as_the_capabilities_say(it: Simulated) -> None:
    size = it.provider.capabilities.list_page_size
    if size is None:
        with pytest.raises(AssertionError):
            await it.provider.list_active(0)
        return
    await it.control("POST", "rent", {"count": size + 1, "service": "timeout"})

    first = await it.provider.list_active(0)

    # Some tell all they have, however much that is: their pages are never turned.
    assert len(first.rows) == (size + 1 if first.last else size)


async def test_a_history_is_told_where_the_capabilities_say_so(it: Simulated) -> None:
    rented = await it.rented()
    span = (START - timedelta(days=1), START + timedelta(days=1), 0)
    if not it.provider.capabilities.history:
        with pytest.raises(AssertionError):
            await it.provider.history(*span)
        return

    told = await it.provider.history(*span)

    assert [row.ref for row in told.rows] == [rented.ref]
