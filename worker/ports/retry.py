"""Repeating what failed, by one of the named backoffs."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from worker.domain.backoff import Backoff

T = TypeVar("T")


class Retry(Protocol):
    async def __call__(
        self,
        backoff: Backoff,
        attempt: Callable[[], Awaitable[T]],
        *,
        on: type[Exception] | tuple[type[Exception], ...],
        unless: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> T:
        """Attempt until it succeeds; after the last attempt its error is raised as it is.

        Only errors of *on* are a reason to attempt again, and none of *unless*.
        """
        ...
