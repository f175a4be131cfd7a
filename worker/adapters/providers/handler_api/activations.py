"""The `handler_api.php` protocol: one GET, one line or one JSON back, spoken by many companies."""

from collections.abc import Callable
from datetime import datetime

from worker.adapters.providers.account import Account
from worker.adapters.providers.amounts import major
from worker.adapters.providers.config import ProviderConfig
from worker.adapters.providers.handler_api.dialects import DIALECTS
from worker.adapters.providers.handler_api.replies import HandlerReplies
from worker.adapters.providers.reply import Reply
from worker.adapters.providers.transport import (
    LIST_CAP,
    Address,
    Operation,
    Surroundings,
    escaped,
)
from worker.domain.ids import ProviderRef
from worker.ports.history import HistoryPage
from worker.ports.provider import (
    ActivePage,
    Balance,
    CancelReply,
    NoRent,
    Observation,
    Rented,
    RentRequest,
)

PATH = "/stubs/handler_api.php?action="
FINISH = "6"
HISTORY_SIZE = 100  #: The most that is told at once.
ASK_AGAIN = "3"


class HandlerApi(Account):
    """One account at one company of this family."""

    def __init__(self, config: ProviderConfig, surroundings: Surroundings) -> None:
        self._dialect = DIALECTS[config.dialect]
        self._read = HandlerReplies(config.name, self._dialect, config.currency)
        address = Address(
            base_url=config.base_url.rstrip("/") + PATH,
            key_suffix=f"&api_key={escaped(config.api_key)}",
        )
        super().__init__(config, address, surroundings, self._dialect.capabilities)

    async def rent(self, request: RentRequest) -> Rented | NoRent:
        target = (
            f"{self._dialect.rent_action}"
            f"&service={escaped(request.service)}&country={escaped(request.country)}"
        )
        if request.max_cost_minor is not None:
            target += f"&maxPrice={major(request.max_cost_minor, self._currency)}"
        if request.order is not None and self._dialect.takes_order:
            target += f"&orderId={escaped(request.order)}"
        return await self._http.call(Operation.RENT, target, self._read.rent)

    async def look(self, ref: ProviderRef) -> Observation:
        return await self._http.call(
            Operation.LOOK, f"getStatus&id={escaped(ref)}", self._read.look
        )

    async def list_active(self, page: int) -> ActivePage:
        return await self._listed(page, self._read.page)

    async def _listed(self, page: int, read: Callable[[Reply], ActivePage]) -> ActivePage:
        size = self._dialect.list_size
        assert self._dialect.list_shape is not None, "this dialect has no list"
        return await self._http.call_patiently(
            Operation.LIST,
            f"getActiveActivations&start={page * size}&limit={size}",
            read,
            cap=LIST_CAP,
        )

    async def list_whole(self, page: int) -> ActivePage:
        return await self._listed(page, self._read.whole_page)

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        assert self._dialect.past_limit is not None, "this dialect has no history"
        span = f"start={int(since.timestamp())}&end={int(until.timestamp())}"
        page = await self._http.call_patiently(
            Operation.LIST,
            f"getHistory&{span}&offset={skip}&{self._dialect.past_limit}={HISTORY_SIZE}",
            self._read.history,
            cap=LIST_CAP,
        )
        return page._replace(next=None if page.next is None else skip + page.next)

    async def cancel(self, ref: ProviderRef) -> CancelReply:
        target = f"setStatus&status={self._dialect.cancel_status}&id={escaped(ref)}"
        return await self._http.call(Operation.CANCEL, target, self._read.cancel)

    async def finish(self, ref: ProviderRef) -> Observation:
        target = f"setStatus&status={FINISH}&id={escaped(ref)}"
        finished = await self._http.call(Operation.FINISH, target, self._read.finish)
        return finished or await self.look_too(ref)

    async def ask_again(self, ref: ProviderRef) -> bool:
        target = f"setStatus&status={ASK_AGAIN}&id={escaped(ref)}"
        return await self._http.call(Operation.ASK_AGAIN, target, self._read.ask_again)

    async def balance(self) -> Balance:
        return await self._http.call_patiently(Operation.BALANCE, "getBalance", self._read.balance)
