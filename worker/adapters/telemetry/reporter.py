"""The worker's `Reporter`: each fact becomes a metric, a log event, or both.

What happens per number at full load is a metric only, or one line per batch: a line per number
would cost as much as the number itself.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import TypeAlias
from uuid import UUID

import prometheus_client
from structlog.typing import FilteringBoundLogger

from worker.adapters.telemetry import label_sets
from worker.adapters.telemetry.metrics import Metrics
from worker.domain.activation import CodeFate, ProviderState, State
from worker.domain.ids import ActivationId, ProviderName
from worker.ports.handover import IntakeRefusal
from worker.ports.reporter import (
    ConnectionState,
    Dependency,
    JobResult,
    Kept,
    Operation,
    RequestResult,
)
from worker.ports.service import PurchaseOutcome
from worker.ports.store.books import Finding, QueueStats
from worker.ports.store.outbox import SendResult
from worker.ports.store.settlements import SettledNumber

QUIET_SECONDS = 10.0  #: The same trouble is written at most once in this time.
#: Written each time: who sent SIGHUP waits for it.
ANSWERS = frozenset({"config.reloaded", "config.reload_refused"})
NAMES_MAX = 200  #: Trouble names times providers remembered; beyond it the memory starts anew.
DETAIL_MAX = 200
LOOK_OBJECTIVE = 5.0  #: Seconds after it is due.
_NO_TIME = timedelta(0)
_LATENESS = attrgetter("lateness")
Ids: TypeAlias = Mapping[str, UUID | str | None]  #: By what they are of: "activation", "rental" …


class OpsReporter:
    """Implements `worker.ports.reporter.Reporter`."""

    def __init__(
        self,
        metrics: Metrics,
        log: FilteringBoundLogger,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._metrics = metrics
        self._log = log
        self._now = now
        self._troubles = LogThrottle(log, monotonic)
        self._circuits: dict[ProviderName, bool] = {}
        self._currencies: set[str] = set()
        self._leads: set[ProviderName] = set()
        #: What counts each kind of call, and its seconds: looking them up costs as much again.
        self._calls: dict[
            tuple[str, str, int], tuple[prometheus_client.Counter, prometheus_client.Histogram]
        ] = {}

    def accepted(self, provider: ProviderName, count: int) -> None:
        self._metrics.accepted.of(provider).inc(count)

    def intake_refused(self, reason: IntakeRefusal, reference: str) -> None:
        self._metrics.intake_refused.of(reason).inc()
        self.trouble("intake.refused", detail=f"{reason} {reference}")

    def settled(self, settled: Sequence[SettledNumber]) -> None:
        alike: dict[tuple[ProviderName, int, str], list[SettledNumber]] = {}
        for each in settled:
            # The state by its id, which is quick to look up: thousands end in a second.
            alike.setdefault((each.provider, id(each.outcome), each.reason), []).append(each)
        for ended in alike.values():
            id_, provider, outcome, reason, *_ = ended[-1]
            count = len(ended)
            if outcome is not State.IN_REVIEW:  # Not settled: a person will.
                self._metrics.settled.of(provider, outcome.value).inc(count, _exemplar(id_))
            self._log.info(
                "activation.in_review" if outcome is State.IN_REVIEW else "activation.settled",
                provider=provider,
                outcome=outcome.value,
                reason=reason,
                count=count,
                **({"activation": str(id_)} if count == 1 else {}),
            )
            if outcome is State.REFUNDED:
                self._credited(ended, reason)

    def purchase_refused(self, provider: ProviderName, how: PurchaseOutcome) -> None:
        self._metrics.purchases_refused.of(provider, how.value).inc()

    def code(
        self, provider: ProviderName, fate: CodeFate, wait: timedelta, id_: ActivationId
    ) -> None:
        seconds = wait.total_seconds()
        if fate is CodeFate.SHOWN:
            self._metrics.code_wait_seconds.of(provider).observe(seconds, _exemplar(id_))
        elif fate is CodeFate.LATE:
            self._metrics.late_codes.of(provider).inc(1, _exemplar(id_))
            self._log.warning(
                "activation.code_late",
                provider=provider,
                wait_seconds=seconds,
                activation=str(id_),
            )

    def resolved(
        self,
        provider: ProviderName,
        state: ProviderState,
        count: int,
        id_: ActivationId | None = None,
    ) -> None:
        against_us = state in {ProviderState.CHARGED, ProviderState.GONE, ProviderState.DISPUTED}
        exemplar = _exemplar(id_) if against_us else None
        self._metrics.resolved.of(provider, state.value).inc(count, exemplar)
        if against_us:
            self._log.warning(
                "activation.resolved",
                provider=provider,
                provider_state=state.value,
                count=count,
                **_as_texts({"activation": id_}),
            )

    def looked(self, provider: ProviderName, count: int) -> None:
        self._metrics.looks.of(provider).inc(count)

    def request(
        self, provider: ProviderName, operation: Operation, result: RequestResult, seconds: float
    ) -> None:
        self._metrics.provider_requests.of(provider, operation, result).inc()
        self._metrics.provider_request_seconds.of(provider, operation).observe(seconds)

    def circuit(self, provider: ProviderName, *, is_open: bool) -> None:
        self._metrics.provider_circuit_open.of(provider).set(is_open)
        if self._circuits.get(provider, False) is not is_open:
            self._circuits[provider] = is_open
            if is_open:
                self._log.warning("provider.circuit_opened", provider=provider)
            else:
                self._log.info("provider.circuit_closed", provider=provider)

    def answers_again(self, provider: ProviderName, seconds: float) -> None:
        self._metrics.provider_answers_again_seconds.of(provider).observe(seconds)

    def trouble(
        self,
        what: str,
        *,
        provider: ProviderName | None = None,
        detail: str = "",
        **ids: UUID | str | None,
    ) -> None:
        self._troubles.report(what, provider, detail, ids)

    def quarantined(self, id_: ActivationId, what: str) -> None:
        self._log.error("activation.quarantined", activation=str(id_), why=what)

    def job(self, name: str, result: JobResult, seconds: float) -> None:
        self._metrics.jobs.of(name, result).inc()
        self._metrics.job_seconds.of(name).observe(seconds)

    def retention_failed(self, kind: Kept) -> None:
        self._metrics.retention_failures.of(kind).inc()

    def event_delivery(self, result: SendResult, count: int = 1) -> None:
        self._metrics.event_deliveries.of(result).inc(count)

    def queue_stats(self, queue_stats: QueueStats) -> None:
        self._metrics.read(queue_stats)
        self._metrics.stats_last_success.set(self._now().timestamp())

    def dependency(self, dependency: Dependency, *, works: bool) -> None:
        self._metrics.dependency_up.of(dependency).set(works)

    def leader(self, provider: ProviderName, *, leads: bool) -> None:
        if leads:
            self._leads.add(provider)
            self._metrics.leader.labels(provider).set(1)
        elif provider in self._leads:
            self._leads.discard(provider)
            self._metrics.leader.remove(provider)

    def schedule_lag(self, lag: timedelta | None) -> None:
        if lag is None:
            self._metrics.schedule_lag_seconds.clear()
        else:
            self._metrics.schedule_lag_seconds.set(max(lag, _NO_TIME).total_seconds())

    def look_late(
        self, provider: ProviderName, late: timedelta, id_: ActivationId | None = None
    ) -> None:
        seconds = max(late, _NO_TIME).total_seconds()
        # Looks in time are most of what a process does, and nobody asks which ones they were.
        exemplar = _exemplar(id_) if seconds > LOOK_OBJECTIVE else None
        self._metrics.look_lateness_seconds.of(provider).observe(seconds, exemplar)

    def code_told(self, after: timedelta, id_: ActivationId | None) -> None:
        seconds = max(after, _NO_TIME).total_seconds()
        self._metrics.code_told_seconds.observe(seconds, _exemplar(id_))

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        kind = (route, method, status)
        if kind not in self._calls:
            self._calls[kind] = (
                self._metrics.http_requests.labels(route, method, str(status)),
                self._metrics.http_request_seconds.labels(route),
            )
        count, duration = self._calls[kind]
        count.inc()
        duration.observe(seconds)

    def loop_lag(self, seconds: float) -> None:
        self._metrics.loop_lag_seconds.observe(max(0.0, seconds))

    def db_connections(self, pool: str, *, busy: int, idle: int) -> None:
        self._metrics.db_connections.of(pool, ConnectionState.BUSY).set(busy)
        self._metrics.db_connections.of(pool, ConnectionState.IDLE).set(idle)

    def checked(self, finding: Finding) -> None:
        self._metrics.audit_violations.of(finding.invariant).set(finding.violations)
        self._metrics.audit_checked.of(finding.invariant).set(self._now().timestamp())
        if finding.violations:
            self._log.error(
                "audit.violated",
                invariant=finding.invariant,
                says=finding.says,
                violations=finding.violations,
                offenders=list(finding.offenders),
            )

    def audited(self, findings: Sequence[Finding]) -> None:
        self._metrics.audit_last_success.set(self._now().timestamp())
        self._log.info("audit.done", invariants=len(findings))

    def _credited(self, credited: Sequence[SettledNumber], reason: str) -> None:
        """Of one *reason*."""
        credits_minor: Counter[str] = Counter()
        for number in credited:
            credits_minor[number.currency] += number.amount_minor
        label = reason if reason in label_sets.REASONS else label_sets.OTHER
        for currency, minor in credits_minor.items():
            self._metrics.credited_minor.labels(self._currency(currency), label).inc(minor)
        if reason in label_sets.VERDICTS:
            return
        latest = max(credited, key=_LATENESS)
        for number in credited:
            # Negative where Cancel was pressed: nothing was owed yet, so nothing was late.
            if number.lateness >= _NO_TIME:
                exemplar = _exemplar(number.id) if number is latest else None
                seconds = number.lateness.total_seconds()
                self._metrics.credit_lateness_seconds.observe(seconds, exemplar)

    def _currency(self, code: str) -> str:
        if code not in self._currencies and len(self._currencies) < label_sets.CURRENCIES_MAX:
            self._currencies.add(code)
        return code if code in self._currencies else label_sets.OTHER


def _exemplar(id_: ActivationId | None) -> dict[str, str] | None:
    """What leads from a number on a board to the number that it was."""
    return None if id_ is None else {"activation": str(id_)}


def _as_texts(ids: Ids) -> dict[str, str]:
    return {name: str(id_) for name, id_ in ids.items() if id_ is not None}


class LogThrottle:
    """A provider that is down for an hour is one line every ten seconds, with how often it was.

    What a person asked for has its line each time.
    """

    def __init__(self, log: FilteringBoundLogger, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._monotonic = monotonic
        self._written: dict[tuple[str, ProviderName | None], float] = {}
        self._held_back: dict[tuple[str, ProviderName | None], int] = {}

    def report(
        self, what: str, provider: ProviderName | None, detail: str, ids: Ids = MappingProxyType({})
    ) -> None:
        trouble = (what, provider)
        now = self._monotonic()
        written = self._written.get(trouble)
        quiet = written is not None and now - written < QUIET_SECONDS
        if quiet and what not in ANSWERS:
            self._held_back[trouble] = self._held_back.get(trouble, 0) + 1
            return
        self._remember(trouble, now)
        fields: dict[str, str | int | None] = {
            "provider": provider,
            "detail": detail[:DETAIL_MAX],
            **_as_texts(ids),
            "held_back": self._held_back.pop(trouble, None),
        }
        self._log.warning(what, **{name: value for name, value in fields.items() if value})

    def _remember(self, trouble: tuple[str, ProviderName | None], now: float) -> None:
        if len(self._written) >= NAMES_MAX:
            self._written.clear()
        self._written[trouble] = now
