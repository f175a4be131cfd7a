"""What a family's capabilities say is what its provider was seen to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest

from worker.domain.families import RentOption
from worker.domain.ids import ActivationId
from worker.domain.price_fate import PriceFate
from worker.ports.provider import (
    CodesArrived,
    Ended,
    NoRent,
    Refused,
    Rented,
    RentOptions,
    ReusedNumber,
    Waiting,
)
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
    request,
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


ASKED: Final = {
    RentOption.OPERATOR: (RentOptions(operator="o2"), "operator", "o2"),
    RentOption.AREA_CODE: (RentOptions(area_code="201"), "area_code", "201"),
    RentOption.MEDIUM: (RentOptions(voice=True), "medium", "voice"),
}


async def test_an_option_is_asked_for_where_the_capabilities_name_it(it: Simulated) -> None:
    for option, (options, name, value) in ASKED.items():
        wanted = replace(request(), options=options)
        if option not in it.provider.capabilities.options:
            with pytest.raises(AssertionError):
                await it.provider.rent(wanted)
            continue
        bought = await it.provider.rent(wanted)

        assert isinstance(bought, Rented)
        assert (await it.books(bought.ref))[name] == value


async def test_the_phone_of_an_earlier_number_is_sold_again(reusing: Simulated) -> None:
    earlier = await reusing.rented()
    await reusing.deliver(earlier.ref, "482913")
    await reusing.provider.look(earlier.ref)
    wanted = replace(request(), options=_again(earlier))

    bought = await reusing.provider.rent(wanted)

    assert isinstance(bought, Rented)
    assert bought.phone == earlier.phone
    assert bought.ref != earlier.ref
    assert await reusing.provider.look(bought.ref) == Waiting()


async def test_a_phone_that_cannot_be_sold_again_buys_nothing(reusing: Simulated) -> None:
    earlier = await reusing.rented()  # No SMS came.

    bought = await reusing.provider.rent(replace(request(), options=_again(earlier)))

    assert bought is NoRent.NO_NUMBERS
    assert (await reusing.summary())["purchases"] == 1


async def test_the_same_phone_is_not_bought_for_more_than_the_most(reusing: Simulated) -> None:
    earlier = await reusing.rented()
    await reusing.deliver(earlier.ref, "482913")
    wanted = replace(request(max_cost_minor=PRICE_MINOR - 1), options=_again(earlier))

    assert await reusing.provider.rent(wanted) in {NoRent.PRICE_ABOVE_MAX, NoRent.NO_NUMBERS}
    assert (await reusing.summary())["purchases"] == 1


def _again(earlier: Rented) -> RentOptions:
    reused = ReusedNumber(earlier.ref, earlier.phone)
    return RentOptions(reuse=ActivationId(UUID(int=1)), reused=reused)


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
