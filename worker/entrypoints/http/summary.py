"""What happened to a number and to its money, in one plain sentence."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, assert_never

from worker.domain.activation import EndReason, State
from worker.domain.money import decimal_text
from worker.domain.transfer import Charge
from worker.ports.store.activations import Activation, Settlement

_NO_CODE: Final = {
    EndReason.TIMEOUT.value: "No code came in time",
    EndReason.CANCEL.value: "The number was cancelled before a code came",
    EndReason.PROVIDER.value: "The provider ended the number before a code came",
}


def summary_of(activation: Activation) -> str:
    """It can be read to a customer, so it names no state and no id of ours."""
    price = _money(activation.price_minor, activation.currency)
    ours = activation.charge is Charge.HOLD
    kept = f"{price} stays set aside" if ours else f"the charge of {price} stays open"
    match activation.state:
        case State.WAITING if activation.ref is None:
            return f"It is not known yet whether the number could be rented, and {kept}."
        case State.WAITING:
            return f"A code is waited for until {_at(activation.deadline_at)}, and {kept}."
        case State.EXPIRING:
            return f"The number is being given back to its provider, and {kept} until that ends."
        case State.RECEIVED:
            until = _at(activation.deadline_at)
            return f"{_code_came(activation)}, {price} is charged, and more may come until {until}."
        case State.IN_REVIEW:
            return f"How the number ends is decided by a person, and {kept} until then."
        case State.DELIVERED | State.REFUNDED | State.CLOSED:
            assert activation.settlement is not None
            return _ended(activation, activation.settlement)
        case _:
            assert_never(activation.state)


def _ended(activation: Activation, settlement: Settlement) -> str:
    amount = _money(settlement.amount_minor, activation.currency)
    if settlement.outcome is State.REFUNDED:
        back = "is back on the balance" if activation.charge is Charge.HOLD else "is not charged"
        why = _why_no_code(activation, settlement)
        return f"{why}, and {amount} {back} since {_at(settlement.at)}."
    what = (
        _code_came(activation)
        if settlement.outcome is State.DELIVERED
        else _why_no_code(activation, settlement)
    )
    if activation.given_back_minor:
        returned = _money(activation.given_back_minor, activation.currency)
        return f"{what}, {amount} was charged, and a claim gave {returned} of it back."
    return f"{what}, and {amount} was charged."


def _why_no_code(activation: Activation, settlement: Settlement) -> str:
    if activation.codes:  # A verdict can give the money back all the same.
        return _code_came(activation)
    if activation.ref is None:
        return "The number could not be rented"
    return _NO_CODE.get(settlement.reason, "No code was shown")


def _code_came(activation: Activation) -> str:
    if not activation.codes:
        return "The code was delivered"
    return f"A code was shown at {_at(activation.codes[0].received_at)}"


@lru_cache(1024)  # A shop has few prices.
def _money(minor: int, currency: str) -> str:
    return f"{decimal_text(minor, currency)} {currency}"


def _at(instant: datetime) -> str:
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(' ', 'minutes')} UTC"
