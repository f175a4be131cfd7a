"""Reading back: lists in pages, live numbers, and what a provider's list did not name."""

from datetime import timedelta
from uuid import UUID

from tests.integration.store.shop import (
    ALICE,
    BOB,
    DEADLINE,
    NUMBER,
    RENTED,
    SIM,
    TICK,
    Shop,
    delivery,
    intake,
    sms,
)
from worker.domain.activation import State
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.ports.store.activations import Activation, ActivationSearch, LiveNumber

NOW = DEADLINE + TICK
OTHER = ProviderName("other")


async def mixed(shop: Shop) -> dict[str, ActivationId]:
    """Six numbers a second apart, one of each kind."""
    await shop.open(ALICE)
    await shop.open(BOB)
    second = timedelta(seconds=1)
    await shop.store.activations.accept(
        [
            intake("refunded", rented_at=RENTED - second),
            intake("received", rented_at=RENTED - 2 * second),
            intake("delivered", rented_at=RENTED - 3 * second),
            intake("waiting", rented_at=RENTED),
            intake("bobs", rented_at=RENTED - 4 * second, account=BOB, order_ref="A-1"),
            intake("others", rented_at=RENTED - 5 * second, provider=OTHER),
        ],
        now=RENTED,
    )
    found = {str(a.ref): a.id for a in await shop.store.activations.activations()}
    await shop.store.activations.press_cancel(found["refunded"], now=RENTED)
    await shop.expire(RENTED)
    await shop.refund(found["refunded"], RENTED, reason="cancel")
    await shop.code("received", "1", RENTED)
    await shop.code("delivered", "1", RENTED)
    await shop.store.activations.ask_finish(found["delivered"], now=RENTED)
    await shop.store.settlements.settle([delivery(found["delivered"])], now=RENTED)
    return found


def refs(found: list[Activation]) -> list[str]:
    return [str(one.ref) for one in found]


async def test_lists_are_newest_first(shop: Shop) -> None:
    await mixed(shop)

    assert refs(await shop.store.activations.activations()) == [
        "waiting",
        "refunded",
        "received",
        "delivered",
        "bobs",
        "others",
    ]


async def test_lists_are_filtered_by_each_and_all(shop: Shop) -> None:
    await mixed(shop)
    activations = shop.store.activations.activations

    assert refs(await activations(state=State.WAITING)) == ["waiting", "bobs", "others"]
    assert refs(await activations(provider=OTHER)) == ["others"]
    assert refs(await activations(account=BOB)) == ["bobs"]
    assert refs(await activations(search=ActivationSearch(order_ref="A-1"))) == ["bobs"]
    assert refs(await activations(state=State.WAITING, provider=SIM, account=ALICE)) == ["waiting"]
    assert refs(await activations(state=State.CLOSED)) == []


async def test_pages_have_no_gap_and_no_overlap(shop: Shop) -> None:
    await shop.open()
    await shop.rent_many(10)  # All of one instant: the id decides.
    whole = await shop.store.activations.activations()

    pages: list[Activation] = []
    before = None
    while page := await shop.store.activations.activations(before=before, limit=3):
        pages += page
        before = page[-1].rented_at, page[-1].id

    assert pages == whole


async def test_a_listed_number_has_its_codes_and_its_settlement(shop: Shop) -> None:
    await mixed(shop)

    by_ref = {one.ref: one for one in await shop.store.activations.activations()}

    delivered = by_ref[ProviderRef("delivered")]
    assert [code.code for code in delivered.codes] == ["1"]
    assert delivered.settlement is not None
    assert delivered.settlement.outcome is State.DELIVERED
    assert by_ref[ProviderRef("waiting")].codes == ()


async def test_an_unknown_id_is_none(shop: Shop) -> None:
    await mixed(shop)

    assert await shop.store.activations.activation(ActivationId(UUID(int=5))) is None


async def test_live_numbers_come_in_pages_without_gap_or_overlap(shop: Shop) -> None:
    found = await mixed(shop)
    live = [found[ref] for ref in ("bobs", "received", "waiting")]

    first = await shop.store.activations.live_numbers(SIM, after=None, limit=2)
    second = await shop.store.activations.live_numbers(SIM, after=first[-1].id, limit=2)

    assert [number.id for number in first + second] == live


async def test_live_numbers_that_were_stored_since_then_are_found_newest_first(shop: Shop) -> None:
    found = await mixed(shop)
    await shop.store.activations.accept([intake("newest", rented_at=RENTED)], now=RENTED)
    newest, earlier = await shop.admin.fetch(
        "SELECT min(id::text) AS id, created_at FROM activation GROUP BY 2 ORDER BY 2 DESC"
    )
    since = shop.store.activations.live_since

    all_ = await since(SIM, since=earlier["created_at"], limit=9)
    assert str(all_[0].id) == newest["id"]
    assert {each.id for each in all_[1:]} == {found[ref] for ref in ("bobs", "received", "waiting")}
    assert await since(SIM, since=newest["created_at"], limit=9) == all_[:1]
    assert await since(SIM, since=earlier["created_at"], limit=1) == all_[:1]
    others = await since(OTHER, since=earlier["created_at"], limit=9)
    assert [each.id for each in others] == [found["others"]]


async def test_a_live_number_is_found_by_its_ref(shop: Shop) -> None:
    found = await mixed(shop)

    assert await shop.store.activations.live_number(SIM, NUMBER.ref) is None
    assert await shop.store.activations.live_number(SIM, ProviderRef("refunded")) is None
    assert await shop.store.activations.live_number(SIM, ProviderRef("waiting")) == LiveNumber(
        found["waiting"], ProviderRef("waiting"), RENTED, DEADLINE
    )


async def test_what_a_list_did_not_name_is_only_what_still_waits(shop: Shop) -> None:
    await shop.open()
    await shop.store.activations.accept(
        [intake(ref, rented_at=None) for ref in ("listed", "missing", "coded")]
    )
    await shop.store.activations.record_codes(
        [sms("coded", "1")], now=await shop.one("SELECT now()")
    )
    later = await shop.one("SELECT now() + interval '1 minute'")
    earlier = await shop.one("SELECT now() - interval '1 minute'")
    listed = [ProviderRef("listed")]

    missing = await shop.store.activations.missing_from(SIM, listed, later, 10)

    assert [number.ref for number in missing] == ["missing"]
    assert await shop.store.activations.missing_from(SIM, listed, earlier, 10) == []
    assert await shop.store.activations.missing_from(OTHER, listed, later, 10) == []


async def test_what_a_list_did_not_name_comes_in_turn(shop: Shop) -> None:
    await shop.open()
    await shop.store.activations.accept([intake(str(at), rented_at=None) for at in range(5)])
    later = await shop.one("SELECT now() + interval '1 minute'")
    found = shop.store.activations.missing_from

    whole = [number.id for number in await found(SIM, [], later, 9)]
    first = await found(SIM, [], later, 3)
    second = await found(SIM, [], later, 3, after=first[-1].id)

    assert whole == sorted(whole)
    assert [number.id for number in (*first, *second)] == [*whole, whole[0]]
