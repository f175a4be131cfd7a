"""How long a hanging call is waited for, once its provider is known to answer others."""

from dataclasses import dataclass

from worker.ports.reporter import Operation

#: After this share of a call's time without any answer, a provider is asked if it answers others.
QUIET_SHARE = 0.2
#: Nor sooner than so many times what its answers took lately: a slow one is not a hanging one.
USUAL_TIMES = 4
USUAL_FADES = 0.99  #: With each answer: how long a slow one counts.


#: Harmless when they are sent again, so that a hanging one may be given up.
REPEATABLE = frozenset(
    {
        Operation.LOOK,
        Operation.LIST,
        Operation.CANCEL,
        Operation.BALANCE,
        Operation.RENTAL_READ,
    }
)
#: Not of a provider whose readings can charge.
READINGS = frozenset({Operation.LOOK, Operation.LIST})
#: Their answers show codes: all other calls leave them a part of the connections.
SHOW_CODES = READINGS | {Operation.RENTAL_READ}
#: What a customer waits for: the first of them after an outage ends it for customers, too.
WORK = frozenset({Operation.LOOK, Operation.LIST, Operation.CANCEL, Operation.FINISH})


@dataclass(slots=True)
class Patience:
    """`spent`: hanging calls were given up, and none was answered since.

    Then they get all of their time: they may hang although the provider answers its probe.
    """

    timeout_s: float
    alone: bool = False  #: One may hang while others are answered: it is given up by their answers.
    spent: bool = False
    _usual_s: float = 0.0  #: What an answer took lately, the slowest of them.

    @property
    def seconds(self) -> float:
        return max(QUIET_SHARE * self.timeout_s, USUAL_TIMES * self._usual_s)

    def is_over(self, quiet_s: float) -> bool:
        return not self.spent and quiet_s >= self.seconds

    def answered(self, took_s: float) -> None:
        """A call that may hang was answered: others are judged by it."""
        self._usual_s = max(took_s, self._usual_s * USUAL_FADES)
        self.spent = False


class Patiences:
    """That with all calls of a provider; and that with its lists, of which few are under way.

    All else may be answered while a list hangs: nobody would ask whether the provider answers, and
    nothing else shows the codes of a whole page.
    """

    def __init__(self, timeout_s: float, *, reads_once: bool = False) -> None:
        self._never = READINGS if reads_once else frozenset()
        self.common = Patience(timeout_s)
        self.lists = Patience(timeout_s, alone=True)

    def of(self, operation: Operation) -> Patience | None:
        """None: such a call is never given up."""
        if operation in self._never:
            return None
        if operation is Operation.LIST:
            return self.lists
        return self.common if operation in REPEATABLE else None

    def answered(self, operation: Operation, took_s: float) -> None:
        if operation in WORK:
            self.common.answered(took_s)
        if operation is Operation.LIST:
            self.lists.answered(took_s)
