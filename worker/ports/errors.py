"""How the outside can let us down, sorted by what we do about it.

* ProviderError
  - ProviderUnavailable   no answer, 429, 5xx, circuit open  -> nothing is known: look again later
  - ProviderRefused       bad key, banned account            -> stop asking, page a person
  - UnknownReply          an answer we cannot read           -> no information; keep the state
* StoreError
  - StoreUnavailable      the database cannot be reached     -> try again; nothing is known
  - CommitUnknown         the connection died in COMMIT      -> run the same statement again
  - RowLocked             somebody else keeps a row locked   -> try it later; the others go on
* ScheduleUnavailable     Redis cannot be reached            -> go on from the database

No message holds a key, a phone or a code: replies are classified before anything is raised.
"""

from datetime import timedelta


class ProviderError(Exception):
    """A provider call did not give us an observation."""

    def __init__(self, provider: str, detail: str) -> None:
        super().__init__(f"{provider}: {detail}")
        self.provider = provider
        self.detail = detail


class ProviderUnavailable(ProviderError):
    """Nothing is known. `sent` is False only when the request certainly never left."""

    def __init__(
        self,
        provider: str,
        detail: str,
        *,
        sent: bool = True,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(provider, detail)
        self.sent = sent
        self.retry_after = retry_after


class CircuitOpen(ProviderUnavailable):
    """Not even asked: the provider has failed too often just now."""

    def __init__(self, provider: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(provider, "circuit open", sent=False, retry_after=retry_after)


class CallOvertaken(ProviderUnavailable):
    """It was given up because the provider answers other calls again. It may be sent at once."""


class ProviderRefused(ProviderError):
    """Asking again is useless until a person has done something."""


class UnknownReply(ProviderError):
    """An answer we cannot read is no information. Never guess at money."""


class StoreError(Exception):
    """The database did not do what was asked."""


class StoreUnavailable(StoreError):
    """It could not be reached, or ended the connection before COMMIT was sent."""

    def __init__(self, cause: str = "", *, mend: str = "") -> None:
        super().__init__(cause)
        self.mend = mend  #: What a person can do about it; empty where only waiting helps.


class RowLocked(StoreError):
    """Somebody keeps a row locked for longer than this may wait. The database itself works."""


class CommitUnknown(StoreError):
    """The connection died while committing: run the same statement again on a new one."""


class SchemaMissing(StoreError):
    """The database has no schema, or an older or newer one: `activation-worker migrate`."""


class ScheduleUnavailable(Exception):
    """Redis could not be reached; the database knows everything it knew."""
