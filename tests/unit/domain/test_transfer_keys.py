"""Keys of transfers follow from kind and thing; no bucket of an account is one of the house."""

from itertools import product
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from worker.domain.ids import AccountId, ActivationId
from worker.domain.transfer import OUTSIDE, REVENUE, TransferKind, available, held, transfer_key

ONE = ActivationId(UUID(int=1))
ALICE = AccountId("alice")


def test_the_key_of_a_move_is_its_kind_and_its_thing() -> None:
    assert transfer_key(TransferKind.RELEASE, ONE) == "release:00000000-0000-0000-0000-000000000001"
    assert transfer_key(TransferKind.TOPUP, "invoice-7") == "topup:invoice-7"


@given(st.lists(st.uuids(), min_size=2, max_size=20, unique=True))
def test_keys_of_different_moves_never_meet(ids: list[UUID]) -> None:
    keys = [transfer_key(kind, ActivationId(id_)) for kind, id_ in product(TransferKind, ids)]

    assert len(set(keys)) == len(keys)


def test_buckets_of_one_account_and_of_the_house_are_all_different() -> None:
    assert len({available(ALICE), held(ALICE), REVENUE, OUTSIDE}) == 4


@given(st.text(min_size=1))
def test_no_account_can_be_named_like_the_house(name: str) -> None:
    assert {available(AccountId(name)), held(AccountId(name))}.isdisjoint({REVENUE, OUTSIDE})
