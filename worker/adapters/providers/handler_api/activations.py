"""The `handler_api.php` protocol: one GET, one line or one JSON back, spoken by many companies."""

from datetime import datetime
from typing import Final

from worker.adapters.providers.family import (
    OperationRoute,
    OperationTable,
    ProviderAccount,
    ProviderConfig,
)
from worker.adapters.providers.handler_api.dialects import DIALECTS, HandlerDialect
from worker.adapters.providers.handler_api.replies import HandlerReplies
from worker.adapters.providers.transport import Endpoint, ProviderContext, escaped
from worker.ports import provider as port
from worker.ports.provider import HistoryPage
from worker.ports.reporter import Operation

PATH: Final = "/stubs/handler_api.php?action="
FINISH: Final = "6"
ASK_AGAIN: Final = "3"
HISTORY_SIZE: Final = 100  #: The most rows in one answer.


def routes_of(dialect: HandlerDialect) -> OperationTable:
    def change(status: str) -> OperationRoute:
        return OperationRoute(f"setStatus&status={status}&id={{ref}}")

    rent = dialect.rent_action + "&service={service}&country={country}"
    routes = {
        Operation.RENT: OperationRoute(rent, price_limit="&maxPrice={price}"),
        Operation.LOOK: OperationRoute("getStatus&id={ref}"),
        Operation.CANCEL: change(dialect.cancel_status),
        Operation.FINISH: change(FINISH),
        Operation.ASK_AGAIN: change(ASK_AGAIN),
        Operation.BALANCE: OperationRoute("getBalance"),
    }
    if dialect.features.list_page_size is None:
        return routes
    return {
        **routes,
        Operation.LIST: OperationRoute("getActiveActivations&start={offset}&limit={limit}"),
    }


class HandlerApiAccount(ProviderAccount):
    """One account at one company of this family."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        dialect = self._dialect = DIALECTS[config.dialect]
        self._rows = HandlerReplies(config.name, dialect, config.currency)
        endpoint = Endpoint(
            base_url=config.base_url.rstrip("/") + PATH,
            key_suffix=f"&api_key={escaped(config.api_key)}",
        )
        super().__init__(config, context, endpoint, routes_of(dialect), self._rows)

    async def rent(self, request: port.RentRequest) -> port.Rented | port.NoRent:
        named = request.order is not None and self._dialect.takes_order
        suffix = f"&orderId={escaped(request.order or '')}" if named else ""
        return await self._buy(
            Operation.RENT, request, self._rows.rent, self._currency, suffix=suffix
        )

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        assert self._dialect.features.history, "this dialect has no history"
        span = f"start={int(since.timestamp())}&end={int(until.timestamp())}"
        page = await self._read_list(
            f"getHistory&{span}&offset={skip}&{self._dialect.past_limit}={HISTORY_SIZE}",
            self._rows.history,
        )
        return page._replace(next=None if page.next is None else skip + page.next)
