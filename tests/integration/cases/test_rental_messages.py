"""SMS to long rentals: what the database keeps of them."""

from datetime import timedelta

from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop
from worker.ports.provider import Sms


async def test_an_sms_with_nul_holds_up_no_other(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000, policy="P2")
    rental = await shop.book_rental()
    sms = [Sms("1\x002", "a\x00b", None), Sms("77", "ok", None)]

    await shop.store.cases.keep_messages(rental.id, sms)
    await shop.store.cases.keep_messages(rental.id, sms)

    kept = await shop.store.cases.messages(rental.id)
    assert sorted((each.code, each.text) for each in kept) == [("12", "ab"), ("77", "ok")]


async def test_an_sms_without_a_code_of_its_own_is_forgotten_whole(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000, policy="P2")
    rental = await shop.book_rental()
    words = "Dear Alice, \x00" * 150
    sms = [Sms(words, words, None), Sms("77", "Code 77", None)]
    await shop.store.cases.keep_messages(rental.id, sms, now=MONDAY)

    later = MONDAY + 2 * DAY
    assert await shop.store.activations.forget_texts(timedelta(days=1), 10, now=later) == 2
    await shop.store.cases.keep_messages(rental.id, sms, now=later)

    kept = await shop.store.cases.messages(rental.id)
    assert sorted((each.code, each.text) for each in kept) == [("", None), ("77", None)]
