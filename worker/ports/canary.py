"""What the canary asks the store for: its account, and what became of its orders."""

from typing import Final, Protocol

from worker.domain.ids import AccountId, ActivationId
from worker.ports.books import Account, Opened
from worker.ports.store import Activation

ACCOUNT: Final = AccountId("canary")  #: The canary's own; whoever else uses it is counted with it.


class CanaryStore(Protocol):
    """Raises `StoreError` and nothing else."""

    async def open_account(self, account: AccountId, currency: str) -> tuple[Opened, Account]: ...

    async def activation(self, id_: ActivationId) -> Activation | None: ...

    async def ordered(self, id_: ActivationId) -> bool:
        """Whether this was asked for at its provider, whatever came of it."""
        ...
