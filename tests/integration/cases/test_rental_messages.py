"""SMS to long rentals: what the database keeps of them."""

from tests.integration.cases.case_shop import CaseShop
from worker.ports.provider import Sms


async def test_an_sms_with_nul_holds_up_no_other(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000, policy="P2")
    rental = await shop.book_rental()
    sms = [Sms("1\x002", "a\x00b", None), Sms("77", "ok", None)]

    await shop.store.cases.keep_messages(rental.id, sms)
    await shop.store.cases.keep_messages(rental.id, sms)

    kept = await shop.store.cases.messages(rental.id)
    assert sorted((each.code, each.text) for each in kept) == [("12", "ab"), ("77", "ok")]
