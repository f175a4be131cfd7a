"""Account events: deletions wait for open money, freezes keep the balance, blocks bar payouts."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.integration.cases.case_shop import MONDAY, PRICE, CaseShop, last_reason
from tests.integration.store.shop import ALICE, TICK, WINDOW
from worker.domain.account_state import flags_of
from worker.domain.activation import State
from worker.lifecycle.cases.account_events import RECHECK, AccountEventReport
from worker.lifecycle.cases.record_facts import OFFER
from worker.ports.store.books import TopUpOutcome
from worker.ports.store.case_view import Case, CaseState, Rejected
from worker.ports.store.cases import CaseOpenOutcome


async def account_state(shop: CaseShop) -> str:
    account = await shop.store.books.account(ALICE)
    assert account is not None
    return account.state


async def test_a_deleted_account_loses_its_balance_and_takes_no_money(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)

    case = await shop.report_account_event("delete_requested", "P2")
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "confirm_deletion")
    await shop.give_verdict(case, grant=True)

    assert await shop.state_of(case.id) is CaseState.DONE
    assert await account_state(shop) == "deleted"
    assert await shop.balances() == (0, 0)
    how, _ = await shop.store.books.top_up(ALICE, "again", 5)
    assert how is TopUpOutcome.UNKNOWN_ACCOUNT


async def test_deletion_waits_for_an_open_withdrawal_and_goes_on_when_it_ends(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    withdrawal = await shop.open_withdrawal("P3", amount_minor=600)
    case = await shop.report_account_event("delete_requested")
    assert (case.state, last_reason(case)) == (CaseState.WAITING, "withdrawal_open")
    assert await account_state(shop) == "closing", "no order and no top-up is taken meanwhile"

    await shop.give_verdict(withdrawal, grant=True)
    await shop.mark_paid(withdrawal)

    assert last_reason(await shop.case(case.id)) == "confirm_deletion"
    await shop.give_verdict(case, grant=True)
    assert await shop.state_of(case.id) is CaseState.DONE
    assert await account_state(shop) == "deleted"
    void = await shop.fetch_rows("SELECT amount_minor FROM transfer WHERE key LIKE 'void:%'")
    assert void == [(400,)]


async def offered(shop: CaseShop, minor: int) -> Case:
    """The deletion, which offers what is refundable."""
    case = await shop.case(await shop.fetch_value("SELECT id FROM case_ WHERE kind = 'account'"))
    assert (case.state, last_reason(case)) == (CaseState.WAITING, "withdrawal_offered")
    assert case.decisions[-1].amount_minor == minor
    return case


async def confirm(shop: CaseShop, deletion: Case, void_minor: int) -> None:
    asked = await shop.case(deletion.id)
    assert (asked.state, last_reason(asked)) == (CaseState.IN_REVIEW, "confirm_deletion")
    assert asked.decisions[-1].amount_minor == void_minor
    await shop.give_verdict(deletion, grant=True)
    assert await account_state(shop) == "deleted"
    void = await shop.fetch_rows("SELECT amount_minor FROM transfer WHERE key LIKE 'void:%'")
    assert (void, await shop.balances()) == ([(void_minor,)], (0, 0))


async def test_what_a_deletion_offers_is_void_after_two_weeks_and_a_confirmation(
    shop: CaseShop,
) -> None:
    shop.change_policy("P3", {"withdrawal.topup_max_age_days": 30})
    await shop.open_account(amount_minor=1000)
    await shop.report_account_event("delete_requested")
    case = await offered(shop, 1000)
    assert await account_state(shop) == "closing"
    assert await shop.balances() == (1000, 0), "an offer moves no money"
    how, _ = await shop.store.books.top_up(ALICE, "meanwhile", 5)
    assert how is TopUpOutcome.ACCOUNT_CLOSING

    await shop.fire_due_timers(MONDAY + OFFER)
    assert last_reason(await shop.case(case.id)) == "withdrawal_open", "until the offer ends"
    await shop.fire_due_timers(MONDAY + OFFER + timedelta(hours=1))

    await confirm(shop, case, 1000)


async def test_a_customer_takes_a_part_of_what_a_deletion_offers(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.report_account_event("delete_requested")
    case = await offered(shop, 1000)

    taken = await shop.open_withdrawal("P3", amount_minor=600, withdraw_reason="account_deletion")
    await shop.give_verdict(taken, grant=True)
    await shop.fire_due_timers(MONDAY + timedelta(hours=1))
    assert last_reason(await shop.case(case.id)) == "withdrawal_open"
    await shop.mark_paid(taken)

    await confirm(shop, case, 400)


async def test_a_customer_declines_what_a_deletion_offers(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.report_account_event("delete_requested")
    case = await offered(shop, 1000)

    taken = await shop.open_withdrawal("P3", withdraw_reason="account_deletion")
    await shop.service.take_back(taken.id)
    await shop.fire_due_timers(MONDAY + timedelta(hours=1))

    await confirm(shop, case, 1000)


async def test_what_a_withdrawal_of_before_left_is_offered_when_it_ends(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    before = await shop.open_withdrawal("P3", amount_minor=600)
    shop.set_time(MONDAY + timedelta(minutes=5))
    case = await shop.report_account_event("delete_requested")
    assert last_reason(case) == "withdrawal_open"

    await shop.give_verdict(before, grant=True)
    await shop.mark_paid(before)

    await offered(shop, 400)


async def test_a_deletion_offers_nothing_before_a_running_order_has_ended(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P3")
    case = await shop.report_account_event("delete_requested")
    assert (case.state, last_reason(case)) == (CaseState.WAITING, "open_order_pending")
    too_soon = await shop.give_verdict(case, grant=True)
    assert too_soon.rejected is Rejected.NOT_ASKED_FOR

    await shop.end_activation(id_, State.REFUNDED)
    await shop.fire_due_timers(MONDAY + WINDOW + timedelta(hours=1))

    await offered(shop, 1000)


async def test_a_repeated_withdrawal_does_not_delay_a_deletion_that_waits_for_another(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.open_withdrawal("P3")
    denied = await shop.open_withdrawal(
        "P3", "w2", amount_minor=100, withdraw_reason="changed_mind"
    )
    deletion = await shop.report_account_event("delete_requested")
    assert (denied.state, last_reason(deletion)) == (CaseState.DENIED, "withdrawal_open")
    shop.set_time(MONDAY + timedelta(minutes=5))

    await shop.open_withdrawal("P3", "w2", amount_minor=100, withdraw_reason="changed_mind")

    assert await shop.case(deletion.id) == deletion


async def test_deletion_waits_for_a_running_order_so_that_its_credit_is_voided_too(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P2")
    case = await shop.report_account_event("delete_requested", "P2")
    assert (case.state, last_reason(case)) == (CaseState.WAITING, "open_order_pending")

    await shop.end_activation(id_, State.REFUNDED)
    await shop.fire_due_timers(MONDAY + WINDOW + timedelta(hours=1))
    assert last_reason(await shop.case(case.id)) == "confirm_deletion"
    await shop.give_verdict(case, grant=True)

    assert await shop.state_of(case.id) is CaseState.DONE
    assert await shop.balances() == (0, 0)
    assert (
        await shop.fetch_value("SELECT amount_minor FROM transfer WHERE key LIKE 'void:%'") == 1000
    )


async def test_a_freeze_keeps_the_balance_and_bars_withdrawals(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)

    await shop.report_account_event("law_enforcement_block")
    withdrawal = await shop.open_withdrawal("P3")

    assert await account_state(shop) == "frozen"
    assert await shop.balances() == (1000, 0)
    assert (withdrawal.state, last_reason(withdrawal)) == (CaseState.DENIED, "account_frozen")


async def test_an_account_blocked_for_its_rules_keeps_its_balance_and_gets_its_credits(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P3")
    await shop.report_account_event("rules_block")

    await shop.end_activation(id_, State.REFUNDED)
    withdrawal = await shop.open_withdrawal("P3")

    assert await account_state(shop) == "blocked"
    assert last_reason(withdrawal) == "account_blocked_rules"
    assert await shop.balances() == (1000, 0)


async def test_where_the_policy_is_silent_a_human_decides_whether_a_deletion_takes_effect(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=PRICE)
    case = await shop.report_account_event("delete_requested", "P0")
    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, "policy_silent")

    change = await shop.give_verdict(case, grant=True)

    assert change.case is not None
    assert change.case.state is CaseState.DONE
    assert await account_state(shop) == "deleted"
    assert await shop.balances() == (0, 0)


async def test_a_deletion_that_a_human_granted_takes_effect_when_the_last_order_has_ended(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P1")
    case = await shop.report_account_event("delete_requested", "P1")
    await shop.give_verdict(case, grant=True)
    assert await shop.state_of(case.id) is CaseState.WAITING

    await shop.fire_due_timers(MONDAY + timedelta(minutes=11))
    assert await shop.state_of(case.id) is CaseState.WAITING, "no second verdict is asked for"
    await shop.end_activation(id_, State.REFUNDED)
    await shop.fire_due_timers(MONDAY + WINDOW + timedelta(hours=1))

    assert await shop.state_of(case.id) is CaseState.DONE
    assert (await shop.case(case.id)).decisions[-1].by == "verdict"
    assert await account_state(shop) == "deleted"
    assert (
        await shop.fetch_value("SELECT amount_minor FROM transfer WHERE key LIKE 'void:%'") == 1000
    )
    assert await shop.event_types(case.id) == [
        "account.in_review",
        "account.waiting",
        "account.done",
    ]


async def test_the_same_event_again_is_the_same_case(shop: CaseShop) -> None:
    await shop.open_account()

    first = await shop.report_account_event("rules_block")

    assert await shop.report_account_event("rules_block") == first
    assert await shop.event_types(first.id) == ["account.done"]


async def test_an_event_that_happens_again_is_a_case_of_its_own(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)

    first = await shop.report_account_event("rules_block", reference="ticket-7")
    again = await shop.report_account_event("rules_block", reference="ticket-7")
    later = await shop.report_account_event("rules_block", reference="ticket-9")
    dated = await shop.report_account_event("rules_block", at=MONDAY)
    dated_again = await shop.report_account_event("rules_block", at=MONDAY)
    other = await shop.report_account_event("law_enforcement_block", reference="ticket-7")

    assert first == again
    assert dated == dated_again
    assert len({first.id, later.id, dated.id, other.id}) == 4
    assert first.evidence[0].content == {"reference": "ticket-7"}
    assert await shop.event_types(later.id) == ["account.done"]
    assert await account_state(shop) == "frozen"


async def test_the_same_reference_with_another_date_is_other_content(shop: CaseShop) -> None:
    await shop.open_account()
    await shop.report_account_event("rules_block", reference="ticket-7", at=MONDAY)

    other = await shop.service.account_event(
        ALICE, AccountEventReport("rules_block", "ticket-7", MONDAY + WINDOW), "P3"
    )

    assert other is not None
    assert other.how is CaseOpenOutcome.OTHER_CONTENT


async def test_a_block_that_a_human_refuses_opens_the_account_again(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.report_account_event("rules_block", "P0")
    assert (case.state, await account_state(shop)) == (CaseState.IN_REVIEW, "blocked")

    await shop.give_verdict(case, grant=False)

    assert await shop.state_of(case.id) is CaseState.DENIED
    assert await account_state(shop) == "open"


async def test_a_refused_block_leaves_an_earlier_block_in_place(shop: CaseShop) -> None:
    await shop.open_account()
    granted = await shop.report_account_event("rules_block", "P0")
    await shop.give_verdict(granted, grant=True)
    case = await shop.report_account_event("rules_block", "P0", reference="2")

    await shop.give_verdict(case, grant=False)

    assert await account_state(shop) == "blocked"


async def test_a_refused_deletion_opens_the_account_again(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.report_account_event("delete_requested", "P0")
    assert (case.state, await account_state(shop)) == (CaseState.IN_REVIEW, "closing")

    await shop.give_verdict(case, grant=False)

    assert await account_state(shop) == "open"


async def test_a_deletion_that_older_code_wrote_as_a_block_opens_again_when_refused(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    case = await shop.report_account_event("delete_requested", "P0")
    await shop.admin.execute("UPDATE account SET state = 'blocked'")

    await shop.give_verdict(case, grant=False)

    assert await account_state(shop) == "open"


async def test_a_deletion_that_older_code_wrote_as_a_block_is_closing_when_looked_at_again(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.rent_number("P3")
    await shop.report_account_event("delete_requested")
    await shop.admin.execute("UPDATE account SET state = 'blocked'")

    await shop.fire_due_timers(MONDAY + RECHECK + TICK)

    assert await account_state(shop) == "closing"


async def test_a_state_that_only_newer_code_knows_is_left_to_it(shop: CaseShop) -> None:
    await shop.open_account()
    await shop.admin.execute("ALTER TABLE account DROP CONSTRAINT account_state_check")
    await shop.admin.execute("UPDATE account SET state = 'of_tomorrow'")

    await shop.report_account_event("law_enforcement_block")

    assert await account_state(shop) == "of_tomorrow"


async def test_a_refused_deletion_leaves_a_block_in_place(shop: CaseShop) -> None:
    await shop.open_account()
    await shop.report_account_event("rules_block", "P0")
    case = await shop.report_account_event("delete_requested", "P0")

    await shop.give_verdict(case, grant=False)

    assert await account_state(shop) == "blocked"


@pytest.mark.parametrize(
    ("event", "rejected"),
    [
        ("law_enforcement_block", Rejected.ACCOUNT_FROZEN),
        ("rules_block", Rejected.ACCOUNT_BLOCKED),
    ],
)
async def test_a_payout_approved_before_a_block_waits_for_a_human_who_has_seen_it(
    shop: CaseShop, event: str, rejected: Rejected
) -> None:
    await shop.open_account(amount_minor=1000)
    withdrawal = await shop.open_withdrawal("P3", amount_minor=600)
    await shop.give_verdict(withdrawal, grant=True)
    await shop.report_account_event(event)

    assert (await shop.mark_paid(withdrawal)).rejected is rejected
    assert await shop.balances() == (400, 600)
    await shop.give_verdict(withdrawal, grant=True, freeze_seen=True)
    paid = await shop.mark_paid(withdrawal)

    assert paid.rejected is None
    assert await shop.state_of(withdrawal.id) is CaseState.PAID
    assert await shop.balances() == (400, 0)


async def events_told(shop: CaseShop, *events: str) -> list[str]:
    """The account's state after each of these events."""
    states = []
    for event in events:
        await shop.report_account_event(event)
        states.append(await account_state(shop))
    return states


async def test_a_block_ends_when_it_is_lifted_and_may_come_back(shop: CaseShop) -> None:
    await shop.open_account()

    told = ("rules_block", "rules_block", "rules_unblock", "rules_unblock", "rules_block")

    assert await events_told(shop, *told) == ["blocked", "blocked", "open", "open", "blocked"]
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 3, "a repeat is no new event"


async def test_lifting_one_block_leaves_the_other_in_place(shop: CaseShop) -> None:
    await shop.open_account()

    told = ("rules_block", "law_enforcement_block", "rules_unblock", "law_enforcement_unblock")

    assert await events_told(shop, *told) == ["blocked", "frozen", "frozen", "open"]


async def test_a_block_is_lifted_once_per_reference(shop: CaseShop) -> None:
    await shop.open_account()
    await shop.report_account_event("rules_block")
    lifted = await shop.report_account_event("rules_unblock", reference="t-1")
    await shop.report_account_event("rules_block", reference="again")

    assert await shop.report_account_event("rules_unblock", reference="t-1") == lifted
    assert await account_state(shop) == "blocked"


async def test_money_may_leave_again_after_the_block_was_lifted(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    await events_told(shop, "law_enforcement_block", "law_enforcement_unblock")

    withdrawal = await shop.open_withdrawal("P3")

    assert last_reason(withdrawal) == "judge_request"


async def test_a_deletion_that_is_taken_back_leaves_the_account_and_its_money(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.open_withdrawal("P3", amount_minor=600)
    deletion = await shop.report_account_event("delete_requested")
    assert await account_state(shop) == "closing"

    await shop.report_account_event("delete_withdrawn")

    assert await account_state(shop) == "open"
    assert await shop.state_of(deletion.id) is CaseState.CANCELLED
    assert last_reason(await shop.case(deletion.id)) == "taken_back"
    again = await shop.report_account_event("delete_requested")
    assert again.id != deletion.id
    assert await account_state(shop) == "closing"


async def test_a_verdict_cannot_delete_what_its_customer_keeps(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    deletion = await shop.report_account_event("delete_requested", "P0")
    await shop.report_account_event("delete_withdrawn", "P0")

    change = await shop.give_verdict(deletion, grant=True)

    assert change.rejected is Rejected.CLOSED
    assert (await account_state(shop), await shop.balances()) == ("open", (1000, 0))


async def test_what_was_deleted_is_not_given_back(shop: CaseShop) -> None:
    await shop.open_account()

    deletion = await shop.report_account_event("delete_requested", "P2")
    await shop.give_verdict(deletion, grant=True)

    await shop.report_account_event("delete_withdrawn", "P2")

    assert await account_state(shop) == "deleted"


@pytest.mark.parametrize(
    ("changes", "reason"), [({}, "policy_silent"), ({"balance.chargeback": "review"}, "chargeback")]
)
async def test_a_charged_back_payment_is_judged_and_flags_the_account(
    shop: CaseShop, changes: Mapping[str, object], reason: str
) -> None:
    shop.change_policy("P3", changes)
    await shop.open_account(amount_minor=1000)
    case = await shop.report_account_event("chargeback", reference="c-1")

    assert (case.state, last_reason(case)) == (CaseState.IN_REVIEW, reason)
    assert await account_state(shop) == "open"
    assert flags_of(await shop.store.cases.account_events(ALICE)) == {"charged_back"}
    assert await shop.balances() == (1000, 0)

    await shop.give_verdict(case, grant=False)
    assert flags_of(await shop.store.cases.account_events(ALICE)) == set()
