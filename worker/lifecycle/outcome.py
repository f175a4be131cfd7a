"""What the shop's policy makes of a number that ends without a code."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeAlias, assert_never

from worker.domain.activation import EndReason, State
from worker.domain.ids import AccountId
from worker.domain.policy import OrderFacts, Outcome, PastEvent, Profile
from worker.domain.policy.at_intake import ending_asks_account, order_words
from worker.domain.policy.cancels import cancel
from worker.domain.policy.language.choices import Undisplayed
from worker.domain.policy.orders import order_tick
from worker.domain.policy.vocabulary import AccountFlag, PastEventKind
from worker.domain.price_fate import PriceFate, ended_as
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.reporter import Reporter
from worker.ports.store.case_record import AccountRecord, PastDeed, PastKind
from worker.ports.store.settlements import DueNumber, Ending

EndingDecision: TypeAlias = tuple[State, str]  #: REFUNDED, CLOSED or IN_REVIEW, and why.
OutcomeRule: TypeAlias = Callable[[DueNumber, datetime | None], EndingDecision]
#: What is known of an account; None: there is no such account.
ReadAccount: TypeAlias = Callable[[AccountId], Awaitable[AccountRecord | None]]
ACCOUNTS_MAX: Final = 10_000  #: Kept between reading and judging; one batch has fewer.
FIRST_INSTANT_AFTER: Final = timedelta(microseconds=1)


class OutcomeRules(Protocol):
    async def load(self, due: Sequence[DueNumber]) -> None:
        """Read what these are judged by: after they were leased, before any of them is judged."""
        ...

    def __call__(self, due: DueNumber, sms_received_at: datetime | None, /) -> EndingDecision: ...


def ending(
    due: DueNumber,
    rule: OutcomeRule,
    fate: PriceFate,
    *,
    act_after: timedelta | None = None,
    sms_received_at: datetime | None = None,
) -> Ending:
    """The ending of a number without a code (E5, E6): by policy, with exposure where it is ours.

    *act_after* is when a provider is asked again that has not decided, *sms_received_at* of an SMS
    that was never shown. A captured hold pays for what the provider may charge: only a released one
    exposes us.
    """
    outcome, reason = rule(due, sms_received_at)
    assert outcome in _OUTCOMES
    return Ending(
        id=due.id,
        account=due.account,
        source=State.EXPIRING,
        outcome=outcome,
        provider_state=ended_as(fate),
        reason=reason,
        act_after=act_after,
        exposure=outcome is State.REFUNDED and fate in _MAY_CHARGE,
    )


@dataclass(frozen=True, slots=True)
class PolicyOutcomes:
    """`OutcomeRules` by the refund policies: they decide whether it is refunded or closed.

    A number's own window is the policy's "set time" for it, so the policy is asked for the first
    instant after that. A number keeps the policy of its purchase, whatever the files of this host
    say by now: one that cannot be had is nobody's to guess, and a human decides.

    Only for a policy that asks more than itself (limits, flags of the account) the account is read.
    """

    policies: PolicyBook
    reporter: Reporter
    record_of: ReadAccount
    _silent: "dict[_Silence, tuple[Profile, EndingDecision]]" = field(default_factory=dict)
    #: As read last, with what was decided here since: settled numbers are in no record yet.
    _accounts: "OrderedDict[AccountId, AccountRecord]" = field(default_factory=OrderedDict)

    async def load(self, due: Sequence[DueNumber]) -> None:
        await self.policies.load((number.policy, number.policy_version) for number in due)
        for account in dict.fromkeys(each.account for each in due if self._asks_account(each)):
            record = await self.record_of(account)
            if record is not None:
                self._accounts[account] = record
                self._accounts.move_to_end(account)
        while len(self._accounts) > ACCOUNTS_MAX:
            self._accounts.popitem(last=False)

    def __call__(self, due: DueNumber, sms_received_at: datetime | None) -> EndingDecision:
        profile = self._profile(due)
        if profile is None:
            missing = f"{due.policy} {due.policy_version}"
            self.reporter.trouble("policy.missing", provider=due.provider, detail=missing)
            return State.IN_REVIEW, "policy_missing"
        reason = EndReason.TIMEOUT if due.reason is None else due.reason
        in_time = sms_received_at is not None and sms_received_at <= due.deadline_at
        undisplayed = in_time and profile.sms.undisplayed_in_time is Undisplayed.REVIEW
        if due.cancel_decision is not None and reason is EndReason.CANCEL and not undisplayed:
            state, why = due.cancel_decision.split(" ", 1)
            return State(state), why
        if in_time or _restricted(due):
            return self._asked(profile, due, reason, sms_received_at if in_time else None)
        if reason is not EndReason.CANCEL and ending_asks_account(profile):
            return self._asked(profile, due, reason, None)
        # A window that ended in silence is judged alike for all orders of a policy, except those
        # older than it; a provider that comes back ends thousands of them in a second.
        old = profile.effective_from is not None and due.rented_at < profile.effective_from
        silence = _Silence(id(profile), reason, old)
        if silence not in self._silent:
            self._silent[silence] = profile, _verdict(profile, reason, _facts(due))
        return self._silent[silence][1]

    def _profile(self, due: DueNumber) -> Profile | None:
        profile = self.policies.of(due.policy, due.policy_version)
        if profile is None or not profile.whens:
            return profile
        told = due.order_facts or {}
        return profile.for_order(order_words(due.service, due.country, due.price_minor, told))

    def _asks_account(self, due: DueNumber) -> bool:
        profile = self._profile(due)
        return profile is not None and ending_asks_account(profile)

    def _asked(
        self,
        profile: Profile,
        due: DueNumber,
        reason: EndReason,
        sms_received_at: datetime | None,
    ) -> EndingDecision:
        """By all that is known of this very number and its account."""
        facts = _facts(due)._replace(sms_received_at=sms_received_at)
        window = (due.deadline_at - due.rented_at) // timedelta(seconds=1)
        profile = profile.with_window(max(window, 1))
        record = self._accounts.get(due.account)
        if record is None:
            return _verdict(profile, reason, facts)
        verdict = _verdict(profile, reason, _with_account(facts, record))
        if verdict[0] is State.REFUNDED:
            deed = PastDeed(PastKind.AUTO_CREDIT, due.deadline_at, due.price_minor)
            self._accounts[due.account] = replace(record, history=(*record.history, deed))
        return verdict


class _Silence(NamedTuple):
    profile: int  #: Its id, never given again: the profile is kept beside the verdict.
    reason: EndReason
    older_than_policy: bool


def _restricted(due: DueNumber) -> bool:
    return bool((due.order_facts or {}).get("restrictions_ignored", False))


def _facts(due: DueNumber) -> OrderFacts:
    told = due.order_facts or {}
    return OrderFacts(
        purchased_at=due.rented_at,
        price_minor=max(due.price_minor, 1),  # A free number ends as any other.
        restrictions_shown=told.get("restrictions_shown", True),
        restrictions_ignored=told.get("restrictions_ignored", False),
    )


def _with_account(facts: OrderFacts, account: AccountRecord) -> OrderFacts:
    return facts._replace(
        account_flags=frozenset(map(AccountFlag, account.account_flags)),
        history=tuple(
            PastEvent(PastEventKind(deed.what.value), deed.at, deed.amount_minor, deed.kind)
            for deed in account.history
        ),
        recent_orders=account.recent_orders,
        recent_cancels=account.recent_cancels,
    )


def _verdict(profile: Profile, reason: EndReason, facts: OrderFacts) -> EndingDecision:
    """*profile* as it holds for the order; what it excepts is said already."""
    window_end = facts.purchased_at + profile.window
    match reason:
        case EndReason.CANCEL:
            op, now = cancel, _when_offered(profile, facts, window_end)
        case EndReason.TIMEOUT | EndReason.PROVIDER:
            # A number its provider ended cannot get a code any more: its window is over.
            op, now = order_tick, window_end + FIRST_INSTANT_AFTER
        case _:
            assert_never(reason)
    decision = op(profile, facts, now)
    state = _STATES.get(decision.outcome, State.IN_REVIEW)
    return state, decision.reason.value if state is State.IN_REVIEW else reason.value


def _when_offered(profile: Profile, facts: OrderFacts, window_end: datetime) -> datetime:
    """An instant at which Cancel is offered: a press outside its time was refused."""
    until = profile.cancel.until_s
    if until is None:
        return window_end
    return min(window_end, facts.purchased_at + timedelta(seconds=until))


_MAY_CHARGE: Final = (PriceFate.KEPT, PriceFate.NOT_YET)
_OUTCOMES: Final = (State.REFUNDED, State.CLOSED, State.IN_REVIEW)  #: Compared, never hashed.
_STATES: Final = {
    Outcome.AUTO_CREDIT: State.REFUNDED,
    Outcome.CREDIT: State.REFUNDED,
    Outcome.CANCEL_NO_CREDIT: State.CLOSED,
    Outcome.DENY: State.CLOSED,
}
