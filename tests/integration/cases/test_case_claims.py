"""Claims: decided by the policy of the purchase, paid once, only what the order still has."""

from uuid import UUID

import pytest

from tests.integration.cases.office import DAY, MONDAY, PRICE, Office, reason
from tests.integration.store.shop import TICK, WINDOW
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.domain.policy import FactError
from worker.domain.transfer import Charge
from worker.ports.store.case_view import CaseState, Rejected
from worker.ports.store.cases import CaseOpened


async def test_a_closed_number_without_a_code_is_credited_on_its_claim(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.closed("P1")

    case = await office.claim(id_)

    assert (case.state, reason(case)) == (CaseState.GRANTED, "no_sms_on_record")
    assert "P1.05" in case.decisions[-1].clauses
    assert await office.money() == (1000, 0)
    assert await office.told(case.id) == ["claim.granted"]
    settlement = await office.rows("SELECT outcome, amount_minor FROM settlement")
    assert settlement == [("closed", PRICE)], "the settlement is never rewritten"


async def test_the_same_claim_again_is_the_same_and_pays_once(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.closed("P1")
    first = await office.desk.open_claim(id_, {"claim_kind": "non_receiving"})

    again = await office.desk.open_claim(id_, {"claim_kind": "non_receiving"})
    other = await office.desk.open_claim(
        id_, {"claim_kind": "non_receiving", "reasons_given": False}
    )

    assert (first.how, again.how, other.how) == (
        CaseOpened.NEW,
        CaseOpened.SAME,
        CaseOpened.OTHER_CONTENT,
    )
    assert first.case == again.case == other.case
    assert await office.money() == (1000, 0)


async def test_a_claim_about_a_refunded_number_is_denied(office: Office) -> None:
    await office.open()
    id_ = await office.rent("P0")
    await office.end(id_, State.REFUNDED)

    case = await office.claim(id_)

    assert (case.state, reason(case)) == (CaseState.DENIED, "already_refunded")
    assert await office.money() == (100_000, 0)


async def test_a_claim_waits_for_the_ending_of_its_order_and_then_does_not_pay_twice(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.rent("P0")
    office.at(MONDAY + WINDOW + TICK)

    case = await office.claim(id_)

    assert (case.state, reason(case)) == (CaseState.WAITING, "sms_window_open")
    assert await office.money() == (650, PRICE)
    await office.end(id_, State.REFUNDED)
    await office.ring(MONDAY + DAY)
    assert (await office.state(case.id)) is CaseState.DENIED
    assert reason(await office.case(case.id)) == "already_refunded"
    assert await office.money() == (1000, 0)


async def test_a_second_claim_finds_nothing_left(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.closed("P1")
    await office.claim(id_)

    second = await office.claim(id_, "invalid_number", evidence=["photo"])

    assert (second.state, reason(second)) == (CaseState.DENIED, "already_refunded")
    assert await office.money() == (1000, 0)


async def test_money_that_is_not_with_us_goes_back_where_it_came_from(office: Office) -> None:
    await office.open(amount_minor=0)
    id_ = await office.closed("P1", charge=Charge.EXTERNAL)

    case = await office.claim(id_)

    assert case.state is CaseState.GRANTED
    assert await office.money() == (0, 0)
    moved = await office.rows("SELECT source, destination FROM transfer WHERE key LIKE 'claim:%'")
    assert moved == [("house:revenue", "house:outside")]


async def test_a_payout_leaves_the_platform_less_its_fee(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.closed("P4")

    case = await office.claim(id_, destination="wallet")

    last = case.decisions[-1]
    assert (last.outcome, last.amount_minor, last.fee_minor) == ("payout", 333, 17)
    assert (case.state, case.moved_minor) == (CaseState.APPROVED, 0)
    done = await office.paid(case)
    assert done.case is not None
    assert (done.case.state, done.case.moved_minor) == (CaseState.PAID, 333)
    assert await office.money() == (650, 0)


async def test_a_verdict_is_given_once_and_the_next_one_is_told_so(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.delivered("P1")
    case = await office.claim(id_, "invalid_number", evidence=["photo"])
    assert case.state is CaseState.IN_REVIEW

    granted = await office.verdict(case, grant=True)
    again = await office.verdict(case, grant=True)
    before = await office.everything()
    other = await office.verdict(case, grant=False)

    assert granted.case == again.case
    assert (granted.refused, again.refused) == (None, None)
    assert other.refused is Rejected.OTHER_CONTENT
    assert other.case == granted.case
    assert await office.everything() == before, "a refusal leaves every row as it is"
    assert await office.money() == (1000, 0)
    assert await office.told(case.id) == ["claim.in_review", "claim.granted"]


async def test_a_denied_claim_pays_nothing(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.claim(
        await office.delivered("P1"), "invalid_number", evidence=["screenshot"]
    )

    done = await office.verdict(case, grant=False)

    assert done.case is not None
    assert (done.case.state, reason(done.case)) == (CaseState.DENIED, "claim_rejected")
    assert await office.money() == (650, 0)


async def test_where_the_policy_has_no_sum_the_human_names_one_within_the_price(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    case = await office.claim(await office.delivered("P1"), "carrier_fault")
    assert (case.state, reason(case)) == (CaseState.IN_REVIEW, "unlisted_reason")

    unnamed = await office.verdict(case, grant=True)
    too_much = await office.verdict(case, grant=True, amount_minor=PRICE + 1)
    granted = await office.verdict(case, grant=True, amount_minor=100)

    assert (unnamed.refused, too_much.refused) == (Rejected.WRONG_SUM, Rejected.WRONG_SUM)
    assert granted.case is not None
    assert granted.case.decisions[-1].by == "verdict"
    assert await office.money() == (750, 0)


async def test_a_sum_that_the_policy_sets_is_not_the_humans_to_change(office: Office) -> None:
    await office.open(amount_minor=1000)
    case = await office.claim(await office.delivered("P1"), "invalid_number", evidence=["photo"])

    changed = await office.verdict(case, grant=True, amount_minor=PRICE - 1)

    assert changed.refused is Rejected.WRONG_SUM
    assert await office.state(case.id) is CaseState.IN_REVIEW


async def test_what_was_missing_can_be_added_until_the_window_closes(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.delivered("P1")
    case = await office.claim(id_, "invalid_number")
    assert (case.state, reason(case)) == (CaseState.NEEDS_EVIDENCE, "evidence_missing")
    office.at(MONDAY + 7 * DAY)

    added = await office.evidence(case, "photo")

    assert added.case is not None
    assert added.case.state is CaseState.IN_REVIEW
    assert [one.what for one in added.case.evidence] == ["evidence"]


async def test_what_comes_after_the_date_does_not_undo_it_even_if_nobody_was_there(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.closed("P1")
    case = await office.claim(id_, reasons_given=False)
    office.at(MONDAY + 7 * DAY + TICK)  # No tick has run since the window closed.

    late = await office.evidence(case, reasons_given=True)

    assert late.refused is Rejected.CLOSED
    assert late.case is not None
    assert (late.case.state, reason(late.case)) == (CaseState.DENIED, "reasons_missing")
    assert await office.money() == (650, 0)


async def test_a_defect_repaired_in_time_is_resolved(office: Office) -> None:
    await office.open()
    case = await office.claim(await office.delivered("P1"), "major_defect")
    assert (case.state, reason(case)) == (CaseState.WAITING, "rectification_running")

    await office.say(case, rectified_at=None)

    assert await office.state(case.id) is CaseState.RESOLVED


async def test_a_customer_who_wishes_a_replacement_of_like_value_gets_one(office: Office) -> None:
    await office.open()
    case = await office.claim(await office.delivered("P1"), "major_defect")
    await office.verdict(case, grant=True)
    await office.choose(case, "replacement", PRICE + 35)

    await office.ring(MONDAY + 4 * DAY)

    assert await office.state(case.id) is CaseState.REPLACED
    assert await office.money() == (100_000 - PRICE, 0)


async def test_an_order_keeps_the_policy_of_its_purchase(office: Office) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.closed("P1")
    old = office.policies["P1"]
    office.change_policy("P1", {"general_window_days": 1, "window_days": {}})
    office.at(MONDAY + 6 * DAY)

    case = await office.claim(id_)

    assert case.policy_version == old.version != office.policies["P1"].version
    assert case.state is CaseState.GRANTED, "within the seven days of its purchase"


async def test_an_order_of_a_version_nobody_kept_goes_to_a_human(office: Office) -> None:
    await office.open()
    id_ = await office.closed("P1", policy_version="lost")

    case = await office.claim(id_)

    assert (case.state, reason(case)) == (CaseState.IN_REVIEW, "policy_version")


async def test_a_claim_about_nothing_we_know_opens_nothing(office: Office) -> None:
    await office.open()
    unknown = await office.desk.open_claim(ActivationId(UUID(int=1)), {"claim_kind": "other"})

    assert unknown.how is CaseOpened.UNKNOWN_SUBJECT
    assert await office.one("SELECT count(*) FROM case_") == 0


async def test_facts_that_cannot_be_decided_from_are_refused_before_anything_is_stored(
    office: Office,
) -> None:
    await office.open()
    id_ = await office.closed("P1")

    with pytest.raises(FactError):
        await office.claim(id_, kyc="perhaps")
    assert await office.one("SELECT count(*) FROM case_") == 0


async def test_no_word_is_asked_for_while_the_customer_has_something_to_add(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    case = await office.claim(await office.delivered("P1"), "invalid_number")
    assert case.state is CaseState.NEEDS_EVIDENCE
    before = await office.everything()

    granted = await office.verdict(case, grant=True)

    assert granted.refused is Rejected.NOT_ASKED_FOR
    assert await office.everything() == before


async def test_what_the_policy_leaves_to_a_human_waits_for_the_end_of_the_order(
    office: Office,
) -> None:
    await office.open(amount_minor=1000)
    id_ = await office.rent("P2")
    await office.code()
    case = await office.claim(id_, "wrong_code")
    assert (case.state, reason(case)) == (CaseState.IN_REVIEW, "unlisted_reason")

    early = await office.verdict(case, grant=True, amount_minor=100)
    assert early.refused is Rejected.NOT_ASKED_FOR
    await office.end(id_, State.DELIVERED)
    done = await office.verdict(case, grant=False)

    assert done.case is not None
    last = done.case.decisions[-1]
    assert (done.case.state, last.reason, last.by) == (
        CaseState.DENIED,
        "claim_rejected",
        "verdict",
    )
    assert await office.money() == (1000 - PRICE, 0)
