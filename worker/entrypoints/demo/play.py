"""The play: rent, press Cancel, watch the outage pass, and wait until both axes are at rest."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from worker.domain.activation import FINAL, PROVIDER_FINAL
from worker.entrypoints.cli.client import ACTIVATIONS, Daemon, path_of
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.demo.cast import LATEST_CODE, PRICE_MINOR, Role
from worker.entrypoints.demo.stage import GRACE_SECONDS, MIN_CANCEL_AGE_SECONDS, PROVIDER

RENTS_AT_ONCE: Final = 16
OUTAGE_BEFORE: Final = 2.0  #: Seconds before the first deadline.
OUTAGE_AFTER: Final = GRACE_SECONDS + 4.0  #: And after it: some credits must not wait for the end.
FOUND_IN: Final = 4.0  #: Seconds from a code's arrival to us: the outage must not hide one.
PATIENCE: Final = 75.0  #: After the last deadline, for everything to come to rest.
EVERY: Final = 1.0
_FINAL = {state.value for state in FINAL}
_PROVIDER_FINAL = {state.value for state in PROVIDER_FINAL}

Tell = Callable[[str], None]


@dataclass(slots=True)
class Play:
    shop: Daemon
    provider: Daemon
    roles: Sequence[Role]
    window: float
    tell: Tell
    rented: dict[str, Role] = field(default_factory=dict)  #: By activation id.
    balances: dict[str, int] = field(default_factory=dict)  #: By account, before.

    async def perform(self) -> list[dict[str, Any]]:
        """The activations as they ended."""
        await self._open_accounts()
        started = time.monotonic()
        await self._rent()
        rented = time.monotonic()
        self.tell(
            f"rented {len(self.rented)} numbers in {rented - started:.1f} s;"
            f" each must end {self.window:g} s after its rental"
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._press_cancel())
            group.create_task(self._outage(started, rented))
            rest = group.create_task(self._until_at_rest(started))
        return rest.result()

    async def _open_accounts(self) -> None:
        numbers = Counter(role.account for role in self.roles)
        for account, count in numbers.items():
            await self.shop.put(f"/v1/accounts/{account}", {"currency": "USD"})
            amount = count * PRICE_MINOR
            body = {"reference": f"demo-{account}", "amount_minor": amount}
            await self.shop.post(f"/v1/accounts/{account}/topups", body)
            self.balances[account] = amount

    async def _rent(self) -> None:
        left = list(reversed(self.roles))

        async def work() -> None:
            while left:
                role = left.pop()
                body = {
                    "account": role.account,
                    "provider": PROVIDER,
                    "service": role.service,
                    "country": "0",
                    "price_minor": PRICE_MINOR,
                    "window_seconds": int(self.window),
                }
                found = await self.shop.post(ACTIVATIONS, body, key=f"demo-{role.number}")
                self.rented[found["id"]] = role

        async with asyncio.TaskGroup() as group:
            for _ in range(RENTS_AT_ONCE):
                group.create_task(work())

    async def _press_cancel(self) -> None:
        await asyncio.sleep(MIN_CANCEL_AGE_SECONDS + 0.5)
        pressed = [id_ for id_, role in self.rented.items() if role.part.presses_cancel]
        for id_ in pressed:
            try:
                await self.shop.post(path_of(id_, "/cancel"))
            except Failure as failure:
                # The code came first: what the button then says.
                if failure.code != "code-received":
                    raise
        self.tell(f"pressed Cancel on {len(pressed)} of them")

    async def _outage(self, started: float, rented: float) -> None:
        all_found = rented + LATEST_CODE * self.window + FOUND_IN  # Later on a slow machine.
        begins = max(started + self.window - OUTAGE_BEFORE, all_found)
        await asyncio.sleep(begins - time.monotonic())
        seconds = OUTAGE_BEFORE + OUTAGE_AFTER
        await self.provider.post("/_sim/faults", {"kind": "refuse", "seconds": seconds})
        self.tell(f"the provider is down for {seconds:g} s, across the deadline")
        await asyncio.sleep(seconds)
        self.tell("the provider is back")

    async def _until_at_rest(self, started: float) -> list[dict[str, Any]]:
        latest = time.monotonic() + self.window + PATIENCE
        while True:
            found = [one async for one in self._mine()]
            self._progress(started, found)
            if len(found) == len(self.rented) and all(map(at_rest, found)):
                return found
            if time.monotonic() > latest:
                open_ = sum(not at_rest(one) for one in found)
                raise Failure(Exit.GAVE_UP, f"{open_} numbers did not come to rest")
            await asyncio.sleep(EVERY)

    async def _mine(self) -> AsyncIterator[dict[str, Any]]:
        async for one in self.shop.pages(ACTIVATIONS, len(self.rented)):
            if one["id"] in self.rented:
                yield one

    def _progress(self, started: float, found: Sequence[dict[str, Any]]) -> None:
        states = Counter(one["state"] for one in found)
        owed = sum(one["state"] in _FINAL and not at_rest(one) for one in found)
        shown = " · ".join(f"{state} {count}" for state, count in sorted(states.items()))
        pursued = f" · still owed to the provider {owed}" if owed else ""
        self.tell(f"{time.monotonic() - started:5.1f} s  {shown}{pursued}")


def at_rest(activation: dict[str, Any]) -> bool:
    """Whether the customer's and the provider's axis both came to their end."""
    return activation["state"] in _FINAL and activation["provider_state"] in _PROVIDER_FINAL
