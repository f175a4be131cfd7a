"""One rented number in the provider's books, brought up to any instant by its plan.

    WAITING ---- an SMS ----> RECEIVED <---- another SMS ---- RETRYING
       |                        |  |---- asked for another ------^
       |                        v (also from RETRYING)
       |                     FINISHED (the buyer) or LAPSED (own expiry): charged
       v
    CANCELLED or BANNED (the buyer), PROVIDER_CANCELLED, EXPIRED (own expiry): refunded

Nothing here runs by itself: `advance` applies all that was planned up to *now*, each at its own
instant, so 300,000 numbers cost nothing until somebody asks about them.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from worker.simulator.behaviours import NumberPlan, text_of

NEVER_AGAIN = datetime.max.replace(tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Status(enum.Enum):
    WAITING = "waiting"
    RECEIVED = "received"
    RETRYING = "retrying"  #: An SMS came, the buyer asked for another.
    CANCELLED = "cancelled"
    BANNED = "banned"  #: Given back as unusable.
    PROVIDER_CANCELLED = "provider-cancelled"
    EXPIRED = "expired"
    FINISHED = "finished"
    LAPSED = "lapsed"  #: Its time ran out after an SMS.


LIVE = frozenset({Status.WAITING, Status.RECEIVED, Status.RETRYING})
REFUNDED = frozenset(
    {Status.CANCELLED, Status.BANNED, Status.PROVIDER_CANCELLED, Status.EXPIRED},
)
CHARGED = frozenset({Status.FINISHED, Status.LAPSED})


@dataclass(slots=True, eq=False)
class ArrivedSms:
    at: datetime
    code: str
    text: str
    told_at: datetime | None = None  #: When the first whole reply or accepted push carried it.


class Change(NamedTuple):
    at: datetime
    status: Status


@dataclass(slots=True, kw_only=True, eq=False)
class SimulatedNumber:
    id: int
    service: str
    country: str
    cost_minor: int
    created_at: datetime
    expires_at: datetime
    cancel_from: datetime  #: Earlier cancels are refused.
    cancel_until: datetime = NEVER_AGAIN  #: Later ones too; a rental's time for a refund.
    plan: NumberPlan
    operator: str = "any"
    area_code: str = ""
    voice: bool = False  #: The code is told by a call.
    line_of: int | None = None  #: The id of an earlier number, whose phone it has.
    followed: bool = False  #: Another number was rented on its phone.
    order: str | None = None  #: The buyer's own id.
    rental: bool = False
    status: Status = Status.WAITING
    sms: Sequence[ArrivedSms] = ()
    shown: int = 0  #: How many of `sms` the buyer has read.
    arrived: int = 0  #: How many of the plan's arrivals have come.
    hidden: int = 0  #: How many of `sms` the buyer asked not to see again.
    refunded_minor: int = 0
    moves: Sequence[Change] = ()  #: After the rental, which made it WAITING.
    next_at: datetime = NEVER_AGAIN  #: When the plan does something next.
    ready: bool = False  #: The buyer said it has sent the SMS, or has the number switched on.
    offline: bool = False  #: A rental that does not work just now.
    trouble_from: datetime | None = None  #: When the first cancel started its trouble.
    calls: int = 0
    operations: dict[str, int] | None = None  #: The calls by what they asked for.
    calls_after_end: int = 0
    most_calls_in_a_minute: int = 0  #: Minutes counted from the rental.
    minute: int = 0
    minute_calls: int = 0

    def __post_init__(self) -> None:
        self.plan_next()

    @property
    def phone(self) -> str:
        """Digits with country code."""
        code = "1" if self.country == "us" else "7"
        return f"{code}9{self.line % 10**9:09d}"

    @property
    def line(self) -> int:
        """The id of the first number with this phone."""
        return self.id if self.line_of is None else self.line_of

    @property
    def changes(self) -> Sequence[Change]:
        return (Change(self.created_at, Status.WAITING), *self.moves)

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def ended_at(self) -> datetime | None:
        return None if self.live else self.moves[-1].at

    @property
    def net_minor(self) -> int:
        """What the buyer has paid for it in the end."""
        return self.cost_minor - self.refunded_minor

    @property
    def new_sms(self) -> Sequence[ArrivedSms]:
        return self.sms[self.shown :]

    def move(self, status: Status, at: datetime) -> None:
        assert self.status in LIVE, "an ending is never left"
        self.status = status
        self.moves = (*self.moves, Change(at, status))
        if status in REFUNDED:
            self.refunded_minor = self.cost_minor
        if status not in LIVE:
            self.next_at = NEVER_AGAIN

    def receive(self, sms: ArrivedSms) -> None:
        self.sms = (*self.sms, sms)
        if self.status is not Status.RECEIVED:
            self.move(Status.RECEIVED, sms.at)

    def step(self) -> ArrivedSms | None:
        """Apply the next planned event at its instant; returns the SMS, if it was one."""
        at = self.next_at
        if self._arrival_at() == at:  # An SMS at the instant of the ending is in time.
            arrival = self.plan.arrivals[self.arrived]
            self.arrived += 1
            sms = ArrivedSms(at, arrival.code, text_of(arrival.code))
            self.receive(sms)
            self.plan_next()
            return sms
        if self.expires_at == at:
            # A rental is paid for its time, an activation for its SMS.
            self.move(Status.LAPSED if self.sms or self.rental else Status.EXPIRED, at)
        else:
            self.move(Status.PROVIDER_CANCELLED, at)
        return None

    def plan_next(self) -> None:
        if self.plan.arrivals == () and self.plan.provider_cancels_after is None:
            self.next_at = self.expires_at  # Most numbers, while many are rented at once.
            return
        self.next_at = min(self.expires_at, self._arrival_at(), self._provider_cancel_at())

    def count_call(self, operation: str, now: datetime) -> None:
        self.calls += 1
        self.operations = self.operations or {}
        self.operations[operation] = self.operations.get(operation, 0) + 1
        if not self.live:
            self.calls_after_end += 1
        minute = (now - self.created_at) // MINUTE
        if minute != self.minute:
            self.minute, self.minute_calls = minute, 0
        self.minute_calls += 1
        self.most_calls_in_a_minute = max(self.most_calls_in_a_minute, self.minute_calls)

    def _arrival_at(self) -> datetime:
        if self.arrived == len(self.plan.arrivals):
            return NEVER_AGAIN
        return self.created_at + self.plan.arrivals[self.arrived].after

    def _provider_cancel_at(self) -> datetime:
        after = self.plan.provider_cancels_after
        # A provider does not take back a number it has earned its price with.
        return NEVER_AGAIN if after is None or self.sms else self.created_at + after
