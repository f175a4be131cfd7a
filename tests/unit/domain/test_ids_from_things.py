"""Ids are made from the things they name: the same thing has one id, wherever it is made."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import RFC_4122

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.ids import AccountId, ProviderName, ProviderRef, activation_id, purchase_id

SIM = ProviderName("sim")
REF = ProviderRef("77")
AT = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)

names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
moments = st.datetimes(
    min_value=datetime(1980, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


def test_the_id_of_a_rental_is_the_same_in_every_process() -> None:
    """Stored ids, made before and by other hosts, must be found again."""
    assert str(activation_id(SIM, REF, AT)) == "019b76da-a800-8fbf-a75c-89ed8bf89bbc"
    assert str(purchase_id(AccountId("alice"), "order-1")) == "b5253789-679b-5534-9fed-4f1fa0eb1526"


@given(names, names, moments)
def test_the_zone_in_which_an_instant_is_written_does_not_matter(
    provider: str, ref: str, at: datetime
) -> None:
    elsewhere = at.astimezone(timezone(timedelta(hours=5, minutes=45)))
    thing = ProviderName(provider), ProviderRef(ref)

    assert activation_id(*thing, elsewhere) == activation_id(*thing, at)


@given(st.lists(st.tuples(names, names, moments), unique=True))
def test_different_rentals_have_different_ids(things: list[tuple[str, str, datetime]]) -> None:
    ids = {activation_id(ProviderName(p), ProviderRef(r), at) for p, r, at in things}

    assert len(ids) == len(things)


@given(moments)
def test_a_microsecond_makes_another_rental(at: datetime) -> None:
    assert activation_id(SIM, REF, at) != activation_id(SIM, REF, at + TICK)


@given(names, names, moments, st.integers(1, 10**9))
def test_the_id_of_a_later_rental_comes_later(
    provider: str, ref: str, at: datetime, milliseconds: int
) -> None:
    later = at + timedelta(milliseconds=milliseconds)
    thing = ProviderName(provider), ProviderRef(ref)

    assert activation_id(*thing, at) < activation_id(*thing, later)
    assert activation_id(*thing, at).variant == RFC_4122


def test_a_rental_without_a_zone_has_no_id() -> None:
    with pytest.raises(AssertionError):
        activation_id(SIM, REF, AT.replace(tzinfo=None))


@given(st.lists(st.tuples(names, names), unique=True))
def test_different_orders_have_different_ids(orders: list[tuple[str, str]]) -> None:
    ids = {purchase_id(AccountId(account), order) for account, order in orders}

    assert len(ids) == len(orders)


def test_an_order_never_has_the_id_of_a_rental() -> None:
    assert purchase_id(AccountId(SIM), REF) != activation_id(SIM, REF, AT)
