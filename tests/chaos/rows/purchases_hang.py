"""A provider hangs on purchases, then answers: what was never sold is proven unsold by itself.

Before that it sells a few and loses the replies: those are found, and given back.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.acceptance.world import PROVIDER
from tests.chaos.api import Answer, Api, api_of
from tests.chaos.report import Line, seconds
from tests.chaos.stage import PRICE, ProviderPlan, Scale, Stage, becomes, books_of, staged

LIMIT_MINOR = 2_000
ORDERS = 45
SOLD = 5
LOSES = 5.0  #: Seconds in which the provider loses its replies.
PROVEN_WITHIN = 300.0
TRY_EVERY = 3.0
GAUGES_WITHIN = 30.0
ORDER_SECONDS = 240.0  #: For the answer to an order while the provider hangs.


async def measure(scale: Scale) -> list[Line]:
    hangs = scale.pick(170.0, 30.0)
    # This dialect has both a list and a history.
    plan = ProviderPlan(
        PROVIDER, dialect="hero", settings={"EXPOSURE_LIMIT_MINOR": str(LIMIT_MINOR)}
    )
    settings = {"AW_DEFAULTS__CREDIT_GRACE_SECONDS": "5"}
    async with staged("purchases", plan, settings=settings) as (stage, _):
        daemon = await stage.start_daemon()
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            loop = asyncio.get_running_loop()
            window = round(hangs / 2)
            await _fault(stage, "reply-lost", LOSES)
            answers = await _order(api, "sold", SOLD, window)
            await asyncio.sleep(LOSES)
            await _fault(stage, "hang", hangs)
            back = loop.time() + hangs
            answers += await _order(api, "order", ORDERS, window)
            await asyncio.sleep(max(0.0, back - loop.time()))
            most = await _exposed(api)
            halted = await _becomes_halted(api)
            sold = await _until_sold(api, PROVEN_WITHIN)
            proven = await _until_proven(api, max(1.0, back + PROVEN_WITHIN - loop.time()))
            took = loop.time() - back
            left = await _exposed(api)
            free = await _becomes_free(api)
            kept = await _kept_by_provider(stage)
            proof = await stage.proof(api)
    told = _told(answers)
    return [
        Line(
            f"a provider hangs {hangs:.0f} s on purchases",
            "45 exposures for numbers it never sold; orders are refused until a person acts",
            f"{SOLD + ORDERS} orders answered {told}, {SOLD} of them sold; exposed"
            f" {most / PRICE:.0f} prices when it answers again, {left / PRICE:.0f} after"
            f" {took:.0f} s; provider_halted was{'' if halted else ' NOT'} 1, is"
            f"{'' if free else ' NOT'} 0; {kept} of {SOLD} numbers not given back; sells again"
            f" after {seconds(sold)}; {proof}",
            f"proven sold or unsold within {PROVEN_WITHIN / 60:.0f} min of its answering again,"
            " the halt ends by itself",
            proven and halted and free and not kept and sold is not None and proof.holds,
            {
                "exposed_minor": most,
                "exposed_after_minor": left,
                "proven_seconds": took,
                "sells_again_seconds": sold,
                "not_given_back": kept,
            },
        )
    ]


def _told(answers: Sequence[Answer]) -> str:
    statuses = Counter(answer.problem or str(answer.status) for answer in answers)
    return ", ".join(f"{count} x {what}" for what, count in sorted(statuses.items()))


async def _fault(stage: Stage, kind: str, lasts: float) -> None:
    fault = {"kind": kind, "seconds": lasts, "operations": ["rent"]}
    await stage.sim.control.post("/_sim/faults", fault)


async def _becomes_halted(api: Api) -> bool:
    async def halted() -> bool:
        return await api.metric("provider_halted", provider=PROVIDER) == 1

    return await becomes(halted, GAUGES_WITHIN)


async def _becomes_free(api: Api) -> bool:
    async def free() -> bool:
        return await api.metric("provider_halted", provider=PROVIDER) == 0

    return await becomes(free, GAUGES_WITHIN)


async def _kept_by_provider(stage: Stage) -> int:
    """How many of the numbers whose replies were lost it still has our money for."""
    books = await books_of(stage.sim)
    first = sorted(books.values(), key=lambda number: int(number["id"]))[:SOLD]
    assert len(first) == SOLD, "the provider sold fewer"
    return sum(1 for number in first if number["status"] != "cancelled")


def _body(window: int) -> dict[str, Any]:
    return {
        "account": "acme",
        "provider": PROVIDER,
        "service": "timeout",
        "country": "0",
        "price_minor": PRICE,
        "window_seconds": window,
    }


async def _order(api: Api, key: str, count: int, window: int) -> list[Answer]:
    body = _body(window)
    return await asyncio.gather(
        *(
            api.call("POST", "/v1/activations", body, key=f"{key}-{n}", seconds=ORDER_SECONDS)
            for n in range(count)
        )
    )


async def _exposed(api: Api) -> int:
    return round(await api.metric("provider_exposure_minor", provider=PROVIDER) or 0)


async def _until_sold(api: Api, within: float) -> float | None:
    """Seconds until an order is taken again."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def sold() -> bool:
        key = f"again-{loop.time()}"
        answer = await api.call("POST", "/v1/activations", _body(5), key=key)
        return answer.status == 201

    return loop.time() - began if await becomes(sold, within, every=TRY_EVERY) else None


async def _until_proven(api: Api, within: float) -> bool:
    """Whether nothing is exposed any more, and no purchase is in doubt."""

    async def proven() -> bool:
        in_doubt = await api.metric("purchases_in_doubt", provider=PROVIDER) or 0.0
        return not await _exposed(api) and not in_doubt and not await api.held_minor("acme")

    return await becomes(proven, within, every=1.0)
