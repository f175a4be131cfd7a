"""The report of a demo: the numbers it plans, and their ends against the provider's own books."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Final

from worker.entrypoints.cli.output import Format, say, write_json, write_line, write_rows
from worker.ports.store.books import Finding

ACCOUNTS: Final = 5
PRICE_MINOR: Final = 125


@dataclass(frozen=True, slots=True)
class DemoScenario:
    """One behaviour of the simulated provider, and how its numbers must end."""

    behaviour: str
    share: int  #: Of a hundred numbers.
    ending: str
    codes: int = 0
    earliest: float = 0.0  #: Seconds after the rental, as a share of the window.
    latest: float = 0.0
    presses_cancel: bool = False


SCENARIOS: Final = (
    DemoScenario("code-arrives", 40, "delivered", codes=1, earliest=0.1, latest=0.6),
    # The second comes a quarter of the window later, or as long after the first as that took: some
    # providers tell the newest code alone, and want seconds between two looks.
    DemoScenario("two-codes", 5, "delivered", codes=2, earliest=0.25, latest=0.35),
    DemoScenario("duplicate-code", 5, "delivered", codes=1, earliest=0.1, latest=0.4),
    DemoScenario("timeout", 28, "refunded"),
    DemoScenario("code-late", 5, "refunded", earliest=2.5, latest=3.0),
    DemoScenario("cancel", 7, "refunded", presses_cancel=True),
    DemoScenario("cancel-race", 5, "delivered", codes=1, presses_cancel=True),
    DemoScenario("provider-cancels", 5, "refunded", earliest=0.2, latest=0.5),
)

LATEST_CODE: Final = 0.6  #: Of the window: by then every code of a delivered number has come.

assert sum(scenario.share for scenario in SCENARIOS) == 100
assert all(scenario.latest <= LATEST_CODE for scenario in SCENARIOS if scenario.codes)


@dataclass(frozen=True, slots=True)
class PlannedNumber:
    """One number to rent."""

    number: int
    account: str
    service: str  #: Forces the behaviour at the simulator.
    scenario: DemoScenario


def plan_numbers(count: int, window: float, seed: int) -> Sequence[PlannedNumber]:
    """The same numbers for the same seed, each scenario with its share, in mixed order."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    shares = [
        scenario
        for scenario in SCENARIOS
        for _ in range(max(1, round(count * scenario.share / 100)))
    ]
    random.shuffle(shares)
    chosen = (shares + [SCENARIOS[0]] * count)[:count]
    return [
        PlannedNumber(
            number,
            f"customer-{number % ACCOUNTS + 1}",
            _service(scenario, window, random),
            scenario,
        )
        for number, scenario in enumerate(chosen)
    ]


def _service(scenario: DemoScenario, window: float, random: Random) -> str:
    if scenario.latest == 0.0:
        return scenario.behaviour
    seconds = random.uniform(scenario.earliest, scenario.latest) * window
    return f"{scenario.behaviour}:{seconds:.2f}"


WRONG_MAX: Final = 5  #: Sentences shown of what is wrong.
STATES: Final = ("delivered", "refunded", "closed", "in_review")


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the credits of timed-out numbers were, in seconds after the deadline."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Report:
    numbers: int
    endings: Mapping[str, Mapping[str, int]]  #: By behaviour: state, and how many.
    reasons: Mapping[str, int]
    lateness: Lateness | None
    by_grace: int  #: Credited during the outage, because the grace was over.
    late_codes: int  #: Charged by the provider and credited to the customer: house losses.
    wrong: Sequence[str]  #: Each a sentence about a broken promise.
    findings: Sequence[Finding]
    seconds: float

    @property
    def holds(self) -> bool:
        return (
            not self.wrong
            and bool(self.findings)
            and not any(finding.violations for finding in self.findings)
        )


def seconds_late(ended: Sequence[Mapping[str, Any]]) -> list[float]:
    """Seconds between deadline and credit of the numbers that timed out, in order."""
    return sorted(
        (_instant(row["settlement"]["at"]) - _instant(row["deadline_at"])).total_seconds()
        for row in ended
        if row["state"] == "refunded" and row["settlement"]["reason"] == "timeout"
    )


def lateness_of(late: Sequence[float]) -> Lateness | None:
    if not late:
        return None
    return Lateness(_quantile(late, 0.5), _quantile(late, 0.99), late[-1])


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def endings_of(
    ended: Sequence[Mapping[str, Any]], rented: Mapping[str, PlannedNumber]
) -> dict[str, dict[str, int]]:
    table: dict[str, Counter[str]] = {}
    for row in ended:
        table.setdefault(rented[row["id"]].scenario.behaviour, Counter())[row["state"]] += 1
    return {behaviour: dict(states) for behaviour, states in sorted(table.items())}


def wrong_endings(
    ended: Sequence[Mapping[str, Any]], rented: Mapping[str, PlannedNumber]
) -> list[str]:
    wrong = []
    for row in ended:
        scenario = rented[row["id"]].scenario
        if row["state"] != scenario.ending:
            wrong.append(f"{row['id']} ({scenario.behaviour}) ended {row['state']}")
        elif len(row["codes"]) != scenario.codes:
            wrong.append(f"{row['id']} ({scenario.behaviour}) showed {len(row['codes'])} codes")
    missing = len(rented) - len(ended)
    return wrong + ([f"{missing} numbers are missing"] if missing else [])


def wrong_balances(
    before: Mapping[str, int],
    after: Mapping[str, Mapping[str, Any]],
    ended: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Each customer paid exactly for the delivered numbers, and nothing is held any more."""
    wrong = []
    for account, amount in before.items():
        delivered = sum(row["account"] == account and row["state"] == "delivered" for row in ended)
        due = amount - delivered * PRICE_MINOR
        available, held = after[account]["available_minor"], after[account]["held_minor"]
        if (available, held) != (due, 0):
            wrong.append(f"{account} has {available} available and {held} held, not {due} and 0")
    return wrong


def wrong_at_provider(
    ended: Sequence[Mapping[str, Any]], books: Sequence[Mapping[str, Any]]
) -> tuple[list[str], int]:
    """By the provider's own books: each number it charged was delivered, or is a known loss."""
    charged = {str(entry["id"]): entry["net_minor"] > 0 for entry in books}
    wrong, losses = [], 0
    for row in ended:
        ref = row["provider_ref"]
        if ref not in charged:
            wrong.append(f"{row['id']}: the provider does not know {ref}")
        elif row["state"] == "refunded" and charged[ref]:
            losses += 1
            if row["provider_state"] != "charged":
                wrong.append(f"{row['id']}: charged by the provider, and we do not know it")
        elif row["state"] == "delivered" and not charged[ref]:
            wrong.append(f"{row['id']}: delivered, and the provider took nothing")
    unknown = len(charged) - len({row["provider_ref"] for row in ended} & set(charged))
    return wrong + ([f"{unknown} numbers were bought and forgotten"] if unknown else []), losses


def write_report(report: Report, output: Format) -> None:
    if output is Format.TEXT:
        _write_text(report)
    else:
        write_json(_document(report), indent=output is Format.JSON)
    for line in report.wrong[:WRONG_MAX]:
        say(f"WRONG: {line}")
    if len(report.wrong) > WRONG_MAX:
        say(f"WRONG: and {len(report.wrong) - WRONG_MAX} more")


def _document(report: Report) -> dict[str, Any]:
    late = report.lateness
    return {
        "holds": report.holds,
        "numbers": report.numbers,
        "seconds": round(report.seconds, 1),
        "endings": report.endings,
        "reasons": report.reasons,
        "credit_lateness_seconds": None
        if late is None
        else {"p50": round(late.p50, 3), "p99": round(late.p99, 3), "max": round(late.max, 3)},
        "credited_by_grace": report.by_grace,
        "charged_but_credited": report.late_codes,
        "wrong": list(report.wrong),
        "audit": [
            {"invariant": f.invariant, "says": f.says, "violations": f.violations}
            for f in report.findings
        ],
    }


def _write_text(report: Report) -> None:
    rows = [
        [behaviour, sum(states.values()), *(states.get(state, 0) or None for state in STATES)]
        for behaviour, states in report.endings.items()
    ]
    write_rows(("what happened", "numbers", *STATES), rows)
    write_line("")
    if (late := report.lateness) is not None:
        write_line(
            f"credit lateness after the deadline: p50 {late.p50:.2f} s,"
            f" p99 {late.p99:.2f} s, max {late.max:.2f} s"
        )
    write_line(f"credited while the provider was away, the grace being over: {report.by_grace}")
    write_line(f"credited although the provider charged (late codes): {report.late_codes}")
    write_line("")
    write_rows(
        ("invariant", "violations", "what must hold"),
        [[f.invariant, f.violations, f.says] for f in report.findings],
    )
    write_line("")
    verdict = "every number ended as it must, and the books balance" if report.holds else "WRONG"
    write_line(f"{report.numbers} numbers in {report.seconds:.0f} s: {verdict}")
