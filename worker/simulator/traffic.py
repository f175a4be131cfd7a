"""The requests that reached the provider, and how fast: what a client's rate limit is judged by."""

from collections import Counter, deque
from datetime import datetime, timedelta

from worker.simulator.exchange import FaceOperation

SECOND = timedelta(seconds=1)


class Traffic:
    def __init__(self) -> None:
        self.requests: Counter[FaceOperation] = Counter()
        self.in_flight = 0
        self.most_in_flight = 0
        self.most_in_a_second = 0
        self._recent: deque[datetime] = deque()

    def reset(self) -> None:
        self.requests.clear()
        self.most_in_flight = self.in_flight
        self.most_in_a_second = 0
        self._recent.clear()

    def enter(self, operation: FaceOperation, now: datetime) -> int:
        """Count a request; how many there were within the last second, this one included."""
        self.requests[operation] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        recent = self._recent
        recent.append(now)
        since = now - SECOND
        while recent[0] <= since:
            recent.popleft()
        self.most_in_a_second = max(self.most_in_a_second, len(recent))
        return len(recent)

    def leave(self) -> None:
        self.in_flight -= 1
