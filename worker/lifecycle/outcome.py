"""What the shop's policy makes of a number that ends without a code; of no number: a refund."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeAlias, assert_never

from worker.domain.activation import EndReason, ProviderState, State
from worker.domain.ids import AccountId
from worker.domain.policy import OrderFacts, Outcome, PastEvent, Profile
from worker.domain.policy.at_intake import ending_asks_account, order_words
from worker.domain.policy.cancels import cancel
from worker.domain.policy.language.choices import Undisplayed
from worker.domain.policy.limits import HistoryAsked, history_asked
from worker.domain.policy.orders import order_tick
from worker.domain.policy.vocabulary import AccountFlag, PastEventKind
from worker.domain.price_fate import PriceFate, ended_as
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.reporter import Reporter
from worker.ports.store.case_record import PastDeed, PastKind
from worker.ports.store.settlements import CreditLimit, DueNumber, Ending

#: REFUNDED, CLOSED or IN_REVIEW, and why; with what a refund is counted by.
EndingDecision: TypeAlias = tuple[State, str] | tuple[State, str, CreditLimit]
OutcomeRule: TypeAlias = Callable[[DueNumber, datetime | None], EndingDecision]
ReadFlags: TypeAlias = Callable[[AccountId], Awaitable[frozenset[str]]]
ACCOUNTS_MAX: Final = 10_000  #: Kept between reading and judging; one batch has fewer.
#: A profile's id, a reason's, and whether the order is older than its policy. Ids are quick to look
#: up, as a reason itself is not; none is given again: the profile is kept beside the verdict.
_Silence: TypeAlias = tuple[int, int, bool]
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
    decided = rule(due, sms_received_at)
    outcome, reason = decided[0], decided[1]
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
        limit=decided[2] if len(decided) == 3 else None,
    )


def unsold(due: DueNumber) -> Ending:
    """The price goes back whatever the policy says: it is about numbers, and there was none."""
    return Ending(
        id=due.id,
        account=due.account,
        source=State.EXPIRING,
        outcome=State.REFUNDED,
        provider_state=ProviderState.CANCELLED,
        reason=(due.reason or EndReason.PROVIDER).value,
    )


def without_number(due: DueNumber, act_after: timedelta) -> Ending:
    """The ending of an order that nobody has found a number of: no policy is asked here either.

    Until it is proven unsold, the provider may charge for it.
    """
    if due.provider_state is ProviderState.CANCELLED:
        return unsold(due)  # It is proven; only its settlement did not follow.
    return unsold(due)._replace(
        provider_state=ProviderState.CANCELLING, act_after=act_after, exposure=True
    )


@dataclass(frozen=True, slots=True)
class PolicyOutcomes:
    """`OutcomeRules` by the refund policies: they decide whether it is refunded or closed.

    A number's own window is the policy's "set time" for it, so the policy is asked for the first
    instant after that. A number keeps the policy of its purchase, whatever the files of this host
    say by now: one that cannot be had is nobody's to guess, and a human decides.

    The flags of the account are read only for a policy that asks for more than itself. What its
    limits count is asked when the number is settled, under the account's lock: another host may end
    numbers of the same account meanwhile.
    """

    policies: PolicyBook
    reporter: Reporter
    flags_of: ReadFlags
    _silent: "dict[_Silence, tuple[Profile, tuple[State, str]]]" = field(default_factory=dict)
    _flags: "OrderedDict[AccountId, frozenset[str]]" = field(default_factory=OrderedDict)  #: Last.

    async def load(self, due: Sequence[DueNumber]) -> None:
        await self.policies.load((number.policy, number.policy_version) for number in due)
        for account in dict.fromkeys(each.account for each in due if self._asks_account(each)):
            self._flags[account] = await self.flags_of(account)
            self._flags.move_to_end(account)
        while len(self._flags) > ACCOUNTS_MAX:
            self._flags.popitem(last=False)

    def __call__(self, due: DueNumber, sms_received_at: datetime | None) -> EndingDecision:
        profile = self._profile(due)
        if profile is None:
            missing = f"{due.policy} {due.policy_version}"
            self.reporter.trouble(
                "policy.missing", provider=due.provider, detail=missing, activation=due.id
            )
            return State.IN_REVIEW, "policy_missing"
        reason = EndReason.TIMEOUT if due.reason is None else due.reason
        in_time = sms_received_at is not None and sms_received_at <= due.deadline_at
        undisplayed = in_time and profile.sms.undisplayed_in_time is Undisplayed.REVIEW
        if due.cancel_decision is not None and reason is EndReason.CANCEL and not undisplayed:
            state, why = due.cancel_decision.split(" ", 1)
            return State(state), why
        if in_time or _restricted(due):
            return self._asked(profile, due, reason, sms_received_at if in_time else None)
        # A window that ended in silence is judged alike for all orders of a policy, except those
        # older than it; a provider that comes back ends thousands of them in a second.
        old = profile.effective_from is not None and due.rented_at < profile.effective_from
        silence = id(profile), id(reason), old
        known = self._silent.get(silence)
        if known is not None:
            return known[1]
        if reason is not EndReason.CANCEL and ending_asks_account(profile):
            return self._asked(profile, due, reason, None)
        verdict = _verdict(profile, reason, _facts(due))
        self._silent[silence] = profile, verdict
        return verdict

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
        flags = self._flags.get(due.account, frozenset())
        facts = facts._replace(account_flags=frozenset(map(AccountFlag, flags)))
        verdict = _verdict(profile, reason, facts)
        asked = history_asked(profile, _CREDITS)
        if verdict[0] is not State.REFUNDED or reason is EndReason.CANCEL or not asked.spans:
            return verdict
        return *verdict, _Limit(profile, reason, facts, asked)


@dataclass(frozen=True, slots=True)
class _Limit:
    """`CreditLimit` of one number's policy."""

    profile: Profile
    reason: EndReason
    facts: OrderFacts
    asked: HistoryAsked

    @property
    def at(self) -> datetime:
        return self.facts.purchased_at + self.profile.window + FIRST_INSTANT_AFTER

    @property
    def deed(self) -> PastDeed:
        return PastDeed(PastKind.AUTO_CREDIT, self.at, self.facts.price_minor)

    def __call__(self, history: tuple[PastDeed, ...]) -> tuple[State, str]:
        past = tuple(
            PastEvent(
                PastEventKind(deed.what.value),
                min(deed.at, self.at),  # It was given before, at whatever end of a window.
                deed.amount_minor,
                deed.kind,
                deed.times,
            )
            for deed in history
        )
        return _verdict(self.profile, self.reason, self.facts._replace(history=past))


def _restricted(due: DueNumber) -> bool:
    facts = due.order_facts
    return facts is not None and bool(facts.get("restrictions_ignored", False))


def _facts(due: DueNumber) -> OrderFacts:
    told = due.order_facts or {}
    return OrderFacts(
        purchased_at=due.rented_at,
        price_minor=max(due.price_minor, 1),  # A free number ends as any other.
        restrictions_shown=told.get("restrictions_shown", True),
        restrictions_ignored=told.get("restrictions_ignored", False),
    )


def _verdict(profile: Profile, reason: EndReason, facts: OrderFacts) -> tuple[State, str]:
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


_CREDITS: Final = frozenset({PastEventKind.AUTO_CREDIT})
_MAY_CHARGE: Final = (PriceFate.KEPT, PriceFate.NOT_YET)
_OUTCOMES: Final = (State.REFUNDED, State.CLOSED, State.IN_REVIEW)  #: Compared, never hashed.
_STATES: Final = {
    Outcome.AUTO_CREDIT: State.REFUNDED,
    Outcome.CREDIT: State.REFUNDED,
    Outcome.CANCEL_NO_CREDIT: State.CLOSED,
    Outcome.DENY: State.CLOSED,
}
