"""`Retry`, by tenacity; time and chance are arguments, so that tests own them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import tenacity

from worker.domain.backoff import Backoff

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TenacityRetry:
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    chance: Callable[[], float]  #: In [0, 1).

    async def __call__(
        self,
        backoff: Backoff,
        attempt: Callable[[], Awaitable[T]],
        *,
        on: type[Exception] | tuple[type[Exception], ...],
        unless: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> T:
        began = self.monotonic()

        async def once() -> T:
            return await attempt()  # Tenacity awaits no function that only returns an awaitable.

        def wait(state: tenacity.RetryCallState) -> float:
            return backoff.wait(state.attempt_number - 1, self.chance()).total_seconds()

        def is_over(state: tenacity.RetryCallState) -> bool:
            elapsed = timedelta(seconds=self.monotonic() - began)
            return backoff.is_over(state.attempt_number, elapsed)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(on)
            & tenacity.retry_if_not_exception_type(unless),
            wait=wait,
            stop=is_over,
            sleep=self.sleep,
            reraise=True,
        )
        return await retrying(once)
