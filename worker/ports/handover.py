"""Numbers that other programs hand over through arq: the queue, the job, and what is refused."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

QUEUE: Final = "activation-worker"  #: Not arq's default: there nobody of ours looks.
ACCEPT: Final = "accept"  #: The job that takes one payload, or a list of them.
ACCEPT_MAX: Final = 1_000  #: Payloads in one job, and in one transaction.


class EnqueuedJob(NamedTuple):
    """A job as it was enqueued once: when it has ended, its id is free for another one."""

    id: str
    enqueued: str  #: What tells it from others of that id, also when it comes again.


class IntakeRefusal(enum.StrEnum):
    """Why a number that was handed over is not watched. The shop reads these words."""

    INVALID = "invalid"  #: A field is missing or wrong; `errors` names it.
    UNREADABLE = "unreadable"  #: The job is in no serialisation that is read here.
    UNKNOWN_JOB = "unknown_job"  #: It names another job than `accept`.
    EXPIRED = "expired"  #: No worker took the job before Redis forgot it.
    OTHER_CONTENT = "other_content"
    UNKNOWN_ACCOUNT = "unknown_account"
    ACCOUNT_BLOCKED = "account_blocked"
    ACCOUNT_CLOSING = "account_closing"
    ACCOUNT_FROZEN = "account_frozen"
    BALANCE_TOO_LOW = "balance_too_low"
    UNKNOWN_PROVIDER = "unknown_provider"
    UNKNOWN_POLICY = "unknown_policy"
    WINDOW_TOO_LONG = "window_too_long"
    RENTED_IN_FUTURE = "rented_in_future"
    CODE_IN_FUTURE = "code_in_future"
    CODE_TOO_LATE = "code_too_late"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedIntake:
    """One payload that is not taken, kept whole. Its job and place make it one thing."""

    job: EnqueuedJob
    place: int = 0  #: Within the job.
    reason: IntakeRefusal
    errors: Sequence[Mapping[str, str]] = ()
    payload: Any = field(default=None, repr=False)  #: Plain JSON; None where it cannot be read.
    body: bytes = field(default=b"", repr=False)  #: Of the job, where it cannot be read.

    @property
    def known(self) -> Mapping[str, str]:
        """What the payload says of itself, where it is a text of a bearable length."""
        given = self.payload if isinstance(self.payload, Mapping) else {}
        return {
            name: given[name]
            for name in ("provider", "provider_ref", "account", "order_ref")
            if isinstance(given.get(name), str) and given[name].isprintable()
        }
