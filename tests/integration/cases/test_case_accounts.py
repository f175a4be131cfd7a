"""Account events: deletion waits for money under way, a freeze keeps the balance, a block bars."""

from datetime import timedelta

from tests.integration.cases.office import MONDAY, PRICE, Office, reason
from tests.integration.store.shop import ALICE, WINDOW
from worker.domain.activation import State
from worker.lifecycle.cases.service import Occurrence
from worker.ports.store.books import TopUpOutcome
from worker.ports.store.case_view import CaseState
from worker.ports.store.cases import CaseOpened


async def account_state(office: Office) -> str:
    found = await office.store.books.account(ALICE)
    assert found is not None
    return found.state


async def test_a_deleted_account_loses_its_balance_and_takes_no_money(office: Office) -> None:
    await office.open(amount_minor=1000)

    case = await office.account_event("delete_requested")

    assert (case.state, reason(case)) == (CaseState.DONE, "deleted_by_customer")
    assert await account_state(office) == "deleted"
    assert await office.money() == (0, 0)
    how, _ = await office.store.books.top_up(ALICE, "again", 5)
    assert how is TopUpOutcome.UNKNOWN_ACCOUNT


async def test_deletion_waits_for_an_open_withdrawal_and_goes_on_when_it_ends(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    withdrawal = await office.withdraw("P3", amount_minor=600)
    case = await office.account_event("delete_requested")
    assert (case.state, reason(case)) == (CaseState.WAITING, "withdrawal_open")
    assert await account_state(office) == "blocked", "it rents nothing meanwhile"

    await office.verdict(withdrawal, grant=True)
    await office.paid(withdrawal)

    assert await office.state(case.id) is CaseState.DONE
    assert await account_state(office) == "deleted"
    void = await office.rows("SELECT amount_minor FROM transfer WHERE key LIKE 'void:%'")
    assert void == [(400,)]


async def test_a_withdrawal_told_again_does_not_put_off_a_deletion_that_waits_for_another(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    await office.withdraw("P3")
    denied = await office.withdraw("P2", "w2", amount_minor=100)
    deletion = await office.account_event("delete_requested")
    assert (denied.state, reason(deletion)) == (CaseState.DENIED, "withdrawal_open")
    office.at(MONDAY + timedelta(minutes=5))

    await office.withdraw("P2", "w2", amount_minor=100)

    assert await office.case(deletion.id) == deletion


async def test_deletion_waits_for_an_order_that_runs_so_that_its_credit_is_not_stranded(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.rent("P3")
    case = await office.account_event("delete_requested")
    assert case.state is CaseState.WAITING

    await office.end(id_, State.REFUNDED)
    await office.ring(MONDAY + WINDOW + timedelta(hours=1))

    assert await office.state(case.id) is CaseState.DONE
    assert await office.money() == (0, 0)
    assert await office.one("SELECT amount_minor FROM transfer WHERE key LIKE 'void:%'") == 1000


async def test_a_freeze_keeps_the_balance_and_bars_the_way_out(office: Office) -> None:
    await office.open(amount_minor=1000)

    await office.account_event("law_enforcement_block")
    withdrawal = await office.withdraw("P3")

    assert await account_state(office) == "frozen"
    assert await office.money() == (1000, 0)
    assert (withdrawal.state, reason(withdrawal)) == (CaseState.DENIED, "account_frozen")


async def test_an_account_blocked_for_its_rules_keeps_its_balance_and_gets_its_credits(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.rent("P3")
    await office.account_event("rules_block")

    await office.end(id_, State.REFUNDED)
    withdrawal = await office.withdraw("P3")

    assert await account_state(office) == "blocked"
    assert reason(withdrawal) == "account_blocked_rules"
    assert await office.money() == (1000, 0)


async def test_where_the_policy_is_silent_a_human_says_whether_it_takes_effect(
    office: Office,
) -> None:
    await office.open(amount_minor=PRICE)
    case = await office.account_event("delete_requested", "P0")
    assert (case.state, reason(case)) == (CaseState.IN_REVIEW, "policy_silent")

    done = await office.verdict(case, grant=True)

    assert done.case is not None
    assert done.case.state is CaseState.DONE
    assert await account_state(office) == "deleted"
    assert await office.money() == (0, 0)


async def test_a_deletion_that_a_human_granted_takes_effect_when_the_last_order_has_ended(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.rent("P1")
    case = await office.account_event("delete_requested", "P1")
    await office.verdict(case, grant=True)
    assert await office.state(case.id) is CaseState.WAITING

    await office.ring(MONDAY + timedelta(minutes=11))
    assert await office.state(case.id) is CaseState.WAITING, "nobody is asked again meanwhile"
    await office.end(id_, State.REFUNDED)
    await office.ring(MONDAY + WINDOW + timedelta(hours=1))

    assert await office.state(case.id) is CaseState.DONE
    assert (await office.case(case.id)).decisions[-1].by == "verdict"
    assert await account_state(office) == "deleted"
    assert await office.one("SELECT amount_minor FROM transfer WHERE key LIKE 'void:%'") == 1000
    assert await office.told(case.id) == ["account.in_review", "account.waiting", "account.done"]


async def test_the_same_event_again_is_the_same_case(office: Office) -> None:
    await office.open()

    first = await office.account_event("rules_block")

    assert await office.account_event("rules_block") == first
    assert await office.told(first.id) == ["account.done"]


async def test_an_event_that_happens_again_is_a_case_of_its_own(office: Office) -> None:
    await office.open(amount_minor=1000)

    once = await office.account_event("rules_block", reference="ticket-7")
    again = await office.account_event("rules_block", reference="ticket-7")
    later = await office.account_event("rules_block", reference="ticket-9")
    dated = await office.account_event("rules_block", at=MONDAY)
    as_dated = await office.account_event("rules_block", at=MONDAY)
    other = await office.account_event("law_enforcement_block", reference="ticket-7")

    assert once == again
    assert dated == as_dated
    assert len({once.id, later.id, dated.id, other.id}) == 4
    assert once.evidence[0].content == {"reference": "ticket-7"}
    assert await office.told(later.id) == ["account.done"]
    assert await account_state(office) == "frozen"


async def test_an_event_told_with_another_date_is_not_the_same(office: Office) -> None:
    await office.open()
    await office.account_event("rules_block", reference="ticket-7", at=MONDAY)

    other = await office.desk.account_event(
        ALICE, Occurrence("rules_block", "ticket-7", MONDAY + WINDOW), "P3"
    )

    assert other is not None
    assert other.how is CaseOpened.OTHER_CONTENT


async def test_a_block_that_a_human_refuses_opens_the_account_again(office: Office) -> None:
    await office.open()
    case = await office.account_event("rules_block", "P0")
    assert (case.state, await account_state(office)) == (CaseState.IN_REVIEW, "blocked")

    await office.verdict(case, grant=False)

    assert await office.state(case.id) is CaseState.DENIED
    assert await account_state(office) == "open"


async def test_a_refused_block_leaves_the_one_before_it_as_it_is(office: Office) -> None:
    await office.open()
    await office.account_event("rules_block", "P3")
    case = await office.account_event("rules_block", "P0", reference="2")

    await office.verdict(case, grant=False)

    assert await account_state(office) == "blocked"
