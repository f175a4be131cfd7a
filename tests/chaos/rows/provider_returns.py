"""Two providers answer again after an outage: who is served, how soon, and with how many calls."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.acceptance.two_providers import Simulated
from tests.chaos.api import Api, api_of
from tests.chaos.codes import shown_at
from tests.chaos.report import AT_ONCE, Line, seconds
from tests.chaos.stage import (
    Number,
    ProviderPlan,
    Scale,
    Stage,
    becomes,
    books_of,
    hand_over,
    hand_over_new,
    rent,
    settled,
    sleep_until,
    staged,
)

FIRST_WITHIN = 1.5
CALLS_PER_NUMBER_MAX = 1.1
FAST = {"REQUESTS_PER_SECOND": "10000", "MAX_IN_FLIGHT": "100"}
PLANS = (
    ProviderPlan(settings=FAST),
    ProviderPlan("other", dialect="smsbower", settings=FAST),
)
GRACE = {"AW_DEFAULTS__CREDIT_GRACE_SECONDS": "600"}  #: Longer than any outage here.
LOOKED_AT = 10  #: Numbers at each provider that wait for a code during the outage.
DELIVERED = 20  #: Numbers at each that are to be finished there when it is back.
ENDING_CALLS = ("look", "list", "history", "cancel", "finish")
SETTLED_WITHIN = 90.0
CODES_WITHIN = 20.0
FINISHED_LOOKS = 120  #: Half a second apart.


@dataclass(frozen=True, slots=True)
class Return:
    """What happened at one provider after it answered again; seconds count from then."""

    provider: str
    owed: int
    first_credit: float | None
    first_code: float | None
    last_credit: float | None
    calls: float  #: For each number that was owed.
    finished: float | None  #: Until all deliveries were finished there.

    @property
    def rate(self) -> float:
        if self.first_credit is None or self.last_credit is None:
            return 0.0
        return self.owed / max(0.1, self.last_credit - self.first_credit)

    @property
    def first(self) -> float | None:
        """The first look or ending."""
        known = [each for each in (self.first_credit, self.first_code) if each is not None]
        return min(known, default=None)


async def measure(scale: Scale) -> list[Line]:
    owed = scale.pick(10_000, 1_000)
    long_outage = scale.pick(90.0, 30.0)
    async with staged("returns", *PLANS, settings=GRACE) as (stage, _):
        daemon = await stage.start_daemon()
        async with api_of(daemon) as api:
            short = await _outage(stage, api, owed // 2, scale.pick(24, 12), 14.0)
            long = await _outage(stage, api, scale.pick(500, 100), scale.pick(24, 12), long_outage)
            # The circuit stays closed, so that every number's cancel is tried and is unknown.
            unknown = await _outage(
                stage, api, scale.pick(1_000, 200), scale.pick(24, 12), 14.0, only=("cancel",)
            )
            proof = await stage.proof(api)
    return [
        _first_line(short, f"two providers answer again after 14 s of 503, {owed:,} numbers owed"),
        *[await _several(count, owed, scale) for count in scale.pick((2, 4), (2,))],
        _first_line(long, f"two providers answer again after {long_outage:.0f} s of 503"),
        Line(
            "what is owed costs calls",
            "a read and a cancel for every number: 2.0 calls",
            f"calls a number: {_calls(short)}; where only cancels failed: {_calls(unknown)};"
            f" {proof}",
            f"at most {CALLS_PER_NUMBER_MAX} calls a number",
            proof.holds and all(each.calls <= CALLS_PER_NUMBER_MAX for each in (*short, *unknown)),
            {
                **{f"calls_{each.provider}": each.calls for each in short},
                **{f"calls_unknown_{each.provider}": each.calls for each in unknown},
            },
        ),
        Line(
            "deliveries to be finished at a provider that answers again",
            "still `finishing` 90 s later",
            "; ".join(
                f"{each.provider} finished after {seconds(each.finished)}"
                for each in (*short, *long)
            ),
            "at once (2 s)",
            all(each.finished is not None and each.finished <= AT_ONCE for each in (*short, *long)),
            {f"finished_{each.provider}": each.finished for each in long},
        ),
    ]


def _calls(returns: Sequence[Return]) -> str:
    return ", ".join(f"{each.provider} {each.calls:.2f}" for each in returns)


async def _several(count: int, owed: int, scale: Scale) -> Line:
    """The burst must not begin later, or go slower, because several daemons share it."""
    async with staged("returns", *PLANS, settings=GRACE) as (stage, _):
        daemons = [await stage.start_daemon() for _ in range(count)]
        async with api_of(daemons[0]) as api:
            returns = await _outage(stage, api, owed // 2, scale.pick(24, 12), 14.0)
            proof = await stage.proof(api)
    assert proof.holds, proof
    return _first_line(returns, f"the same with {count} daemons")


def _first_line(returns: Sequence[Return], what: str) -> Line:
    now = "; ".join(
        f"{each.provider}: first credit {seconds(each.first_credit)}, first code"
        f" {seconds(each.first_code)}, then {each.rate:,.0f} credits a second"
        for each in returns
    )
    before = (
        "first credit 3.7 to 4.2 s later at one, 6.7 s at the other; up to 72 s after a long one"
    )
    figures: dict[str, float | None] = {}
    for each in returns:
        figures |= {
            f"first_credit_{each.provider}": each.first_credit,
            f"first_code_{each.provider}": each.first_code,
            f"rate_{each.provider}": each.rate,
        }
    in_time = all(each.first is not None and each.first <= FIRST_WITHIN for each in returns)
    whole = all(each.last_credit is not None for each in returns)
    promise = "first look or ending within 1.5 s, and every number credited"
    return Line(what, before, now, promise, in_time and whole, figures)


async def _outage(
    stage: Stage,
    api: Api,
    owed: int,
    window: int,
    lasting: float,
    *,
    only: Sequence[str] = (),
) -> list[Return]:
    """Numbers fall due at both providers while neither answers; they come back at one instant.

    *only*: the operations that fail; none: all.
    """
    groups: dict[str, dict[str, list[Number]]] = {}
    part = f"{len(stage.paid_in)}"
    for provider in stage.providers.values():
        groups[provider.name] = await _numbers(stage, api, provider, owed, window, part)
    everybody = [n for group in groups.values() for n in group["owed"]]
    last_deadline = max(number.deadline_at for number in everybody)
    delivered = [f"delivered-{name}-{part}" for name in groups]
    assert await _all_codes(api, delivered), "no code before the outage"
    until = max(last_deadline + timedelta(seconds=3), _in(lasting))
    ends = await _unavailable(stage, until, only)
    back = max(ends.values())
    await _sms_during_the_outage(stage, groups)
    await sleep_until(back)
    before = {p.name: await _ending_calls(p) for p in stage.providers.values()}
    accounts = [f"{kind}-{name}-{part}" for name in groups for kind in ("owed", "delivered")]
    await settled(api, accounts, SETTLED_WITHIN)
    await _all_codes(api, [f"looked-{name}-{part}" for name in groups])
    after = {p.name: await _ending_calls(p) for p in stage.providers.values()}
    found: list[Return] = []
    for provider in stage.providers.values():
        name = provider.name
        found.append(
            await _return(
                api, provider, groups[name], ends[name], (after[name] - before[name]) / owed
            )
        )
    return found


def _in(seconds_from_now: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds_from_now)


async def _unavailable(stage: Stage, until: datetime, only: Sequence[str]) -> dict[str, datetime]:
    """All providers answer 503 until then; when each really ends, by its own clock."""
    ends: dict[str, datetime] = {}
    for provider in stage.providers.values():
        left = (until - datetime.now(UTC)).total_seconds()
        fault = {"kind": "unavailable", "seconds": left, "operations": list(only)}
        answer = await provider.control.post("/_sim/faults", fault)
        ends[provider.name] = datetime.fromisoformat(answer["faults"][0]["ends"])
    return ends


async def _numbers(
    stage: Stage, api: Api, provider: Simulated, owed: int, window: int, part: str
) -> dict[str, list[Number]]:
    for kind in ("owed", "delivered", "looked"):
        await stage.open_account(api, f"{kind}-{provider.name}-{part}")
    account = f"looked-{provider.name}-{part}"
    looked = await rent(provider, account, LOOKED_AT, "timeout", 1000)
    return {
        "looked": await hand_over(api, looked),
        "delivered": await hand_over_new(
            api,
            provider,
            f"delivered-{provider.name}-{part}",
            DELIVERED,
            "code-arrives:0.5",
            window,
        ),
        "owed": await hand_over_new(
            api, provider, f"owed-{provider.name}-{part}", owed, "timeout", window
        ),
    }


async def _all_codes(api: Api, accounts: Sequence[str]) -> bool:
    async def shown() -> bool:
        for account in accounts:
            if not all(view["codes"] for view in (await api.views(account)).values()):
                return False
        return True

    return await becomes(shown, CODES_WITHIN, every=0.25)


async def _sms_during_the_outage(
    stage: Stage, groups: Mapping[str, Mapping[str, Sequence[Number]]]
) -> None:
    for provider in stage.providers.values():
        for number in groups[provider.name]["looked"]:
            sms = {"id": number.ref, "code": "123456"}
            await provider.control.post("/_sim/sms", sms)


async def _ending_calls(provider: Simulated) -> int:
    requests = (await provider.summary())["requests"]
    return sum(int(requests.get(operation, 0)) for operation in ENDING_CALLS)


async def _return(
    api: Api,
    provider: Simulated,
    group: Mapping[str, Sequence[Number]],
    back: datetime,
    calls: float,
) -> Return:
    owed = await api.views(group["owed"][0].account)
    credited = sorted(
        (datetime.fromisoformat(view["settlement"]["at"]) - back).total_seconds()
        for view in owed.values()
        if view["settlement"]
    )
    looked = await api.views(group["looked"][0].account)
    codes = [at for view in looked.values() if (at := shown_at(view)) is not None]
    all_credited = len(credited) == len(owed)
    return Return(
        provider.name,
        len(owed),
        credited[0] if credited else None,
        min(((at - back).total_seconds() for at in codes), default=None),
        credited[-1] if all_credited else None,
        calls,
        await _finished(provider, group["delivered"], back),
    )


async def _finished(
    provider: Simulated, delivered: Sequence[Number], back: datetime
) -> float | None:
    """Seconds until the provider's books have the last delivery finished; None: not by now."""
    refs = {number.ref for number in delivered}
    for _ in range(FINISHED_LOOKS):
        books = await books_of(provider)
        ended = [books[ref]["ended_at"] for ref in refs]
        if all(ended):
            last = max(datetime.fromisoformat(at) for at in ended)
            return max(0.0, (last - back).total_seconds())
        await asyncio.sleep(0.5)
    return None
