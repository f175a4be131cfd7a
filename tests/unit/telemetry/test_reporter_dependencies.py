"""What the worker leans on, and who waits for it, arrives in the right series."""

from datetime import timedelta

import pytest

from tests.unit.telemetry.test_reporter_metrics import ALPHA, KNOWN, Ops, queue_stats
from worker.domain.ids import ProviderName
from worker.ports.handover import IntakeRefusal


@pytest.fixture
def ops() -> Ops:
    return Ops(KNOWN)


def test_numbers_not_taken_are_counted_by_why(ops: Ops) -> None:
    for number in ("alpha/1", "alpha/2"):
        ops.reporter.intake_refused(IntakeRefusal.BALANCE_TOO_LOW, number)

    assert ops.value("intake_refused_total", reason="balance_too_low") == 2
    assert ops.value("intake_refused_total", reason="expired") == 0
    assert ops.value("intake_refused_total", reason="new") is None


def test_a_look_is_late_by_what_it_was_due_before(ops: Ops) -> None:
    for seconds in (-0.2, 4.9, 5.1):
        ops.reporter.look_late(ALPHA, timedelta(seconds=seconds))

    late = "look_lateness_seconds"
    assert ops.value(f"{late}_bucket", provider="alpha", le="5.0") == 2
    assert ops.value(f"{late}_count", provider="alpha") == 3
    assert ops.value(f"{late}_sum", provider="alpha") == 10


def test_calls_are_counted_by_route_method_and_status(ops: Ops) -> None:
    ops.reporter.http_request("/v1/events", "GET", 200, 0.2)
    ops.reporter.http_request("/v1/events", "GET", 503, 0.2)

    labels = {"route": "/v1/events", "method": "GET"}
    assert ops.value("http_requests_total", **labels, status="503") == 1
    assert ops.value("http_request_seconds_count", route="/v1/events") == 2


def test_this_process_tells_of_its_loop_and_its_connections(ops: Ops) -> None:
    ops.reporter.loop_lag(-0.001)
    ops.reporter.code_told(timedelta(seconds=0.3), None)
    ops.reporter.db_connections("work", busy=2, idle=3)

    assert ops.value("loop_lag_seconds_sum") == 0
    assert ops.value("code_told_seconds_sum") == 0.3
    assert ops.value("db_connections", pool="work", state="busy") == 2
    assert ops.value("db_connections", pool="work", state="idle") == 3
    assert ops.value("db_connections", pool="heartbeat", state="idle") == 0


def test_what_waits_comes_from_the_database(ops: Ops) -> None:
    ops.reporter.queue_stats(
        queue_stats(
            oldest_event=timedelta(minutes=7),
            reviews_waiting={"claim": 2, "activation": 1},
            oldest_review=timedelta(days=2),
            reviews_late=1,
            balance_minor={(ALPHA, "USD"): 1234},
        )
    )

    assert ops.value("event_oldest_seconds") == 420
    assert ops.value("reviews_waiting", kind="claim") == 2
    assert ops.value("reviews_waiting", kind="withdrawal") == 0
    assert ops.value("oldest_review_seconds") == 172_800
    assert ops.value("reviews_late") == 1
    assert ops.value("provider_balance_minor", provider="alpha", currency="USD") == 1234


def test_no_balance_is_shown_of_a_provider_that_is_gone_from_the_configuration(ops: Ops) -> None:
    gone = ProviderName("gone")
    ops.reporter.queue_stats(queue_stats(balance_minor={(gone, "USD"): 0, (ALPHA, "USD"): 1234}))

    assert ops.value("provider_balance_minor", provider="gone", currency="USD") is None
    assert ops.value("provider_balance_minor", provider="alpha", currency="USD") == 1234


def test_no_balance_is_shown_in_a_currency_that_its_provider_left(ops: Ops) -> None:
    ops.reporter.queue_stats(queue_stats(balance_minor={(ALPHA, "USD"): 0}))
    ops.reporter.queue_stats(queue_stats(balance_minor={(ALPHA, "EUR"): 1234}))

    assert ops.value("provider_balance_minor", provider="alpha", currency="USD") is None
    assert ops.value("provider_balance_minor", provider="alpha", currency="EUR") == 1234
