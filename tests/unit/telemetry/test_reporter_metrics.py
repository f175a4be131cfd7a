"""What the lifecycle reports arrives in the right series."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from worker.adapters.telemetry.label_sets import CURRENCIES_MAX, LabelledProvider, LabelSets
from worker.adapters.telemetry.logs import logger
from worker.adapters.telemetry.metrics import Metrics
from worker.adapters.telemetry.reporter import OpsReporter
from worker.domain.activation import CodeFate, ProviderState, State
from worker.domain.ids import ActivationId, ProviderName
from worker.ports.reporter import JobResult, Kept, Operation, Reporter, RequestResult
from worker.ports.service import PurchaseOutcome
from worker.ports.store.books import Finding, QueueStats
from worker.ports.store.outbox import SendResult
from worker.ports.store.settlements import SettledNumber

ALPHA = ProviderName("alpha")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KNOWN = LabelSets(
    version="1.2.3",
    providers=[LabelledProvider(ALPHA, "USD", 100_000)],
    jobs=["expire"],
    invariants=["balanced", "settled_once"],
    timers=["claim"],
)


class Ops:
    """A reporter of its own, and a look at its series."""

    def __init__(self, known: LabelSets) -> None:
        self.registry = CollectorRegistry()
        self.seconds = 0.0
        self.reporter = OpsReporter(
            Metrics(self.registry, known),
            logger("test"),
            now=lambda: NOW,
            monotonic=lambda: self.seconds,
        )

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"activation_worker_{name}", labels)


@pytest.fixture
def ops() -> Ops:
    return Ops(KNOWN)


def settled(
    outcome: State = State.REFUNDED,
    *,
    reason: str = "timeout",
    lateness: float = 0.5,
    currency: str = "USD",
) -> SettledNumber:
    return SettledNumber(
        id=ActivationId(UUID(int=1)),
        provider=ALPHA,
        outcome=outcome,
        reason=reason,
        amount_minor=12,
        currency=currency,
        lateness=timedelta(seconds=lateness),
    )


def queue_stats(**changes: object) -> QueueStats:
    facts: dict[str, object] = {
        "live": {},
        "overdue": 0,
        "oldest_overdue": timedelta(0),
        "exposure_minor": {},
        "events_pending": 0,
        "cancel_ratio": {},
    }
    return QueueStats(**{**facts, **changes})  # type: ignore[arg-type] # a builder with defaults


def test_it_is_a_reporter(ops: Ops) -> None:
    reporter: Reporter = ops.reporter
    reporter.accepted(ALPHA, 3)

    assert ops.value("accepted_total", provider="alpha") == 3


def test_settlements_count_by_outcome_and_credit_money_only_for_refunds(ops: Ops) -> None:
    ops.reporter.settled([settled(), settled(), settled(State.DELIVERED), settled(State.CLOSED)])

    outcomes = {
        outcome: ops.value("settled_total", provider="alpha", outcome=outcome)
        for outcome in ("refunded", "delivered", "closed")
    }
    assert outcomes == {"refunded": 2, "delivered": 1, "closed": 1}
    assert ops.value("credited_minor_total", currency="USD", reason="timeout") == 24
    assert ops.value("credit_lateness_seconds_count") == 2


def test_what_goes_to_review_is_not_settled(ops: Ops) -> None:
    with capture_logs() as lines:
        ops.reporter.settled([settled(State.IN_REVIEW)])

    assert ops.value("settled_total", provider="alpha", outcome="other") is None
    assert [line["event"] for line in lines] == ["activation.in_review"]


def test_a_credit_before_the_deadline_is_not_a_lateness(ops: Ops) -> None:
    ops.reporter.settled([settled(reason="cancel", lateness=-600), settled(lateness=61)])

    assert ops.value("credit_lateness_seconds_count") == 1
    assert ops.value("credit_lateness_seconds_sum") == 61
    assert ops.value("credit_lateness_seconds_bucket", le="60.0") == 0
    assert ops.value("credit_lateness_seconds_bucket", le="90.0") == 1


def test_a_verdict_days_later_is_not_a_lateness(ops: Ops) -> None:
    ops.reporter.settled([settled(reason="verdict", lateness=86_400)])

    assert ops.value("credit_lateness_seconds_count") == 0


def test_a_batch_is_one_log_line_per_ending_not_one_per_number(ops: Ops) -> None:
    with capture_logs() as lines:
        ops.reporter.settled([settled() for _ in range(500)])

    assert [(line["event"], line["count"]) for line in lines] == [("activation.settled", 500)]


def test_an_unknown_reason_folds_into_other(ops: Ops) -> None:
    ops.reporter.settled([settled(reason="because +79991234567 asked")])

    assert ops.value("credited_minor_total", currency="USD", reason="other") == 12


def test_currencies_beyond_a_handful_fold_into_other(ops: Ops) -> None:
    first = ord("A")
    ops.reporter.settled(
        [settled(currency=f"X{chr(first + i)}X") for i in range(CURRENCIES_MAX + 2)]
    )

    assert ops.value("credited_minor_total", currency="XAX", reason="timeout") == 12
    assert ops.value("credited_minor_total", currency="other", reason="timeout") == 24


@pytest.mark.parametrize(
    ("fate", "waits", "late"),
    [
        (CodeFate.SHOWN, 1, 0),
        (CodeFate.MORE, 0, 0),
        (CodeFate.REPEATED, 0, 0),
        (CodeFate.LATE, 0, 1),
    ],
)
def test_only_a_first_code_in_time_is_a_code_wait(
    ops: Ops, fate: CodeFate, waits: int, late: int
) -> None:
    ops.reporter.code(ALPHA, fate, timedelta(seconds=42), ActivationId(UUID(int=5)))

    assert ops.value("code_wait_seconds_count", provider="alpha") == waits
    assert ops.value("late_codes_total", provider="alpha") == late


def test_a_refused_purchase_is_counted_by_provider_and_reason(ops: Ops) -> None:
    ops.reporter.purchase_refused(ALPHA, PurchaseOutcome.NO_NUMBERS)

    refused = {"provider": "alpha", "reason": "no_numbers"}
    assert ops.value("purchases_refused_total", **refused) == 1
    assert ops.value("purchases_refused_total", **{**refused, "reason": "bad_service"}) == 0
    assert ops.value("settled_total", provider="alpha", outcome="refunded") == 0


def test_requests_count_and_last(ops: Ops) -> None:
    ops.reporter.request(ALPHA, Operation.CANCEL, RequestResult.TIMEOUT, 10.0)
    ops.reporter.request(ALPHA, Operation.CANCEL, RequestResult.UNKNOWN, 0.1)

    counted = {"provider": "alpha", "operation": "cancel"}
    assert ops.value("provider_requests_total", **counted, result="timeout") == 1
    assert ops.value("provider_requests_total", **counted, result="unknown") == 1
    assert ops.value("provider_request_seconds_count", **counted) == 2


def test_a_circuit_is_a_gauge_and_a_log_line_per_change(ops: Ops) -> None:
    with capture_logs() as lines:
        for is_open in (False, True, True, False):
            ops.reporter.circuit(ALPHA, is_open=is_open)
            assert ops.value("provider_circuit_open", provider="alpha") == is_open

    events = [line["event"] for line in lines]
    assert events == ["provider.circuit_opened", "provider.circuit_closed"]


def test_a_reading_replaces_the_one_before(ops: Ops) -> None:
    ops.reporter.queue_stats(
        queue_stats(
            live={ALPHA: 7},
            overdue=3,
            oldest_overdue=timedelta(seconds=70),
            exposure_minor={(ALPHA, "USD"): 500, (ALPHA, "EUR"): 9},
            events_pending=4,
            cancel_ratio={ALPHA: 0.5},
            timers_overdue={"claim": 2},
            purchases_in_doubt={ALPHA: 45},
        )
    )
    assert ops.value("live", provider="alpha") == 7
    assert ops.value("purchases_in_doubt", provider="alpha") == 45
    assert ops.value("oldest_overdue_seconds") == 70
    assert ops.value("provider_exposure_minor", provider="alpha", currency="other") == 9
    assert ops.value("timers_overdue", kind="claim") == 2

    ops.reporter.queue_stats(queue_stats())

    gone: Mapping[str, float | None] = {
        "live": ops.value("live", provider="alpha"),
        "overdue": ops.value("overdue"),
        "exposure": ops.value("provider_exposure_minor", provider="alpha", currency="USD"),
        "ratio": ops.value("provider_cancel_ratio", provider="alpha"),
        "timers": ops.value("timers_overdue", kind="claim"),
        "in_doubt": ops.value("purchases_in_doubt", provider="alpha"),
    }
    assert set(gone.values()) == {0}


@pytest.mark.parametrize(
    ("currency", "minor", "halted"), [("USD", 99_999, 0), ("USD", 100_000, 1), ("EUR", 100_000, 0)]
)
def test_what_is_at_risk_in_the_currency_of_the_limit_halts_a_provider(
    ops: Ops, currency: str, minor: int, halted: int
) -> None:
    ops.reporter.queue_stats(queue_stats(exposure_minor={(ALPHA, currency): minor}))

    assert ops.value("provider_halted", provider="alpha", reason="exposure_limit") == halted

    ops.reporter.queue_stats(queue_stats())
    assert ops.value("provider_halted", provider="alpha", reason="exposure_limit") == 0


def test_a_provider_without_a_limit_is_never_halted() -> None:
    unlimited = Ops(replace(KNOWN, providers=[LabelledProvider(ALPHA, "USD", 0)]))
    unlimited.reporter.queue_stats(queue_stats(exposure_minor={(ALPHA, "USD"): 1}))

    assert unlimited.value("provider_halted", provider="alpha", reason="exposure_limit") == 0


def test_numbers_of_a_provider_that_is_gone_from_the_settings_are_still_counted(ops: Ops) -> None:
    ops.reporter.queue_stats(queue_stats(live={ProviderName("omega"): 2, ProviderName("psi"): 3}))

    assert ops.value("live", provider="other") == 5


def test_a_service_without_endings_any_more_goes_and_a_provider_unknown_here_does_not_come(
    ops: Ops,
) -> None:
    endings = {
        (ALPHA, "tg", "delivered"): 3,
        (ALPHA, "other", "refunded"): 2,
        (ProviderName("omega"), "tg", "delivered"): 9,
    }
    ops.reporter.queue_stats(queue_stats(service_endings=endings))

    assert ops.value("service_endings", provider="alpha", service="tg", outcome="delivered") == 3
    assert ops.value("service_endings", provider="alpha", service="other", outcome="refunded") == 2
    assert ops.value("service_endings", provider="omega", service="tg", outcome="delivered") is None

    ops.reporter.queue_stats(queue_stats())
    gone = {"provider": "alpha", "service": "tg", "outcome": "delivered"}
    assert ops.value("service_endings", **gone) is None


def test_the_last_canary_that_got_its_code_stays_where_none_is_known(ops: Ops) -> None:
    assert ops.value("canary_last_success_timestamp_seconds") == 0
    ops.reporter.queue_stats(queue_stats(canary_success=NOW))
    ops.reporter.queue_stats(queue_stats())

    assert ops.value("canary_last_success_timestamp_seconds") == NOW.timestamp()


def test_a_reading_says_when_it_was_read(ops: Ops) -> None:
    ops.reporter.queue_stats(queue_stats())

    assert ops.value("stats_last_success_timestamp_seconds") == NOW.timestamp()


def test_a_check_sets_its_invariant_and_its_time_and_names_what_is_broken(ops: Ops) -> None:
    with capture_logs() as lines:
        ops.reporter.checked(Finding("settled_once", "One settlement each.", 2, ("a", "b")))

    assert ops.value("audit_violations", invariant="balanced") == 0
    assert ops.value("audit_violations", invariant="settled_once") == 2
    checked = "audit_checked_timestamp_seconds"
    assert ops.value(checked, invariant="balanced") == 0
    assert ops.value(checked, invariant="settled_once") == NOW.timestamp()
    assert ops.value("audit_last_success_timestamp_seconds") == 0
    broken = [line for line in lines if line["event"] == "audit.violated"]
    assert [(line["invariant"], line["log_level"]) for line in broken] == [
        ("settled_once", "error")
    ]


def test_the_end_of_an_audit_sets_its_time_whatever_it_found(ops: Ops) -> None:
    ops.reporter.audited([Finding("settled_once", "One settlement each.", 2, ("a", "b"))])

    assert ops.value("audit_last_success_timestamp_seconds") == NOW.timestamp()


Report = Callable[[Ops], None]


@pytest.mark.parametrize(
    ("report", "name", "labels"),
    [
        (lambda ops: ops.reporter.looked(ALPHA, 100), "looks_total", {"provider": "alpha"}),
        (
            lambda ops: ops.reporter.resolved(ALPHA, ProviderState.CHARGED, 100),
            "resolved_total",
            {"provider": "alpha", "provider_state": "charged"},
        ),
        (
            lambda ops: [ops.reporter.retention_failed(Kept.TEXTS) for _ in range(100)],
            "retention_failures_total",
            {"kind": "texts"},
        ),
        (
            lambda ops: ops.reporter.event_delivery(SendResult.SENT, 100),
            "event_deliveries_total",
            {"result": "sent"},
        ),
        (
            lambda ops: ops.reporter.schedule_lag(timedelta(seconds=100)),
            "schedule_lag_seconds",
            {},
        ),
        (
            lambda ops: ops.reporter.job("expire", JobResult.DONE, 100.0),
            "job_seconds_sum",
            {"job_name": "expire"},
        ),
    ],
)
def test_a_plain_fact_arrives(ops: Ops, report: Report, name: str, labels: dict[str, str]) -> None:
    report(ops)

    assert ops.value(name, **labels) == 100


def test_a_schedule_that_is_ahead_has_no_lag(ops: Ops) -> None:
    ops.reporter.schedule_lag(timedelta(seconds=-3))

    assert ops.value("schedule_lag_seconds") == 0


def test_the_same_trouble_is_written_once_in_ten_seconds_with_how_often_it_was(ops: Ops) -> None:
    with capture_logs() as lines:
        for second in range(21):
            ops.seconds = float(second)
            ops.reporter.trouble("provider.unknown_reply", provider=ALPHA, detail="look")

    assert [line.get("held_back") for line in lines] == [None, 9, 9]


def test_each_sighup_has_its_line(ops: Ops) -> None:
    with capture_logs() as lines:
        for what in ("config.reloaded", "config.reload_refused") * 2:
            ops.reporter.trouble(what)

    assert [line["event"] for line in lines] == ["config.reloaded", "config.reload_refused"] * 2


def test_a_quarantined_number_is_named_in_the_log_only(ops: Ops) -> None:
    with capture_logs() as lines:
        ops.reporter.quarantined(ActivationId(UUID(int=5)), "unique violation")

    assert lines == [
        {
            "event": "activation.quarantined",
            "activation": str(UUID(int=5)),
            "why": "unique violation",
            "log_level": "error",
        }
    ]


def test_only_the_process_that_leads_a_provider_exports_that(ops: Ops) -> None:
    labels = {"provider": ALPHA}
    assert ops.value("leader", **labels) is None

    ops.reporter.leader(ALPHA, leads=True)
    assert ops.value("leader", **labels) == 1

    ops.reporter.leader(ALPHA, leads=False)
    ops.reporter.leader(ALPHA, leads=False)
    assert ops.value("leader", **labels) is None
