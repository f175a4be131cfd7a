"""What the provider's own history says was given back is an exposure no longer."""

from datetime import timedelta

import pytest

from tests.integration.reconcile.business import COST, Business
from tests.integration.store.shop import SIM
from worker.domain.ids import ActivationId, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle import reconcile as reconciling
from worker.ports.provider import PastNumber
from worker.ports.store.activations import SeenSms
from worker.simulator.numbers import Status
from worker.simulator.server import utc_now


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was rented this second is told and believed: spans are told in whole seconds."""
    monkeypatch.setattr(reconciling, "LAGS", timedelta(seconds=-2))


async def late_code(at_work: Business) -> tuple[ActivationId, ProviderRef]:
    """Given back, refunded, and then its code was seen after all: an hour ago."""
    id_, ref = await at_work.rent()
    await at_work.give_back(id_, ref)
    await at_work.shop.store.activations.record_codes([SeenSms(SIM, ref, "1234", None)])
    assert await at_work.exposure() == [(COST, "open")]
    await at_work.time_passes()
    return id_, ref


async def rented_long_ago(at_work: Business, ref: ProviderRef) -> None:
    at = utc_now() - timedelta(days=9)
    at_work.number(ref).created_at = at
    await at_work.shop.admin.execute(
        "UPDATE activation SET rented_at = $1, deadline_at = $1::timestamptz", at
    )


async def test_a_late_code_that_the_provider_gave_back_all_the_same_cost_nothing(
    at_work: Business,
) -> None:
    id_, _ = await late_code(at_work)

    await at_work.reconcile.history(at_work.provider)

    assert await at_work.exposure() == [(COST, "resolved")]
    assert await at_work.provider_state(id_) == "cancelled"
    assert await at_work.shop.rows("SELECT * FROM provider_dispute") == []
    assert at_work.reporter.of("trouble") == [], "nothing to tell anybody"
    last = (await at_work.shop.number(id_)).timeline[-1]
    assert (last.what, last.detail["says"]) == ("provider", "given_back")


async def test_told_again_it_changes_nothing(at_work: Business) -> None:
    id_, _ = await late_code(at_work)
    await at_work.reconcile.history(at_work.provider)
    await at_work.time_passes()
    before = await at_work.shop.number(id_)

    await at_work.reconcile.history(at_work.provider)

    assert await at_work.shop.number(id_) == before


async def test_a_late_code_that_was_charged_after_its_cancel_is_a_persons_to_claim(
    at_work: Business,
) -> None:
    id_, ref = await late_code(at_work)
    at_work.number(ref).status = Status.FINISHED

    await at_work.reconcile.history(at_work.provider)

    assert await at_work.exposure() == [(COST, "open")]
    assert await at_work.provider_state(id_) == "disputed"


async def test_of_an_old_late_code_the_history_is_read_where_it_was_rented(
    at_work: Business,
) -> None:
    _, ref = await late_code(at_work)
    await rented_long_ago(at_work, ref)

    await at_work.reconcile.history(at_work.provider)

    assert await at_work.exposure() == [(COST, "resolved")]


async def test_of_an_old_number_that_is_pursued_nothing_is_read(at_work: Business) -> None:
    _, ref = await late_code(at_work)
    await rented_long_ago(at_work, ref)
    await at_work.shop.admin.execute(
        "UPDATE activation SET provider_state = 'cancelling', pursue_at = now()"
    )

    read = await at_work.shop.store.purchases.disputed_since(
        SIM, reconciling.OLDEST, reconciling.FRESH
    )

    assert read == [], "its next read of the status says more"


async def test_a_charge_that_was_given_back_later_is_disputed_and_stays_so(
    at_work: Business,
) -> None:
    """No to and fro between what each of them said first."""
    id_, ref = await late_code(at_work)
    at_work.number(ref).status = Status.FINISHED
    await at_work.shop.admin.execute("UPDATE activation SET provider_state = 'charged'")
    await at_work.shop.admin.execute("UPDATE exposure SET state = 'loss', ended_at = now()")
    back = PastNumber(ref=ref, fate=PriceFate.GIVEN_BACK)

    for _ in range(2):
        await at_work.shop.store.purchases.compare_history(
            SIM, [back], ended_for=timedelta(seconds=-2)
        )

    assert await at_work.provider_state(id_) == "disputed"
    assert await at_work.exposure() == [(COST, "loss")]
