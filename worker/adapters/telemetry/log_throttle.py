"""LogThrottle a person may want to read, by name, and never a flood of the same one."""

from collections.abc import Callable

from structlog.stdlib import BoundLogger

from worker.domain.ids import ProviderName

QUIET_SECONDS = 10.0  #: The same trouble is written at most once in this time.
NAMES_MAX = 200  #: Trouble names times providers remembered; beyond it the memory starts anew.
DETAIL_MAX = 200


class LogThrottle:
    """A provider that is down for an hour is one line every ten seconds, with how often it was."""

    def __init__(self, log: BoundLogger, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._monotonic = monotonic
        self._written: dict[tuple[str, ProviderName | None], float] = {}
        self._held_back: dict[tuple[str, ProviderName | None], int] = {}

    def report(self, what: str, provider: ProviderName | None, detail: str) -> None:
        trouble = (what, provider)
        now = self._monotonic()
        written = self._written.get(trouble)
        if written is not None and now - written < QUIET_SECONDS:
            self._held_back[trouble] = self._held_back.get(trouble, 0) + 1
            return
        self._remember(trouble, now)
        fields: dict[str, str | int | None] = {
            "provider": provider,
            "detail": detail[:DETAIL_MAX],
            "held_back": self._held_back.pop(trouble, None),
        }
        self._log.warning(what, **{name: value for name, value in fields.items() if value})

    def _remember(self, trouble: tuple[str, ProviderName | None], now: float) -> None:
        if len(self._written) >= NAMES_MAX:
            self._written.clear()
        self._written[trouble] = now
