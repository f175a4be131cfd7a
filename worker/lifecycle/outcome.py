"""What the shop's policy makes of a number that ends without a code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeAlias, assert_never

from worker.domain.activation import EndReason, State
from worker.domain.policy import Op, OrderFacts, Outcome, Profile, decide
from worker.domain.price_fate import PriceFate, ended_as
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.reporter import Reporter
from worker.ports.store.settlements import DueNumber, Ending

EndingDecision: TypeAlias = tuple[State, str]  #: REFUNDED, CLOSED or IN_REVIEW, and why.
OutcomeRule: TypeAlias = Callable[[DueNumber, datetime | None], EndingDecision]
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
    """

    policies: PolicyBook
    reporter: Reporter
    _silent: "dict[_Silence, tuple[Profile, EndingDecision]]" = field(default_factory=dict)

    async def load(self, due: Sequence[DueNumber]) -> None:
        await self.policies.load((number.policy, number.policy_version) for number in due)

    def __call__(self, due: DueNumber, sms_received_at: datetime | None) -> EndingDecision:
        profile = self.policies.of(due.policy, due.policy_version)
        if profile is None:
            missing = f"{due.policy} {due.policy_version}"
            self.reporter.trouble("policy.missing", provider=due.provider, detail=missing)
            return State.IN_REVIEW, "policy_missing"
        reason = EndReason.TIMEOUT if due.reason is None else due.reason
        if sms_received_at is not None or reason is EndReason.CANCEL:
            return _verdict(profile, due, reason, sms_received_at)
        # A window that ended in silence is judged alike for all orders of a policy, except those
        # older than it; a provider that comes back ends thousands of them in a second.
        old = profile.effective_from is not None and due.rented_at < profile.effective_from
        silence = _Silence(id(profile), reason is EndReason.PROVIDER, old)
        if silence not in self._silent:
            self._silent[silence] = profile, _verdict(profile, due, reason, None)
        return self._silent[silence][1]


class _Silence(NamedTuple):
    profile: int  #: Its id, never given again: the profile is kept beside the verdict.
    by_provider: bool
    older_than_policy: bool


def _verdict(
    profile: Profile, due: DueNumber, reason: EndReason, sms_received_at: datetime | None
) -> EndingDecision:
    in_time = sms_received_at is not None and sms_received_at <= due.deadline_at
    facts = OrderFacts(
        purchased_at=due.rented_at,
        price_minor=due.price_minor,
        sms_received_at=sms_received_at if in_time else None,
    )
    match reason:
        case EndReason.CANCEL:
            op, now = Op.CANCEL, min(due.deadline_at, due.rented_at + profile.window)
        case EndReason.TIMEOUT | EndReason.PROVIDER:
            # A number its provider ended cannot get a code any more: its window is over.
            op, now = Op.ORDER_TICK, due.rented_at + profile.window + FIRST_INSTANT_AFTER
        case _:
            assert_never(reason)
    decision = decide(profile, op, facts, now)
    state = _STATES.get(decision.outcome, State.IN_REVIEW)
    return state, decision.reason.value if state is State.IN_REVIEW else reason.value


_MAY_CHARGE: Final = (PriceFate.KEPT, PriceFate.NOT_YET)
_OUTCOMES: Final = (State.REFUNDED, State.CLOSED, State.IN_REVIEW)  #: Compared, never hashed.
_STATES: Final = {
    Outcome.AUTO_CREDIT: State.REFUNDED,
    Outcome.CREDIT: State.REFUNDED,
    Outcome.CANCEL_NO_CREDIT: State.CLOSED,
    Outcome.DENY: State.CLOSED,
}
