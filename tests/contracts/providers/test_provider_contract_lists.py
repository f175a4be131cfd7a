"""Lists of active numbers, of every adapter that has one."""

import pytest

from tests.contracts.providers.simulated import UNREADABLE, Simulated, request
from worker.ports.errors import ProviderError, ProviderUnavailable
from worker.ports.provider import ActiveRow


async def test_the_list_names_every_live_number_with_its_code(listing: Simulated) -> None:
    size = listing.provider.capabilities.list_page_size
    assert size is not None
    order = {"count": 2 * size + 7, "service": "timeout"}
    rented = await listing.control("POST", "rent", order)
    refs = [each["id"] for each in rented["numbers"]]
    await listing.deliver(refs[3], "482913")

    rows: list[ActiveRow] = []
    page = 0
    while True:
        listed = await listing.provider.list_active(page)
        rows += listed.rows
        page += 1
        if listed.last:
            break
        assert page < 10

    codes = {row.ref: [sms.code for sms in row.sms] for row in rows}
    assert codes == {ref: ["482913"] if ref == refs[3] else [] for ref in refs}


async def test_an_empty_list_is_empty(listing: Simulated) -> None:

    page = await listing.provider.list_active(0)

    assert (list(page.rows), page.last) == ([], True)


@pytest.mark.parametrize(("fault", "timeout_s"), UNREADABLE)
async def test_a_list_that_cannot_be_read_is_an_error_and_never_empty(
    listing: Simulated, fault: str
) -> None:
    await listing.rented()
    await listing.fault(fault)

    with pytest.raises(ProviderError):
        await listing.provider.list_active(0)


async def test_a_purchase_whose_reply_is_lost_can_be_found_in_the_list(listing: Simulated) -> None:
    await listing.fault("reply-lost", operations=["rent"])
    with pytest.raises(ProviderUnavailable):
        await listing.provider.rent(request())

    (row,) = (await listing.provider.list_active(0)).rows

    assert (await listing.books(row.ref))["status"]
    assert row.phone
