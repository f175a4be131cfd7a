"""How long a hanging call is waited for, once its provider is known to answer others."""

from dataclasses import dataclass

#: After this share of a call's time without any answer, a provider is asked if it answers others.
QUIET_SHARE = 0.2
#: Nor sooner than so many times what its answers took lately: a slow one is not a hanging one.
USUAL_TIMES = 4
USUAL_FADES = 0.99  #: With each answer: how long a slow one counts.


@dataclass(slots=True)
class Patience:
    """`spent`: hanging calls were given up, and none was answered since.

    Then they get all of their time: they may hang although the provider answers its probe.
    """

    timeout_s: float
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
