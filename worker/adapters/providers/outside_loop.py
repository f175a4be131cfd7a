"""A thread with an event loop of its own for code that is not ours, and its way back to ours."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar, cast

from worker.adapters.providers.transport import ProviderContext
from worker.domain.ids import ProviderName
from worker.ports.reporter import Operation, Reporter, RequestResult
from worker.ports.schedule import ProbeTurn, ProbeTurns

T = TypeVar("T")
P = ParamSpec("P")

PING_S = 0.25  #: A loop that does not come round within it, after a call in vain, is blocked.
JOIN_S = 1.0  #: How long the thread is waited for; one that is blocked is left behind.


class OwnLoop:
    """For code that may block its loop, raise anything and not listen to being cancelled."""

    def __init__(self, name: ProviderName, trouble: Callable[[str], None]) -> None:
        self._trouble = trouble
        self._unheard: Future[None] | None = None  #: A sign of life that did not come in time.
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._failed_aside)
        # A daemon thread: one that never ends must not keep the process.
        self._thread = threading.Thread(target=self._serve, name=f"family of {name}", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _failed_aside(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Something failed that nobody waits for. Its message may quote a phone: only its type."""
        self._trouble(f"aside: {type(context.get('exception')).__name__}")

    def at_once(self, made: Callable[[], T], seconds: float) -> T:
        """Run *made* there while this thread stands still. Raises whatever it does."""

        async def call() -> T:
            return made()

        return asyncio.run_coroutine_threadsafe(_contained(call), self._loop).result(seconds)

    @property
    def is_blocked(self) -> bool:
        """Since a call ran out of time, its loop has not come round: nothing would be begun."""
        return self._unheard is not None and not self._unheard.done()

    async def _ping(self) -> None:
        sign: Future[None] = Future()
        self._loop.call_soon_threadsafe(sign.set_result, None)
        if not (await asyncio.wait({asyncio.wrap_future(sign)}, timeout=PING_S))[0]:
            self._unheard = sign

    async def run(self, asked: Callable[[], Awaitable[T]], seconds: float | None) -> T:
        """Await *asked* there. Raises `TimeoutError`, and nothing that is no `Exception`."""
        waiting = asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(_contained(asked), self._loop)
        )
        try:
            # Not `timeout`: it would wait for code that does not listen to being cancelled.
            done, _ = await asyncio.wait({waiting}, timeout=seconds)
        finally:
            waiting.cancel()
        if not done:
            if not self.is_blocked:
                await self._ping()
            raise TimeoutError
        if waiting.cancelled():
            raise RuntimeError("cancelled by itself")
        return waiting.result()

    async def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join, JOIN_S)


async def _contained(asked: Callable[[], Awaitable[T]]) -> T:
    """What would end the thread, or the whole process, is an exception like any other."""
    try:
        return await asked()
    except (asyncio.CancelledError, GeneratorExit, Exception):
        raise
    except BaseException as error:  # noqa: BLE001 - SystemExit and whatever else there is
        raise RuntimeError(type(error).__name__) from None


class Home:
    """The worker's own loop, which runs when the first call is made and not before."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def is_here(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def awaited(self, call: Callable[P, Awaitable[T]], *args: P.args, **more: P.kwargs) -> T:
        async def made() -> T:
            return await call(*args, **more)

        assert self._loop is not None, "nothing is asked for before the first call"
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(made(), self._loop))

    def told(self, tell: Callable[P, None], *args: P.args, **more: P.kwargs) -> None:
        if self._loop is None:
            tell(*args, **more)  # Nothing runs yet.
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: tell(*args, **more))


class HomeReporter:
    """The part of a reporter that adapters use."""

    def __init__(self, home: Home, reporter: Reporter) -> None:
        self._home, self._reporter = home, reporter

    def request(
        self, provider: ProviderName, operation: Operation, result: RequestResult, seconds: float
    ) -> None:
        self._home.told(self._reporter.request, provider, operation, result, seconds)

    def circuit(self, provider: ProviderName, *, is_open: bool) -> None:
        self._home.told(self._reporter.circuit, provider, is_open=is_open)

    def answers_again(self, provider: ProviderName, seconds: float) -> None:
        self._home.told(self._reporter.answers_again, provider, seconds)

    def trouble(self, what: str, *, provider: ProviderName | None = None, detail: str = "") -> None:
        self._home.told(self._reporter.trouble, what, provider=provider, detail=detail)


class HomeTurns:
    """Which process probes, asked where the worker runs."""

    def __init__(self, home: Home, turns: ProbeTurns) -> None:
        self._home, self._turns = home, turns

    async def probe_turn(self, provider: ProviderName, open_for: timedelta) -> ProbeTurn:
        return await self._home.awaited(self._turns.probe_turn, provider, open_for)

    async def answers_again(self, provider: ProviderName) -> None:
        await self._home.awaited(self._turns.answers_again, provider)


def context_from_home(home: Home, context: ProviderContext) -> ProviderContext:
    """What an account in another thread is given in place of the worker's own."""

    async def pay() -> None:
        await home.awaited(context.pay)

    async def sleep(seconds: float) -> None:
        await home.awaited(context.sleep, seconds)

    return replace(
        context,
        reporter=cast("Reporter", HomeReporter(home, context.reporter)),
        pay=pay,
        sleep=sleep,
        turns=HomeTurns(home, context.turns),
    )
