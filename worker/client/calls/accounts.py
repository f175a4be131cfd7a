"""The calls of the tag `accounts`.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from collections.abc import Sequence
from typing import Literal

from worker.client.api_connection import ApiConnection, segment
from worker.client.calls.list_pages import AccountList, EntryList
from worker.client.calls.parts import AccountItem
from worker.client.calls.shapes import Account, AccountWhole, BulkAccountResults, Case, Instant


class AccountCalls(ApiConnection):
    """Customers' accounts: their balances, their ledger, what happened to them."""

    async def list_accounts(
        self, *, cursor: str | None = None, limit: int | None = None
    ) -> AccountList:
        """List accounts by name."""
        answer: AccountList = await self.call(
            "GET", "/v1/accounts", query={"cursor": cursor, "limit": limit}
        )
        return answer

    async def open_accounts(self, *, accounts: Sequence[AccountItem]) -> BulkAccountResults:
        """Open many accounts with their top-ups; each is taken as a whole, or refused."""
        answer: BulkAccountResults = await self.call(
            "POST", "/v1/accounts/bulk", body={"accounts": accounts}
        )
        return answer

    async def get_account(self, account: str) -> AccountWhole:
        """Show an account and its balances, with what staff noted about it."""
        answer: AccountWhole = await self.call("GET", f"/v1/accounts/{segment(account)}")
        return answer

    async def open_account(
        self, account: str, *, currency: str, policy: str | None = None
    ) -> Account:
        """Open an account, or find it open already."""
        answer: Account = await self.call(
            "PUT", f"/v1/accounts/{segment(account)}", body={"currency": currency, "policy": policy}
        )
        return answer

    async def list_entries(
        self, account: str, *, cursor: str | None = None, limit: int | None = None
    ) -> EntryList:
        """List an account's ledger entries, newest first."""
        answer: EntryList = await self.call(
            "GET",
            f"/v1/accounts/{segment(account)}/entries",
            query={"cursor": cursor, "limit": limit},
        )
        return answer

    async def tell_account_event(
        self,
        account: str,
        *,
        event: Literal[
            "delete_requested",
            "delete_withdrawn",
            "law_enforcement_block",
            "law_enforcement_unblock",
            "rules_block",
            "rules_unblock",
            "chargeback",
        ],
        at: Instant | None = None,
        policy: str | None = None,
        reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> Case:
        """Tell what happened to an account.

        What happened to the account; the same event again is the same case.

        One that happens again is told by another `reference`, or else by another `at`. Without
        both, it has happened again once the one before it has ended: a block after the last one was
        lifted.
        """
        answer: Case = await self.call(
            "POST",
            f"/v1/accounts/{segment(account)}/events",
            body={"at": at, "event": event, "policy": policy, "reference": reference},
            idempotency_key=idempotency_key,
        )
        return answer

    async def top_up_account(
        self, account: str, *, amount_minor: int, reference: str, at: Instant | None = None
    ) -> Account:
        """Book a top-up, once however often it is sent."""
        answer: Account = await self.call(
            "POST",
            f"/v1/accounts/{segment(account)}/topups",
            body={"amount_minor": amount_minor, "at": at, "reference": reference},
        )
        return answer

    async def add_account_note(
        self, id: str, *, note: str, idempotency_key: str | None = None
    ) -> AccountWhole:
        """Note something about an account.

        The same words of the same person again are the same note.
        """
        answer: AccountWhole = await self.call(
            "POST",
            f"/v1/accounts/{segment(id)}/notes",
            body={"note": note},
            idempotency_key=idempotency_key,
        )
        return answer
