"""The calls of the tag `cases`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from typing import Literal

from worker.client.api_connection import ApiConnection
from worker.client.calls.list_pages import CaseList


class CaseCalls(ApiConnection):
    """Claims, outages, withdrawals and account events, in one list."""

    async def list_cases(
        self,
        *,
        id: str | None = None,
        kind: Literal[
            "claim", "rental_outage", "rental_cancel", "rental_end", "withdrawal", "account"
        ]
        | None = None,
        state: Literal[
            "waiting",
            "needs_evidence",
            "in_review",
            "approved",
            "granted",
            "denied",
            "resolved",
            "replaced",
            "paid",
            "done",
            "cancelled",
        ]
        | None = None,
        account: str | None = None,
        activation: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> CaseList:
        """List cases of every kind, newest first."""
        answer: CaseList = await self.call(
            "GET",
            "/v1/cases",
            query={
                "id": id,
                "kind": kind,
                "state": state,
                "account": account,
                "activation": activation,
                "cursor": cursor,
                "limit": limit,
            },
        )
        return answer
