"""Transfers: each names both its sides, and its key is made from its thing."""

from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.ids import AccountId, ActivationId
from worker.domain.transfer import OUTSIDE, REVENUE, Kind, Transfer, available, held, key

ONE = ActivationId(UUID(int=1))
ALICE = AccountId("alice")


def test_the_key_of_a_move_is_its_kind_and_its_thing() -> None:
    assert key(Kind.RELEASE, ONE) == "release:00000000-0000-0000-0000-000000000001"
    assert key(Kind.TOPUP, "invoice-7") == "topup:invoice-7"


@given(st.lists(st.uuids(), min_size=2, max_size=20, unique=True))
def test_keys_of_different_moves_never_meet(ids: list[UUID]) -> None:
    keys = [key(kind, ActivationId(id_)) for kind, id_ in product(Kind, ids)]

    assert len(set(keys)) == len(keys)


def test_buckets_of_one_account_and_of_the_house_are_all_different() -> None:
    assert len({available(ALICE), held(ALICE), REVENUE, OUTSIDE}) == 4


@given(st.text(min_size=1))
def test_no_account_can_be_named_like_the_house(name: str) -> None:
    assert {available(AccountId(name)), held(AccountId(name))}.isdisjoint({REVENUE, OUTSIDE})


def moved(amount_minor: int, source: str, destination: str) -> Transfer:
    return Transfer(
        key=key(Kind.RELEASE, ONE),
        source=source,
        destination=destination,
        amount_minor=amount_minor,
        currency="USD",
    )


@pytest.mark.parametrize("amount_minor", [0, 1, 10**15])
def test_a_transfer_moves_what_it_says(amount_minor: int) -> None:
    assert moved(amount_minor, held(ALICE), available(ALICE)).amount_minor == amount_minor


def test_nothing_moves_backwards() -> None:
    with pytest.raises(AssertionError):
        moved(-1, held(ALICE), available(ALICE))


def test_nothing_moves_to_where_it_is() -> None:
    with pytest.raises(AssertionError):
        moved(1, held(ALICE), held(ALICE))
