"""A process that exports our metrics as a healthy worker would: `python -m tests.ops.exporter`.

It stands in for the daemon where only the way from the registry to a panel is tested.
"""

import itertools
import sys
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import UUID

from prometheus_client import CollectorRegistry

from tests.ops.vocabulary import KNOWN
from worker.adapters.telemetry.logs import configure_logging, logger
from worker.adapters.telemetry.metrics import Metrics, render
from worker.adapters.telemetry.reporter import OpsReporter
from worker.domain.activation import CodeFate, ProviderState, State
from worker.domain.ids import ActivationId
from worker.ports.reporter import Dependency, JobResult, Operation, RequestResult
from worker.ports.store.books import Finding, QueueStats
from worker.ports.store.outbox import SendResult
from worker.ports.store.settlements import SettledNumber

REPORT_SECONDS = 0.1
NUMBER = ActivationId(UUID(int=1))


def report(reporter: OpsReporter) -> None:
    """One turn of a healthy worker."""
    for provider in KNOWN.providers:
        name = provider.name
        reporter.leader(name, leads=True)
        reporter.accepted(name, 3)
        reporter.looked(name, 30)
        reporter.look_late(name, timedelta(seconds=0.05))
        reporter.code(name, CodeFate.SHOWN, timedelta(seconds=20), NUMBER)
        reporter.resolved(name, ProviderState.CANCELLED, 1)
        reporter.settled(
            [
                SettledNumber(
                    id=NUMBER,
                    provider=name,
                    outcome=outcome,
                    reason="timeout",
                    amount_minor=12,
                    currency=provider.currency,
                    lateness=timedelta(seconds=0.4),
                )
                for outcome in (State.DELIVERED, State.REFUNDED, State.CLOSED)
            ]
        )
        for operation in Operation:
            reporter.request(name, operation, RequestResult.OK, 0.05)
    for job in KNOWN.jobs:
        reporter.job(job, JobResult.DONE, 0.1)
    reporter.event_delivery(SendResult.SENT, 3)
    reporter.code_told(timedelta(seconds=0.3), NUMBER)
    reporter.http_request("/v1/activations", "POST", 201, 0.01)
    reporter.loop_lag(0.001)
    reporter.db_connections("work", busy=1, idle=3)
    for dependency in Dependency:
        reporter.dependency(dependency, works=True)
    reporter.schedule_lag(timedelta(0))
    findings = [Finding(invariant, "", 0) for invariant in KNOWN.invariants]
    for finding in findings:
        reporter.checked(finding)
    reporter.audited(findings)
    reporter.queue_stats(queue_stats())


def queue_stats() -> QueueStats:
    names = [provider.name for provider in KNOWN.providers]
    return QueueStats(
        live=dict.fromkeys(names, 40),
        overdue=0,
        oldest_overdue=timedelta(0),
        exposure_minor={(p.name, p.currency): 100 for p in KNOWN.providers},
        events_pending=1,
        cancel_ratio=dict.fromkeys(names, 0.5),
        canary_success=datetime.now(UTC),
        service_endings={
            (name, service, outcome): 10
            for name in names
            for service in ("tg", "wa")
            for outcome in ("delivered", "refunded", "closed")
        },
        balance_minor={(p.name, p.currency): 5_000 for p in KNOWN.providers},
    )


def main() -> None:
    configure_logging(sys.stderr, level="error")
    registry = CollectorRegistry()
    metrics = Metrics(registry, KNOWN)
    reporter = OpsReporter(
        metrics,
        logger("exporter"),
        now=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
    )

    class Scrape(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, content_type = render(registry, self.headers.get("Accept", ""))
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Scrape)
    Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    for _ in itertools.count():
        report(reporter)
        metrics.db_transaction_seconds.observe(0.005)  # The store tells this one itself.
        time.sleep(REPORT_SECONDS)


if __name__ == "__main__":
    main()
