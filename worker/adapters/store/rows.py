"""Rows of the database as the port's values."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import RowMapping

from worker.domain.activation import EndReason, ProviderState, State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.ports.store.activations import Activation, LiveNumber
from worker.ports.store.settlements import DueNumber, SettledNumber

_STATES = {state.value: state for state in State}
_PROVIDER_STATES = {state.value: state for state in ProviderState}
_REASONS = {reason.value: reason for reason in EndReason}
#: The words above, as statements ask for them: a row with another one is newer code's to work on.
KNOWN = {
    "states": list(_STATES),
    "provider_states": list(_PROVIDER_STATES),
    "reasons": list(_REASONS),
}


#: The columns of what is due, in `DueNumber`'s order: `{{due_number}}` in a statement.
DUE_NUMBER: Final = tuple(
    "provider_ref" if field == "ref" else field for field in DueNumber._fields
)


def due(row: Sequence[Any]) -> DueNumber:
    """By position, as `DUE_NUMBER` is selected."""
    (id_, provider, ref, account, state, provider_state, reason, *rest) = row
    return DueNumber(
        ActivationId(id_),
        ProviderName(provider),
        ref,
        AccountId(account),
        _STATES[state],
        _PROVIDER_STATES[provider_state],
        None if reason is None else _REASONS[reason],
        *rest,
    )


def settled(row: Sequence[Any]) -> SettledNumber:
    """By position, as `settle.sql` selects them."""
    (id_, provider, state, *rest) = row
    return SettledNumber(ActivationId(id_), ProviderName(provider), _STATES[state], *rest)


def live_number(row: RowMapping) -> LiveNumber:
    return LiveNumber(
        ActivationId(row["id"]),
        ProviderRef(row["provider_ref"]),
        row["rented_at"],
        row["deadline_at"],
    )


def activation(row: RowMapping, **parts: Any) -> Activation:
    return Activation(
        id=ActivationId(row["id"]),
        provider=ProviderName(row["provider"]),
        ref=row["provider_ref"],
        account=AccountId(row["account"]),
        phone=row["phone"],
        service=row["service"],
        country=row["country"],
        price_minor=row["price_minor"],
        currency=row["currency"],
        policy=row["policy"],
        state=_STATES[row["state"]],
        provider_state=_PROVIDER_STATES[row["provider_state"]],
        rented_at=row["rented_at"],
        deadline_at=row["deadline_at"],
        **parts,
    )
