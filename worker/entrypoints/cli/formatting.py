"""An activation as people read it: one line, a page with its timeline, and what it cost."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from worker.domain.activation import FINAL, State
from worker.domain.money import minor_digits

COLUMNS = ("id", "state", "provider_state", "provider", "account", "service", "price", "deadline")
_BAR_CELLS = 20

_FINAL = {state.value for state in FINAL}


def is_final(activation: Mapping[str, Any]) -> bool:
    return activation["state"] in _FINAL


def amount(minor: int, currency: str) -> str:
    digits = minor_digits(currency)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"


def money_line(activation: Mapping[str, Any]) -> str:
    """What the customer paid and got back: `-0.12 + 0.12 = 0.00 USD`."""
    currency = activation["currency"]
    price = amount(activation["price_minor"], currency)
    match activation["state"]:
        case State.REFUNDED.value:
            return f"-{price} + {price} = {amount(0, currency)} {currency} (credited)"
        case State.DELIVERED.value | State.CLOSED.value:
            return f"-{price} {currency} (charged)"
        case _:
            return f"{price} {currency} on hold"


def row(activation: Mapping[str, Any]) -> list[object]:
    price = f"{amount(activation['price_minor'], activation['currency'])} {activation['currency']}"
    cells = {**activation, "price": price, "deadline": short(activation["deadline_at"])}
    return [cells[column] for column in COLUMNS]


def short(instant: str) -> str:
    """To the second, UTC: `2026-01-01 00:20:00`."""
    return parse(instant).strftime("%Y-%m-%d %H:%M:%S")


def parse(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(UTC)


def facts(activation: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """What `show` prints above the timeline."""
    for key in ("id", "state", "provider_state", "provider", "provider_ref", "account", "phone"):
        yield key, activation[key]
    yield "service", f"{activation['service']} in {activation['country']}"
    yield "policy", activation["policy"]
    yield "rented", short(activation["rented_at"])
    yield "deadline", short(activation["deadline_at"])
    for code in activation["codes"]:
        yield "code", f"{code['code']} at {short(code['received_at'])}"
    yield from _waits(activation)
    settlement = activation["settlement"]
    if settlement is not None:
        at = short(settlement["at"])
        yield "settled", f"{settlement['outcome']} at {at}, because: {settlement['reason']}"
    yield "money", money_line(activation)


def _waits(activation: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Since when it is in review and why, and by when it is to be decided."""
    if activation["state"] != State.IN_REVIEW.value:
        return
    line = [one for one in activation["timeline"] if one["what"] == State.IN_REVIEW.value][-1]
    clauses = " ".join(line.get("clauses", ()))
    because = f"{line['reason']} ({clauses})" if clauses else line["reason"]
    yield "in review", f"since {short(line['at'])}, because: {because}"
    if line.get("by_when"):
        yield "decide by", short(line["by_when"])


def happened(line: Mapping[str, Any]) -> list[object]:
    """One row of the timeline: when, what, and its plain details."""
    rest = {key: value for key, value in line.items() if key not in {"at", "what"}}
    at = parse(line["at"]).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    told = {key: ",".join(of) if isinstance(of, list) else of for key, of in rest.items()}
    return [at, line["what"], " ".join(f"{key}={value}" for key, value in told.items())]


def change_line(activation: Mapping[str, Any], now: datetime) -> str:
    """One line per change, for logs and pipes."""
    said = [now.strftime("%H:%M:%S"), activation["id"], activation["state"]]
    said.append(f"(at the provider: {activation['provider_state']})")
    if activation["codes"]:
        said.append(f"codes: {len(activation['codes'])}")
    said += [money_line(activation)] if is_final(activation) else [left(activation, now)]
    return "  ".join(said)


def left(activation: Mapping[str, Any], now: datetime) -> str:
    remaining = parse(activation["deadline_at"]) - now
    seconds = int(remaining.total_seconds())
    return f"{seconds} s left" if remaining >= timedelta(0) else f"{-seconds} s after the deadline"


def bar(activation: Mapping[str, Any], now: datetime) -> str:
    """How much of the window is over."""
    start, end = parse(activation["rented_at"]), parse(activation["deadline_at"])
    share = min(max((now - start) / (end - start), 0), 1) if end > start else 1
    done = round(share * _BAR_CELLS)
    return f"{'█' * done}{'░' * (_BAR_CELLS - done)}"


def verdict(activation: Mapping[str, Any]) -> str:
    """The end in one line, and where to look next."""
    state, id_ = activation["state"], activation["id"]
    says = {
        "delivered": "a code was delivered, the charge stands",
        "refunded": "no code, the price was credited",
        "closed": "no code; this policy credits on a claim only",
        "in_review": "a person has to decide; the money stays on hold",
    }[state]
    return f"{state}: {says}. More: activation-worker show {id_}"
