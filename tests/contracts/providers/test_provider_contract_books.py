"""What the simulated provider of each family books of its calls, and when it told a code."""

from datetime import datetime

from tests.contracts.providers.simulated import Simulated


async def test_a_code_counts_as_told_from_the_first_look_that_held_it(it: Simulated) -> None:
    rented = await it.rented()
    await it.deliver(rented.ref, "482913")
    untold = await it.books(rented.ref)
    it.pass_time(30)
    await it.provider.look(rented.ref)
    told = await it.books(rented.ref)
    it.pass_time(30)
    await it.provider.look(rented.ref)

    assert untold["sms"][0]["told_at"] is None
    assert _seconds(told["sms"][0]) == 30
    assert (await it.books(rented.ref))["sms"] == told["sms"]


async def test_a_code_counts_as_told_from_the_first_list_that_held_it(listing: Simulated) -> None:
    rented = await listing.rented()
    await listing.deliver(rented.ref, "482913")
    await listing.provider.list_active(0)

    assert _seconds((await listing.books(rented.ref))["sms"][0]) == 0


async def test_calls_are_counted_by_what_they_asked_for(it: Simulated) -> None:
    rented = await it.rented()
    before = (await it.books(rented.ref))["calls"]  # Some read a number after they bought it.
    for _ in range(3):
        await it.provider.look(rented.ref)

    booked = await it.books(rented.ref)

    assert before == (it.family == "textverified")
    assert booked["operations"] == {"look": 3 + before}
    assert booked["calls"] == 3 + before


def _seconds(sms: dict[str, str]) -> float:
    """From its arrival until it was told."""
    told, came = (datetime.fromisoformat(sms[each]) for each in ("told_at", "at"))
    return (told - came).total_seconds()
