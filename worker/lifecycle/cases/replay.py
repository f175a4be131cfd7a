"""What a changed policy file would have done with the past orders and cases of a policy.

Each ending is decided again from what it rested on, by the policy of its purchase and by the
changed one. It ends otherwise where the changed one says something else than both its own policy
and what was recorded: what the own policy decides otherwise today is not the doing of the changed
file.

What people did stays as it was: presses of Cancel, claims, verdicts, what the account had done by
then. The flags of an account are those of today. Nothing is written.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final, TypeAlias
from uuid import UUID

from worker.domain.activation import EndReason, State
from worker.domain.ids import AccountId
from worker.domain.policy import (
    ClaimFacts,
    Decision,
    FactError,
    OrderFacts,
    Outcome,
    PastEvent,
    Profile,
    Question,
    Reason,
    decide,
    question_from,
)
from worker.domain.policy.at_intake import cancel_terms, ending_asks_account, order_words
from worker.domain.policy.cancels import cancel
from worker.domain.policy.facts import order_words as words_of
from worker.domain.policy.language.matching import OrderWords
from worker.domain.policy.orders import order_tick
from worker.domain.policy.vocabulary import AccountFlag, PastEventKind
from worker.lifecycle.cancel_by_policy import ENDS_AS
from worker.lifecycle.cases.activation_reviews import REASON as VERDICT
from worker.lifecycle.cases.case_steps import PAYING
from worker.lifecycle.cases.claim_payouts import at_most
from worker.lifecycle.cases.questions import instant_fact
from worker.lifecycle.outcome import FIRST_INSTANT_AFTER
from worker.ports.store.case_record import (
    AccountRecord,
    PastCase,
    PastKind,
    PastOrder,
    PastPlace,
)
from worker.ports.store.cases import PolicyVersion

ORDERS_A_PAGE: Final = 1_000
CASES_A_PAGE: Final = 100  #: The facts of one may hold ten thousand past deeds.
DEEDS_MAX: Final = 200_000  #: Of the accounts that are kept for the next pages.
LONGEST_WINDOW: Final = timedelta(days=2)  #: No window is longer than a day.
_FIRST_ID: Final = UUID(int=0)
_CODE: Final = "code"
_ACCOUNT: Final = attrgetter("account")


#: A page, and where it ends: of a policy, after, until, limit, recent.
ReadOrders: TypeAlias = Callable[
    [str, PastPlace, datetime, int, int], Awaitable[tuple[list[PastOrder], PastPlace | None]]
]
ReadCases: TypeAlias = Callable[
    [str, PastPlace, datetime, int], Awaitable[tuple[list[PastCase], PastPlace | None]]
]


@dataclass(frozen=True, slots=True)
class End:
    """How something ended, or would have."""

    outcome: str
    reason: str
    amount_minor: int = 0  #: What the customer got; of a review what a yes would pay.

    @property
    def given_minor(self) -> int:
        return self.amount_minor if self.outcome in _GIVING else 0

    @property
    def proposed_minor(self) -> int:
        return self.amount_minor if self.outcome in _ASKING else 0


_GIVING: Final = {State.REFUNDED.value} | {outcome.value for outcome in PAYING}
_ASKING: Final = {State.IN_REVIEW.value, Outcome.NEEDS_REVIEW.value}


@dataclass(frozen=True, slots=True)
class EndsOtherwise:
    what: str  #: `order`, or the kind of the case.
    id: UUID
    currency: str
    before: End  #: As recorded.
    after: End


@dataclass(slots=True)
class MoneyTally:
    """Of what ends otherwise."""

    given_minor: int = 0  #: To customers, as it was.
    would_give_minor: int = 0
    left_to_humans_minor: int = 0  #: What a yes to each would pay.


@dataclass(slots=True)
class Tally:
    orders: int = 0
    cases: int = 0
    orders_otherwise: int = 0
    cases_otherwise: int = 0
    #: Both policies decide alike, and otherwise than was recorded.
    not_reproduced: int = 0
    unreadable: int = 0  #: Their facts are not in the words of this version.
    money: dict[str, MoneyTally] = field(default_factory=lambda: defaultdict(MoneyTally))

    def add(self, otherwise: EndsOtherwise) -> None:
        if otherwise.what == "order":
            self.orders_otherwise += 1
        else:
            self.cases_otherwise += 1
        money = self.money[otherwise.currency]
        money.given_minor += otherwise.before.given_minor
        money.would_give_minor += otherwise.after.given_minor
        money.left_to_humans_minor += otherwise.after.proposed_minor


@dataclass(slots=True, kw_only=True)
class Replay:
    """`changed` counts as in force since ever: its orders are not its own."""

    newest_past: Callable[[], Awaitable[datetime | None]]
    past_orders: ReadOrders
    past_cases: ReadCases
    account_of: Callable[[AccountId, datetime], Awaitable[AccountRecord | None]]
    kept: Mapping[PolicyVersion, Profile]
    name: str
    changed: Profile
    tally: Tally = field(default_factory=Tally)
    orders_a_page: int = ORDERS_A_PAGE
    cases_a_page: int = CASES_A_PAGE
    _accounts: dict[AccountId, AccountRecord | None] = field(default_factory=dict)
    _deeds: int = 0  #: Of all accounts that are kept.

    async def run(
        self, since: datetime, progress: Callable[[Tally], None]
    ) -> AsyncIterator[EndsOtherwise]:
        """Orders settled and cases opened since; *progress* is told after each page but the last.

        What comes meanwhile is left out, so that it ends on a busy day, too.
        """
        until = await self.newest_past()
        if until is None:
            return
        recent = self._recent()
        place: PastPlace | None = PastPlace(since, _FIRST_ID)
        while place is not None:
            orders, place = await self.past_orders(
                self.name, place, until, self.orders_a_page, recent
            )
            for otherwise in await self._orders(orders, since):
                yield otherwise
            if place is not None:
                progress(self.tally)
        place = PastPlace(since, _FIRST_ID)
        while place is not None:
            cases, place = await self.past_cases(self.name, place, until, self.cases_a_page)
            for otherwise in self._cases(cases):
                yield otherwise
            if place is not None:
                progress(self.tally)

    def _own(self, version: str) -> Profile | None:
        return self.kept.get((self.name, version))

    def _recent(self) -> int:
        """Of how many orders before a press the share of Cancel is counted, at most."""
        own = [policy for (name, _), policy in self.kept.items() if name == self.name]
        # An exception may say so for some orders only.
        held = [
            each
            for policy in (*own, self.changed)
            for each in (policy, *(policy.with_whens((i,)) for i in range(len(policy.whens))))
        ]
        shares = [each.cancel for each in held if each.cancel.max_ratio_bp is not None]
        return max((share.ratio_of for share in shares), default=0)

    async def _orders(self, orders: Iterable[PastOrder], since: datetime) -> list[EndsOtherwise]:
        """Account by account; told in the order of time."""
        found: list[tuple[datetime, EndsOtherwise]] = []
        for account, each in groupby(sorted(orders, key=_ACCOUNT), key=_ACCOUNT):
            own_orders = list(each)
            record = await self._record(account, own_orders, since)
            for order in own_orders:
                self.tally.orders += 1
                if (otherwise := self._order(order, record)) is not None:
                    found.append((order.at, otherwise))
        return [otherwise for _, otherwise in sorted(found, key=lambda pair: pair[0])]

    async def _record(
        self, account: AccountId, orders: list[PastOrder], since: datetime
    ) -> AccountRecord | None:
        """Kept for later pages: an order counts what its account did by then, and nothing later."""
        if not any(self._asks_account(order) for order in orders):
            return None
        if account not in self._accounts:
            record = await self.account_of(account, since - LONGEST_WINDOW)
            self._accounts[account] = record
            self._deeds += _deeds_of(record)
            while self._deeds > DEEDS_MAX and len(self._accounts) > 1:
                self._deeds -= _deeds_of(self._accounts.pop(next(iter(self._accounts))))
        return self._accounts[account]

    def _asks_account(self, order: PastOrder) -> bool:
        policies = (self._own(order.policy_version), self.changed)
        held = [policy.for_order(_words(order)) for policy in policies if policy is not None]
        return any(
            ending_asks_account(policy) or cancel_terms(policy, order.order_facts).judged
            for policy in held
        )

    def _order(self, order: PastOrder, account: AccountRecord | None) -> EndsOtherwise | None:
        given = order.price_minor if order.outcome == State.REFUNDED.value else 0
        recorded = End(order.outcome, order.settled_for, given)
        own, changed = self._both(order.policy_version, _words(order), _span(order))
        before = None if own is None else _order_end(own, order, account)
        after = _order_end(changed, order, account)
        ends = (recorded, before, after)
        by_human = order.settled_for == VERDICT
        return self._compared("order", order.id, order.currency, ends, by_human=by_human)

    def _cases(self, cases: Iterable[PastCase]) -> Iterator[EndsOtherwise]:
        for case in cases:
            self.tally.cases += 1
            try:
                otherwise = self._case(case)
            except FactError:
                self.tally.unreadable += 1
                continue
            if otherwise is not None:
                yield otherwise

    def _case(self, case: PastCase) -> EndsOtherwise | None:
        now = {"op": case.op, "now": instant_fact(case.decided_at)}
        question = question_from({**case.facts, **now})
        own, changed = self._own(case.policy_version), self.changed
        facts = question.facts
        if isinstance(facts, ClaimFacts) and case.purchased_at and case.ends_at:
            span = case.ends_at - case.purchased_at
            own, changed = self._both(case.policy_version, words_of(facts.order), span)
        recorded = End(case.outcome, case.reason, case.amount_minor)
        before = None if own is None else _case_end(own, question)
        after = _case_end(changed, question)
        if before is not None and _waits_for_order(recorded, before):
            before = recorded
            after = recorded if after.given_minor else after
        ends = (recorded, before, after)
        return self._compared(case.kind, case.id, case.currency, ends, by_human=case.by_human)

    def _both(
        self, version: str, words: OrderWords, span: timedelta
    ) -> tuple[Profile | None, Profile]:
        """The own policy and the changed one, for an order that had *span* to wait for its code.

        Where that was the window of its policy, it would have had the window of the changed one.
        """
        own, changed = self._own(version), self.changed.for_order(words)
        if own is None:
            return None, _with_window(changed, span)
        own = own.for_order(words)
        window = changed.window if span == own.window else span
        return _with_window(own, span), _with_window(changed, window)

    def _compared(
        self,
        what: str,
        id_: UUID,
        currency: str,
        ends: tuple[End, End | None, End],
        *,
        by_human: bool,
    ) -> EndsOtherwise | None:
        recorded, before, after = ends
        asked_again = by_human and after.outcome in _ASKING
        if after == recorded or (asked_again and (before is None or before.outcome in _ASKING)):
            return None
        if after == before:
            self.tally.not_reproduced += not by_human
            return None
        otherwise = EndsOtherwise(what, id_, currency, recorded, after)
        self.tally.add(otherwise)
        return otherwise


def _deeds_of(record: AccountRecord | None) -> int:
    return 0 if record is None else len(record.history)


def _words(order: PastOrder) -> OrderWords:
    return order_words(order.service, order.country, order.price_minor, order.order_facts)


def _span(order: PastOrder) -> timedelta:
    return order.ends_at - order.purchased_at


def _with_window(profile: Profile, window: timedelta) -> Profile:
    if profile.window == window:
        return profile
    return profile.with_window(max(window // timedelta(seconds=1), 1))


def _order_end(profile: Profile, order: PastOrder, account: AccountRecord | None) -> End:
    """By the policy as it holds for this order."""
    window_end = order.purchased_at + profile.window
    arrived_at = order.sms_received_at or order.sms_displayed_at
    in_time = arrived_at is not None and arrived_at <= window_end
    if in_time and order.sms_displayed_at is not None:
        return End(State.DELIVERED.value, _CODE)
    facts = _facts(order)._replace(sms_received_at=arrived_at if in_time else None)
    if (pressed_at := order.pressed_at) is not None and pressed_at <= window_end:
        known = _with_account(profile, facts, order, account, known_at=pressed_at)
        decision = cancel(profile, known, pressed_at)
        state = ENDS_AS.get(decision.outcome)
        if state is not None:
            return _end_of(state, decision, EndReason.CANCEL, order)
    known = _with_account(profile, facts, order, account, known_at=order.at)
    decision = order_tick(profile, known, window_end + FIRST_INSTANT_AFTER)
    closes = decision.outcome is Outcome.DENY
    state = State.CLOSED if closes else ENDS_AS.get(decision.outcome, State.IN_REVIEW)
    by_provider = order.ended_for == EndReason.PROVIDER.value
    return _end_of(state, decision, EndReason.PROVIDER if by_provider else EndReason.TIMEOUT, order)


def _end_of(state: State, decision: Decision, why: EndReason, order: PastOrder) -> End:
    if state is State.IN_REVIEW:
        return End(state.value, decision.reason.value, decision.amount_minor)
    return End(state.value, why.value, order.price_minor if state is State.REFUNDED else 0)


def _facts(order: PastOrder) -> OrderFacts:
    told = order.order_facts
    return OrderFacts(
        purchased_at=order.purchased_at,
        price_minor=max(order.price_minor, 1),  # A free number ends as any other.
        restrictions_shown=told.get("restrictions_shown", True),
        restrictions_ignored=told.get("restrictions_ignored", False),
    )


def _with_account(
    profile: Profile,
    facts: OrderFacts,
    order: PastOrder,
    account: AccountRecord | None,
    *,
    known_at: datetime,
) -> OrderFacts:
    """With what was known of the account at *known_at*: it counts, however late it was written."""
    if account is None:
        return facts
    window_end = order.purchased_at + profile.window
    own_press = (PastKind.CANCEL, order.pressed_at)
    recent = order.recent_cancels[: profile.cancel.ratio_of]
    return facts._replace(
        account_flags=frozenset(map(AccountFlag, account.account_flags)),
        history=tuple(
            PastEvent(
                PastEventKind(deed.what.value),
                min(deed.at, window_end),
                deed.amount_minor,
                deed.kind,
            )
            for deed in account.history
            if deed.at < known_at and (deed.what, deed.at) != own_press
        ),
        recent_orders=len(recent),
        recent_cancels=sum(recent),
    )


def _case_end(profile: Profile, question: Question) -> End:
    decision = decide(profile, question.op, question.facts, question.now)
    if isinstance(question.facts, ClaimFacts):
        decision = at_most(question.facts.order.left_minor, decision)
    return End(decision.outcome.value, decision.reason.value, decision.amount_minor)


def _waits_for_order(recorded: End, before: End) -> bool:
    """Whether money was decided that waits until the number has ended."""
    waits = (Outcome.WAIT.value, Reason.SMS_WINDOW_OPEN.value)
    return (recorded.outcome, recorded.reason) == waits and before.given_minor > 0
