"""Repeating what failed, by one of the named backoffs."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, TypeVar

from worker.domain.backoff import Backoff

T = TypeVar("T")
Errors: TypeAlias = type[Exception] | tuple[type[Exception], ...]


class Retry(Protocol):
    async def __call__(
        self,
        backoff: Backoff,
        attempt: Callable[[], Awaitable[T]],
        *,
        on: Errors,
        unless: Errors = (),
    ) -> T:
        """Attempt until it succeeds; after the last attempt its error is raised as it is.

        Only errors of *on* are a reason to attempt again, and none of *unless*.
        """
        ...
