"""The proof: what each number must have become, against the provider's own books and the audit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from worker.entrypoints.demo.cast import PRICE_MINOR, Role
from worker.ports.store.books import Finding

SHOWN_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Lateness:
    """Credit lateness of numbers that timed out, in seconds after the deadline."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Report:
    numbers: int
    endings: Mapping[str, Mapping[str, int]]  #: By behaviour: state, and how many.
    reasons: Mapping[str, int]
    lateness: Lateness | None
    by_grace: int  #: Credited while the provider was still away, because the grace was over.
    late_codes: int  #: Charged by the provider although the customer was credited: house losses.
    wrong: Sequence[str]  #: Each a sentence about something that must not be.
    findings: Sequence[Finding]
    seconds: float

    @property
    def holds(self) -> bool:
        return (
            not self.wrong
            and bool(self.findings)
            and not any(finding.violations for finding in self.findings)
        )


def lateness_of(ended: Sequence[Mapping[str, Any]]) -> list[float]:
    """Seconds between deadline and credit of the numbers that timed out, in order."""
    return sorted(
        (_instant(one["settlement"]["at"]) - _instant(one["deadline_at"])).total_seconds()
        for one in ended
        if one["state"] == "refunded" and one["settlement"]["reason"] == "timeout"
    )


def summary_of(late: Sequence[float]) -> Lateness | None:
    if not late:
        return None
    return Lateness(_quantile(late, 0.5), _quantile(late, 0.99), late[-1])


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def endings_of(
    ended: Sequence[Mapping[str, Any]], rented: Mapping[str, Role]
) -> dict[str, dict[str, int]]:
    table: dict[str, Counter[str]] = {}
    for one in ended:
        table.setdefault(rented[one["id"]].part.behaviour, Counter())[one["state"]] += 1
    return {behaviour: dict(states) for behaviour, states in sorted(table.items())}


def wrong_endings(ended: Sequence[Mapping[str, Any]], rented: Mapping[str, Role]) -> list[str]:
    wrong = []
    for one in ended:
        part = rented[one["id"]].part
        if one["state"] != part.ending:
            wrong.append(f"{one['id']} ({part.behaviour}) ended {one['state']}")
        elif len(one["codes"]) != part.codes:
            wrong.append(f"{one['id']} ({part.behaviour}) showed {len(one['codes'])} codes")
    missing = len(rented) - len(ended)
    return wrong + ([f"{missing} numbers are missing"] if missing else [])


def wrong_balances(
    before: Mapping[str, int],
    after: Mapping[str, Mapping[str, Any]],
    ended: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Each customer paid for what was delivered, to the cent, and nothing is held any more."""
    wrong = []
    for account, amount in before.items():
        delivered = sum(one["account"] == account and one["state"] == "delivered" for one in ended)
        due = amount - delivered * PRICE_MINOR
        found = after[account]
        if (found["available_minor"], found["held_minor"]) != (due, 0):
            wrong.append(
                f"{account} has {found['available_minor']} available and"
                f" {found['held_minor']} held, not {due} and 0"
            )
    return wrong


def wrong_at_provider(
    ended: Sequence[Mapping[str, Any]], books: Sequence[Mapping[str, Any]]
) -> tuple[list[str], int]:
    """Against the provider's own books: what it charged was delivered, or is a known loss."""
    charged = {str(row["id"]): row["net_minor"] > 0 for row in books}
    wrong, losses = [], 0
    for one in ended:
        ref = one["provider_ref"]
        if ref not in charged:
            wrong.append(f"{one['id']}: the provider does not know {ref}")
        elif one["state"] == "refunded" and charged[ref]:
            losses += 1
            if one["provider_state"] != "charged":
                wrong.append(f"{one['id']}: charged by the provider, and we do not know it")
        elif one["state"] == "delivered" and not charged[ref]:
            wrong.append(f"{one['id']}: delivered, and the provider took nothing")
    unknown = len(charged) - len({one["provider_ref"] for one in ended} & set(charged))
    return wrong + ([f"{unknown} numbers were bought and forgotten"] if unknown else []), losses
