"""The policy book: each version is read once, and asked for by who has loaded it."""

from collections.abc import Collection
from typing import Any

import pytest

from worker.domain.policy import Profile, load_profile
from worker.domain.policy.language.content import content_of
from worker.lifecycle.policy_book import PolicyBook, PolicyNotRead
from worker.ports.store.cases import PolicyLookup, PolicyVersion

TODAY = load_profile("P1")
OLDER = ("P1", "older")
NEWER = ("P1", "newer")
LOST = ("P1", "lost")


class Kept:
    """What the database has, and which versions were read from it."""

    def __init__(self, **contents: Any) -> None:
        self.contents = {("P1", version): content for version, content in contents.items()}
        self.asked: list[list[PolicyVersion]] = []

    async def read(self, versions: Collection[PolicyVersion] | None) -> dict[PolicyVersion, Any]:
        wanted = self.contents if versions is None else versions
        self.asked.append(sorted(wanted))
        return {each: self.contents[each] for each in wanted if each in self.contents}


def older() -> dict[str, Any]:
    return content_of(load_profile("P2"))


def book(kept: Kept) -> PolicyBook:
    return PolicyBook({"P1": TODAY}, kept.read)


async def test_todays_policies_need_no_read() -> None:
    kept = Kept()
    policies = book(kept)

    await policies.load([("P1", TODAY.version)])

    assert policies.of("P1", TODAY.version) is TODAY
    assert kept.asked == []


async def test_versions_of_a_batch_are_read_together_and_once() -> None:
    kept = Kept(older=older(), newer=older())
    policies = book(kept)

    await policies.load([OLDER, NEWER, OLDER])
    await policies.load([NEWER, OLDER])

    assert kept.asked == [[NEWER, OLDER]]
    assert policies.of(*OLDER) is not None


async def test_a_version_nobody_loaded_is_not_answered_for() -> None:
    with pytest.raises(PolicyNotRead, match="P1 older"):
        book(Kept(older=older())).of(*OLDER)


async def test_a_lost_version_is_none_and_is_read_again_until_somebody_puts_it_back() -> None:
    kept = Kept()
    policies = book(kept)

    await policies.load([LOST])
    assert policies.of(*LOST) is None
    kept.contents[LOST] = older()
    await policies.load([LOST])

    assert policies.of(*LOST) is not None
    assert kept.asked == [[LOST], [LOST]]


async def test_a_version_of_newer_code_is_none_and_says_why_and_is_read_once() -> None:
    kept = Kept(newer={"of_the_future": 1})
    policies = book(kept)

    for _ in range(2):
        await policies.load([NEWER])

    assert policies.of(*NEWER) is None
    assert policies.unreadable[NEWER].startswith("P1: of_the_future: there is no such key")
    assert kept.asked == [[NEWER]]


async def test_every_version_is_read_with_those_of_today() -> None:
    policies = book(Kept(older=older(), newer={"of_the_future": 1}))

    assert set(await policies.every_version()) == {OLDER, ("P1", TODAY.version)}


class Transaction:
    """One that asks for the policy of its order; how often it was run."""

    def __init__(self, version: PolicyVersion) -> None:
        self.version = version
        self.runs = 0

    async def __call__(self, policy_of: PolicyLookup) -> Profile | None:
        self.runs += 1
        return policy_of(*self.version)


async def test_a_transaction_under_a_known_policy_is_run_once() -> None:
    policies = book(Kept(older=older()))
    await policies.load([OLDER])

    for version in (OLDER, ("P1", TODAY.version)):
        transaction = Transaction(version)
        assert await policies.judged(transaction) is not None
        assert transaction.runs == 1


async def test_a_transaction_that_lacked_its_policy_is_run_again_with_it() -> None:
    policies, transaction = book(Kept(older=older())), Transaction(OLDER)

    assert await policies.judged(transaction) is not None
    assert transaction.runs == 2


async def test_a_transaction_whose_policy_was_lost_has_it_as_soon_as_it_is_back() -> None:
    kept = Kept()
    policies, transaction = book(kept), Transaction(LOST)

    assert await policies.judged(transaction) is None
    kept.contents[LOST] = older()

    assert await policies.judged(transaction) is not None
