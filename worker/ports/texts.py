"""The texts of SMS, which are private: they are kept for as long as somebody may ask for them."""

from typing import Protocol


class TextStore(Protocol):
    """Raises `StoreError` and nothing else; safe to repeat."""

    async def forget_texts(self, limit: int) -> int:
        """Delete up to *limit* that came more than three days ago; how many.

        Codes stay for the shop's records, and the hashes by which an SMS is known again.
        """
        ...
