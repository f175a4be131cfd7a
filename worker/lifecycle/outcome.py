"""What the shop's policy makes of a number that ends without a code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias, assert_never

from worker.domain.activation import ProviderState, Reason, State
from worker.domain.policy import Op, OrderFacts, Outcome, Profile, decide
from worker.ports.reporter import Reporter
from worker.ports.store.activations import Due, Ending

Verdict: TypeAlias = tuple[State, str]  #: REFUNDED, CLOSED or IN_REVIEW, and why.
Rules: TypeAlias = Callable[[Due, datetime | None], Verdict]
FIRST_INSTANT_AFTER: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AtProvider:
    """What is known of the number there when its customer is settled."""

    state: ProviderState
    act_after: timedelta | None = None  #: When the provider's axis is pursued next.
    may_charge: bool = False
    sms_received_at: datetime | None = None  #: Of an SMS that was never shown.


GIVEN_BACK = AtProvider(ProviderState.CANCELLED)
FORGOTTEN = AtProvider(ProviderState.GONE)


def kept_the_price(sms_received_at: datetime | None) -> AtProvider:
    return AtProvider(ProviderState.CHARGED, may_charge=True, sms_received_at=sms_received_at)


def not_heard(act_after: timedelta) -> AtProvider:
    """It gave no definite answer: its axis is pursued, and what it may charge is ours."""
    return AtProvider(ProviderState.CANCELLING, act_after=act_after, may_charge=True)


def ending(due: Due, rules: Rules, there: AtProvider) -> Ending:
    """The ending of a number without a code (E5, E6): by policy, with exposure where it is ours.

    A captured hold pays for what the provider may charge: only a released one exposes us.
    """
    outcome, reason = rules(due, there.sms_received_at)
    assert outcome in _OUTCOMES
    return Ending(
        id=due.id,
        account=due.account,
        source=State.EXPIRING,
        outcome=outcome,
        provider_state=there.state,
        reason=reason,
        act_after=there.act_after,
        exposure=there.may_charge and outcome is State.REFUNDED,
    )


@dataclass(frozen=True, slots=True)
class PolicyRules:
    """`Rules` by the refund policies: whether it is refunded or closed is decided there, not here.

    A number's own window is the policy's "set time" for it, so the policy is asked for the first
    instant after that. A number keeps the policy of its purchase, whatever the files of this host
    say by now: one that cannot be had is nobody's to guess, and a human decides.
    """

    profiles: Mapping[str, Profile]  #: Today's, by name.
    kept: Mapping[tuple[str, str], Profile]  #: By name and version; grows while other hosts add.
    reporter: Reporter
    _silent: "dict[_Silence, tuple[Profile, Verdict]]" = field(default_factory=dict)

    def __call__(self, due: Due, sms_received_at: datetime | None) -> Verdict:
        profile = self.kept.get((due.policy, due.policy_version)) or self._todays(due)
        if profile is None:
            missing = f"{due.policy} {due.policy_version}"
            self.reporter.trouble("policy.missing", provider=due.provider, detail=missing)
            return State.IN_REVIEW, "policy_missing"
        reason = Reason.TIMEOUT if due.reason is None else due.reason
        if sms_received_at is not None or reason is Reason.CANCEL:
            return _verdict(profile, due, reason, sms_received_at)
        # A window that ended in silence is judged alike for all orders of a policy, except those
        # older than it; a provider that comes back ends thousands of them in a second.
        old = profile.effective_from is not None and due.rented_at < profile.effective_from
        silence = _Silence(id(profile), reason is Reason.PROVIDER, old)
        if silence not in self._silent:
            self._silent[silence] = profile, _verdict(profile, due, reason, None)
        return self._silent[silence][1]

    def _todays(self, due: Due) -> Profile | None:
        """Today's, where the number was bought under that very version."""
        profile = self.profiles.get(due.policy)
        return profile if profile is not None and profile.version == due.policy_version else None


class _Silence(NamedTuple):
    profile: int  #: Its id, never given again: the profile is kept beside the verdict.
    by_provider: bool
    older_than_policy: bool


def _verdict(
    profile: Profile, due: Due, reason: Reason, sms_received_at: datetime | None
) -> Verdict:
    in_time = sms_received_at is not None and sms_received_at <= due.deadline_at
    facts = OrderFacts(
        purchased_at=due.rented_at,
        price_minor=due.price_minor,
        sms_received_at=sms_received_at if in_time else None,
    )
    match reason:
        case Reason.CANCEL:
            op, now = Op.CANCEL, min(due.deadline_at, due.rented_at + profile.window)
        case Reason.TIMEOUT | Reason.PROVIDER:
            # A number its provider ended cannot get a code any more: its window is over.
            op, now = Op.ORDER_TICK, due.rented_at + profile.window + FIRST_INSTANT_AFTER
        case _:
            assert_never(reason)
    decision = decide(profile, op, facts, now)
    state = _STATES.get(decision.outcome, State.IN_REVIEW)
    return state, decision.reason.value if state is State.IN_REVIEW else reason.value


_OUTCOMES: Final = (State.REFUNDED, State.CLOSED, State.IN_REVIEW)  #: Compared, never hashed.
_STATES: Final = {
    Outcome.AUTO_CREDIT: State.REFUNDED,
    Outcome.CREDIT: State.REFUNDED,
    Outcome.CANCEL_NO_CREDIT: State.CLOSED,
    Outcome.DENY: State.CLOSED,
}
