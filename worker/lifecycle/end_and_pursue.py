"""One stretch at a provider: what is due there is ended, and what it is owed afterwards pursued.

Beside each other: no ending waits for a pursuit, and neither ends the other one when it fails.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from worker.lifecycle.clock import Clock
from worker.lifecycle.expire import Expire
from worker.lifecycle.lanes import until_passed_on
from worker.lifecycle.provider_return import until_reachable
from worker.lifecycle.pursue import Pursue
from worker.ports.provider import Circuit, Provider

IDLE: Final = timedelta(milliseconds=250)  #: Between two questions for what is due.


@dataclass(slots=True)
class EndAndPursue:
    expire: Expire
    pursue: Pursue
    clock: Clock
    provider: Provider
    _stopped: bool = False
    _look: asyncio.Event = field(default_factory=asyncio.Event)  #: There may be more to pursue.

    async def run(self, keep_going: Callable[[], bool], pass_on: Callable[[], None]) -> None:
        """Until the stretch is over; new numbers fall due all along.

        Then *pass_on* is called, and what hangs goes on. Raises what one of them failed with.
        """
        failed: list[Exception] = []
        failed_to_pursue: list[Exception] = []
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._pursue(keep_going, parts, failed_to_pursue))
            while keep_going() and not failed:
                self._look.set()
                done = await until_passed_on(
                    lambda passed_on: self.expire.tick(self.provider, keep_going, passed_on),
                    parts,
                    failed,
                )
                if self.provider.circuit is Circuit.OPEN:
                    await until_reachable(self.provider, self.clock)
                elif not (failed or done):
                    await self._rest(keep_going)
            self._stopped = True
            self._look.set()
            pass_on()
        for error in (*failed, *failed_to_pursue):
            raise error

    async def _pursue(
        self, keep_going: Callable[[], bool], parts: asyncio.TaskGroup, failed: list[Exception]
    ) -> None:
        while keep_going() and not (self._stopped or failed):
            self._look.clear()
            done = await until_passed_on(
                lambda passed_on: self.pursue.tick(self.provider, passed_on), parts, failed
            )
            if not done:
                await self._look.wait()

    async def _rest(self, keep_going: Callable[[], bool]) -> None:
        """Until the next number falls due; one cheap question now and then finds out when."""
        while keep_going():
            wait = await self.expire.due_in(self.provider)
            due = wait is not None and wait <= timedelta(0)  # But nobody may act on it yet.
            nap = IDLE if wait is None or due else min(wait, IDLE)
            await self.clock.sleep(nap.total_seconds())
            if due or nap is wait:
                return
