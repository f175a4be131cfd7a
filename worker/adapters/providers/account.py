"""What every family has in common: one account, its connections, and the way to hang up."""

from datetime import datetime

from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.transport import Address, Surroundings, Transport
from worker.domain.ids import ProviderName, ProviderRef
from worker.ports.history import HistoryPage
from worker.ports.provider import ActivePage, Capabilities, Circuit, Observation


class Account:
    """One account at one provider; families add how it is spoken to."""

    def __init__(
        self,
        config: ProviderConfig,
        address: Address,
        surroundings: Surroundings,
        capabilities: Capabilities,
    ) -> None:
        self._http = Transport(
            config.name, address, surroundings, max_in_flight=config.max_in_flight
        )
        self._capabilities = capabilities
        self._currency = config.currency

    @property
    def name(self) -> ProviderName:
        return self._http.name

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def circuit(self) -> Circuit:
        return self._http.circuit

    @property
    def rentals_http(self) -> Transport:
        """The door of its long rentals; the same for most, with one circuit for both."""
        return self._http

    async def look(self, ref: ProviderRef) -> Observation:
        raise NotImplementedError

    async def look_too(self, ref: ProviderRef) -> Observation:
        """A look that a call needs besides what its caller has paid for."""
        await self._http.pay_more()
        return await self.look(ref)

    async def list_active(self, page: int) -> ActivePage:
        """Only for families with a list; asking another is a mistake of ours."""
        raise AssertionError(f"{self.name} has no list of active numbers, so no page {page}")

    async def list_whole(self, page: int) -> ActivePage:
        """Where reading all that a row tells costs no more, the list as it is."""
        return await self.list_active(page)

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        """Only for families with a history; asking another is a mistake of ours."""
        raise AssertionError(f"{self.name} tells no history from {since} to {until}, {skip} on")

    async def close(self) -> None:
        await self._http.close()
