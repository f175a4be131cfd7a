"""A scenario that breaks at every boundary in turn.

It runs again and again: the first time it breaks at its first boundary, then at its second, until
it gets through without having broken. Each time all works afterwards, and comes to rest.
"""

import enum
import itertools
from typing import Final

from tests.simulation.process import ForgetfulDatabase, Gate, Peer, lost_answer, refusal
from tests.simulation.proof import endings
from tests.simulation.scenarios import SCENARIOS, Scenario
from tests.simulation.town import Town

FEWEST: Final = 3  #: Boundaries, of the shortest scenario.
MOST: Final = 200  #: Of the longest; then it never gets through.


class How(enum.Enum):
    KILLED = "killed"  #: The process dies.
    FAILED = "failed"  #: The call fails, or its answer is lost; the process goes on.
    UNACKNOWLEDGED = "unacknowledged"  #: A commit is done and not answered: it is run again.
    FROZEN = "frozen"  #: The process stands still, and goes on when another one did all the rest.


class Breaking(Gate):
    """Breaks at its n-th boundary.

    Dying before a call is dying after the one before it. The schedule dies with its process; where
    it fails alone it is left to the swarms: it only rings.
    """

    def __init__(self, how: How, turn: int, database: ForgetfulDatabase) -> None:
        super().__init__()
        self._how = how
        self._left = turn
        self._database = database
        self.broke: str | None = None

    def pass_out(self, peer: Peer) -> None:
        match self._how:
            case How.FAILED if peer is not Peer.SCHEDULE and self._breaks():
                raise refusal(peer)
            case How.UNACKNOWLEDGED if peer is Peer.STORE and self._breaks():
                self._database.forgets = True
            case _:
                pass

    def pass_in(self, peer: Peer) -> None:
        match self._how:
            case How.FAILED if peer is not Peer.SCHEDULE and self._breaks():
                raise lost_answer(peer)
            case How.KILLED if peer is not Peer.SCHEDULE and self._breaks():
                raise self.kill()
            case How.FROZEN if peer is not Peer.SCHEDULE and self._breaks():
                self.freeze()
            case _:
                pass

    def _breaks(self) -> bool:
        self._left -= 1
        if self._left == 0:
            self.broke = self.passed[-1]
        return self._left == 0


async def breaks_everywhere(town: Town, name: str, how: How) -> None:
    """Whatever breaks where: each number ends once, as it may, and all books agree."""
    database = town.outside.store.db
    assert isinstance(database, ForgetfulDatabase)
    for turn in itertools.count(1):
        gate = Breaking(how, turn, database)
        try:
            await _lived(town, SCENARIOS[name], gate, how)
        except BaseException as error:
            error.add_note(f"{name}, {how.value} at boundary {turn}: {gate.broke}")
            raise
        if gate.broke is None:
            break
        assert turn < MOST

    assert turn > FEWEST
    await town.audited()


async def _lived(town: Town, scenario: Scenario, gate: Gate, how: How) -> None:
    town.outside.theirs.offers(has_list=scenario.has_list, has_history=scenario.has_history)
    life = await town.begin(gate)
    await scenario.story(life)
    await life.rest()
    ways = await endings(life)
    may_end = scenario.may_end | (scenario.may_end_frozen if how is How.FROZEN else frozenset())
    assert set(ways) <= may_end, ways
    await town.forgotten(life)
