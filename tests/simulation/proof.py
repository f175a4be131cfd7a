"""What must hold of one life at rest: each ending once, and the provider's books agree."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from asyncpg import Record

from tests.integration.lifecycle.world import PRICE
from tests.simulation.their_side import COST, CURRENCY
from tests.simulation.town import TOPPED_UP, Life
from worker.domain.activation import FINAL, ProviderState, State
from worker.simulator.numbers import REFUNDED, Status

_ROWS = """
SELECT a.*, x.amount_minor AS exposed_minor, x.currency AS exposed_currency, x.state AS exposure,
       d.activation_id IS NOT NULL AND d.ended_at IS NULL AS disputed,
       (SELECT count(*) FROM settlement s WHERE s.activation_id = a.id) AS settlements,
       (SELECT count(*) FROM code c WHERE c.activation_id = a.id AND c.code IS NOT NULL) AS shown,
       (SELECT array_agg(e.type ORDER BY e.seq) FROM event e WHERE e.activation_id = a.id) AS told
  FROM activation a LEFT JOIN exposure x ON x.activation_id = a.id
  LEFT JOIN provider_dispute d ON d.activation_id = a.id
 WHERE a.account = $1
   AND NOT EXISTS (SELECT FROM purchase p WHERE p.id = a.id AND p.state = 'failed')
"""
_FAILED = "SELECT count(*) FROM purchase WHERE account = $1 AND state = 'failed'"
_THERE: Final = {
    ProviderState.CANCELLED: REFUNDED,
    ProviderState.FINISHED: {Status.FINISHED},
    ProviderState.CHARGED: {Status.RECEIVED, Status.FINISHED},
}


class Ended(NamedTuple):
    """How a number may end: what the customer got, what became of it there, who pays for it."""

    state: State
    provider_state: ProviderState
    exposure: str | None = None

    def __repr__(self) -> str:
        return f"{self.state.value}/{self.provider_state.value}/{self.exposure}"


async def endings(life: Life) -> Counter[Ended]:
    """How the numbers of this life ended, once all is proven."""
    rows = await life.outside.admin.fetch(_ROWS, life.account)
    failed = await life.outside.admin.fetchval(_FAILED, life.account)
    asked = len(life.handed) + len(life.orders)
    assert asked - life.unanswered <= len(rows) + failed <= asked, "a number is missing, or two"
    for row in rows:
        _ended_once(row)
        _agrees(row, life)
    _all_known(rows, life)
    await _money(rows, life)
    return Counter(_ending(row) for row in rows)


def _ending(row: Record) -> Ended:
    return Ended(State(row["state"]), ProviderState(row["provider_state"]), row["exposure"])


def _ended_once(row: Record) -> None:
    state = State(row["state"])
    assert state in FINAL
    assert row["settlements"] == 1
    told = Counter(row["told"])
    codes = told.pop("activation.code_received", 0)
    claims = {kind for kind in told if kind.startswith(("claim.", "review."))}
    assert codes == row["shown"], "each code that was shown is told once"
    assert {kind: told[kind] for kind in told if kind not in claims} == {
        f"activation.{state.value}": 1
    }
    assert (row["shown"] > 0) == (state is State.DELIVERED)


def _agrees(row: Record, life: Life) -> None:
    """Delivered is charged, refunded is given back, or an exposure of the exact amount says so."""
    number = None if row["provider_ref"] is None else life.outside.theirs.find(row["provider_ref"])
    there = ProviderState(row["provider_state"])
    if number is None:
        told = there, row["disputed"], row["exposure"]
        unsold = {(ProviderState.CANCELLED, False, exposure) for exposure in (None, "resolved")}
        proves = life.outside.theirs.capabilities.history
        assert told in (unsold if proves else {(ProviderState.DISPUTED, True, "open")})
        return
    assert number.status in _THERE[there], f"we say {there.value}, they say {number.status.value}"
    kept = number.status not in REFUNDED
    if row["state"] == State.DELIVERED.value:
        assert kept
    if row["state"] == State.REFUNDED.value:
        assert row["exposure"] == "loss" if kept else row["exposure"] in {None, "resolved"}
    if row["exposure"] is not None:
        known = row["cost_minor"] is not None
        exposed = row["exposed_minor"], row["exposed_currency"]
        assert exposed == (COST if known else PRICE, CURRENCY)


def _all_known(rows: Sequence[Record], life: Life) -> None:
    """Every number they sold is one of ours; without a list a purchase may only tell of it."""
    refs = Counter(row["provider_ref"] for row in rows)
    lost = 0 if life.outside.theirs.capabilities.list_page_size else refs[None]
    del refs[None]
    assert set(refs.values()) <= {1}
    assert all(len(bought) == 1 for bought in life.outside.theirs.bought.values()), "bought twice"
    orphans = [
        number
        for number in life.sold
        if str(number.id) not in refs and number.status not in REFUNDED
    ]
    assert len(orphans) <= lost, "they sold a number that we tell nobody of"


async def _money(rows: Sequence[Record], life: Life) -> None:
    kept = sum(row["price_minor"] for row in rows if row["state"] != State.REFUNDED.value)
    account = await life.outside.store.books.account(life.account)
    assert account is not None
    left = TOPPED_UP - kept + life.claimed_minor
    assert (account.available_minor, account.held_minor) == (left, 0)
