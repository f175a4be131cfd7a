"""Numbers taken over with the codes that another system has shown: kept, never told again."""

from datetime import datetime, timedelta
from typing import Any

from tests.integration.store.shop import DEADLINE, RENTED, TICK, Shop, intake
from worker.adapters.store.accept import SKEW
from worker.domain.activation import CodeFate, State
from worker.domain.ids import SmsCode
from worker.ports.store.activations import AcceptOutcome, ShownCode

AT = RENTED + timedelta(minutes=3)
FIRST = ShownCode(SmsCode("1234"), "Your code is 1234", AT)
SECOND = ShownCode(SmsCode("5678"), None, AT + timedelta(minutes=1))
NOW = RENTED + timedelta(minutes=5)


async def take(shop: Shop, *codes: ShownCode, now: datetime = NOW, **other: Any) -> AcceptOutcome:
    (result,) = await shop.store.activations.accept([intake("1", codes=codes, **other)], now=now)
    return result.how


async def test_its_number_has_received_them_and_reads_the_same_again(shop: Shop) -> None:
    await shop.open()

    (result,) = await shop.store.activations.accept([intake("1", codes=(FIRST, SECOND))], now=NOW)

    assert result.activation is not None
    stored = await shop.number(result.activation.id)
    assert (stored.state, stored.codes) == (State.RECEIVED, (FIRST, SECOND))
    assert [(line.what, line.detail) for line in stored.timeline] == [
        (line.what, line.detail) for line in result.activation.timeline
    ]
    assert (result.activation.state, result.activation.codes) == (stored.state, stored.codes)
    assert await shop.rows("SELECT type, number, state FROM event ORDER BY seq") == [
        ("activation.code_received", 1, "kept"),
        ("activation.code_received", 2, "kept"),
    ]
    assert [finding for finding in await shop.store.books.audit() if finding.violations] == []


async def test_repeated_it_is_the_same_and_with_other_codes_it_is_not(shop: Shop) -> None:
    await shop.open()

    assert [
        await take(shop, FIRST),
        await take(shop, FIRST),
        await take(shop),
        await take(shop, FIRST, SECOND),
    ] == [
        AcceptOutcome.NEW,
        AcceptOutcome.SAME,
        AcceptOutcome.SAME,
        AcceptOutcome.OTHER_CONTENT,
    ]


async def test_the_provider_tells_nothing_new_by_such_a_code_and_more_by_another(
    shop: Shop,
) -> None:
    await shop.open()
    await take(shop, FIRST)

    assert (await shop.code("1", "1234", NOW)).fate is CodeFate.REPEATED
    assert (await shop.code("1", "9999", NOW)).fate is CodeFate.MORE
    assert await shop.one("SELECT count(*) FROM event WHERE state = 'kept' AND number = 1") == 1


async def test_a_code_that_is_not_yet_or_came_after_the_deadline_is_refused(shop: Shop) -> None:
    await shop.open()
    early = ShownCode(SmsCode("1"), None, NOW + SKEW + TICK)
    late = ShownCode(SmsCode("1"), None, DEADLINE + TICK)

    assert await take(shop, early) is AcceptOutcome.CODE_IN_FUTURE
    assert await take(shop, late, now=DEADLINE + SKEW) is AcceptOutcome.CODE_TOO_LATE
    assert await shop.one("SELECT count(*) FROM activation") == 0
