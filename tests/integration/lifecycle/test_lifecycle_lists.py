"""A provider's list of active numbers: a page tells of many at once, and never that one is gone."""

import asyncio
import weakref
from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.fakes.turns import until
from tests.integration.lifecycle.world import PRICE, SECOND, SIM, WINDOW, World, live, turns
from tests.integration.store.shop import TAKEN_IN_BEFORE
from tests.unit.lifecycle.scripted import terms
from worker.domain.activation import State
from worker.domain.families import Capabilities
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.lifecycle.listing import (
    ABSENT_AGE,
    ABSENT_EVERY,
    ABSENT_LEAST,
    ABSENT_SHARE,
    PAGES_AT_ONCE,
    UNREAD_POLLS,
)
from worker.ports.errors import ProviderUnavailable, UnknownReply
from worker.ports.provider import ActivePage, ActiveRow, Circuit, CodesArrived, Ended, Sms, Waiting
from worker.ports.store.activations import LiveNumber

ALL = 100_000
CODE = (Sms("1234", "Your code is 1234"),)
LONG_LISTED = ABSENT_AGE + SECOND


def row(ref: str, *codes: str) -> ActiveRow:
    return ActiveRow(ProviderRef(ref), tuple(Sms(code) for code in codes))


def page(*rows: ActiveRow, last: bool = True) -> ActivePage:
    return ActivePage(rows, last)


@pytest.fixture
def listed(world: World) -> World:
    world.provider.capabilities = Capabilities(list_page_size=100)
    return world


async def test_a_code_on_the_list_is_a_code(listed: World) -> None:
    number = await listed.take()
    await listed.take("2")
    listed.provider.will("list", page(row("1", "1234"), row("2")))

    await listed.watch.tick(listed.provider, turns(2))

    assert (await listed.number(number)).state is State.RECEIVED
    assert listed.provider.asked("look") == []


async def test_a_list_is_read_only_while_a_number_may_be_on_it(listed: World) -> None:
    await listed.watch.tick(listed.provider, turns(3))

    assert listed.provider.calls == []


async def test_a_known_code_costs_no_query(listed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await listed.take()
    listed.provider.will("list", page(row("1", "1234")))
    await listed.read_list()

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(listed.store.activations, "record_free_codes", never)
    await listed.read_list()

    assert len(listed.reporter.of("code")) == 1


async def test_a_code_seen_before_its_number_was_handed_over_is_found_then(listed: World) -> None:
    listed.provider.will("list", page(row("1", "1234")))
    await listed.read_list()
    number = await listed.take()

    await listed.read_list()

    assert (await listed.number(number)).state is State.RECEIVED


async def test_pages_are_read_to_the_last(listed: World) -> None:
    numbers = [await listed.take(str(number)) for number in range(3)]
    for at in range(3):
        listed.provider.will("list", page(row(str(at), f"c{at}"), last=at == 2), of=at)

    assert await listed.read_list() == 3
    assert await listed.read_list() == 3

    assert [(await listed.number(one)).state for one in numbers] == [State.RECEIVED] * 3
    assert sorted(listed.provider.asked("list")) == [0, 0, 1, 1, 2, 2]


async def test_pages_that_were_read_are_not_kept_until_the_last(listed: World) -> None:
    """Of a million numbers they are half a gigabyte."""

    class Phone(str):
        """One whose row can be told when it is gone."""

        __slots__ = ("__weakref__",)

    pages: list[weakref.ref[Phone]] = []
    alive: list[int] = []

    async def answer(at: int) -> ActivePage:
        alive.append(sum(page() is not None for page in pages))
        phone = Phone("15550001")
        pages.append(weakref.ref(phone))
        return ActivePage((ActiveRow(ProviderRef(str(at)), phone=phone),), last=at == 5)

    listed.provider.will("list", answer)

    assert await listed.read_list() == 6
    assert max(alive) <= 1, "the one before"


async def a_list_was_read(listed: World, pages: int, then: Mapping[int, object]) -> None:
    """Once, whole; *then* says what pages answer from now on, where it is something else."""
    for at in range(pages):
        listed.provider.will("list", page(row(str(at)), last=at == pages - 1), of=at)
        if at in then:
            listed.provider.will("list", then[at], of=at)
    await listed.read_list()
    listed.provider.calls.clear()


async def test_a_page_that_cannot_be_had_costs_only_its_own_numbers(listed: World) -> None:
    await listed.take("1", age=LONG_LISTED)
    number = await listed.take("2", age=LONG_LISTED)
    lost = ProviderUnavailable("sim", "HTTP 500")
    await a_list_was_read(listed, 3, {1: lost, 2: page(row("2", "1234"))})

    assert await listed.read_list() == 2

    assert (await listed.number(number)).state is State.RECEIVED
    assert listed.provider.asked("look") == []


async def test_after_a_lost_page_a_list_is_read_as_far_as_it_went_before(listed: World) -> None:
    await a_list_was_read(listed, 3, {2: ProviderUnavailable("sim", "HTTP 500")})

    await listed.read_list()
    await listed.read_list()

    assert sorted(listed.provider.asked("list")) == [0, 0, 1, 1, 2, 2]


async def test_a_provider_found_to_be_away_is_not_asked_for_the_rest(listed: World) -> None:
    async def away(_: object) -> ActivePage:
        listed.provider.circuit = Circuit.OPEN
        raise ProviderUnavailable("sim", "HTTP 500")

    await a_list_was_read(listed, 2 * PAGES_AT_ONCE, {0: away})

    await listed.read_list()

    assert sorted(listed.provider.asked("list")) == list(range(PAGES_AT_ONCE))


async def test_how_long_a_list_is_outlives_a_provider_that_was_away(listed: World) -> None:
    """Read page after page, a long list would take minutes when its provider is back."""
    asked = listed.provider.asked

    async def away(_: object) -> ActivePage:
        listed.provider.circuit = Circuit.OPEN
        raise ProviderUnavailable("sim", "HTTP 500")

    async def with_the_last(_: object) -> ActivePage:
        await until(lambda: 2 * PAGES_AT_ONCE - 1 in asked("list"))
        return page(last=False)

    await a_list_was_read(listed, 2 * PAGES_AT_ONCE, {0: away, PAGES_AT_ONCE: with_the_last})
    listed.provider.will("list", page(last=False), of=0)
    await listed.read_list()
    listed.provider.circuit = Circuit.CLOSED

    await listed.read_list()


async def test_a_list_longer_than_a_tick_is_read_on_by_the_next(listed: World) -> None:
    await a_list_was_read(listed, 3 * PAGES_AT_ONCE, {})

    assert await listed.read_list(turns(1)) == 2 * PAGES_AT_ONCE
    assert listed.listing.unfinished(SIM)
    assert await listed.read_list(turns(1)) == PAGES_AT_ONCE

    assert not listed.listing.unfinished(SIM)
    assert listed.provider.asked("list") == list(range(3 * PAGES_AT_ONCE))


async def test_who_is_absent_is_known_when_all_ticks_have_read(listed: World) -> None:
    await listed.take("1", age=LONG_LISTED)
    await listed.take("gone", age=LONG_LISTED)
    await listed.admin.execute(TAKEN_IN_BEFORE)
    for at in range(3):
        listed.provider.will("list", page(row(str(at)), last=at == 2), of=at)
    listed.provider.will("look", Waiting())

    for _ in range(3):
        await listed.read_list(turns(0))

    assert listed.provider.asked("list") == [0, 1, 2]
    await listed.watch.tick(listed.provider, turns(2))
    assert listed.provider.asked("look") == ["gone"]


async def test_the_next_tick_reads_on_at_once(listed: World) -> None:
    """The pause between two readings is for what has been read."""
    await listed.schedule.hint(SIM, live(await listed.take()))
    await a_list_was_read(listed, 3 * PAGES_AT_ONCE, {})
    listed.provider.will("look", Waiting())

    for _ in range(4):
        await listed.watch.tick(listed.provider, turns(2))

    assert listed.provider.asked("list") == list(range(3 * PAGES_AT_ONCE))


async def test_a_reading_ends_where_its_provider_went_away(listed: World) -> None:
    await a_list_was_read(listed, 3 * PAGES_AT_ONCE, {})
    await listed.read_list(turns(0))
    listed.provider.circuit = Circuit.OPEN

    await listed.read_list()

    assert not listed.listing.unfinished(SIM)


async def test_a_list_is_thought_to_be_as_long_as_there_are_numbers(listed: World) -> None:
    """Page after page, the first reading of a long one would take minutes."""
    for at in range(PAGES_AT_ONCE):
        listed.provider.will("list", page(last=at == PAGES_AT_ONCE - 1), of=at)

    await listed.read_list(live=100 * PAGES_AT_ONCE)

    assert listed.provider.most_in_flight == PAGES_AT_ONCE


async def test_a_tick_waits_for_no_more_pages_than_a_second_has(listed: World) -> None:
    listed.their_terms = terms(requests_per_second=2.5)
    for at in range(PAGES_AT_ONCE):
        listed.provider.will("list", page(last=at == PAGES_AT_ONCE - 1), of=at)

    await listed.read_list(turns(0), live=100 * PAGES_AT_ONCE)

    assert listed.provider.asked("list") == [0, 1]


async def test_a_long_list_is_compared_for_a_small_share_of_the_time(
    listed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[float] = []

    async def slowly(*_: object, **__: object) -> list[LiveNumber]:
        compared.append(listed.elapsed)
        listed.elapsed += 4
        return []

    monkeypatch.setattr(listed.store.activations, "missing_from", slowly)
    listed.provider.will("list", page())
    for _ in range(40):
        await listed.read_list()
        listed.elapsed += 10

    assert len(compared) == 2
    assert compared[1] - compared[0] >= 4 / ABSENT_SHARE


async def hinted(world: World) -> set[str]:
    """What is to be looked at now; it is taken off the schedule."""
    looks = world.schedule.take(SIM, WINDOW)
    return {number.ref for number, at in looks if at <= world.now()}


async def test_an_empty_list_credits_nobody_and_looks_at_a_few(listed: World) -> None:
    listed.their_terms = terms(requests_per_second=1)
    numbers = [await listed.take(str(n), age=LONG_LISTED) for n in range(ABSENT_LEAST + 5)]
    await listed.admin.execute(TAKEN_IN_BEFORE)
    listed.provider.will("list", page()).will("look", Waiting())

    await listed.read_list()
    await listed.read_list()
    listed.their_terms = terms()
    await listed.watch.tick(listed.provider, turns(5))

    assert len(listed.provider.asked("look")) == ABSENT_LEAST
    assert {(await listed.number(one)).state for one in numbers} == {State.WAITING}
    assert await listed.money() == (ALL - len(numbers) * PRICE, len(numbers) * PRICE)


async def test_of_many_that_a_list_does_not_name_each_has_its_turn(listed: World) -> None:
    listed.their_terms = terms(requests_per_second=1)
    refs = [str(n) for n in range(2 * ABSENT_LEAST)]
    for ref in refs:
        await listed.take(ref, age=LONG_LISTED)
    await listed.admin.execute(TAKEN_IN_BEFORE)
    listed.provider.will("list", page()).will("look", Waiting())

    for _ in range(2):
        await listed.read_list()
        listed.elapsed += ABSENT_EVERY.total_seconds()

    assert await hinted(listed) == set(refs)


async def test_numbers_of_a_list_that_cannot_be_read_are_looked_at_after_a_while(
    listed: World,
) -> None:
    """As long as some page of each reading is lost, one that is read names numbers all the same."""
    for ref in ("named", "cut off"):
        await listed.take(ref, age=LONG_LISTED)
    await listed.admin.execute(TAKEN_IN_BEFORE)
    listed.provider.will("list", page(row("named"), last=False), of=0)
    listed.provider.will("list", UnknownReply("sim", "cut"), of=1)

    for _ in range(UNREAD_POLLS):
        await listed.read_list()
        assert await hinted(listed) == set()
        listed.elapsed += listed.their_terms.poll.total_seconds()
    rows = await listed.read_list()

    assert await hinted(listed) == {"cut off"}
    assert rows == 1, "of this reading alone"


async def test_an_absent_number_is_credited_only_when_the_look_says_so(listed: World) -> None:
    gone = await listed.take("1", age=LONG_LISTED)
    await listed.admin.execute(TAKEN_IN_BEFORE)
    listed.provider.will("list", page(row("2"))).will("look", Ended(PriceFate.GIVEN_BACK))

    await listed.read_list()
    await listed.watch.tick(listed.provider, turns(2))

    assert (await listed.number(gone)).state is State.REFUNDED
    assert listed.provider.asked("look") == ["1"]


async def test_a_fresh_number_that_is_not_listed_yet_is_left_alone(listed: World) -> None:
    await listed.take()
    listed.provider.will("list", page())

    await listed.read_list()
    await listed.watch.tick(listed.provider, turns(2))

    assert listed.provider.asked("look") == []


@pytest.mark.parametrize(
    ("error", "troubles"),
    [
        (ProviderUnavailable("sim", "HTTP 500"), []),
        (UnknownReply("sim", "HTML"), ["provider.list_failed"]),
    ],
)
async def test_a_list_that_could_not_be_had_says_nothing_about_anybody(
    listed: World, error: Exception, troubles: list[str]
) -> None:
    await listed.take(age=LONG_LISTED)
    await listed.admin.execute(TAKEN_IN_BEFORE)
    listed.provider.will("list", page(last=False), of=0).will("list", error, of=1)

    await listed.read_list()
    assert listed.reporter.troubles == troubles
    await listed.watch.tick(listed.provider, turns(2))

    assert listed.provider.asked("look") == []


async def test_no_look_at_an_absent_number_holds_up_the_next_reading(listed: World) -> None:
    await listed.take("gone", age=LONG_LISTED)
    await listed.admin.execute(TAKEN_IN_BEFORE)

    async def hangs(_: object) -> None:
        await asyncio.Event().wait()

    listed.provider.will("list", page()).will("look", hangs)
    async with asyncio.timeout(10):
        await listed.read_list()
        await listed.read_list()

    assert listed.provider.asked("list") == [0, 0]


async def test_a_provider_that_is_away_is_not_asked_for_its_list(listed: World) -> None:
    listed.provider.circuit = Circuit.OPEN

    assert await listed.read_list() == 0


async def test_the_list_is_read_as_soon_as_its_provider_is_back(listed: World) -> None:
    await listed.take(age=LONG_LISTED)
    listed.provider.will("list", page())
    await listed.watch.tick(listed.provider, turns(4))
    assert listed.provider.asked("list") == [0]
    listed.provider.circuit = Circuit.OPEN

    def keep_going() -> bool:
        if listed.sleeps > asleep:
            listed.provider.circuit = Circuit.CLOSED
        return listed.provider.asked("list") == [0]

    asleep = listed.sleeps
    await listed.watch.tick(listed.provider, keep_going)

    assert listed.provider.asked("list") == [0, 0]
    assert listed.sleeps - asleep < 10, "the time between two readings is not waited for"


async def test_a_listed_number_is_looked_at_itself_only_at_the_end(listed: World) -> None:
    number = await listed.take(age=WINDOW - timedelta(milliseconds=400))
    listed.provider.will("look", CodesArrived(CODE)).will("list", page())

    await listed.watch.tick(listed.provider, turns(2))

    assert listed.provider.asked("look") == ["1"]
    assert (await listed.number(number)).state is State.RECEIVED


async def test_a_hint_on_a_listed_number_leaves_it_its_last_look(listed: World) -> None:
    number = await listed.take()
    listed.provider.will("look", Waiting()).will("list", page(row("1")))

    await listed.schedule.hint(SIM, live(number))
    await listed.watch.tick(listed.provider, turns(1))
    await listed.watch.tick(listed.provider, turns(2))

    assert listed.provider.asked("look") == ["1"]
    assert await listed.schedule.size(SIM) == 1
