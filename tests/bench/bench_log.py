"""What a line of the access log costs, beside the serialisation that no line can do without.

    python -m tests.bench.bench_log [rounds]

Microseconds of CPU for each line, the two by turns; the least of all rounds counts, because
whatever else the machine does only adds.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

import orjson

from worker.adapters.telemetry.logs import configure_logging, logger
from worker.entrypoints.http.access_log import EVENT

LINES = 20_000


@dataclass(frozen=True)
class Line:
    ours_us: float
    bare_us: float

    @property
    def ratio(self) -> float:
        """How much of a line is serialisation and writing."""
        return self.bare_us / self.ours_us


def fields(number: int) -> Mapping[str, object]:
    return {
        "method": "POST",
        "route": "/v1/activations/{id}/cancel",
        "status": 200,
        "duration_ms": number / 7,
        "bytes": 900 + number % 50,
        "caller": "shop",
        "touched": str(UUID(int=number * 2**64 + number)),
        "request_id": f"{number * 2**60:032x}",
    }


def measure(rounds: int = 5) -> Line:
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        configure_logging(nowhere)
        log = logger("http")
        lines = [fields(number) for number in range(LINES)]

        def ours(line: Mapping[str, object]) -> None:
            log.info(EVENT, **line)

        def bare(line: Mapping[str, object]) -> None:
            nowhere.write(orjson.dumps({**line, "event": EVENT}).decode() + "\n")
            nowhere.flush()

        took = [(_microseconds(ours, lines), _microseconds(bare, lines)) for _ in range(rounds)]
    return Line(min(each[0] for each in took), min(each[1] for each in took))


def _microseconds(
    write: Callable[[Mapping[str, object]], None], lines: list[Mapping[str, object]]
) -> float:
    began = time.process_time()
    for line in lines:
        write(line)
    return (time.process_time() - began) / len(lines) * 1e6


if __name__ == "__main__":
    line = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    sys.stdout.write(
        f"a line {line.ours_us:.1f} us, its serialisation alone {line.bare_us:.1f} us\n"
    )
