"""Every provider gives every kind of bad reply for a while: no code is lost to what it leaves."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.acceptance.two_providers import Simulated
from tests.chaos.api import Api, api_of
from tests.chaos.codes import Silence, check_codes
from tests.chaos.report import Line
from tests.chaos.stage import (
    Number,
    ProviderPlan,
    Scale,
    Stage,
    books_of,
    hand_over_new,
    settled,
    sleep_until,
    staged,
)

LASTING = 3.0  #: Seconds of bad replies, of each kind.
SMS_AFTER = 1.5
LEFT = 5.0  #: Seconds from the last bad reply to the deadline.
SERVED_WITHIN = 1.5  #: Of the first good reply that is possible.
EACH = 2  #: Numbers of each kind at each provider.
WINDOW = round(LASTING + LEFT)

PLANS = (
    ProviderPlan(),
    ProviderPlan("hero", dialect="hero"),
    ProviderPlan("fivesim", family="fivesim"),
    ProviderPlan("onlinesim", family="onlinesim"),
    ProviderPlan("smspva", family="smspva"),
    ProviderPlan("vaksms", family="vaksms"),
)
KINDS = (
    "refuse",
    "reset",
    "unavailable",
    "error-after-effect",
    "html",
    "hang",
    "rate-limited",
    "garbage",
    "truncated",
    "empty-list",
    "reply-lost",
    "slow",
    "bad-key",
    "banned",
)
QUICK_KINDS = ("unavailable", "html", "garbage", "truncated", "bad-key")


@dataclass(frozen=True, slots=True)
class Batch:
    """Numbers at one provider, and the time of its bad replies."""

    kind: str
    numbers: Sequence[Number]
    bad: Silence


async def measure(scale: Scale) -> list[Line]:
    kinds = scale.pick(KINDS, QUICK_KINDS)
    plans = scale.pick(PLANS, (PLANS[0], PLANS[2]))
    async with staged("hostile", *plans) as (stage, _):
        daemon = await stage.start_daemon()
        async with api_of(daemon) as api:
            await stage.open_account(api, "acme")
            batches = await asyncio.gather(
                *(_at(provider, api, kinds) for provider in stage.providers.values())
            )
            await settled(api, ["acme"], 90.0)
            owed, lost = await _check(stage, await api.views("acme"), batches)
            proof = await stage.proof(api)
    where = ", ".join(f"{what} {count}" for what, count in sorted(lost.items())) or "none"
    count = sum(lost.values())
    return [
        Line(
            f"bad replies of {len(kinds)} kinds at {len(plans)} dialects",
            "6 of 66 codes lost to waits after unreadable answers",
            f"{count} of {owed} codes lost: {where}; {proof}",
            "the first look within 1.5 s of the first good reply that is possible: no code lost",
            not count and proof.holds,
            {"lost": count, "owed": owed, **{f"lost_at_{what}": n for what, n in lost.items()}},
        )
    ]


async def _at(provider: Simulated, api: Api, kinds: Sequence[str]) -> list[Batch]:
    """One kind after the other at one provider; the others go on beside it."""
    batches: list[Batch] = []
    for kind in kinds:
        numbers = await hand_over_new(
            api, provider, "acme", EACH, f"code-arrives:{SMS_AFTER}", WINDOW
        )
        fault: dict[str, Any] = {"kind": kind, "seconds": LASTING}
        if kind == "slow":
            fault["delay_seconds"] = 2.0
        answer = await provider.control.post("/_sim/faults", fault)
        begins, ends = (
            datetime.fromisoformat(answer["faults"][0][edge]) for edge in ("begins", "ends")
        )
        served = ends + timedelta(seconds=SERVED_WITHIN)
        batches.append(Batch(kind, numbers, Silence(begins, served)))
        await sleep_until(max(number.deadline_at for number in numbers))
    return batches


async def _check(
    stage: Stage,
    views: Mapping[str, Mapping[str, Any]],
    batches: Sequence[Sequence[Batch]],
) -> tuple[int, dict[str, int]]:
    """How many codes were owed, and how many lost of each kind at each provider."""
    owed = 0
    lost: dict[str, int] = {}
    for provider, of_provider in zip(stage.providers.values(), batches, strict=True):
        books = await books_of(provider)
        for batch in of_provider:
            check = check_codes(batch.numbers, views, books, silences=[batch.bad])
            owed += check.owed
            if check.lost:
                lost[f"{provider.name}/{batch.kind}"] = len(check.lost)
    return owed, lost
