"""Answers under an Idempotency-Key: a call that is sent again gets the answer of the first one."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

Kept: TypeAlias = Mapping[str, Any]  #: An answer as JSON.


class Taken(NamedTuple):
    """What a key was taken for; `answer` None: that call has not ended, or nobody knows how."""

    content_hash: str
    answer: Kept | None


class AnswerStore(Protocol):
    """Raises `StoreError` and nothing else; every call is safe to repeat."""

    async def take_key(self, key: str, content_hash: str) -> Taken:
        """Take *key* for this content, or find what it was taken for within the last day."""
        ...

    async def keep_answer(self, key: str, content_hash: str, answer: Kept) -> Kept:
        """Keep the answer of this key; of two calls at once, the first one's is everybody's.

        A key that was let go and taken for other content meanwhile keeps that call's answer only.
        """
        ...

    async def let_go(self, key: str, content_hash: str) -> None:
        """Nothing came of the call: the key is free, unless another one was answered under it."""
        ...

    async def forget_answers(self, limit: int) -> int:
        """Delete up to *limit* that are older than a day; how many."""
        ...
