"""An account is frozen at the moment that numbers are handed over: no hold begins after it.

Another session holds the account's balance for a moment, so that both wait at the same time.
PostgreSQL keeps the instant of every commit: the transfers tell which came first.
"""

import asyncio
from datetime import datetime

import asyncpg

from tests.acceptance.world import TOKEN
from tests.chaos.api import Api, api_of
from tests.chaos.report import Line
from tests.chaos.stage import Scale, Stage, rent, staged

ROUNDS = 25
EACH = 5  #: Numbers of each round.
TOP_UP = 100
WAIT = 0.15  #: Seconds after which a call has reached the lock.
FREEZE = {"event": "law_enforcement_block"}
LOCK = "SELECT * FROM balance WHERE account = $1 FOR UPDATE"
FROZEN_AT = """
    SELECT pg_xact_commit_timestamp(xmin) FROM account WHERE account = $1 AND state = 'frozen'
"""
LATER = """
    SELECT count(*) FROM transfer
     WHERE account = $1 AND source = $2 AND destination = $3
       AND pg_xact_commit_timestamp(xmin) > $4
"""


async def measure(_: Scale) -> list[Line]:
    # A policy under which law enforcement freezes an account.
    settings = {"AW_DEFAULTS__POLICY": "P2"}
    async with staged("account", settings=settings) as (stage, _set):
        await _keep_commit_instants(stage)
        daemon = await stage.start_daemon(environment=await _tokens(stage))
        async with api_of(daemon) as api, stage.database() as judge:
            rounds = [await _round(stage, api, judge, f"round-{n}") for n in range(ROUNDS)]
            proof = await stage.proof(api)
    with_holds = sum(holds > 0 for holds, _ in rounds)
    with_top_ups = sum(top_ups > 0 for _, top_ups in rounds)
    return [
        Line(
            "account frozen while numbers are handed over",
            "25 of 25 rounds: holds begun after the freeze was committed",
            f"{with_holds} of {ROUNDS} rounds with holds after the freeze, {with_top_ups} with"
            f" top-ups; {proof}",
            "no hold and no top-up begins after the instant the freeze was committed",
            not with_holds and not with_top_ups and proof.holds,
            {"rounds": ROUNDS, "with_holds": with_holds, "with_top_ups": with_top_ups},
        )
    ]


async def _keep_commit_instants(stage: Stage) -> None:
    async with stage.database() as session:
        await session.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    await asyncio.to_thread(stage.servers.postgres.stop)
    await stage.servers.postgres.start()


async def _tokens(stage: Stage) -> dict[str, str]:
    """The token with what a block takes, where there is such a scope."""
    both = {"AW_API__TOKENS": f"test:operate+decide:{TOKEN}"}
    exit_code, _ = await stage.command("check-config", environment=both)
    return {} if exit_code else both


async def _round(
    stage: Stage, api: Api, judge: asyncpg.Connection, account: str
) -> tuple[int, int]:
    """How many holds and top-ups were committed after the freeze."""
    await stage.open_account(api, account)
    items = await rent(stage.sim, account, EACH, "timeout", 600)
    top_up = {"reference": "second", "amount_minor": TOP_UP}
    async with stage.database() as session, session.transaction():
        await session.fetch(LOCK, account)
        # The freeze waits first: whoever waits behind it has read the account before.
        freezing = asyncio.create_task(api.call("POST", f"/v1/accounts/{account}/events", FREEZE))
        await asyncio.sleep(WAIT)
        taking = asyncio.create_task(
            api.call("POST", "/v1/activations/bulk", {"activations": items})
        )
        paying = asyncio.create_task(api.call("POST", f"/v1/accounts/{account}/topups", top_up))
        await asyncio.sleep(2 * WAIT)
    frozen, taken, paid = await asyncio.gather(freezing, taking, paying)
    assert frozen.status in {200, 201}, frozen
    # Refused for another reason, nothing would have met the freeze.
    assert taken.status == 200, taken
    assert paid.status in {200, 201, 409}, paid
    if paid.status in {200, 201}:
        stage.paid_in[account] += TOP_UP
    frozen_at: datetime | None = await judge.fetchval(FROZEN_AT, account)
    assert frozen_at is not None, "the account is not frozen"
    available, held = f"available:{account}", f"held:{account}"
    holds = await judge.fetchval(LATER, account, available, held, frozen_at)
    top_ups = await judge.fetchval(
        LATER.replace("source = $2", "source <> $2"), account, held, available, frozen_at
    )
    return int(holds), int(top_ups)
