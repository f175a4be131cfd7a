"""Claims whose money leaves the platform: promised once, and moved when somebody paid it out."""

from tests.integration.cases.office import DAY, MONDAY, Office, reason
from tests.integration.store.shop import TICK
from worker.domain.activation import State
from worker.ports.store.case_view import Case, CaseState, Rejected


async def approved(office: Office, policy: str = "P4") -> Case:
    await office.open(amount_minor=1000)
    facts = {"destination": "wallet"} if policy == "P4" else {"payment_method": "card"}
    return await office.claim(await office.closed(policy), **facts)


async def test_nothing_moves_before_it_is_paid_and_then_it_moves_once(office: Office) -> None:
    case = await approved(office)
    assert case.state is CaseState.APPROVED
    assert await office.one("SELECT count(*) FROM transfer WHERE key LIKE 'claim:%'") == 0

    first = await office.paid(case)
    again = await office.paid(case)

    assert (first.refused, again.refused) == (None, None)
    assert first.case == again.case
    moved = await office.rows(
        "SELECT source, destination, amount_minor FROM transfer WHERE key LIKE 'claim:%'"
    )
    assert moved == [("house:revenue", "house:outside", 333)]
    assert await office.told(case.id) == ["claim.approved", "claim.paid"]


async def test_what_is_promised_is_not_promised_twice(office: Office) -> None:
    first = await approved(office)
    assert first.activation is not None

    again = await office.claim(first.activation)
    other = await office.claim(first.activation, "invalid_number", evidence=["photo"])

    assert reason(again) == reason(other) == "already_refunded"
    await office.paid(first)
    assert await office.one("SELECT count(*) FROM transfer WHERE key LIKE 'claim:%'") == 1


async def test_a_promise_stands_whatever_is_added_or_said_later(office: Office) -> None:
    case = await approved(office)

    added = await office.evidence(case, "photo")
    denied = await office.verdict(case, grant=False)

    assert added.case is not None
    assert added.case.state is CaseState.APPROVED
    assert added.case.evidence[-1].what == "evidence"
    assert denied.refused is Rejected.NOT_ASKED_FOR
    assert await office.state(case.id) is CaseState.APPROVED


async def test_what_was_credited_to_the_balance_is_not_paid_out_as_well(office: Office) -> None:
    await office.open(amount_minor=1000)
    granted = await office.claim(await office.closed("P1"))
    waiting = await office.claim(await office.rent("P1", "2"))

    assert (await office.paid(granted)).refused is Rejected.CLOSED
    assert (await office.paid(waiting)).refused is Rejected.NOT_ASKED_FOR
    assert await office.one("SELECT count(*) FROM transfer WHERE key LIKE 'claim:%'") == 1


async def test_the_shop_is_late_where_it_promised_and_did_not_pay(office: Office) -> None:
    case = await approved(office, "P1")
    assert case.decisions[-1].destination == "original_method"
    assert await office.due(case.id) == {"honour": MONDAY + 14 * DAY}

    await office.ring(MONDAY + 14 * DAY + TICK)

    assert await office.told(case.id) == ["claim.approved", "claim.overdue"]
    done = await office.paid(case)
    assert done.case is not None
    assert (done.case.state, done.case.moved_minor) == (CaseState.PAID, 350)


async def test_more_time_to_pay_is_recorded_with_its_reason(office: Office) -> None:
    case = await approved(office)
    until = {"extension_until": (MONDAY + 20 * DAY).isoformat(), "extension_beyond_control": True}

    done = await office.desk.extend(case.id, case.kind, until)

    assert done.case is not None
    assert (done.case.state, done.case.evidence[-1].what) == (CaseState.APPROVED, "extension")


async def test_silence_does_not_finalise_what_is_promised(office: Office) -> None:
    case = await approved(office)
    assert case.activation is not None
    await office.seed(10, MONDAY + DAY)

    await office.ring(MONDAY + 8 * DAY)

    decided = await office.rows("SELECT outcome FROM decision WHERE subject = $1", case.activation)
    assert ("finalised",) not in decided
    found = await office.store.activations.activation(case.activation)
    assert found is not None
    assert found.state is State.CLOSED


async def test_a_claim_that_is_not_paid_out_in_time_is_late_from_its_promise_on(
    office: Office,
) -> None:
    office.change_policy("P4", {"refund_days": 14})
    await office.open(amount_minor=1000)
    id_ = await office.closed("P4")
    case = await office.claim(id_, destination="wallet", claim_at=MONDAY.isoformat())
    due = case.decisions[-1].at + 14 * DAY
    assert await office.due(case.id) == {"refund_payment": due}

    await office.ring(due + TICK)

    assert await office.told(case.id) == ["claim.approved", "claim.overdue"]
    assert await office.late_since(case) == case.decisions[-1].at != MONDAY


async def test_nobody_gets_more_time_for_what_is_not_promised(office: Office) -> None:
    await office.open(amount_minor=1000)
    waiting = await office.claim(await office.rent("P1"))
    before = await office.everything()

    asked = await office.desk.extend(
        waiting.id, waiting.kind, {"extension_until": (MONDAY + DAY).isoformat()}
    )

    assert asked.refused is Rejected.NOT_ASKED_FOR
    assert await office.everything() == before
