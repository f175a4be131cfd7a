"""The provider's rules and books: who is charged, who gets the money back, and when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.simulator.behaviours import Behaviour
from worker.simulator.config import SimulatorConfig
from worker.simulator.denials import DenialReason, Denied
from worker.simulator.engine import Engine
from worker.simulator.exchange import FaceOperation
from worker.simulator.numbers import CHARGED, REFUNDED, SimulatedNumber, Status
from worker.simulator.tariff import BuyerOrder, FamilyTerms

START = datetime(2026, 3, 1, tzinfo=UTC)
TERMS = FamilyTerms(
    lifetime=timedelta(seconds=1200), min_cancel_age=timedelta(seconds=120), lifetimes={}
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def engine(**settings: object) -> Engine:
    return Engine(SimulatorConfig.model_validate(settings), TERMS)


def rented(provider: Engine, service: str, **order: object) -> SimulatedNumber:
    number = provider.rent(BuyerOrder(service=service, country="0", **order), START)  # type: ignore[arg-type] # any field
    assert isinstance(number, SimulatedNumber)
    return number


def seen(provider: Engine, number: SimulatedNumber, seconds: float) -> SimulatedNumber:
    number_now = provider.find(number.id, at(seconds))
    assert number_now is number
    return number_now


def problem(denied: object) -> DenialReason | None:
    return denied.reason if isinstance(denied, Denied) else None


def test_a_rental_is_charged_at_once() -> None:
    provider = engine(balance_minor=1000, price_minor=35)

    number = rented(provider, "timeout")

    assert provider.balance_minor(START) == 965
    assert (number.status, number.net_minor) == (Status.WAITING, 35)


def test_an_sms_comes_at_its_instant_and_not_before() -> None:
    provider = engine()
    number = rented(provider, "code-arrives:5")

    assert seen(provider, number, 4.999999).sms == ()
    assert [sms.at for sms in seen(provider, number, 5).sms] == [at(5)]
    assert number.status is Status.RECEIVED


def test_a_code_that_asked_for_no_time_comes_in_the_span_that_is_configured() -> None:
    provider = engine(code_seconds=(2, 8), window_seconds=1200)

    free = [rented(provider, service) for service in ["tg", "code-arrives"] * 50]
    timed, silent = rented(provider, "code-arrives:30"), rented(provider, "timeout")

    waits = [number.plan.arrivals[0].after.total_seconds() for number in free]
    assert 2 <= min(waits) < 3
    assert 7 < max(waits) <= 8
    assert timed.plan.arrivals[0].after == timedelta(seconds=30)
    assert silent.plan.arrivals == ()


def test_a_cancel_gives_the_price_back_exactly_once() -> None:
    provider = engine(balance_minor=1000, price_minor=35)
    number = rented(provider, "timeout")

    assert provider.cancel(number, at(120)) is None
    assert problem(provider.cancel(number, at(121))) is DenialReason.ENDED
    assert provider.balance_minor(at(5000)) == 1000
    assert number.status is Status.CANCELLED


def test_a_cancel_is_refused_until_the_minimum_age() -> None:
    provider = engine()
    number = rented(provider, "timeout")

    denied = provider.cancel(number, at(119))

    assert denied == Denied(
        DenialReason.EARLY_CANCEL, timedelta(seconds=1), min_age=timedelta(seconds=120)
    )
    assert provider.cancel(number, at(120)) is None


def test_a_cancel_after_an_sms_is_refused_and_the_price_kept() -> None:
    provider = engine(balance_minor=1000, price_minor=35)
    number = seen(provider, rented(provider, "code-arrives:5"), 200)

    unread = provider.cancel(number, at(200))
    provider.show(number)
    read = provider.cancel(number, at(201))

    assert isinstance(unread, Denied)
    assert unread.reason is DenialReason.NEW_CODE_RECEIVED
    assert [sms.code for sms in unread.sms] == [number.sms[0].code]
    assert problem(read) is DenialReason.CODE_RECEIVED
    assert provider.balance_minor(at(201)) == 965


def test_a_number_without_an_sms_is_refunded_at_its_own_expiry() -> None:
    provider = engine(balance_minor=1000, price_minor=35)
    number = rented(provider, "timeout")

    assert provider.balance_minor(at(1199)) == 965
    assert provider.balance_minor(at(5000)) == 1000  # Nobody asked for the number itself.
    assert number.ended_at == at(1200)
    assert number.status is Status.EXPIRED


def test_a_number_with_an_sms_stays_charged_at_its_own_expiry() -> None:
    provider = engine(balance_minor=1000, price_minor=35)
    number = rented(provider, "code-arrives:5")

    assert provider.balance_minor(at(5000)) == 965
    assert (number.status, number.ended_at) == (Status.LAPSED, at(1200))


def test_an_sms_at_the_very_instant_of_the_expiry_is_charged() -> None:
    provider = engine(lifetime_seconds=300.0)
    number = rented(provider, "provider-cancels:299")
    late = rented(provider, "code-arrives:299.999999")

    provider.balance_minor(at(300))

    assert number.status is Status.PROVIDER_CANCELLED
    assert late.status is Status.LAPSED


def test_a_late_sms_finds_its_number_alive() -> None:
    provider = engine(lifetime_seconds=20, min_cancel_age_seconds=0)
    number = rented(provider, "code-late:25")

    assert seen(provider, number, 24).live
    assert len(seen(provider, number, 25).sms) == 1


def test_a_late_sms_does_not_come_after_a_cancel() -> None:
    provider = engine(min_cancel_age_seconds=0)
    number = rented(provider, "code-late:25")
    provider.cancel(number, at(20))

    assert seen(provider, number, 30).sms == ()
    assert number.net_minor == 0


def test_a_provider_cancels_by_itself_and_refunds() -> None:
    provider = engine(balance_minor=1000, price_minor=35)
    number = rented(provider, "provider-cancels:3")

    assert provider.balance_minor(at(3)) == 1000
    assert number.status is Status.PROVIDER_CANCELLED


def test_the_first_cancel_of_a_race_meets_an_sms() -> None:
    provider = engine()
    number = rented(provider, "cancel-race")

    too_early = provider.cancel(number, at(10))
    raced = provider.cancel(number, at(200))

    assert problem(too_early) is DenialReason.EARLY_CANCEL
    assert problem(raced) is DenialReason.NEW_CODE_RECEIVED
    assert number.sms[0].at == at(200)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("provider-down:30", DenialReason.UNAVAILABLE),
        ("rate-limited:30", DenialReason.RATE_LIMITED),
    ],
)
def test_trouble_starts_with_the_first_cancel_that_is_old_enough(
    service: str, expected: DenialReason
) -> None:
    provider = engine()
    number = rented(provider, service)

    assert provider.trouble(number, FaceOperation.LOOK, at(130)) is None
    assert provider.trouble(number, FaceOperation.CANCEL, at(60)) is None
    first = provider.trouble(number, FaceOperation.CANCEL, at(130))
    assert first == Denied(expected, timedelta(seconds=30))
    assert problem(provider.trouble(number, FaceOperation.LOOK, at(159))) is expected
    assert provider.trouble(number, FaceOperation.CANCEL, at(160)) is None


def test_one_sms_twice_and_two_sms_are_different_things() -> None:
    provider = engine()
    twice = seen(provider, rented(provider, "duplicate-code:5"), 1000)
    two = seen(provider, rented(provider, "two-codes:5"), 1000)

    assert len({sms.code for sms in twice.sms}) == 1
    assert len(twice.sms) == 2
    assert len({sms.code for sms in two.sms}) == 2


def test_a_number_is_finished_only_with_a_code_and_only_once() -> None:
    provider = engine()
    number = rented(provider, "code-arrives:5")

    assert problem(provider.finish(number, at(1))) is DenialReason.NO_CODE
    seen(provider, number, 6)
    assert provider.finish(number, at(6)) is None
    assert problem(provider.finish(number, at(7))) is DenialReason.ENDED
    assert number.status is Status.FINISHED


def test_another_sms_is_asked_for_after_the_first_only() -> None:
    provider = engine()
    number = rented(provider, "two-codes:5")

    assert problem(provider.ask_again(number, at(1))) is DenialReason.NO_CODE
    seen(provider, number, 6)
    assert provider.ask_again(number, at(6)) is None
    assert problem(provider.ask_again(number, at(7))) is DenialReason.BAD_STATUS
    assert problem(provider.cancel(number, at(200))) is not None
    assert seen(provider, number, 1000).status is Status.RECEIVED


@pytest.mark.parametrize("name", ["no-numbers", "no-balance", "bad-service", "bad-country"])
def test_a_refusal_can_be_asked_for_by_service_name(name: str) -> None:
    assert problem(engine().rent(BuyerOrder(service=name, country="0"), START)) is DenialReason(
        name
    )


def test_a_purchase_nobody_can_pay_or_wants_at_that_price_is_refused() -> None:
    provider = engine(balance_minor=34, price_minor=35)
    cheap = BuyerOrder(service="tg", country="0", max_minor=34)

    assert provider.rent(cheap, START) == Denied(DenialReason.PRICE_TOO_LOW, minimum_minor=35)
    assert (
        problem(provider.rent(BuyerOrder(service="tg", country="0"), START))
        is DenialReason.NO_BALANCE
    )
    assert provider.purchases == 0


def test_one_order_is_bought_once() -> None:
    provider = engine()
    rented(provider, "tg", reference="mine")

    again = provider.rent(BuyerOrder(service="tg", country="0", reference="mine"), START)

    assert problem(again) is DenialReason.ORDER_EXISTS
    assert provider.purchases == 1


def test_same_seed_and_script_give_the_same_numbers_whatever_is_asked_between() -> None:
    mix = {"code-arrives": 5, "timeout": 3, "cancel-race": 1, "provider-cancels": 1}
    one, other = engine(seed=7, mix=mix), engine(seed=7, mix=mix)
    third = engine(seed=8, mix=mix)
    for _ in range(50):
        seen(one, rented(one, "tg"), 100)
    for provider in (other, third):
        for _ in range(50):
            rented(provider, "tg")

    assert [each.plan for each in one.ledger.numbers] == [
        each.plan for each in other.ledger.numbers
    ]
    assert [each.plan for each in one.ledger.numbers] != [
        each.plan for each in third.ledger.numbers
    ]


def test_a_reset_empties_the_books_and_never_gives_an_id_twice() -> None:
    provider = engine(balance_minor=1000)
    before = rented(provider, "timeout")
    plan = before.plan

    provider.reset()
    after = rented(provider, "timeout")

    assert after.id > before.id
    assert after.plan == plan
    assert provider.find(before.id, START) is None
    assert provider.balance_minor(START) == 980


def test_calls_are_counted_per_number_per_minute_and_after_the_end() -> None:
    provider = engine()
    number = rented(provider, "timeout")
    for second in (0, 1, 59, 60, 61, 62, 63):
        number.count_call("look", at(second))
    provider.cancel(number, at(200))
    number.count_call("cancel", at(201))

    assert (number.calls, number.calls_after_end, number.most_calls_in_a_minute) == (8, 1, 4)
    assert number.operations == {"look": 7, "cancel": 1}


def test_an_id_is_rented_again_once_its_number_is_over() -> None:
    provider = engine(balance_minor=1000)
    before, other = rented(provider, "timeout"), rented(provider, "timeout")

    assert not provider.rent_again(before)
    provider.cancel(before, at(200))
    assert provider.rent_again(before)
    assert not provider.rent_again(before)
    again, following = rented(provider, "code-arrives:5"), rented(provider, "timeout")

    assert (again.id, again.phone) == (before.id, before.phone)
    assert following.id > other.id
    assert provider.find(before.id, START) is again
    assert provider.active(0, 10, at(5)) == [again, other, following]
    assert [each.code for each in again.sms] != []
    assert before.sms == ()
    assert provider.ledger.statuses[Status.CANCELLED] == 1
    assert provider.balance_minor(at(5)) == 1000 - 3 * 20


def test_a_number_with_the_id_of_another_ends_at_its_own_time() -> None:
    provider = engine()
    before = rented(provider, "timeout")
    provider.cancel(before, at(200))
    provider.rent_again(before)
    again = provider.rent(BuyerOrder(service="timeout", country="0"), at(210))

    assert provider.live_count(at(1300)) == 1
    assert provider.live_count(at(1410)) == 0
    assert isinstance(again, SimulatedNumber)
    assert again.status is Status.EXPIRED
    assert before.status is Status.CANCELLED


def test_a_page_shows_live_numbers_only_though_nobody_looked_at_the_others() -> None:
    provider = engine()
    numbers = [rented(provider, name) for name in ("provider-cancels:3", "timeout", "tg")]

    assert provider.active(0, 10, at(4)) == numbers[1:]
    assert provider.active(0, 10, at(1200)) == []


steps = st.lists(
    st.tuples(
        st.sampled_from(["cancel", "finish", "ask_again", "find", "active"]),
        st.integers(0, 9),
        st.floats(0, 400, allow_nan=False),
    ),
    max_size=40,
)
services = st.lists(st.sampled_from([each.value for each in Behaviour]), min_size=1, max_size=10)


@given(services, steps, st.integers(0, 3))
def test_whatever_is_asked_the_money_adds_up(
    chosen: list[str], asked: list[tuple[str, int, float]], seed: int
) -> None:
    provider = engine(seed=seed, balance_minor=10_000, price_minor=35)
    numbers = [rented(provider, service) for service in chosen]
    now = START
    for call, which, wait in asked:
        now += timedelta(seconds=wait)
        number = provider.find(numbers[which % len(numbers)].id, now)
        assert number is not None
        match call:
            case "cancel":
                provider.cancel(number, now)
            case "finish":
                provider.finish(number, now)
            case "ask_again":
                provider.ask_again(number, now)
            case "active":
                provider.active(0, 5, now)
            case _:
                pass
    balance = provider.balance_minor(now + timedelta(days=1))

    for number in numbers:
        assert number.status in CHARGED | REFUNDED
        assert (number.net_minor > 0) == bool(number.sms)
        instants = [change.at for change in number.changes]
        assert instants == sorted(instants)
    assert balance == 10_000 - sum(number.net_minor for number in numbers)
    assert len(provider.ledger.live) == 0
