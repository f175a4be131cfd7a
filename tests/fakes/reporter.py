"""A reporter that remembers what it was told."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from worker.domain.activation import CodeFate, ProviderState
from worker.domain.ids import ActivationId, ProviderName
from worker.ports.handover import IntakeRefusal
from worker.ports.reporter import Dependency, JobResult, Kept, Operation, RequestResult
from worker.ports.service import PurchaseOutcome
from worker.ports.store.books import Finding, QueueStats
from worker.ports.store.outbox import SendResult
from worker.ports.store.settlements import SettledNumber


class Told(list[tuple[str, tuple[Any, ...]]]):
    """A list that says when it grows."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()

    def append(self, told: tuple[str, tuple[Any, ...]]) -> None:
        super().append(told)
        self.more.set()


class RecordingReporter:
    """`Reporter` for tests: every call as (name, its arguments in order)."""

    def __init__(self) -> None:
        self.told = Told()
        self.ids: list[tuple[str, Mapping[str, object]]] = []  #: What each was about.

    async def heard(self, name: str, *begins: Any, times: int = 1) -> None:
        """Wait until that was told that often, its arguments beginning like this."""
        while sum(args[: len(begins)] == begins for args in self.of(name)) < times:
            self.told.more.clear()
            await self.told.more.wait()

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for told, arguments in self.told if told == name]

    @property
    def troubles(self) -> list[str]:
        return [what for what, _, _ in self.of("trouble")]

    def accepted(self, provider: ProviderName, count: int) -> None:
        self.told.append(("accepted", (provider, count)))

    def purchase_refused(self, provider: ProviderName, how: PurchaseOutcome) -> None:
        self.told.append(("purchase_refused", (provider, how.value)))

    def intake_refused(self, reason: IntakeRefusal, reference: str) -> None:
        self.told.append(("intake_refused", (reason, reference)))

    def settled(self, settled: Sequence[SettledNumber]) -> None:
        self.told.append(("settled", tuple(settled)))

    def code(
        self, provider: ProviderName, fate: CodeFate, wait: timedelta, id_: ActivationId
    ) -> None:
        self.ids.append(("code", {"activation": id_}))
        self.told.append(("code", (provider, fate, wait)))

    def resolved(
        self,
        provider: ProviderName,
        state: ProviderState,
        count: int,
        id_: ActivationId | None = None,
    ) -> None:
        self.ids.append(("resolved", {"activation": id_}))
        self.told.append(("resolved", (provider, state, count)))

    def looked(self, provider: ProviderName, count: int) -> None:
        self.told.append(("looked", (provider, count)))

    def request(
        self, provider: ProviderName, operation: Operation, result: RequestResult, seconds: float
    ) -> None:
        self.told.append(("request", (provider, operation.value, result.value, seconds)))

    def answers_again(self, provider: ProviderName, seconds: float) -> None:
        self.told.append(("answers_again", (provider, seconds)))

    def circuit(self, provider: ProviderName, *, is_open: bool) -> None:
        self.told.append(("circuit", (provider, is_open)))

    def trouble(
        self,
        what: str,
        *,
        provider: ProviderName | None = None,
        detail: str = "",
        **ids: UUID | str | None,
    ) -> None:
        self.ids.append((what, ids))
        self.told.append(("trouble", (what, provider, detail)))

    def quarantined(self, id_: ActivationId, what: str) -> None:
        self.told.append(("quarantined", (id_, what)))

    def job(self, name: str, result: JobResult, seconds: float) -> None:
        self.told.append(("job", (name, result.value, seconds)))

    def retention_failed(self, kind: Kept) -> None:
        self.told.append(("retention_failed", (kind.value,)))

    def event_delivery(self, result: SendResult, count: int = 1) -> None:
        self.told.append(("event_delivery", (result.value, count)))

    def queue_stats(self, queue_stats: QueueStats) -> None:
        self.told.append(("queue_stats", (queue_stats,)))

    def dependency(self, dependency: Dependency, *, works: bool) -> None:
        self.told.append(("dependency", (dependency, works)))

    def leader(self, provider: ProviderName, *, leads: bool) -> None:
        self.told.append(("leader", (provider, leads)))

    def schedule_lag(self, lag: timedelta | None) -> None:
        self.told.append(("schedule_lag", (lag,)))

    def look_late(
        self, provider: ProviderName, late: timedelta, id_: ActivationId | None = None
    ) -> None:
        self.ids.append(("look_late", {"activation": id_}))
        self.told.append(("look_late", (provider, late)))

    def code_told(self, after: timedelta, id_: ActivationId | None) -> None:
        self.ids.append(("code_told", {"activation": id_}))
        self.told.append(("code_told", (after,)))

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        self.told.append(("http_request", (route, method, status, seconds)))

    def loop_lag(self, seconds: float) -> None:
        self.told.append(("loop_lag", (seconds,)))

    def db_connections(self, pool: str, *, busy: int, idle: int) -> None:
        self.told.append(("db_connections", (pool, busy, idle)))

    def checked(self, finding: Finding) -> None:
        self.told.append(("checked", (finding,)))

    def audited(self, findings: Sequence[Finding]) -> None:
        self.told.append(("audited", tuple(findings)))
