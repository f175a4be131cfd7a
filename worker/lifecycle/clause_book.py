"""The clauses of the policies of this process: which a decision rests on, and what they say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from worker.domain.policy import Reason
from worker.domain.policy.clauses import Clause, grounds


@dataclass(frozen=True, slots=True)
class ClauseBook:
    """Called with a policy and a reason it is a `ClauseLookup`."""

    known: Mapping[str, tuple[Clause, ...]]  #: By policy.

    def __call__(self, policy: str, reason: Reason) -> tuple[str, ...]:
        return grounds(self.known.get(policy, ()), reason)

    def words(self, policy: str, ids: Collection[str]) -> dict[str, str]:
        """What these clauses say, in their order; those that are not known are absent."""
        return {one.id: one.says for one in self.known.get(policy, ()) if one.id in ids}


NO_CLAUSES = ClauseBook({})
