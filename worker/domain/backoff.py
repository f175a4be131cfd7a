"""Backoffs: how long each kind of attempt waits before it is repeated. One table for all of them.

Chance is an argument, in [0, 1): what failed together must not return together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

DOUBLINGS_MAX: Final = 16  #: Beyond it every wait is as long as it may be.


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """A wait that doubles from `first` up to `longest`."""

    first: timedelta
    longest: timedelta
    jitter: float = 0.0  #: The share of a wait that chance decides; 1: all of it.
    attempts: int | None = None  #: The first one included; None: for as long as it takes.
    within: timedelta | None = None  #: No attempt begins later than that after the first one.

    def wait(self, failures: int, chance: float = 0.0) -> timedelta:
        """How long to wait after one more failure, when *failures* came before it."""
        wait = min(self.first * (1 << min(failures, DOUBLINGS_MAX)), self.longest)
        return wait * (1 - self.jitter + self.jitter * chance)

    def is_over(self, attempts: int, elapsed: timedelta) -> bool:
        """Whether so many attempts in this time were all."""
        if self.attempts is not None and attempts >= self.attempts:
            return True
        return self.within is not None and elapsed > self.within


@dataclass(frozen=True, slots=True)
class Steps:
    """A wait for each attempt, the first one included; chance only makes it longer."""

    waits: tuple[timedelta, ...]
    jitter: float

    def wait(self, failures: int, chance: float) -> timedelta | None:
        """The same, or None where no attempt is left."""
        attempts = failures + 1
        if attempts >= len(self.waits):
            return None
        return self.waits[attempts] * (1 + self.jitter * chance)


AnyBackoff: TypeAlias = Backoff | Steps

#: A cancel that its provider did not confirm, while the customer waits for it.
CANCEL: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=60), jitter=0.5)
#: Whatever met a provider that is away: due when it is back, however long that takes.
AWAY: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=1), jitter=0.5)
#: A number whose account somebody else keeps locked.
ACCOUNT_LOCKED: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=10))
#: What a provider is still owed once the customer is settled.
PURSUIT: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=10), jitter=0.5)
#: A banned account whose provider does not say until when: some bans grow with each call.
BAN: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=60))
#: One number or code that fails by a bug; somebody may have mended its row meanwhile.
QUARANTINE: Final = Backoff(first=timedelta(seconds=2), longest=timedelta(minutes=10))
#: An order that another call is asking its provider for this moment.
SAME_ORDER: Final = Backoff(
    first=timedelta(milliseconds=100),
    longest=timedelta(milliseconds=100),
    within=timedelta(seconds=25),
)
#: A number that is bought and not stored yet. With the pauses a window long: then it is credited.
KEEP_BOUGHT: Final = Backoff(
    first=timedelta(seconds=1), longest=timedelta(seconds=20), jitter=0.5, attempts=90
)
#: One transaction. All of a wait is chance: two that deadlocked must not meet again.
STORE_WRITE: Final = Backoff(
    first=timedelta(milliseconds=200), longest=timedelta(milliseconds=800), jitter=1.0, attempts=4
)
#: A reading of a provider's list and history that proved nothing about purchases in doubt.
PROOF: Final = Backoff(first=timedelta(seconds=30), longest=timedelta(minutes=10), jitter=0.5)
#: A purchase whose answer was lost, asked for again with the key by which its provider buys once.
#: With a call that hangs before and after it ends before the purchase is taken for forgotten.
SAME_KEY: Final = Backoff(
    first=timedelta(seconds=1),
    longest=timedelta(seconds=2),
    jitter=0.5,
    attempts=3,
    within=timedelta(seconds=5),
)
#: A read of a provider that nobody else repeats.
PROVIDER_READ: Final = Backoff(
    first=timedelta(milliseconds=750), longest=timedelta(seconds=3), jitter=2 / 3, attempts=3
)
#: Numbers handed over in a job that could not be stored: the job is all that knows them.
ACCEPT_JOB: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=30))
#: An arq worker that lost Redis: once it is back nobody else runs the ticks.
ARQ_WORKER: Final = Backoff(first=timedelta(milliseconds=200), longest=timedelta(seconds=1))
#: An outgoing event, as promised to the shops.
EVENT: Final = Steps(
    (
        timedelta(0),
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=5),
        timedelta(hours=10),
        timedelta(hours=14),
        timedelta(hours=20),
        timedelta(hours=24),
    ),
    jitter=0.2,
)

BACKOFFS: Final[Mapping[str, AnyBackoff]] = {
    "cancel": CANCEL,
    "away": AWAY,
    "pursuit": PURSUIT,
    "ban": BAN,
    "quarantine": QUARANTINE,
    "same_order": SAME_ORDER,
    "keep_bought": KEEP_BOUGHT,
    "store_write": STORE_WRITE,
    "proof": PROOF,
    "same_key": SAME_KEY,
    "provider_read": PROVIDER_READ,
    "accept_job": ACCEPT_JOB,
    "arq_worker": ARQ_WORKER,
    "event": EVENT,
}
