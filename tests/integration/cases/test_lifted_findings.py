"""What stands against an account ends by a named human's word, and is found anew by another."""

from tests.integration.cases.case_shop import CaseShop, last_reason
from tests.integration.cases.test_barred_since_approval import WITHDRAWAL, account_state, approved
from tests.integration.store.shop import ALICE, TICK
from worker.lifecycle.cases.case_steps import Verdict
from worker.ports.store.books import TopUpOutcome
from worker.ports.store.case_view import Case, CaseKind, CaseState, Rejected
from worker.ports.store.cases import CaseChange


async def violated(shop: CaseShop) -> list[str]:
    return [found.invariant for found in await shop.store.books.audit() if found.violations]


async def verdict(shop: CaseShop, case: Case, *, grant: bool, note: str) -> CaseChange:
    given = Verdict(grant=grant, findings={}, note=note)
    return await shop.service.verdict(case.id, CaseKind.ACCOUNT, given)


async def test_an_account_that_a_chargeback_froze_is_opened_by_a_verdict_that_it_does_not_stand(
    shop: CaseShop,
) -> None:
    shop.change_policy("P3", {"balance.chargeback": "freeze"})
    withdrawal = await approved(shop)
    charged = await shop.report_account_event("chargeback", reference="c-1")
    assert (charged.state, await account_state(shop)) == (CaseState.DONE, "frozen")
    stands = await verdict(shop, charged, grant=True, note="lost")
    assert stands.rejected is Rejected.CLOSED

    lifted = await verdict(shop, charged, grant=False, note="the bank decided for us")
    again = await verdict(shop, charged, grant=False, note="the bank decided for us")

    assert (lifted.rejected, again.rejected) == (None, None)
    case = await shop.case(charged.id)
    assert (case.state, last_reason(case)) == (CaseState.DENIED, "claim_rejected")
    assert [entry.content.get("note") for entry in case.evidence if entry.what == "verdict"] == [
        "the bank decided for us"
    ]
    assert (await shop.event_types(charged.id))[-1] == "account.denied"
    assert await account_state(shop) == "open"
    assert (await shop.top_up("again", 5, shop.clock.now))[0] is TopUpOutcome.NEW
    assert (await shop.mark_paid(withdrawal)).rejected is None
    assert (await shop.report_account_event("chargeback", reference="c-2")).id != charged.id
    assert await account_state(shop) == "frozen"
    assert await violated(shop) == []


async def test_a_chargeback_that_is_lifted_leaves_every_other_block_in_place(
    shop: CaseShop,
) -> None:
    shop.change_policy("P3", {"balance.chargeback": "freeze"})
    await shop.open_account(amount_minor=1000, policy="P3")
    charged = await shop.report_account_event("chargeback", reference="c-1")
    await shop.report_account_event("law_enforcement_block", reference="l-1")

    await verdict(shop, charged, grant=False, note="won")

    assert await account_state(shop) == "frozen"


async def test_what_a_chargeback_made_void_is_not_lifted(shop: CaseShop) -> None:
    shop.change_policy("P3", {"balance.chargeback": "void"})
    await shop.open_account(amount_minor=1000, policy="P3")
    charged = await shop.report_account_event("chargeback", reference="c-1")

    assert (await verdict(shop, charged, grant=False, note="won")).rejected is Rejected.CLOSED
    assert await shop.balances() == (0, 0)


async def test_a_flag_is_taken_back_on_the_case_that_found_it_and_on_no_other(
    shop: CaseShop,
) -> None:
    withdrawal = await approved(shop)
    first, second = [
        await shop.open_withdrawal("P3", reference, amount_minor=100, **WITHDRAWAL)
        for reference in ("w2", "w3")
    ]
    await shop.give_verdict(first, grant=False, account_flags=["fraud_confirmed"])
    shop.clock.now += TICK
    await shop.give_verdict(second, grant=False, account_flags=["fraud_confirmed"])
    assert await shop.store.cases.account_flags(ALICE) == {"fraud_confirmed"}

    more = await shop.give_verdict(first, grant=False, account_flags=["complaint_provider"])
    yes = await shop.give_verdict(first, grant=True, account_flags=[])
    assert (more.rejected, yes.rejected) == (Rejected.OTHER_CONTENT, Rejected.OTHER_CONTENT)
    closed_at = (await shop.case(first.id)).closed_at
    shop.clock.now += TICK
    await shop.give_verdict(first, grant=False, account_flags=[])
    assert (await shop.case(first.id)).closed_at == closed_at
    assert (await shop.mark_paid(withdrawal)).rejected is Rejected.ACCOUNT_BLOCKED
    lifted = await shop.give_verdict(second, grant=False, account_flags=[])

    assert lifted.rejected is None
    assert await shop.state_of(second.id) is CaseState.DENIED
    assert await shop.store.cases.account_flags(ALICE) == set()
    ended = await shop.fetch_rows("SELECT count(*) FROM account_finding WHERE ended_at IS NULL")
    assert ended == [(0,)]
    assert (await shop.mark_paid(withdrawal)).rejected is None
    assert await violated(shop) == []


async def test_who_has_seen_a_finding_has_not_seen_the_one_that_came_after_its_end(
    shop: CaseShop,
) -> None:
    withdrawal = await approved(shop)
    first = await shop.open_withdrawal("P3", "w2", amount_minor=100, **WITHDRAWAL)
    second = await shop.open_withdrawal("P3", "w3", amount_minor=100, **WITHDRAWAL)
    await shop.give_verdict(first, grant=False, account_flags=["fraud_confirmed"])
    await shop.give_verdict(withdrawal, grant=True, freeze_seen=True)
    await shop.give_verdict(first, grant=False, account_flags=[])

    shop.clock.now += TICK
    await shop.give_verdict(second, grant=False, account_flags=["fraud_confirmed"])

    assert (await shop.mark_paid(withdrawal)).rejected is Rejected.ACCOUNT_BLOCKED


async def test_a_flag_that_was_taken_back_by_mistake_is_found_again(shop: CaseShop) -> None:
    """Whoever says the same again gets the same answer, and what nobody found is no finding."""
    withdrawal = await approved(shop)
    found = await shop.open_withdrawal("P3", "w2", amount_minor=100, **WITHDRAWAL)
    await shop.give_verdict(found, grant=False, account_flags=["fraud_confirmed"])
    said: list[list[str]] = [[], [], ["fraud_confirmed"], ["fraud_confirmed"]]
    flags = []
    for account_flags in said:
        shop.clock.now += TICK
        given = await shop.give_verdict(found, grant=False, account_flags=account_flags)
        flags.append((given.rejected, await shop.store.cases.account_flags(ALICE)))

    assert flags == [(None, frozenset(left)) for left in said]
    other = await shop.give_verdict(found, grant=False, account_flags=["complaint_provider"])
    assert other.rejected is Rejected.OTHER_CONTENT
    assert (await shop.mark_paid(withdrawal)).rejected is Rejected.ACCOUNT_BLOCKED
    assert await shop.fetch_value("SELECT count(*) FROM account_finding") == 2
