"""The bounds of a balance hold in any order of events; a missing cent is found at rest."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.balance_check import BalanceBounds, ProviderSums, check_balance

COST = 20
OPENING = 10_000


@dataclass
class Books:
    """A provider's balance and our sums, which learn later what happened at the provider."""

    balance: int = OPENING
    sums: ProviderSums = field(default_factory=ProviderSums)
    lagging: list[str] = field(default_factory=list)

    def happens(self, what: str) -> None:
        match what:
            case "buy":
                self.balance -= COST
                self.sums = replace(self.sums, pending_minor=self.sums.pending_minor + COST)
            case "give back" if self.sums.undecided_minor:
                self.balance += COST
                self.lagging.append(what)
            case _:
                pass
        if what == "buy":
            self.lagging.append(what)

    def learn(self) -> None:
        for what in self.lagging:
            old = self.sums
            if what == "buy":
                self.sums = replace(
                    old,
                    pending_minor=old.pending_minor - COST,
                    bought_minor=old.bought_minor + COST,
                    loose=old.loose + 1,
                )
            else:
                self.sums = replace(
                    old,
                    undecided_minor=old.undecided_minor - COST,
                    back_minor=old.back_minor + COST,
                    loose=old.loose - 1,
                )
        self.lagging.clear()

    def intend(self) -> None:
        """A cancel is on its way for one more live number."""
        if self.sums.loose * COST > self.sums.undecided_minor + COST * len(self.lagging):
            undecided = self.sums.undecided_minor + COST
            self.sums = replace(self.sums, undecided_minor=undecided)


steps = st.lists(st.sampled_from(["buy", "intend", "give back", "learn"]), max_size=8)


def play(books: Books, what: Sequence[str]) -> None:
    """At most one cancel at a time, so that what is given back is what was undecided."""
    for step in what:
        if step == "learn":
            books.learn()
        elif step == "intend" and not books.sums.undecided_minor:
            books.intend()
        elif step == "buy" or (step == "give back" and step not in books.lagging):
            books.happens(step)


@given(st.lists(st.tuples(steps, steps, steps), min_size=2, max_size=6))
def test_correct_books_never_differ_whatever_calls_are_under_way(
    readings: list[tuple[list[str], list[str], list[str]]],
) -> None:
    books = Books()
    last: BalanceBounds | None = None
    for until_sum, until_balance, until_second_sum in readings:
        play(books, until_sum)
        before = books.sums
        play(books, until_balance)
        balance = books.balance
        play(books, until_second_sum)
        check = check_balance(last, balance, before, books.sums)
        last = check.bounds

        assert check.difference_minor == 0
        assert last.low_minor <= OPENING <= last.high_minor


@given(steps, st.integers(-5_000, 5_000).filter(bool))
def test_at_rest_every_cent_that_moved_without_us_is_found(what: list[str], moved: int) -> None:
    books = Books()
    last = check_balance(None, books.balance, books.sums, books.sums).bounds
    play(books, [*what, "learn"])
    at_rest = replace(books.sums, loose=0, undecided_minor=0)

    check = check_balance(last, books.balance + moved, at_rest, at_rest)

    assert check.difference_minor == moved
    assert (
        check_balance(check.bounds, books.balance + moved, at_rest, at_rest).difference_minor == 0
    )


@pytest.mark.parametrize("way", [-1, 1])
def test_a_loss_that_each_hour_hides_is_found_over_several_hours(way: int) -> None:
    """Forty numbers are always under way, and each may hide one cent."""
    busy = ProviderSums(bought_minor=40 * COST, loose=40)
    last = check_balance(None, OPENING, busy, busy).bounds
    differences = []
    for hour in range(1, 6):
        check = check_balance(last, OPENING + way * hour * 15, busy, busy)
        last = check.bounds
        differences.append(check.difference_minor)

    assert differences == [0, 0, way * 5, 0, 0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ProviderSums(unpriced_live=1), ProviderSums()),
        (ProviderSums(), ProviderSums(unpriced_live=1)),
        (ProviderSums(), ProviderSums(unpriced_kept=1)),
        (ProviderSums(unpriced_kept=1), ProviderSums(unpriced_kept=1)),
    ],
)
def test_a_number_of_unknown_cost_leaves_nothing_proven(
    before: ProviderSums, after: ProviderSums
) -> None:
    last = check_balance(None, OPENING, ProviderSums(), ProviderSums()).bounds

    check = check_balance(last, OPENING - 500, before, after)

    assert (check.difference_minor, check.proven) == (0, False)
    assert check.bounds.high_minor == OPENING - 500, "the next reading starts from here"


def test_a_kept_number_of_unknown_cost_changes_one_comparison_only() -> None:
    kept = ProviderSums(unpriced_kept=1)
    last = check_balance(None, OPENING, kept, kept).bounds

    assert check_balance(last, OPENING - 1, kept, kept) == (
        replace(last, low_minor=OPENING - 1, high_minor=OPENING - 1),
        -1,
        True,
    )


def test_a_price_that_was_rounded_up_is_no_gain() -> None:
    """Three numbers at half a cent less than booked leave one cent more than the books say."""
    last = check_balance(None, OPENING, ProviderSums(), ProviderSums()).bounds
    three = ProviderSums(bought_minor=3 * COST, rest=3)

    for more, difference in ((1, 0), (3, 0), (4, 1)):
        balance = OPENING - 3 * COST + more
        assert check_balance(last, balance, three, three).difference_minor == difference


def test_a_shorter_span_says_the_same_of_the_next_balance() -> None:
    older = ProviderSums(bought_minor=5 * COST, back_minor=2 * COST, rest=3)
    newer = ProviderSums(bought_minor=COST, rest=1)
    balance = OPENING - 3 * COST
    last = check_balance(None, balance, older, older).bounds

    shortened = last.without(older, newer)

    for moved in (0, -7, 7):
        assert check_balance(shortened, balance + moved, newer, newer).difference_minor == moved
