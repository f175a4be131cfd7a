"""Taking accounts over: many at once with their top-ups, each as a whole, whatever is repeated."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, lock_accounts, statement
from worker.adapters.store.turns import wait_for_locked
from worker.domain.ids import AccountId
from worker.domain.transfer import TransferKind, transfer_key
from worker.ports.store import books as port

ROWS_MAX: Final = 5_000  #: Accounts and top-ups of one transaction.
ROUNDS: Final = 5  #: One that somebody else opened while we looked is read again, so often at most.

_Items: TypeAlias = dict[int, port.AccountIntake]  #: By their place in the call.
_Taken: TypeAlias = dict[int, port.AccountTaken]
_Write: TypeAlias = Callable[[Callable[[AsyncConnection], Awaitable[_Taken]]], Awaitable[_Taken]]
#: A blocked account takes money: what it may not do is let money out.
_NO_TOP_UP: Final = {
    "closing": port.TakeOverOutcome.ACCOUNT_CLOSING,
    "frozen": port.TakeOverOutcome.ACCOUNT_FROZEN,
    "deleted": port.TakeOverOutcome.UNKNOWN_ACCOUNT,
}


class _Booked(NamedTuple):
    amount_minor: int
    at: datetime | None

    def is_same(self, topup: port.DatedTopUp) -> bool:
        return self.amount_minor == topup.amount_minor and topup.at in {None, self.at}


@dataclass(slots=True)
class _Batch:
    """One transaction's view, and what it will write."""

    now: datetime
    locked: frozenset[str]  #: Are there, and somebody else has them.
    accounts: dict[AccountId, port.Account]
    unbound: frozenset[AccountId]  #: Of them; in the books they belong to no policy yet.
    booked: dict[str, _Booked]
    opened: dict[AccountId, port.Account] = field(default_factory=dict)
    named: dict[AccountId, str] = field(default_factory=dict)
    topups: list[tuple[str, AccountId, str, port.DatedTopUp]] = field(default_factory=list)


def topup_key(account: AccountId, reference: str) -> str:
    """The unique key of a top-up: a reference belongs to its account.

    Quoted, because an account's name may hold the colon that ends it here.
    """
    return transfer_key(TransferKind.TOPUP, f"{quote(account, safe='')}:{reference}")


async def take_over(db: Database, items: Sequence[port.AccountIntake]) -> list[port.AccountTaken]:
    """Those that nobody has locked first, together; then the others."""
    results: _Taken = {}
    free = partial(_rounds, db.write, free_only=True)
    for part in _parts(dict(enumerate(items))):
        results |= await free(part)
    locked = {at: items[at] for at, taken in results.items() if _is_locked(taken)}
    for part in _parts(locked):
        waiting = partial(_waiting, db)
        results |= await wait_for_locked(part, free=free, waiting=waiting, is_locked=_is_locked)
    return [results[at] for at in range(len(items))]


async def _waiting(db: Database, items: _Items) -> _Taken:
    accounts = {item.account for item in items.values()}
    return await _rounds(partial(db.write_accounts, accounts), items, free_only=False)


def _is_locked(taken: port.AccountTaken) -> bool:
    return taken.how is port.TakeOverOutcome.ACCOUNT_LOCKED


def _parts(items: _Items) -> list[_Items]:
    """So many of them that no transaction becomes long; an account with its top-ups stays whole."""
    parts: list[_Items] = []
    size = 0
    for at, item in items.items():
        rows = 1 + len(item.topups)
        if not parts or size + rows > ROWS_MAX:
            parts.append({})
            size = 0
        parts[-1][at] = item
        size += rows
    return parts


async def _rounds(write: _Write, items: _Items, *, free_only: bool) -> _Taken:
    results: _Taken = {}
    left = items
    for _ in range(ROUNDS):
        if not left:
            break
        results |= await write(partial(_take_over, items=left, free_only=free_only))
        left = {at: item for at, item in left.items() if at not in results}
    assert not left, "an account keeps being opened under our hands"
    return results


async def _take_over(connection: AsyncConnection, items: _Items, *, free_only: bool) -> _Taken:
    """One round; those of an account that another call opened meanwhile are left out."""
    batch = await _read(connection, list(items.values()), free_only=free_only)
    answers = {at: _judge(batch, item) for at, item in items.items()}
    lost = set(batch.opened) - await _write(connection, batch)
    return {at: answer for at, answer in answers.items() if items[at].account not in lost}


async def _read(
    connection: AsyncConnection, items: Sequence[port.AccountIntake], *, free_only: bool
) -> _Batch:
    names = sorted({item.account for item in items})
    asked = {"accounts": names}
    there = (await connection.execute(statement("books/accounts_here"), asked)).one()
    rows: Sequence[RowMapping] = []
    if there.here:
        if free_only:
            lock = statement("books/lock_free_accounts")
            rows = (await connection.execute(lock, {"accounts": there.here})).mappings().all()
        else:
            rows = await lock_accounts(connection, there.here)
    accounts = _accounts(rows)
    unbound = [name for name, account in accounts.items() if account.policy is None]
    if unbound:
        accounts |= await _by_oldest_order(connection, accounts, unbound)
    keys = [
        topup_key(i.account, t.reference) for i in items if i.account in accounts for t in i.topups
    ]
    booked = await _booked(connection, keys) if keys else {}
    locked = frozenset(there.here) - set(accounts)
    return _Batch(there.now, locked, accounts, frozenset(unbound), booked)


async def _by_oldest_order(
    connection: AsyncConnection, accounts: Mapping[AccountId, port.Account], names: list[AccountId]
) -> dict[AccountId, port.Account]:
    """Accounts of before there were policies, each with that of its oldest order, if it has any."""
    found = await connection.execute(statement("books/oldest_policies"), {"accounts": names})
    return {row.account: replace(accounts[row.account], policy=row.policy) for row in found}


def _accounts(rows: Sequence[RowMapping]) -> dict[AccountId, port.Account]:
    """Those with both of their balances: of another one somebody else has a row."""
    buckets: dict[AccountId, dict[str, RowMapping]] = {}
    for row in rows:
        buckets.setdefault(AccountId(row["account"]), {})[row["bucket"]] = row
    return {
        name: port.Account(
            name,
            of["available"]["currency"],
            of["available"]["amount_minor"],
            of["held"]["amount_minor"],
            of["available"]["state"],
            of["available"]["policy"],
        )
        for name, of in buckets.items()
        if len(of) == 2
    }


async def _booked(connection: AsyncConnection, keys: Sequence[str]) -> dict[str, _Booked]:
    rows = await connection.execute(statement("books/booked_topups"), {"keys": keys})
    return {row.key: _Booked(row.amount_minor, row.at) for row in rows}


def _judge(batch: _Batch, item: port.AccountIntake) -> port.AccountTaken:
    """What becomes of one; one that is taken is there for those after it in the batch."""
    name = item.account
    if name in batch.locked:
        return port.AccountTaken(port.TakeOverOutcome.ACCOUNT_LOCKED, None)
    found = batch.accounts.get(name)
    account = found or port.Account(
        name, item.currency, 0, 0, "open", item.policy.named or item.policy.default
    )
    if account.currency != item.currency:
        return port.AccountTaken(port.TakeOverOutcome.OTHER_CURRENCY, None)
    # As for one that is opened alone: never what a caller names, of one that was there.
    if account.policy is None:
        account = replace(account, policy=item.policy.default)
    if item.policy.named not in {None, account.policy}:
        return port.AccountTaken(port.TakeOverOutcome.OTHER_POLICY, None)
    new: dict[str, port.DatedTopUp] = {}
    keys = [topup_key(name, topup.reference) for topup in item.topups]
    for place, (key, topup) in enumerate(zip(keys, item.topups, strict=True)):
        refused = _refused(batch, account, topup, new.get(key), batch.booked.get(key))
        if refused is not None:
            return port.AccountTaken(refused, None, topup=place)
        if key not in batch.booked:
            new[key] = topup
    paid = sum(topup.amount_minor for topup in new.values())
    if paid:
        account = replace(account, available_minor=account.available_minor + paid)
    _add(batch, account, found, new)
    how = port.TakeOverOutcome.SAME if found and not new else port.TakeOverOutcome.NEW
    booked = sum(batch.booked[key].amount_minor for key in set(keys))
    return port.AccountTaken(how, account, booked, paid)


def _refused(
    batch: _Batch,
    account: port.Account,
    topup: port.DatedTopUp,
    told: port.DatedTopUp | None,
    booked: _Booked | None,
) -> port.TakeOverOutcome | None:
    if told is not None:
        booked = _Booked(told.amount_minor, told.at)
    if booked is not None:
        return None if booked.is_same(topup) else port.TakeOverOutcome.OTHER_TOPUP
    if topup.at is not None and topup.at > batch.now:
        return port.TakeOverOutcome.TOPUP_IN_FUTURE
    return _NO_TOP_UP.get(account.state)


def _add(
    batch: _Batch,
    account: port.Account,
    found: port.Account | None,
    new: Mapping[str, port.DatedTopUp],
) -> None:
    name = account.account
    if found is None:
        batch.opened[name] = account
    elif name in batch.unbound and account.policy is not None:
        batch.named[name] = account.policy
    batch.accounts[name] = account
    batch.booked |= {key: _Booked(topup.amount_minor, topup.at) for key, topup in new.items()}
    batch.topups += [(key, name, account.currency, topup) for key, topup in new.items()]


async def _write(connection: AsyncConnection, batch: _Batch) -> set[AccountId]:
    """Those that were opened."""
    if not (batch.opened or batch.named or batch.topups):
        return set()
    opened = [batch.opened[name] for name in sorted(batch.opened)]
    columns: dict[str, Any] = {
        "accounts": [account.account for account in opened],
        "currencies": [account.currency for account in opened],
        "policies": [account.policy for account in opened],
        "named": list(batch.named),
        "names": list(batch.named.values()),
        "keys": [key for key, *_ in batch.topups],
        "owners": [owner for _, owner, *_ in batch.topups],
        "topup_currencies": [currency for _, _, currency, _ in batch.topups],
        "amounts": [topup.amount_minor for *_, topup in batch.topups],
        "ats": [topup.at for *_, topup in batch.topups],
        "of_new": [owner in batch.opened for _, owner, *_ in batch.topups],
    }
    result = await connection.execute(statement("books/take_over"), columns)
    return {AccountId(row.account) for row in result}
