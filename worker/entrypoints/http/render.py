"""What the ports give, as the JSON of the contract: instants with microseconds and Z, no floats."""

from datetime import UTC, datetime
from typing import Any

from worker.ports.store.activations import Activation, Settlement, ShownCode, TimelineEntry
from worker.ports.store.books import Account, Entry
from worker.ports.store.outbox import Event


def instant(at: datetime) -> str:
    """`2026-01-01T00:00:00.000000Z`, always 27 characters, so that text sorts as time does."""
    assert at.tzinfo is not None
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def activation(shown: Activation) -> dict[str, Any]:
    return {
        "id": str(shown.id),
        "provider": shown.provider,
        "provider_ref": shown.ref,
        "account": shown.account,
        "phone": shown.phone,
        "service": shown.service,
        "country": shown.country,
        "price_minor": shown.price_minor,
        "currency": shown.currency,
        "policy": shown.policy,
        "state": shown.state.value,
        "provider_state": shown.provider_state.value,
        "rented_at": instant(shown.rented_at),
        "deadline_at": instant(shown.deadline_at),
        "codes": [_code(code) for code in shown.codes],
        "settlement": None if shown.settlement is None else _settlement(shown.settlement),
        "timeline": [_happened(line) for line in shown.timeline],
    }


def _code(shown: ShownCode) -> dict[str, Any]:
    return {
        "code": shown.code,
        "text": shown.text,
        "received_at": instant(shown.received_at),
    }


def _settlement(settlement: Settlement) -> dict[str, Any]:
    return {
        "outcome": settlement.outcome.value,
        "amount_minor": settlement.amount_minor,
        "reason": settlement.reason,
        "at": instant(settlement.at),
    }


def _happened(line: TimelineEntry) -> dict[str, Any]:
    return {**line.detail, "at": instant(line.at), "what": line.what}


def account(shown: Account) -> dict[str, Any]:
    return {
        "account": shown.account,
        "currency": shown.currency,
        "available_minor": shown.available_minor,
        "held_minor": shown.held_minor,
        "state": shown.state,
    }


def entry(shown: Entry) -> dict[str, Any]:
    return {
        "id": shown.id,
        "at": instant(shown.at),
        "kind": shown.kind,
        "key": shown.key,
        "source": shown.source,
        "destination": shown.destination,
        "amount_minor": shown.amount_minor,
        "currency": shown.currency,
        "activation": None if shown.activation is None else str(shown.activation),
    }


def event(shown: Event) -> dict[str, Any]:
    return {
        "id": shown.id,
        "type": shown.type,
        "timestamp": instant(shown.at),
        "activation": None if shown.activation is None else str(shown.activation),
        "attempts": shown.attempts,
        "data": dict(shown.payload),
    }
