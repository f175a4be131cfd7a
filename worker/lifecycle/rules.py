"""What the shop's policy makes of a number that ends without a code."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from worker.domain.activation import ProviderState, State
from worker.ports.store import Due, Ending

Verdict: TypeAlias = tuple[State, str]  #: REFUNDED, CLOSED or IN_REVIEW, and why.
Rules: TypeAlias = Callable[[Due], Verdict]


@dataclass(frozen=True, slots=True)
class AtProvider:
    """What is known of the number there when its customer is settled."""

    state: ProviderState
    act_after: timedelta | None = None  #: When the provider's axis is pursued next.
    may_charge: bool = False


GIVEN_BACK = AtProvider(ProviderState.CANCELLED)
KEPT_THE_PRICE = AtProvider(ProviderState.CHARGED, may_charge=True)
FORGOTTEN = AtProvider(ProviderState.GONE)


def ending(due: Due, rules: Rules, there: AtProvider) -> Ending:
    """The ending of a number without a code (E5, E6): by policy, with exposure where it is ours.

    A captured hold pays for what the provider may charge: only a released one exposes us.
    """
    outcome, reason = rules(due)
    assert outcome in {State.REFUNDED, State.CLOSED, State.IN_REVIEW}
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
