"""SMS pushed to the buyer as they arrive: a hint, unsigned, in the family's own payload."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import aiohttp
import orjson

from worker.simulator.config import PushTarget
from worker.simulator.engine import Engine
from worker.simulator.face import Face
from worker.simulator.numbers import ArrivedSms, SimulatedNumber

TIMEOUT = aiohttp.ClientTimeout(total=3)  # hero's; the others tell none.
AT_ONCE = 100  #: Pushes in flight.


class PushSender:
    """The only part that needs arrivals to happen on time: without a URL it does nothing."""

    def __init__(
        self,
        push: PushTarget | None,
        engine: Engine,
        face: Face,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._push = push
        self._engine = engine
        self._face = face
        self._clock = clock
        self._sleep = sleep
        self._arrivals: list[tuple[datetime, int]] = []
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._arrived: list[tuple[SimulatedNumber, ArrivedSms]] = []
        self._sending: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.given_up = 0

    def start(self) -> list[asyncio.Task[None]]:
        if self._push is None:
            return []
        self._engine.observe(self)
        return [asyncio.create_task(self._send_until_stopped(self._push))]

    def look_again(self) -> None:
        """The clock or the plan may have moved."""
        self._changed.set()

    def opened(self, number: SimulatedNumber) -> None:
        for arrival in number.plan.arrivals:
            heapq.heappush(self._arrivals, (number.created_at + arrival.after, number.id))
        self._changed.set()

    def sms_arrived(self, number: SimulatedNumber, sms: ArrivedSms) -> None:
        self._arrived.append((number, sms))
        self._changed.set()

    async def _send_until_stopped(self, push: PushTarget) -> None:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
            try:
                while True:
                    self._changed.clear()
                    self._book_due(self._clock())
                    self._send_arrived(http, push)
                    await self._wait()
            finally:
                for task in self._sending:
                    task.cancel()
                await asyncio.gather(*self._sending, return_exceptions=True)

    def _book_due(self, now: datetime) -> None:
        """Let the SMS that are due be booked, which tells `sms_arrived` of them."""
        while self._arrivals and self._arrivals[0][0] <= now:
            _at, number_id = heapq.heappop(self._arrivals)
            self._engine.find(number_id, now)

    async def _wait(self) -> None:
        timeout_s = None
        if self._arrivals:
            timeout_s = max(0.0, (self._arrivals[0][0] - self._clock()).total_seconds())
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()

    def _send_arrived(self, http: aiohttp.ClientSession, push: PushTarget) -> None:
        for number, sms in self._arrived:
            body = self._face.push(number, sms)
            if body is None:
                continue
            for _ in range(push.copies):
                task = asyncio.create_task(self._send(http, push, orjson.dumps(body), sms))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
        self._arrived.clear()

    async def _send(
        self, http: aiohttp.ClientSession, push: PushTarget, body: bytes, sms: ArrivedSms
    ) -> None:
        """Until the buyer says 200, as often as the family tries."""
        for pause in (push.delay_seconds, *self._face.push_retries):
            if pause:
                await self._sleep(pause)
            if await self._accepted(http, push, body):
                self.sent += 1
                sms.told_at = sms.told_at or self._clock()
                return
        self.given_up += 1

    async def _accepted(self, http: aiohttp.ClientSession, push: PushTarget, body: bytes) -> bool:
        headers = {"Content-Type": "application/json"}
        if push.signing_secret:
            headers |= self._face.push_headers(body, push.signing_secret)
        try:
            async with self._slots, http.post(push.url, data=body, headers=headers) as reply:
                return reply.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False
