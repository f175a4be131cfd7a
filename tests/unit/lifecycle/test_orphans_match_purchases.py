"""An orphan belongs to a purchase only where all that is told of it fits."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from worker.domain.ids import ActivationId, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.adopt import CARRIED_OUT_WITHIN, CLOCKS_DIFFER, fits, matched
from worker.ports.provider import ActiveRow, PastNumber
from worker.ports.store.purchases import OpenPurchase

ASKED = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
REF = ProviderRef("1")
TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Number:
    """What both a row of the list and one of the history have."""

    ref: ProviderRef = REF
    phone: str | None = None
    service: str | None = "tg"
    country: str | None = "7"
    cost_minor: int | None = 20
    currency: str | None = "USD"
    rented_at: datetime | None = ASKED + SECOND


def purchase(number: int = 1, **other: Any) -> OpenPurchase:
    wanted = OpenPurchase(ActivationId(UUID(int=number)), "tg", "7", ASKED, max_cost_minor=25)
    return wanted._replace(**other)


def test_one_that_fits_in_everything_fits() -> None:
    assert fits(purchase(), Number())


@pytest.mark.parametrize(
    "told",
    [
        {"service": "wa"},
        {"service": None},
        {"country": "8"},
        {"cost_minor": 26},
        {"rented_at": ASKED - CLOCKS_DIFFER - TICK},
        {"rented_at": ASKED + CARRIED_OUT_WITHIN + CLOCKS_DIFFER + TICK},
    ],
    ids=str,
)
def test_one_thing_that_does_not_fit_is_enough(told: dict[str, Any]) -> None:
    assert not fits(purchase(), replace(Number(), **told))


@pytest.mark.parametrize(
    "told",
    [
        {"country": None},
        {"cost_minor": None},
        {"cost_minor": 25},
        {"rented_at": None},
        {"rented_at": ASKED - CLOCKS_DIFFER},
        {"rented_at": ASKED + CARRIED_OUT_WITHIN + CLOCKS_DIFFER},
    ],
    ids=str,
)
def test_what_is_not_told_and_what_just_fits_speaks_for_nobody_else(told: dict[str, Any]) -> None:
    assert fits(purchase(), replace(Number(), **told))


def test_a_country_is_the_same_in_any_case_and_any_country_is_anywhere() -> None:
    assert fits(purchase(country="russia"), Number(country="Russia"))
    assert fits(purchase(country="any"), Number(country="8"))


def test_an_order_without_a_limit_takes_any_cost() -> None:
    assert fits(purchase(max_cost_minor=None), Number(cost_minor=9_999))


def test_each_purchase_gets_the_number_rented_closest_to_it_and_none_twice() -> None:
    near = Number(ref=ProviderRef("near"), rented_at=ASKED + SECOND)
    far = Number(ref=ProviderRef("far"), rented_at=ASKED + 30 * SECOND)
    later = purchase(2, asked_at=ASKED + 29 * SECOND)

    pairs = matched([purchase(), later, purchase(3)], [far, near])

    assert [(int(one.id), number.ref) for one, number in pairs] == [(1, "near"), (2, "far")]


def test_rows_of_the_list_and_of_the_history_are_both_orphans() -> None:
    row = ActiveRow(ProviderRef("1"), (), "15550001", "tg", "7", 20, "USD", ASKED)
    past = PastNumber(ref=ProviderRef("1"), fate=PriceFate.NOT_YET, service="tg", country="8")

    assert matched([purchase()], [row]) == [(purchase(), row)]
    assert matched([purchase()], [past]) == []


def untimed(*refs: str) -> list[Number]:
    return [Number(ref=ProviderRef(ref), rented_at=None) for ref in refs]


def test_of_more_numbers_than_were_lost_one_is_a_strangers_and_none_is_taken() -> None:
    assert matched([purchase()], untimed("1", "2")) == []
    assert matched([purchase(), purchase(2)], untimed("1", "2", "3")) == []


def test_as_many_numbers_as_were_lost_are_shared_out() -> None:
    pairs = matched([purchase(), purchase(2), purchase(3)], untimed("1", "2"))

    assert [(int(one.id), number.ref) for one, number in pairs] == [(1, "1"), (2, "2")]


def test_a_strangers_number_of_another_service_raises_no_doubt() -> None:
    strange = Number(ref=ProviderRef("2"), service="wa", rented_at=None)

    assert matched([purchase()], [*untimed("1"), strange]) == [(purchase(), untimed("1")[0])]


def test_one_number_without_its_time_leaves_the_others_in_doubt() -> None:
    assert matched([purchase()], [Number(), *untimed("2")]) == []


PHONE = "12025550123"
EARLIER = {"reuse": "an earlier one"}  #: Options.
REUSE: dict[str, Any] = {"options": EARLIER, "reused_phone": PHONE}


def test_a_phone_that_is_wanted_again_is_the_only_one_that_fits() -> None:
    wanted = purchase(**REUSE)

    assert fits(wanted, Number(phone=PHONE))
    assert fits(wanted, Number(phone=PHONE[1:])), "with or without the code of the country"
    assert not fits(wanted, Number(phone="12025550124"))
    assert not fits(wanted, Number(phone=None))
    assert not fits(wanted, Number(phone="12025…"))
    assert not fits(purchase(options=EARLIER), Number(phone=PHONE))


@pytest.mark.parametrize("phone", [PHONE, None], ids=str)
@pytest.mark.parametrize("timed", [True, False])
def test_a_phone_that_may_be_wanted_again_is_given_to_nobody_else(
    phone: str | None, timed: bool
) -> None:
    plain, reuse = purchase(), purchase(2, **REUSE)
    number = Number(phone=phone, rented_at=ASKED if timed else None)
    its = [(reuse, number)] if phone else []

    assert matched([plain, reuse], [number]) == its
    assert matched([reuse, plain], [number]) == its
    assert matched([plain], [number], [reuse]) == []


def test_a_number_without_a_phone_that_does_not_fit_the_other_is_nobody_elses() -> None:
    other = purchase(2, service="wa", **REUSE)

    assert matched([purchase(), other], [Number()]) == [(purchase(), Number())]


def test_two_orders_that_want_one_phone_do_not_keep_it_from_each_other() -> None:
    number = Number(phone=PHONE)
    two = [purchase(1, **REUSE), purchase(2, **REUSE)]

    assert matched(two, [number]) == [(two[0], number)]


@pytest.mark.parametrize("option", ["operator", "area_code", "medium"])
def test_what_was_asked_of_a_number_is_not_told_so_it_is_only_taken_to_be_cancelled(
    option: str,
) -> None:
    waits = purchase(options={option: "x"})

    assert not fits(waits, Number())
    assert fits(waits._replace(settled=True), Number())
    assert not fits(purchase(options={option: "x"} | EARLIER), Number(phone=PHONE))


def test_a_purchase_is_told_without_the_phone_it_wants() -> None:
    assert PHONE not in repr(purchase(**REUSE))
