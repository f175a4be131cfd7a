"""A scheduled number as one text, so that a look needs nothing from the database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from worker.domain.ids import ActivationId, ProviderRef
from worker.ports.store.activations import LiveNumber

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode(number: LiveNumber) -> bytes:
    """`id|ref|rented µs|deadline µs`; the same number always gives the same text."""
    rented, deadline = micros_of(number.rented_at), micros_of(number.deadline_at)
    return f"{number.id.hex}|{number.ref}|{rented}|{deadline}".encode()


def decode(member: bytes) -> LiveNumber:
    id_, rest = member.decode().split("|", maxsplit=1)
    ref, rented, deadline = rest.rsplit("|", maxsplit=2)  # the ref is the provider's: any text
    return LiveNumber(
        id=ActivationId(UUID(hex=id_)),
        ref=ProviderRef(ref),
        rented_at=instant_of(int(rented)),
        deadline_at=instant_of(int(deadline)),
    )


def deadline_of(member: bytes) -> int:
    """In µs since 1970; `lease.lua` reads it the same way."""
    return int(member.rpartition(b"|")[2])


def micros_of(instant: datetime) -> int:
    """Exact, where `timestamp()` would round."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def micros_in(length: timedelta) -> int:
    return length // _MICROSECOND
