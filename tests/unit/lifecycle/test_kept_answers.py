"""What a provider answered is stored although nobody waits, and a process that ends waits a bit."""

import asyncio
from datetime import timedelta

import pytest

from worker.lifecycle import kept_answers
from worker.lifecycle.kept_answers import KeptAnswers
from worker.ports.errors import StoreUnavailable

NOTHING = timedelta(0)


async def test_who_asked_has_what_was_stored_in_time() -> None:
    async def store() -> str:
        return "stored"

    assert await KeptAnswers().kept(store(), "late") == "stored"


async def test_who_waits_in_vain_is_told_what_is_not_stored_yet_and_it_is_stored_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_answers, "PATIENCE", NOTHING)
    answers, back, stored = KeptAnswers(), asyncio.Event(), asyncio.Event()

    async def store() -> None:
        await back.wait()
        stored.set()

    with pytest.raises(StoreUnavailable, match="not stored yet"):
        await answers.kept(store(), "not stored yet")
    back.set()
    await answers.close()

    assert stored.is_set()


async def test_a_process_that_ends_waits_no_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_answers, "CLOSED_WITHIN", NOTHING)
    answers = KeptAnswers()
    never = answers.keep(asyncio.Event().wait())

    await answers.close()

    assert not never.done()
    never.cancel()
