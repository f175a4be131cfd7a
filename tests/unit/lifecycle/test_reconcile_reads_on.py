"""What is read of a provider's history and list: no time twice, and nothing of one that is away."""

import asyncio
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import (
    RENTED,
    SIM,
    OwnTime,
    ScriptedProvider,
    Stub,
    StubStore,
    terms,
)
from worker.domain.families import Capabilities
from worker.domain.ids import ActivationId, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.jobs import WORK_SECONDS
from worker.lifecycle.adopt import Adopt
from worker.lifecycle.reconcile import AROUND, COMPARE_FOR, READ_FOR, HistoryPart, Reconcile
from worker.ports.errors import ProviderUnavailable, StoreUnavailable
from worker.ports.provider import ActivePage, ActiveRow, Circuit, HistoryPage, PastNumber
from worker.ports.store.purchases import HistoryComparison, OpenPurchase, ReopenedNumbers

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Books:
    """A reconciliation over books without a number, of a provider that tells all it can."""

    def __init__(self, **answers: Any) -> None:
        self.store = StubStore(
            open_purchases=[],
            disputed_since=[],
            compare_history=HistoryComparison({}, 0),
            unknown_rows=[],
            count_provider=None,
            exposure_by_currency={},
            reopen_listed=ReopenedNumbers(0, 0),
            forget_figures=None,
        )
        self.store.answers |= answers
        self.reporter = RecordingReporter()
        self.provider = ScriptedProvider(
            capabilities=Capabilities(history=True, list_page_size=100)
        ).will("history", HistoryPage([], None))
        self.time = OwnTime()
        self.reconcile = Reconcile(
            purchases=cast("Any", self.store),
            schedule=cast("Any", Stub(spend=lambda _, wanted, _need: wanted)),
            reporter=self.reporter,
            clock=self.time.clock(),
            terms={SIM: terms()},
            accept=cast("Any", None),
        )


def test_a_run_that_reads_for_as_long_as_it_may_ends_within_its_job() -> None:
    reads = len(HistoryPart) * COMPARE_FOR + READ_FOR

    assert reads.total_seconds() < WORK_SECONDS


async def test_the_times_around_two_disputes_that_overlap_are_read_once() -> None:
    first, second, other = RENTED - 9 * DAY, RENTED - 9 * DAY + HOUR, RENTED - 5 * DAY
    books = Books(disputed_since=[first, second, other])

    await books.reconcile.history(books.provider)

    _, *around = [(since, until) for since, until, _ in books.provider.asked("history")]
    assert around == [(first - AROUND, second + AROUND), (other - AROUND, other + AROUND)]


def page_of(ref: str, following: int | None) -> HistoryPage:
    return HistoryPage([PastNumber(ref=ProviderRef(ref), fate=PriceFate.UNKNOWN)], following)


async def cut_off(_: object) -> HistoryPage:
    raise asyncio.CancelledError


async def test_a_run_that_is_cut_off_is_read_on_where_it_was() -> None:
    books = Books()
    books.provider._answers["history", None].clear()
    books.provider.will("history", page_of("1", 1), cut_off, page_of("2", None))

    with pytest.raises(asyncio.CancelledError):
        await books.reconcile.history(books.provider)
    await books.reconcile.history(books.provider)

    assert [skip for _, _, skip in books.provider.asked("history")] == [0, 1, 1]


async def test_a_page_that_the_store_could_not_take_is_read_again() -> None:
    books = Books(compare_history=StoreUnavailable("away"))
    books.provider._answers["history", None].clear()
    books.provider.will("history", page_of("1", 1), page_of("1", 1), page_of("2", None))

    with pytest.raises(StoreUnavailable):
        await books.reconcile.history(books.provider)
    books.store.answers["compare_history"] = HistoryComparison({}, 0)
    await books.reconcile.history(books.provider)

    assert [skip for _, _, skip in books.provider.asked("history")] == [0, 0, 1]


async def test_a_page_that_is_a_bug_of_ours_costs_the_disputes_nothing_and_is_raised() -> None:
    old = RENTED - 9 * DAY
    books = Books(disputed_since=[old])
    books.provider._answers["history", None].clear()
    books.provider.will("history", ZeroDivisionError(), HistoryPage([], None))

    with pytest.raises(ZeroDivisionError):
        await books.reconcile.history(books.provider)

    assert [since for since, _, _ in books.provider.asked("history")] == [
        RENTED - DAY,
        old - AROUND,
    ]


async def test_a_provider_that_is_away_is_asked_for_nothing() -> None:
    books = Books()
    books.provider.circuit = Circuit.OPEN

    assert await books.reconcile.tick(books.provider) == 0

    assert books.provider.calls == []


async def test_a_database_that_is_away_ends_the_run_before_anybody_is_asked() -> None:
    books = Books(open_purchases=StoreUnavailable("away"))

    with pytest.raises(StoreUnavailable):
        await books.reconcile.tick(books.provider)

    assert books.provider.calls == []


async def test_of_a_list_that_breaks_off_the_pages_that_came_are_compared() -> None:
    books = Books(unknown_rows=lambda _, rows: list(rows))
    page = ActivePage([ActiveRow(ProviderRef("1"), ())], last=False)
    books.provider.will("list", page, ProviderUnavailable("sim", "HTTP 500"))

    assert await books.reconcile.numbers(books.provider) == ["1"]

    assert books.provider.asked("list") == [0, 1]


async def test_a_number_that_another_order_was_given_at_the_same_time_is_not_adopted() -> None:
    lost = OpenPurchase(ActivationId(UUID(int=1)), "tg", "7", RENTED)
    row = PastNumber(
        ref=ProviderRef("1"), fate=PriceFate.NOT_YET, service="tg", country="7", rented_at=RENTED
    )
    reporter = RecordingReporter()
    store = StubStore(purchase_bought=None)
    adopt = Adopt(
        purchases=cast("Any", store),
        reporter=reporter,
        accept=cast("Any", None),
        terms={SIM: terms()},
    )

    await adopt(SIM, [lost], [row])

    assert len(store.asked("purchase_bought")) == 1
    assert reporter.told == []
