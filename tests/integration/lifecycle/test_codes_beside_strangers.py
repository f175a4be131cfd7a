"""Codes of numbers that nobody handed over are on the list, too: they cost the others nothing."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.integration.lifecycle.world import SIM, World
from worker.domain.ids import ProviderRef
from worker.ports.store.activations import LockedCode, RecordedCode, SeenSms


def sms(ref: str) -> SeenSms:
    return SeenSms(SIM, ProviderRef(ref), "1234", None)


async def test_a_strangers_code_is_the_only_one_that_is_asked_about_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.take("ours")
    page = [sms("ours"), sms("a stranger's")]
    record, asked = world.store.activations.record_free_codes, list[Sequence[SeenSms]]()

    async def counted(seen: Sequence[SeenSms], **other: Any) -> list[RecordedCode | LockedCode]:
        asked.append(seen)
        return await record(seen, **other)

    monkeypatch.setattr(world.store.activations, "record_free_codes", counted)
    await world.look.codes(page)
    await world.look.codes(page)

    assert asked == [page, [sms("a stranger's")]]
