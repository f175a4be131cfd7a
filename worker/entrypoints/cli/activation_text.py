"""An activation as text for people: a line, a table row, a page with its timeline and money."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from worker.domain.activation import FINAL, State
from worker.entrypoints.cli.output import amount, money, parse_instant, short_instant

COLUMNS = ("id", "state", "provider_state", "provider", "account", "service", "price", "deadline")
_BAR_CELLS = 20

_FINAL = {state.value for state in FINAL}


def is_final(activation: Mapping[str, Any]) -> bool:
    return activation["state"] in _FINAL


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


def table_row(activation: Mapping[str, Any]) -> list[object]:
    """One row of `list`, with the columns COLUMNS."""
    price = money(activation["price_minor"], activation["currency"])
    cells = {**activation, "price": price, "deadline": short_instant(activation["deadline_at"])}
    return [cells[column] for column in COLUMNS]


def fields(activation: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The lines of `show` above the timeline, by name."""
    for key in ("id", "state", "provider_state", "provider", "provider_ref", "account", "phone"):
        yield key, activation[key]
    yield "service", f"{activation['service']} in {activation['country']}"
    yield "policy", activation["policy"]
    yield "rented", short_instant(activation["rented_at"])
    yield "deadline", short_instant(activation["deadline_at"])
    for code in activation["codes"]:
        yield "code", f"{code['code']} at {short_instant(code['received_at'])}"
    yield from _review_fields(activation)
    settlement = activation["settlement"]
    if settlement is not None:
        at = short_instant(settlement["at"])
        yield "settled", f"{settlement['outcome']} at {at}, because: {settlement['reason']}"
    yield "money", money_line(activation)


def _review_fields(activation: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """In review: since when, why, and the date to decide by."""
    if activation["state"] != State.IN_REVIEW.value:
        return
    line = [line for line in activation["timeline"] if line["what"] == State.IN_REVIEW.value][-1]
    clauses = " ".join(line.get("clauses", ()))
    because = f"{line['reason']} ({clauses})" if clauses else line["reason"]
    yield "in review", f"since {short_instant(line['at'])}, because: {because}"
    if line.get("by_when"):
        yield "decide by", short_instant(line["by_when"])


def timeline_row(line: Mapping[str, Any]) -> list[object]:
    """One row of the timeline: when, what, and the details as `key=value`."""
    details = {key: value for key, value in line.items() if key not in {"at", "what"}}
    at = parse_instant(line["at"]).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    texts = {k: ",".join(v) if isinstance(v, list) else v for k, v in details.items()}
    return [at, line["what"], " ".join(f"{key}={text}" for key, text in texts.items())]


def change_line(activation: Mapping[str, Any], now: datetime) -> str:
    """One line per change, for logs and pipes."""
    parts = [now.strftime("%H:%M:%S"), activation["id"], activation["state"]]
    parts.append(f"(at the provider: {activation['provider_state']})")
    if activation["codes"]:
        parts.append(f"codes: {len(activation['codes'])}")
    parts += [money_line(activation)] if is_final(activation) else [time_left(activation, now)]
    return "  ".join(parts)


def time_left(activation: Mapping[str, Any], now: datetime) -> str:
    remaining = parse_instant(activation["deadline_at"]) - now
    seconds = int(remaining.total_seconds())
    return f"{seconds} s left" if remaining >= timedelta(0) else f"{-seconds} s after the deadline"


def window_bar(activation: Mapping[str, Any], now: datetime) -> str:
    """The elapsed part of the window, drawn."""
    start, end = parse_instant(activation["rented_at"]), parse_instant(activation["deadline_at"])
    share = min(max((now - start) / (end - start), 0), 1) if end > start else 1
    elapsed = round(share * _BAR_CELLS)
    return f"{'█' * elapsed}{'░' * (_BAR_CELLS - elapsed)}"


def ending_line(activation: Mapping[str, Any]) -> str:
    """How it ended, and the command that shows more."""
    state, id_ = activation["state"], activation["id"]
    meaning = {
        "delivered": "a code was delivered, the charge stands",
        "refunded": "no code, the price was credited",
        "closed": "no code; this policy credits on a claim only",
        "in_review": "a person has to decide; the money stays on hold",
    }[state]
    return f"{state}: {meaning}. More: activation-worker show {id_}"
