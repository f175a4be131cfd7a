"""The real store, except that one of its calls fails."""

from dataclasses import dataclass, field
from typing import Any

from worker.ports.errors import CommitUnknown, StoreError, StoreUnavailable


@dataclass
class Failing:
    """One repository: *call* fails so many times. Where COMMIT is in doubt it is carried out."""

    inner: Any
    call: str
    times: int = 1
    error: StoreError = field(default_factory=StoreUnavailable)

    def __getattr__(self, name: str) -> Any:
        return self._fail if name == self.call and self.times > 0 else getattr(self.inner, name)

    async def _fail(self, *arguments: Any, **named: Any) -> None:
        self.times -= 1
        if isinstance(self.error, CommitUnknown):
            await getattr(self.inner, self.call)(*arguments, **named)
        raise self.error
