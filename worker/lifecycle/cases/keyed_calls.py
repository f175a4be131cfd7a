"""Calls under an `Idempotency-Key`: a repeat whose first answer is lost opens nothing new.

It may come after the case of the first call has ended: without its key it would open the next one.
"""

from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from worker.ports.store import cases


class CallKey(NamedTuple):
    key: str
    case: UUID | None  #: Which it opened, or found open, when it was made before.


def under(new: cases.NewCase, call: CallKey | None) -> cases.NewCase:
    return new if call is None else replace(new, call_key=call.key)


async def opened_before(
    store: cases.CaseStore, call: CallKey | None
) -> cases.CaseOpenResult | None:
    """The case of this call, as it is now."""
    case = None if call is None or call.case is None else await store.case(call.case)
    return None if case is None else cases.CaseOpenResult(cases.CaseOpenOutcome.SAME, case)
